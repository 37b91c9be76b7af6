"""What somebody cancelled never comes back as a good backup."""

from chalicelib.core.model import State
from chalicelib.service import control
from tests.faults.world import Stage


def test_a_snapshot_that_ends_well_after_its_removal_was_accepted_is_no_good_backup() -> None:
    """It ended between two looks, and is removed when others of the repository have ended: whoever trusts it until
    then restores from nothing."""
    stage = Stage(looks=None)
    stage.until_slot()
    stage.live(0.2)
    run = stage.run()
    assert run.state is State.RUNNING
    stage.engine.blocked = True
    control.cancel(stage.world, run.run_id, by="ann", why="wrong day")
    stage.live(0.2)
    assert stage.engine.sent("delete") == 1
    stage.engine.complete(run.snapshot)
    stage.live(5)
    assert stage.run().state is State.RUNNING, "it is still there"
    stage.engine.blocked = False
    stage.live(5)
    assert (stage.run().state, stage.run().good, stage.engine.snapshots()) == (State.CANCELLED, False, ())
    assert stage.store.backups("nightly") == ()
    assert [report.attributes["state"] for report in stage.notifier.reports] == ["CANCELLED"]
