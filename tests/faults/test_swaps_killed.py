"""A process that dies at any side effect of a swap, of its finish or of its rollback: it ends as if nothing had been,
each request is sent once, and at no moment are old and new both lost, or are there two indices to write to."""

import pytest

from chalicelib.core.model import State
from chalicelib.service import control, restores
from tests.faults.test_swaps import backed_up, bearers, clone_of, has_swapped, planned, swapped, writers
from tests.faults.world import Stage


def effects(then: str) -> list[str]:
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(2)
    if then:
        stage.fuse.effects.clear()
        getattr(control, then)(stage.world, run.run_id, by="cli:anna", why="")
        stage.live(2)
    return list(stage.fuse.effects)


SWAP, FINISH, ROLLBACK = effects(""), effects("finish"), effects("rollback")


def never_both_lost(stage: Stage) -> None:
    """Of either name, old or new data are there; and one index at most is written to through the alias."""
    for name in ("orders", "orders-2"):
        old = [index for index in stage.engine.indices if index == name or index.startswith(f"{name}-before-")]
        assert old or f"restored-{name}" in stage.engine.indices
        assert bearers(stage, name), "the name that people may use is never gone"
    assert len(writers(stage, "live")) == 1
    assert "later" in stage.engine.indices


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(SWAP)), ids=[f"{n}-{name}" for n, name in enumerate(SWAP)][2:])
def test_the_process_dies_at_any_side_effect_and_it_still_swaps_once(number: int, after: bool) -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.fuse.kill_at, stage.fuse.after = number, after
    for _ in range(40):
        stage.live(0.5, step=2)
        never_both_lost(stage)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.SWAPPED, ["restore.swap_name"]), run.last_error
    has_swapped(stage)
    assert stage.engine.sent("repoint") == 1
    assert len([name for name in stage.engine.indices if "-before-" in name]) == 1
    lease, slots = stage.store.traffic(run.lease, run.target)
    assert lease is not None
    assert slots is not None
    assert (lease.holder, dict(slots.holders)) == (None, {})


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(FINISH)), ids=[f"{n}-{name}" for n, name in enumerate(FINISH)][2:])
def test_the_process_dies_at_any_side_effect_of_finish(number: int, after: bool) -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.fuse.effects.clear()
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.fuse.kill_at, stage.fuse.after = number, after
    for _ in range(20):
        stage.live(0.5, step=2)
        never_both_lost(stage)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.told) == (State.SUCCEEDED, True, True), (run.reason, run.last_error)
    assert set(stage.engine.indices) == {"restored-orders", "restored-orders-2", "later"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(ROLLBACK)), ids=[f"{n}-{name}" for n, name in enumerate(ROLLBACK)][2:])
def test_the_process_dies_at_any_side_effect_of_rollback(number: int, after: bool) -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.fuse.effects.clear()
    control.rollback(stage.world, run.run_id, by="cli:anna", why="")
    stage.fuse.kill_at, stage.fuse.after = number, after
    for _ in range(20):
        stage.live(0.5, step=2)
        never_both_lost(stage)
    run = stage.run(run.run_id)
    assert (run.state, run.told) == (State.ROLLED_BACK, True), (run.reason, run.last_error)
    assert bearers(stage, "orders-2") == [clone_of(stage, "orders-2")]
    assert bearers(stage, "live") == ["later", "orders"]
    assert stage.engine.sent("repoint") == 2
