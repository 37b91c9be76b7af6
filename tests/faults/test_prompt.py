"""What the server has done when it answers is looked at then: nobody waits for a clock, and nobody asks like mad."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from chalicelib.core import pace
from chalicelib.core.model import Run, State
from chalicelib.service import control
from tests.faults import test_drills, test_restores, test_swaps
from tests.faults.play import A_LIFE
from tests.faults.test_counts_restores import a_drill, a_restore, a_swap
from tests.faults.world import FusedRestorer, Stage


def played(stage: Stage, run: Run, end: State) -> timedelta:
    """From now to `end`; messages take no time, and what they are delayed by passes at once."""
    began: datetime = stage.clock.now()
    while stage.run(run.run_id).state is not end:
        assert stage.clock.now() < began + timedelta(minutes=5), stage.run(run.run_id)
        while (due := stage.queue.next_at) and due <= stage.clock.now():
            stage.deliver()
        stage.clock.advance(1)
    return stage.clock.now() - began - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("prepared", "begin", "end"),
    [
        pytest.param(test_restores.backed_up, a_restore, State.SUCCEEDED, id="restore"),
        pytest.param(test_swaps.backed_up, a_swap, State.SWAPPED, id="swap"),
        pytest.param(test_drills.backed_up, a_drill, State.SUCCEEDED, id="drill"),
    ],
)
def test_a_restore_that_is_done_at_the_first_look_waits_for_that_one_alone(
    prepared: Callable[[], Stage], begin: Callable[[Stage], Run], end: State
) -> None:
    stage = prepared()
    assert played(stage, begin(stage), end) == pace.FIRST_LOOK


@pytest.mark.parametrize("wish", [control.finish, control.rollback])
def test_nor_does_what_follows_a_swap_wait(wish: Callable[..., object]) -> None:
    stage = test_swaps.backed_up()
    run = test_swaps.swapped(stage)
    wish(stage.world, run.run_id, by="cli:anna", why="")
    end = State.SUCCEEDED if wish is control.finish else State.ROLLED_BACK
    assert played(stage, run, end) == timedelta(0)


def test_a_server_that_says_yes_and_does_nothing_is_not_asked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = test_drills.backed_up()
    run = a_drill(stage)
    asked: list[datetime] = []
    monkeypatch.setattr(FusedRestorer, "remove", lambda *_: asked.append(stage.clock.now()))
    stage.live(1)
    assert not stage.run(run.run_id).settled
    assert len(asked) <= pace.PROMPT_LOOKS + timedelta(minutes=1) / pace.FIRST_LOOK
    assert {after - before for before, after in pairwise(asked[pace.PROMPT_LOOKS :])} == {pace.FIRST_LOOK}


def test_twenty_drills_asked_for_at_once_are_through_with_few_messages_each() -> None:
    """They are served within a minute, one after the other: that is much for a minute, and no storm."""
    stage = test_drills.backed_up()
    asked = [test_drills.started(stage, f"now-{number}") for number in range(20)]
    before = len(stage.queue.sent)
    stage.live(10)
    ended = [stage.run(run.run_id) for run in asked]
    assert {run.state for run in ended} == {State.SUCCEEDED}
    assert len(stage.queue.sent) - before <= A_LIFE * len(asked) / 2
