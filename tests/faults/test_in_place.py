"""A restore in place through the real driver: what is live is saved first, replaced, and keeps its uuid. Whatever goes
wrong, no live index is deleted, and people are told what state each of them is in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import planning
from chalicelib.core.errors import Conflict, Refused
from chalicelib.core.in_place import safety_run
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.service import control, holds, plans, restores
from tests.faults.test_restores import L2
from tests.faults.world import Stage

FILE = L2.replace("    auth: {none: true}", "    auth: {none: true}\n    restore: {allow: ['orders*']}")
WISH = Wish(policy="nightly", mode=Mode.IN_PLACE, prefix="", indices=("orders", "orders-2", "orders-3"))
SETTINGS = {"index.priority": "7", "index.lifecycle.name": "hot"}


def backed_up(file: str = FILE) -> Stage:
    """Three indices were backed up; then one got bad documents, one was closed, and one was deleted."""
    stage = Stage(file, indices=("orders", "orders-2", "orders-3"))
    there = stage.engine.indices
    for name in list(there):
        stage.engine.write(name, 10)
    stage.engine.refresh()
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    stage.engine.write("orders", 3)
    stage.engine.refresh()
    there["orders"].settings, there["orders"].replicas = dict(SETTINGS), 2
    there["orders"].aliases = ("sales",)
    there["orders-2"].closed = True
    stage.engine.delete_index("orders-3")
    return stage


def planned(stage: Stage, wish: Wish = WISH) -> Plan:
    plan = plans.plan(stage.world, wish, by="cli:anna")
    assert plan.conflicts == ()
    return plan


def restored(stage: Stage, plan: Plan | None = None, *, minutes: float = 3) -> Run:
    run = restores.start(stage.world, (plan or planned(stage)).plan_id, by="cli:anna")
    stage.live(minutes)
    return stage.run(run.run_id)


def codes(run: Run) -> list[str]:
    return [found.code for found in run.findings]


def uuids(stage: Stage) -> dict[str, str]:
    return {name: index.uuid for name, index in stage.engine.indices.items()}


def is_restored(stage: Stage) -> None:
    for name in WISH.indices:
        index = stage.engine.indices[name]
        assert (index.documents, index.closed, index.writable, index.mark) == (10, False, True, None)


def test_what_is_live_is_replaced_and_keeps_uuid_aliases_and_settings() -> None:
    stage = backed_up()
    before = uuids(stage)
    plan = planned(stage)
    run = restored(stage, plan)
    assert (run.state, run.good, run.reason, run.told) == (State.SUCCEEDED, True, None, True), run
    is_restored(stage)
    after = uuids(stage)
    assert {name: after[name] for name in before} == before
    orders = stage.engine.indices["orders"]
    assert (orders.aliases, orders.replicas) == (("sales",), 2)
    assert {key: orders.settings[key] for key in SETTINGS} == SETTINGS
    assert stage.engine.sent("remove") == 0
    assert (run.indices, run.docs) == (3, 30)


def test_the_safety_backup_comes_first_and_holds_what_is_replaced() -> None:
    stage = backed_up()
    plan = planned(stage)
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    assert (run.state, run.after, run.fence) == (State.QUEUED, safety_run(plan), None)
    stage.live(3)
    safety = stage.run(safety_run(plan))
    run = stage.run(run.run_id)
    begun = next(step.at for step in run.steps if step.state is State.PLANNED)
    assert safety.finished_at is not None
    assert timedelta(0) <= begun - safety.finished_at <= timedelta(seconds=31)
    held = stage.engine.repositories["main"].snapshots[safety.snapshot].held
    assert held["orders"].documents == 13
    assert stage.run(run.run_id).state is State.SUCCEEDED


def test_what_was_live_comes_back_from_the_safety_backup() -> None:
    stage = backed_up()
    plan = planned(stage)
    restored(stage, plan)
    backup = next(one for one in stage.store.backups("nightly") if one.run_id == safety_run(plan))
    run = restored(stage, planned(stage, replace(WISH, backup=backup.backup_id, indices=("orders",))))
    assert run.state is State.SUCCEEDED
    assert stage.engine.indices["orders"].documents == 13


def test_a_failed_safety_backup_leaves_everything_alone() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.engine.refuse("start", "no space left in the repository")
    run = restored(stage, plan)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.no_safety"])
    assert safety_run(plan) in run.findings[0].subject
    assert stage.engine.sent("close") == stage.engine.sent("restore") == 0


def test_a_safety_backup_that_lacks_part_of_what_is_replaced_is_none() -> None:
    """It turned red after the plan was shown: nobody was told that it can't be saved."""
    stage = backed_up()
    plan = planned(stage)
    stage.engine.indices["orders"].red = True
    run = restored(stage, plan)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.no_safety"])
    assert "orders" in run.findings[0].message
    assert stage.engine.sent("close") == 0


def test_what_was_red_already_is_told_in_the_plan_and_replaced() -> None:
    stage = backed_up()
    stage.engine.indices["orders"].red = True
    plan = planned(stage)
    assert "restore.not_whole" in [found.code for found in plan.findings]
    run = restored(stage, plan)
    assert (run.state, codes(run)) == (State.SUCCEEDED, ["restore.safety_not_good"])
    is_restored(stage)


def test_an_index_that_the_policy_no_longer_backs_up_is_a_conflict() -> None:
    stage = backed_up()
    stage.apply(FILE.replace('indices: ["orders*"]', 'indices: ["orders-2"]'))
    found = plans.plan(stage.world, WISH, by="cli:anna").conflicts
    assert [(one.code, one.subject) for one in found] == [("restore.not_saved", "orders")]


