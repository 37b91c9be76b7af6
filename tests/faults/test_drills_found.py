"""What the fault search, and the thinking beside it, found of drills, each as a short story; none may come back."""

import pytest

from chalicelib.core.errors import BadInput, Retryable
from chalicelib.core.model import State
from chalicelib.service import restores
from tests.faults.test_drills import DRILL, backed_up, codes, made, proved, started


def test_a_drill_that_gets_no_answer_before_it_has_begun_makes_way_for_a_backup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node that hangs lets snapshots pass, and gives no figures: the drill held the lease for all of `catch_up`, and
    the backup behind it was MISSED."""
    stage = backed_up()

    def silent(prover: object) -> None:
        raise Retryable("_nodes/stats: no answer")

    monkeypatch.setattr(type(stage.engine.prover), "vitals", silent)
    run = started(stage)
    stage.live(0.5)
    assert stage.run(run.run_id).state is State.PLANNED
    waits = stage.backup("now-2")
    assert waits.state is State.QUEUED
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.subject for found in run.findings]) == (State.DEFERRED, ["waiting"])
    assert stage.run(waits.run_id).state is State.SUCCEEDED


def test_a_backup_that_was_replaced_before_the_restore_proves_nothing() -> None:
    """Only the first look of a drill read what the backup holds; a guard then held it back for two minutes, and what
    somebody had put there meanwhile under the same name was restored, compared, and called proved."""
    stage = backed_up()
    (backup,) = stage.store.backups("nightly")
    stage.engine.relocating = 2
    run = started(stage)
    stage.live(0.5)
    stage.engine.vanish(backup.snapshot)
    stage.engine.stranger("main", backup.snapshot)
    stage.engine.relocating = 0
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.replaced"])
    assert (made(stage), proved(stage, run), stage.engine.sent("restore")) == (set(), None, 0)


@pytest.mark.parametrize("when", ["before", "held"])
def test_a_backup_that_somebody_replaced_is_no_good_one(when: str) -> None:
    """The drill FAILED, and the promise went on counting on what is no longer there."""
    stage = backed_up(DRILL.replace("    prove: L2", "    prove: L2\n    rpo: 2d"))
    (backup,) = stage.store.backups("nightly")
    stage.engine.relocating = 2 if when == "held" else 0
    if when == "held":
        run = started(stage)
        stage.live(0.5)
    stage.engine.vanish(backup.snapshot)
    stage.engine.stranger("main", backup.snapshot)
    stage.engine.relocating = 0
    if when == "before":
        run = started(stage)
    stage.live(3)
    assert stage.run(run.run_id).state is State.FAILED
    (backup,) = stage.store.backups("nightly")
    assert (backup.good, backup.errors) == (False, ("restore.replaced",))
    state = stage.store.state("nightly")
    assert state
    assert backup.backup_id not in {newest.backup_id for newest in state.last_good.values()}


def test_the_plan_of_a_drill_is_started_by_nobody_else() -> None:
    """Started by hand, it made indices of the drill's mark under the drill's names: of two runs each took those of the
    other one for its own."""
    stage = backed_up()
    stage.engine.heap["local"] = 90
    run = started(stage)
    stage.live(3)
    run = stage.run(run.run_id)
    assert run.state is State.DEFERRED
    with pytest.raises(BadInput, match="that of a drill"):
        restores.start(stage.world, run.plan or "", by="cli:anna")
