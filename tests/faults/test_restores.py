"""A restore through the real driver: it comes back whole, or nothing that it made is left; whatever dies on the way."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput, Conflict
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Plan, Wish
from chalicelib.service import control, plans, request, restores
from tests.faults.world import FILE, Stage

L2 = FILE.replace("    timeout: 4h", "    timeout: 4h\n    prove: L2")
WISH = Wish(policy="nightly")
NAMES = {"restored-orders", "restored-orders-2"}


def backed_up(file: str = L2) -> Stage:
    """Two indices, one backup of them."""
    stage = Stage(file, indices=("orders", "orders-2"))
    stage.engine.write("orders", 10)
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    return stage


def planned(stage: Stage, wish: Wish = WISH) -> Plan:
    return plans.plan(stage.world, wish, by="cli:anna")


def started(stage: Stage) -> Run:
    return restores.start(stage.world, planned(stage).plan_id, by="cli:anna")


def made(stage: Stage) -> set[str]:
    return {name for name in stage.engine.indices if name.startswith("restored-")}


def test_what_was_backed_up_comes_back_beside_the_live_data() -> None:
    stage = backed_up()
    run = started(stage)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.reason) == (State.SUCCEEDED, True, None)
    assert (run.indices, run.docs, run.findings) == (2, 10, ())
    assert made(stage) == NAMES
    there = stage.engine.indices["restored-orders"]
    assert (there.writable, there.mark, there.documents) == (True, None, 10)
    assert [report.key for report in stage.notifier.reports if "restore" in report.key] == [f"{run.run_id}#end"]
    assert stage.queue.next_at is None


def test_the_same_plan_is_one_run_however_often_it_is_started() -> None:
    stage = backed_up()
    plan = planned(stage)
    first = restores.start(stage.world, plan.plan_id, by="cli:anna")
    assert restores.start(stage.world, plan.plan_id, by="cli:ben") == first
    stage.live(1)
    assert stage.engine.sent("restore") == 1
    assert restores.start(stage.world, plan.plan_id, by="cli:ben").state is State.SUCCEEDED


def test_a_plan_is_not_started_when_it_is_old_unknown_or_in_conflict() -> None:
    stage = backed_up()
    stale = planned(stage)
    stage.clock.advance(timedelta(hours=1, seconds=1))
    with pytest.raises(BadInput, match="an hour is the most"):
        restores.start(stage.world, stale.plan_id, by="cli:anna")
    with pytest.raises(BadInput, match="there is no plan"):
        restores.start(stage.world, "plan-0", by="cli:anna")
    stage.engine.create_index("restored-orders")
    with pytest.raises(BadInput, match="there is an index restored-orders"):
        restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    stage.engine.delete_index("restored-orders")
    plan = planned(stage)
    stage.apply(L2.replace("4h", "5h"))
    with pytest.raises(Conflict, match="applied anew"):
        restores.start(stage.world, plan.plan_id, by="cli:anna")
    assert stage.engine.sent("restore") == 0


def test_a_name_that_is_taken_meanwhile_ends_it_before_anything_is_touched() -> None:
    stage = backed_up()
    run = started(stage)
    stage.engine.create_index("restored-orders", documents=3)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.world_moved"])
    assert stage.engine.sent("restore") == 0
    assert stage.engine.indices["restored-orders"].documents == 3


def test_a_lost_blob_is_told_at_once_with_its_shard_and_nothing_is_left() -> None:
    """Its index was seen: there is no request that could still come through, and be waited for."""
    stage = backed_up()
    (backup,) = stage.store.backups("nightly")
    stage.engine.lose_blob(backup.snapshot, "orders")
    run = started(stage)
    stage.live(0.1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.shard_failed"])
    assert made(stage) == set()


def test_documents_that_are_missing_are_found_and_nothing_is_left() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 2
    run = started(stage)
    stage.live(0.05)
    stage.engine.indices["restored-orders"].documents -= 1
    stage.engine.indices["restored-orders"].countable -= 1
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.counts"])
    assert made(stage) == set()


def test_a_restore_whose_answer_is_lost_is_found_and_goes_on() -> None:
    stage = backed_up()
    run = started(stage)
    stage.engine.lose_next_answer("restore")
    stage.live(3)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert stage.engine.sent("restore") == 1


def test_a_cancelled_restore_leaves_nothing() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 1000
    run = started(stage)
    stage.live(0.5)
    assert made(stage) == NAMES
    control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong one")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.reason) == (State.CANCELLED, "cancelled by cli:anna: wrong one")
    assert made(stage) == set()


def test_what_does_not_come_back_in_time_leaves_nothing() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(1)
    stage.clock.advance(timedelta(hours=12))
    stage.live(5)
    assert stage.run(run.run_id).state is State.TIMED_OUT
    assert made(stage) == set()


def test_a_restore_goes_before_the_backups_that_wait() -> None:
    """The repository is one place; who wants data back can't wait for the night's backups."""
    stage = Stage(L2 + "  small: {target: shop, repository: main, select: {indices: [orders]}}\n", looks=None)
    for request_id in ("now-1", "now-2"):
        at_work = stage.backup(request_id)
        stage.live(0.2)
        if request_id == "now-1":
            stage.engine.complete(at_work.snapshot)
            stage.live(1)
    waits = request.backup_now(stage.world, "small", request_id="now-3", requested_by="tester")
    run = started(stage)
    assert (waits.state, run.state) == (State.QUEUED, State.QUEUED)
    stage.engine.complete(at_work.snapshot)
    stage.live(1)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    small = stage.run(waits.run_id)
    assert small.started_at is None or small.started_at >= (stage.run(run.run_id).finished_at or small.started_at)


def effects_of_a_whole_restore() -> list[str]:
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(1)
    return list(stage.fuse.effects)


EFFECTS = effects_of_a_whole_restore()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)][2:])
def test_the_process_dies_at_any_side_effect_and_the_restore_still_ends_well(number: int, after: bool) -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(15, step=2)
    run = stage.run(run.run_id)
    assert run.state is State.SUCCEEDED, (run.reason, run.last_error)
    assert (made(stage), run.told) == (NAMES, True)
    assert all(stage.engine.indices[name].writable for name in NAMES)
    assert stage.engine.sent("restore") == 1
    assert {report.key for report in stage.notifier.reports if "restore" in report.key} == {f"{run.run_id}#end"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(EFFECTS) + 2))
def test_the_process_dies_at_any_side_effect_of_a_restore_that_fails_and_nothing_is_left(
    number: int, after: bool
) -> None:
    stage = backed_up()
    (backup,) = stage.store.backups("nightly")
    stage.engine.lose_blob(backup.snapshot, "orders")
    plan = planned(stage)
    stage.fuse.effects.clear()
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(15, step=2)
    run = stage.run(run.run_id)
    assert (run.state, run.told) == (State.FAILED, True), (run.reason, run.last_error)
    assert made(stage) == set()
    assert {"orders", "orders-2"} <= set(stage.engine.indices)
