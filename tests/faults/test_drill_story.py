"""From the slot to the promise, through the real driver: a drill proves, condemns, leaves something behind."""

import pytest

from chalicelib.core.errors import BadInput, Retryable, Taken
from chalicelib.core.model import IndexRef, State
from chalicelib.service import drills, query
from tests.fakes.elasticsearch_restores import restart_node
from tests.faults.drilling import DRILLS, drill_runs, state_of
from tests.faults.world import FusedRestorer, Stage

SLOT = "drill:nightly:2026-11-22T04:00Z"
FILE = DRILLS.replace("rto: 1m", "rto: 30m")


def lived(minutes: float = 60 * 26.6) -> Stage:
    """Two nights, and the drill of the first Sunday begins."""
    stage = Stage(FILE, indices=("orders", "orders-2"))
    for name in ("orders", "orders-2"):
        stage.engine.write(name, 10)
    stage.engine.refresh()
    stage.live(minutes, step=20)
    return stage


def test_the_drill_of_the_slot_brings_the_newest_backup_and_the_promise_to_l4() -> None:
    stage = lived()
    run = stage.run(SLOT)
    assert (run.state, run.good, run.reason) == (State.SUCCEEDED, True, None)
    newest, before = stage.store.backups("nightly")
    assert (newest.level, newest.proved, newest.drills, before.level) == ("L4", 2, (SLOT,), "L2")
    state = state_of(stage)
    assert state.last_good["L4"].taken_at == newest.taken_at
    assert {one.level: one.kept for one in query.promises(stage.world, "nightly")} == {"L2": True, "L4": True}
    (restore,) = query.proved_restores(stage.world)
    assert (restore.kept, restore.drill.standing, restore.drill.selected) == (True, 2, 2)
    assert [(one.name, one.proved) for one in query.drilled(stage.world, run)] == [("orders", True), ("orders-2", True)]
    assert stage.metrics.total("RestoreSeconds") == run.restore_seconds


def test_a_node_that_restarts_in_mid_drill_condemns_no_backup() -> None:
    """A good backup was thrown away for what happened to the server that tried it."""
    stage = lived(60 * 26)
    newest, *_ = stage.store.backups("nightly")
    before = state_of(stage).last_good
    stage.engine.restore_looks = 10**6
    drills.request(stage.world, "nightly", request_id="now-9", by="cli:anna")
    stage.live(1)
    restart_node(stage.engine)
    stage.live(3)
    run = stage.run("drill:nightly:now-9")
    assert (run.state, {found.code for found in run.findings}) == (State.FAILED, {"restore.shard_lost"})
    assert "restart" in (run.reason or "")
    (kept, *_) = stage.store.backups("nightly")
    assert (kept.backup_id, kept.good, kept.errors) == (newest.backup_id, True, ())
    assert state_of(stage).last_good == before, "and it proved nothing"
    assert {name for name in stage.engine.indices if name.startswith("drill-")} == set()


def test_somebody_has_a_condemned_backup_drilled_again_and_it_is_good() -> None:
    """By itself no drill takes it; the file had only been out of reach."""
    stage = lived(60 * 26)
    newest, before = stage.store.backups("nightly")
    stage.engine.lose_blob(newest.snapshot, "orders")
    stage.live(45, step=20)
    stage.engine.lost.clear()
    drills.request(stage.world, "nightly", request_id="now-1", by="cli:anna")
    stage.live(5)
    assert stage.store.backups("nightly")[1].drills == ("drill:nightly:now-1",), "the one before"
    again = drills.request(stage.world, "nightly", request_id="now-2", by="cli:anna", backup=newest.backup_id)
    with pytest.raises(Taken):
        drills.request(stage.world, "nightly", request_id="now-2", by="cli:anna", backup=before.backup_id)
    stage.live(5)
    run = stage.run(again.run_id)
    assert (run.state, run.good, [found.code for found in run.findings][-1]) == (
        State.SUCCEEDED,
        True,
        "drill.rehabilitated",
    )
    back, _ = stage.store.backups("nightly")
    assert (back.good, back.errors, back.level) == (True, (), "L4")
    assert state_of(stage).last_good["L4"].backup_id == newest.backup_id
    (report,) = [one for one in stage.notifier.reports if one.key == f"{run.run_id}#end"]
    assert "it counts again" in report.body
    with pytest.raises(BadInput):
        drills.request(stage.world, "nightly", request_id="now-3", by="cli:anna", backup="none")


def test_a_lost_blob_makes_the_backup_worthless_and_the_policy_falls_back() -> None:
    stage = lived(60 * 26)
    newest, before = stage.store.backups("nightly")
    stage.engine.lose_blob(newest.snapshot, "orders")
    stage.live(45, step=20)
    run = stage.run(SLOT)
    assert (run.state, run.good) == (State.FAILED, False)
    bad, _ = stage.store.backups("nightly")
    assert (bad.good, bad.errors) == (False, ("restore.shard_failed",))
    state = state_of(stage)
    assert (state.last_good["L2"].backup_id, "L4" in state.last_good) == (before.backup_id, False)
    assert any(report.attributes["state"] == "BROKEN" for report in stage.notifier.reports), "taken 26 h ago"


def test_without_drills_the_promise_at_l4_breaks_by_the_clock() -> None:
    """It was never proved: a good backup each night is not enough."""
    stage = Stage(FILE.replace('"0 4 * * 0"', '"0 4 1 1 *"'), indices=("orders",))
    stage.live(60 * 24 * 8 + 120, step=60)
    assert {one.level: one.kept for one in query.promises(stage.world, "nightly")} == {"L2": True, "L4": False}
    assert drill_runs(stage) == ()


def test_what_a_drill_could_not_remove_is_swept() -> None:
    stage = lived(60 * 26)
    remove = FusedRestorer.remove

    def never(self: FusedRestorer, *indices: IndexRef) -> bool:
        raise Retryable("no answer")

    FusedRestorer.remove = never  # type: ignore[method-assign]
    try:
        drills.request(stage.world, "nightly", request_id="now-9", by="cli:anna")
        stage.live(60 * 6, step=20)
    finally:
        FusedRestorer.remove = remove  # type: ignore[method-assign]
    run = stage.run("drill:nightly:now-9")
    assert run.leftover, (run.state, run.reason)
    assert {name for name in stage.engine.indices if name.startswith("drill-")} != set()
    assert run.run_id in state_of(stage).leftovers
    stage.live(65, step=20)
    assert {name for name in stage.engine.indices if name.startswith("drill-")} == set()
    assert dict(state_of(stage).leftovers) == {}
    assert state_of(stage).drilled is not None