def test_while_the_target_is_held_it_is_refused_before_anything_is_stored() -> None:
    stage = backed_up()
    plan = planned(stage)
    holds.hold(stage.world, "shop", by="cli:ben", why="incident")
    with pytest.raises(Conflict, match="snapwarden release shop"):
        restores.start(stage.world, plan.plan_id, by="cli:anna")
    assert stage.store.run(f"restore:nightly:{plan.plan_id}") is None


def test_an_index_that_was_made_anew_while_it_was_saved_is_left_alone() -> None:
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    stage.engine.create_index("orders", documents=1)
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.world_moved"])
    assert (stage.engine.indices["orders"].documents, stage.engine.sent("close")) == (1, 0)


def test_a_refused_restore_opens_again_what_was_closed() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.engine.refuse("restore", "not allowed")
    run = restored(stage, plan)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.refused", "restore.left_as", "restore.left_as"])
    there = stage.engine.indices
    assert (there["orders"].closed, there["orders"].documents, there["orders-2"].closed) == (False, 13, True)
    assert {found.severity for found in run.findings if found.code == "restore.left_as"} == {"info"}


def test_a_lost_blob_leaves_the_index_red_and_says_so_with_the_ways_on() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.engine.lose_blob(plan.snapshot, "orders")
    before = uuids(stage)
    run = restored(stage, plan)
    assert run.state is State.FAILED
    assert codes(run)[0] == "restore.shard_failed"
    left = {found.subject: found for found in run.findings if found.code == "restore.left_as"}
    assert "orders is red: 1 shard of 1" in left["orders"].message
    assert f"--indices orders --backup {_safety(stage, plan)};" in left["orders"].next_step
    assert plan.backup_id in left["orders"].next_step
    assert "open and restored" in left["orders-2"].message
    assert uuids(stage) == before  # what it made where nothing was is gone, and nothing else
    again = restored(stage, planned(stage, replace(WISH, backup=_safety(stage, plan), indices=("orders",))))
    assert (again.state, stage.engine.indices["orders"].documents) == (State.SUCCEEDED, 13)


def _safety(stage: Stage, plan: Plan) -> str:
    return next(one.backup_id for one in stage.store.backups("nightly") if one.run_id == safety_run(plan))


def test_documents_that_are_missing_are_found_and_writes_stay_out() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 2
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    _until(stage, run, lambda: stage.engine.indices["orders"].mark is not None)
    stage.engine.indices["orders"].documents -= 1
    stage.engine.indices["orders"].countable -= 1
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, codes(run)[0]) == (State.FAILED, "restore.counts")
    assert not stage.engine.indices["orders"].writable
    assert "orders-3" not in stage.engine.indices


def _until(stage: Stage, run: Run, seen: Callable[[], bool]) -> None:
    for _ in range(600):
        if seen():
            return
        stage.live(1 / 60)
    raise AssertionError(f"never seen of {stage.run(run.run_id)}")


def test_cancelled_before_the_close_nothing_is_touched() -> None:
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    control.cancel(stage.world, run.run_id, by="cli:anna", why="no")
    stage.live(3)
    assert stage.run(run.run_id).state is State.CANCELLED
    assert stage.engine.sent("close") == 0


def test_cancelled_after_the_close_it_says_what_is_left() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 1000
    before = uuids(stage)
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    _until(stage, run, lambda: stage.engine.indices["orders"].mark is not None)
    control.cancel(stage.world, run.run_id, by="cli:anna", why="no")
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, codes(run)) == (State.CANCELLED, ["restore.left_as", "restore.left_as"])
    assert all("still being restored" in found.message for found in run.findings)
    assert uuids(stage) == before


def test_a_restore_whose_answer_is_lost_is_found_by_its_mark() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.engine.lose_next_answer("restore")
    run = restored(stage, plan)
    assert (run.state, stage.engine.sent("restore")) == (State.SUCCEEDED, 1)
    is_restored(stage)


def test_what_an_interrupted_restore_left_on_an_index_is_not_put_back() -> None:
    """Its block and its missing replicas are no settings of anybody."""
    stage = backed_up()
    plan = planned(stage)
    stage.engine.lose_blob(plan.snapshot, "orders")
    restored(stage, plan)
    stage.engine.lost.clear()
    run = restored(stage, planned(stage, replace(WISH, backup=plan.backup_id)))
    assert run.state is State.SUCCEEDED
    is_restored(stage)


def test_replicas_are_those_that_were_asked_for() -> None:
    stage = backed_up()
    plan = planned(stage, replace(WISH, replicas=1))
    assert [move.replicas for move in plan.moves] == [1, 1, 1]
    restored(stage, plan)
    assert [stage.engine.indices[name].replicas for name in WISH.indices] == [1, 1, 1]


def test_a_safety_backup_that_is_gone_is_none() -> None:
    stage = backed_up()
    plan = planned(stage)
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(0.05)
    _until(stage, run, lambda: stage.run(safety_run(plan)).settled)
    stage.engine.vanish(stage.run(safety_run(plan)).snapshot)
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.refused"])
    assert stage.engine.sent("close") == 0


def test_an_open_index_is_never_restored_over() -> None:
    """Somebody opened it between our close and our restore."""
    stage = backed_up()
    order = planning.order(planned(stage, replace(WISH, indices=("orders",))))
    with pytest.raises(Refused, match="orders is open"):
        stage.engine.restorer.restore(order)
