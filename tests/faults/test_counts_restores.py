"""What restores, swaps and drills cost, counted as in test_counts.py: bounds of docs/performance.md."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chalicelib.core.model import Run, State
from tests.faults import test_drills, test_restores, test_swaps
from tests.faults.world import Stage


@dataclass(frozen=True)
class Cost:
    """Beside what each look costs. A look of a drill also asks for the guards."""

    engine: int
    each: int
    reads: int


def a_restore(stage: Stage) -> Run:
    return test_restores.started(stage)


def a_swap(stage: Stage) -> Run:
    """Of one index behind aliases and one that is used by its own name, up to the moment when the names have moved."""
    return test_swaps.begun(stage)


def a_drill(stage: Stage) -> Run:
    """Not the first one: that registers the repository a second time."""
    test_drills.drilled(stage)
    return test_drills.started(stage, "second")


CASES = [
    pytest.param(test_restores.backed_up, a_restore, State.SUCCEEDED, Cost(engine=9, each=2, reads=16), id="restore"),
    pytest.param(test_swaps.backed_up, a_swap, State.SWAPPED, Cost(engine=19, each=2, reads=14), id="swap"),
    pytest.param(test_drills.backed_up, a_drill, State.SUCCEEDED, Cost(engine=-1, each=7, reads=38), id="drill"),
]


@pytest.mark.parametrize("under_way", [1, 5, 12])
@pytest.mark.parametrize(("prepared", "begin", "end", "cost"), CASES)
def test_each_look_costs_a_fixed_number_of_calls_and_one_read(
    prepared: Callable[[], Stage], begin: Callable[[Stage], Run], end: State, cost: Cost, under_way: int
) -> None:
    """Of two indices, from the first step to the end, told. The plan, what was made and what the backup's run wrote
    down are read once, however many looks there are; and only the row of the run moves."""
    stage = prepared()
    run = begin(stage)
    stage.engine.restore_looks = under_way
    engine, reads, writes, sent = stage.engine.calls, stage.store.reads, stage.store.writes, len(stage.queue.sent)
    for _ in range(300):
        stage.deliver()
        stage.clock.advance(2)
    reads_of_run = stage.store.reads - reads
    run = stage.run(run.run_id)
    assert (run.state, run.looks >= under_way) == (end, True)
    assert stage.engine.calls - engine == run.calls.engine <= cost.engine + cost.each * run.looks
    assert reads_of_run <= cost.reads + run.looks
    assert stage.store.writes - writes <= 1 + run.looks
    assert len(stage.queue.sent) - sent <= run.looks
