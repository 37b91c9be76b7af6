"""What a swap does to the settings of an index: its lifecycle comes with the data, and goes with them; and an index
that is closed is put aside as it is."""

from dataclasses import replace

from chalicelib.core.model import State
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import control, plans, restores
from tests.faults.test_swaps import FILE, backed_up, bearers, clone_of, swapped
from tests.faults.world import Stage

LIFECYCLE = "index.lifecycle.name"


def cared_for() -> Stage:
    """Both indices have a lifecycle; then they are backed up."""
    stage = Stage(FILE, indices=("orders", "orders-2"))
    stage.engine.indices["orders"].aliases = ("live", "sales")
    for name in ("orders", "orders-2"):
        stage.engine.indices[name].settings = {LIFECYCLE: "monthly"}
        stage.engine.write(name, 10)
    stage.engine.refresh()
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    return stage


def test_what_takes_the_live_names_has_the_lifecycle_that_its_index_had() -> None:
    stage = cared_for()
    assert swapped(stage).state is State.SWAPPED
    there = stage.engine.indices
    assert {there[f"restored-{name}"].settings[LIFECYCLE] for name in ("orders", "orders-2")} == {"monthly"}


def test_an_index_under_a_new_name_has_none() -> None:
    """A policy that deletes after a month would delete what was just brought back."""
    stage = cared_for()
    plan = plans.plan(stage.world, Wish(policy="nightly"), by="cli:anna")
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(2)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    there = stage.engine.indices
    assert all(LIFECYCLE not in there[f"restored-{name}"].settings for name in ("orders", "orders-2"))


def test_a_clone_has_no_lifecycle_that_could_delete_it_until_it_is_live_again() -> None:
    stage = cared_for()
    run = swapped(stage, "orders-2")
    clone = clone_of(stage, "orders-2")
    assert LIFECYCLE not in stage.engine.indices[clone].settings
    control.rollback(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    assert stage.run(run.run_id).state is State.ROLLED_BACK
    assert stage.engine.indices[clone].settings[LIFECYCLE] == "monthly"


def test_of_a_closed_index_the_aliases_move_and_come_back() -> None:
    stage = backed_up()
    orders = stage.engine.indices["orders"]
    orders.closed, orders.details = True, {}  # with a filter it is refused: tests/faults/test_swaps_broken.py
    run = swapped(stage, "orders")
    assert (run.state, bearers(stage, "sales")) == (State.SWAPPED, ["restored-orders"])
    assert stage.engine.indices["orders"].closed
    control.rollback(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    assert stage.run(run.run_id).state is State.ROLLED_BACK
    assert bearers(stage, "sales") == ["orders"]
    assert stage.engine.indices["orders"].closed


def test_a_closed_index_without_an_alias_is_no_way_back_and_is_not_swapped() -> None:
    """Nothing can be cloned of it: with its name it would be lost."""
    stage = backed_up()
    stage.engine.indices["orders-2"].closed = True
    wish = Wish(policy="nightly", indices=("orders-2",))
    plan = plans.plan(stage.world, replace(wish, mode=Mode.SWAP), by="cli:anna")
    assert [found.code for found in plan.conflicts] == ["restore.swap_closed"]
