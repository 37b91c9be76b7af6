"""The process dies at each side effect of a run in turn, and its message with it."""

import pytest

from chalicelib.core.model import State
from tests.faults.world import Stage


def effects_of_a_whole_run() -> list[str]:
    stage = Stage()
    stage.until_slot()
    stage.live(2)
    assert stage.run().state is State.SUCCEEDED
    return list(stage.fuse.effects)


EFFECTS = effects_of_a_whole_run()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)])
def test_the_process_dies_at_any_side_effect_and_the_run_still_ends_well(number: int, after: bool) -> None:
    """One crash, just before or after each side effect of a run, its message lost: one snapshot, one good end, told."""
    stage = Stage()
    stage.until_slot()
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(15, step=2)
    run = stage.run()
    assert run.state is State.SUCCEEDED, (run.reason, run.last_error)
    assert run.told
    assert stage.engine.snapshots() == (run.snapshot,)
    assert len(stage.store.backups("nightly")) == 1
    assert stage.notifier.reports
    assert len({report.key for report in stage.notifier.reports}) == 1
    told = [event.key for event in stage.bus.events]
    assert len(set(told)) == len(run.steps), "every transition went out, perhaps twice, under one key"
