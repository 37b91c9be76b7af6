"""A process that dies at any side effect of a restore in place: it ends as if nothing had been, and at no moment are
live data gone that no complete safety backup holds."""

import pytest

from chalicelib.core.in_place import safety_run
from chalicelib.core.model import State
from chalicelib.core.observations import Complete
from chalicelib.core.plans import Plan
from chalicelib.service import restores
from tests.faults.test_in_place import backed_up, is_restored, planned, uuids
from tests.faults.world import Killed, Stage


def effects() -> list[str]:
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(3)
    return list(stage.fuse.effects)


EFFECTS = effects()


def never_both_lost(stage: Stage, plan: Plan, before: dict[str, str]) -> None:
    """Live indices are there, by uuid; and one that is touched is in a safety backup, whole."""
    assert {name: stage.engine.indices[name].uuid for name in before} == before
    run = stage.store.run(safety_run(plan))
    known = stage.engine.repositories["main"].snapshots.get(run.snapshot) if run else None
    safe = known is not None and isinstance(known.done, Complete) and known.held["orders"].documents == 13
    orders = stage.engine.indices["orders"]
    assert safe or (orders.documents == 13 and not orders.closed)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)])
def test_the_process_dies_at_any_side_effect_and_it_still_ends_well(number: int, after: bool) -> None:
    stage = backed_up()
    plan = planned(stage)
    before = uuids(stage)
    stage.fuse.effects.clear()
    run_id = f"restore:nightly:{plan.plan_id}"
    stage.fuse.kill_at, stage.fuse.after = number, after
    try:
        restores.start(stage.world, plan.plan_id, by="cli:anna")
    except Killed:  # whoever typed it starts it again
        stage.fuse.kill_at = None
        restores.start(stage.world, plan.plan_id, by="cli:anna")
    for _ in range(40):
        stage.live(0.5, step=2)
        never_both_lost(stage, plan, before)
    run = stage.run(run_id)
    assert run.state is State.SUCCEEDED, (run.reason, run.last_error, run.findings)
    is_restored(stage)
    assert (run.told, stage.engine.sent("restore"), stage.engine.sent("remove")) == (True, 1, 0)
    lease, slots = stage.store.traffic(run.lease, run.target)
    assert lease is not None
    assert slots is not None
    assert (lease.holder, dict(slots.holders)) == (None, {})


ACTS = ("close", "restore", "release", "standing", "state", "contents", "recovery", "stats")


@pytest.mark.parametrize("method", ACTS)
def test_any_answer_is_lost_and_it_still_ends_well(method: str) -> None:
    stage = backed_up()
    plan = planned(stage)
    before = uuids(stage)
    stage.engine.lose_next_answer(method)
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    for _ in range(40):
        stage.live(0.5, step=2)
        never_both_lost(stage, plan, before)
    run = stage.run(run.run_id)
    assert run.state is State.SUCCEEDED, (run.reason, run.last_error, run.findings)
    is_restored(stage)
