"""A drill on another target than the one that it protects: it proves the same, and asks only the other cluster how it
is. What it made there is gone in the end, whatever dies on the way."""

from datetime import timedelta

import pytest

from chalicelib.core.model import Run, State
from chalicelib.service import drills, holds
from tests.faults.elsewhere import DRILL, DRILLS, FROM, L2, backed_up, dead, spare
from tests.faults.world import Killed, Stage

MANAGED = "{type: fs, settings: {location: main}}"


def started(stage: Stage, request_id: str = "now-9") -> Run:
    return drills.request(stage.world, "nightly", request_id=request_id, by="cli:anna")


def drilled(stage: Stage, minutes: float = 3) -> Run:
    run = started(stage)
    stage.live(minutes)
    return stage.run(run.run_id)


def codes(run: Run) -> list[str]:
    return [found.code for found in run.findings]


def test_the_backup_is_proved_there_and_nothing_is_left_though_the_first_cluster_is_gone() -> None:
    stage = backed_up(DRILL)
    dead(stage)
    run = drilled(stage)
    assert (run.state, run.good, run.reason, codes(run)) == (State.SUCCEEDED, True, None, [])
    assert (run.target, run.source, run.through) == ("spare", "shop", DRILLS)
    assert spare(stage).indices == {}
    assert spare(stage).repositories[DRILLS].definition.settings == {"location": "main", "readonly": "true"}
    assert FROM not in spare(stage).repositories
    (backup,) = stage.store.backups("nightly")
    assert (backup.level, backup.proved) == ("L4", 2)
    again = started(stage, "again")
    stage.live(3)
    assert stage.run(again.run_id).good
    assert spare(stage).sent("register") == 1


def test_a_slot_of_its_schedule_runs_there() -> None:
    stage = backed_up(DRILL)
    state = stage.store.state("nightly")
    assert state
    assert state.drill_due_at
    stage.clock.set(state.drill_due_at)
    stage.live(4)
    (run,) = stage.store.runs(policy="nightly", kind="drill")
    assert (run.target, run.good) == ("spare", True)


def test_the_guards_are_asked_of_the_cluster_that_it_would_burden() -> None:
    stage = backed_up(DRILL)
    stage.engine.heap = {"local": 95}
    assert drilled(stage).good
    spare(stage).heap = {"local": 95}
    run = started(stage, "hot")
    stage.live(4)
    assert (stage.run(run.run_id).state, codes(stage.run(run.run_id))) == (State.DEFERRED, ["drill.guard"])


@pytest.mark.parametrize("target", ["shop", "spare"])
def test_a_hold_of_either_target_keeps_it_away(target: str) -> None:
    """At the start, and in line: who asks by hand is told at once, a slot waits."""
    stage = backed_up(DRILL)
    holds.hold(stage.world, target, by="cli:ben", why="we look")
    with pytest.raises(Exception, match=f"snapwarden release {target}"):
        started(stage)
    state = stage.store.state("nightly")
    assert state
    assert state.drill_due_at
    stage.clock.set(state.drill_due_at)
    stage.live(2)
    (run,) = stage.store.runs(policy="nightly", kind="drill")
    assert (run.state, spare(stage).indices) == (State.QUEUED, {})
    holds.release(stage.world, target, by="cli:ben")
    stage.live(10)
    assert stage.run(run.run_id).good


def test_a_repository_that_the_file_does_not_describe_defers_it_with_the_reason() -> None:
    stage = backed_up(DRILL)
    stage.apply(DRILL.replace(MANAGED, "{type: fs, manage: false}"))
    run = drilled(stage)
    assert (run.state, codes(run)) == (State.DEFERRED, ["drill.elsewhere"])
    assert "does not say where" in str(run.reason)


def test_a_registration_that_is_refused_defers_it() -> None:
    """There is no other way to read the backup there; it says nothing of the backup."""
    stage = backed_up(DRILL)
    spare(stage).refuse("register", "403 no")
    run = drilled(stage)
    assert (run.state, codes(run), spare(stage).indices) == (State.DEFERRED, ["drill.elsewhere"], {})


def test_a_backup_that_is_due_where_the_backup_was_made_defers_it() -> None:
    """It would wait for the drill's lease."""
    stage = backed_up(DRILL)
    state = stage.store.state("nightly")
    assert state
    assert state.due_at
    stage.clock.set(state.due_at - timedelta(seconds=20))
    run = started(stage)
    stage.deliver()
    for _ in range(4):
        stage.clock.advance(1)
        stage.deliver()
    assert stage.run(run.run_id).state is State.DEFERRED


@pytest.mark.parametrize(("damage", "condemned"), [("shard", False), ("document", True)])
def test_a_shard_that_fails_there_condemns_no_backup_but_other_data_do(damage: str, condemned: bool) -> None:
    """It may be the other server that lacks what the index needs; on the backup's own cluster it would be condemned."""
    stage = backed_up(DRILL)
    (backup,) = stage.store.backups("nightly")
    if damage == "shard":
        spare(stage).lose_blob(backup.snapshot, "orders")
        run = drilled(stage)
    else:
        spare(stage).restore_looks = 2
        run = started(stage)
        stage.live(0.05)
        there = spare(stage).indices["drill-orders"]
        there.documents -= 1
        there.countable -= 1
        stage.live(3)
        run = stage.run(run.run_id)
    (backup,) = stage.store.backups("nightly")
    assert (run.state, spare(stage).indices, backup.good) == (State.FAILED, {}, not condemned)


def _effects() -> int:
    stage = backed_up(DRILL)
    drilled(stage)
    return len(stage.fuse.effects)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("effect", range(_effects()))
def test_the_process_dies_at_any_side_effect_and_nothing_is_left_there(effect: int, after: bool) -> None:
    stage = backed_up(DRILL)
    stage.fuse.kill_at, stage.fuse.after = effect, after
    try:
        started(stage)
    except Killed:
        stage.fuse.kill_at = None
        started(stage)
    stage.live(10)
    run = stage.run("drill:nightly:now-9")
    assert (run.state, run.good, run.leftover) == (State.SUCCEEDED, True, False)
    assert spare(stage).indices == {}


def test_an_older_stage_says_to_apply_the_file_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its targets have no rows of their own yet; and `apply` of the very same file writes them."""
    stage = backed_up(L2)
    with monkeypatch.context() as older:
        older.setattr("chalicelib.service.apply._target_batches", lambda config: iter([[]]))
        stage.apply(DRILL)
    run = drilled(stage)
    assert (run.state, codes(run)) == (State.DEFERRED, ["drill.elsewhere"])
    assert "not in the file in force" in str(run.reason)
    stage.apply(DRILL)
    stage.backup("now-2")
    stage.live(1)
    again = started(stage, "again")
    stage.live(3)
    assert stage.run(again.run_id).good
