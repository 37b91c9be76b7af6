"""A swap through the real driver: what was restored takes the live names, all of them or none; until somebody says so,
or its time is over, what was live stays; and there is a way back, whatever dies on the way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput, Refused
from chalicelib.core.model import Run, Severity, State
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.spec import Select
from chalicelib.core.swaps import Alias
from chalicelib.service import control, plans, restores
from tests.faults.test_restores import L2
from tests.faults.world import Stage

FILE = L2.replace(
    "    auth: {none: true}",
    "    auth: {none: true}\n    restore: {allow: ['restored-*', 'orders*', 'live', 'sales'], keep_old: 2h}",
)
WISH = Wish(policy="nightly", mode=Mode.SWAP)
WRITE = Alias(name="live", is_write_index=True, filter='{"term": {"a": 1}}', search_routing="r")


def backed_up() -> Stage:
    """`orders` is used by its aliases, `orders-2` by its own name; both were backed up and then written to."""
    stage = Stage(FILE, indices=("orders", "orders-2"))
    there = stage.engine.indices
    there["orders"].aliases, there["orders"].details = ("live", "sales"), {"live": WRITE}
    stage.engine.create_index("orders-other", aliases=("live",))
    for name in ("orders", "orders-2"):
        stage.engine.write(name, 10)
    stage.engine.refresh()
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    del there["orders-other"]
    stage.engine.create_index("later", aliases=("live",))
    for name in ("orders", "orders-2"):
        stage.engine.write(name, 3)
    return stage


def planned(stage: Stage, *indices: str) -> Plan:
    plan = plans.plan(stage.world, replace(WISH, indices=indices or ("orders", "orders-2")), by="cli:anna")
    assert plan.conflicts == ()
    return plan


def begun(stage: Stage, *indices: str) -> Run:
    return restores.start(stage.world, planned(stage, *indices).plan_id, by="cli:anna")


def swapped(stage: Stage, *indices: str, minutes: float = 2) -> Run:
    run = begun(stage, *indices)
    stage.live(minutes)
    return stage.run(run.run_id)


def bearers(stage: Stage, name: str) -> list[str]:
    """Of a name that people use."""
    return sorted(index for index, held in stage.engine.indices.items() if name == index or name in held.aliases)


def clone_of(stage: Stage, name: str) -> str:
    (found,) = [index for index in stage.engine.indices if index.startswith(f"{name}-before-")]
    return found


def writers(stage: Stage, alias: str) -> list[str]:
    held = stage.engine.indices.items()
    return [name for name, index in held if alias in index.details and index.details[alias].is_write_index]


def has_swapped(stage: Stage) -> None:
    assert bearers(stage, "live") == ["later", "restored-orders"]
    assert bearers(stage, "sales") == ["restored-orders"]
    assert bearers(stage, "orders-2") == ["restored-orders-2"]
    assert stage.engine.indices["restored-orders"].details["live"] == WRITE


def is_as_before(stage: Stage) -> None:
    """Nothing has moved, nothing is left, and everything takes writes."""
    assert set(stage.engine.indices) == {"orders", "orders-2", "later"}
    assert bearers(stage, "live") == ["later", "orders"]
    assert all(index.writable and index.mark is None for index in stage.engine.indices.values())


def test_all_names_move_in_one_request_as_they_are() -> None:
    stage = backed_up()
    run = swapped(stage)
    assert (run.state, run.reason, [found.subject for found in run.findings]) == (State.SWAPPED, None, ["orders"])
    has_swapped(stage)
    assert (stage.engine.sent("repoint"), writers(stage, "live")) == (1, ["restored-orders"])
    clone = stage.engine.indices[clone_of(stage, "orders-2")]
    assert (clone.documents, clone.writable) == (13, False)
    assert stage.engine.indices["orders"].documents == 13


def test_what_has_swapped_holds_up_nobody_and_costs_nothing_while_it_waits() -> None:
    stage = backed_up()
    run = swapped(stage)
    assert run.fence is None
    lease, slots = stage.store.traffic(run.lease, run.target)
    assert lease is not None
    assert slots is not None
    assert (lease.holder, dict(slots.holders)) == (None, {})
    looks, rev = stage.engine.sent("standing"), run.rev
    stage.live(60, step=30)
    assert (stage.engine.sent("standing"), stage.run(run.run_id).rev) == (looks, rev)
    stage.backup("now-2")
    stage.live(1)
    assert stage.run("backup:nightly:now-2").settled


def test_a_backup_that_waited_starts_as_soon_as_it_has_swapped() -> None:
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    waits = stage.backup("now-2")
    assert waits.state is State.QUEUED
    stage.live(1)
    moved = next(step.at for step in stage.run(run.run_id).steps if step.state is State.SWAPPED)
    begun = next(step.at for step in stage.run(waits.run_id).steps if step.state is State.STARTING)
    assert timedelta(0) <= begun - moved <= timedelta(seconds=3)


def test_finished_deletes_what_was_live_and_nothing_else() -> None:
    stage = backed_up()
    run = swapped(stage)
    control.finish(stage.world, run.run_id, by="cli:anna", why="looks good")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.told) == (State.SUCCEEDED, True, True)
    (told,) = run.findings
    assert (told.code, told.severity, "is an alias of restored-orders now" in told.message) == (
        "restore.swap_name",
        Severity.INFO,
        True,
    )
    keys = [event.key for event in stage.bus.events if event.key.startswith(run.run_id)]
    assert len(keys) == len(set(keys)) == len(run.steps)
    has_swapped(stage)
    assert set(stage.engine.indices) == {"restored-orders", "restored-orders-2", "later"}


def test_the_own_name_of_an_index_with_aliases_is_never_gone() -> None:
    """It means the old data until the finish, and from that very request on the restored ones: what reads by it, and
    the policy that selects it, go on."""
    stage = backed_up()
    warned = next(found for found in planned(stage).findings if found.code == "restore.swap_name")
    assert (warned.severity, warned.subject) == (Severity.WARNING, "orders")
    run = swapped(stage)
    assert bearers(stage, "orders") == ["orders"]
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(2)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert bearers(stage, "orders") == ["restored-orders"]
    assert bearers(stage, "live") == ["later", "restored-orders"]
    held = stage.engine.resolve(Select(indices=("orders",)))
    assert ([index.name for index in held.indices], held.unmatched) == (["restored-orders"], ())


def test_an_old_index_that_was_made_anew_keeps_its_name() -> None:
    """The request that deletes has no condition on the uuid: it is read anew just before."""
    stage = backed_up()
    run = swapped(stage)
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.engine.delete_index("orders")
    stage.engine.create_index("orders")
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.findings) == (State.SUCCEEDED, ())
    assert bearers(stage, "orders") == ["orders"]


def test_a_snapshot_of_the_old_index_is_waited_for_and_a_refusal_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for each removal: later each time, then it is told as left over; no name is given up meanwhile."""
    stage = backed_up()
    run = swapped(stage, "orders")

    def refused(restorer: object, actions: object) -> None:
        raise Refused("403")

    monkeypatch.setattr(type(stage.engine.restorer), "repoint", refused)
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(600, step=5)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.SUCCEEDED, ["restore.leftover"])
    assert bearers(stage, "orders") == ["orders"]


def test_at_the_end_of_keep_old_it_finishes_by_itself() -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.live(119, step=30)
    assert stage.run(run.run_id).state is State.SWAPPED
    stage.live(10, step=5)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert "orders" not in stage.engine.indices


def test_rolled_back_the_old_data_are_live_again_and_what_was_written_since_is_told() -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.engine.write("restored-orders", 4)
    control.rollback(stage.world, run.run_id, by="cli:anna", why="wrong one")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.told) == (State.ROLLED_BACK, True, True)
    assert (bearers(stage, "live"), bearers(stage, "sales")) == (["later", "orders"], ["orders"])
    clone = clone_of(stage, "orders-2")
    assert bearers(stage, "orders-2") == [clone]
    back = stage.engine.indices[clone]
    assert (back.documents, back.writable, back.mark) == (13, True, None)
    assert stage.engine.indices["orders"].details["live"] == WRITE
    assert {"restored-orders", "restored-orders-2"} <= set(stage.engine.indices)
    messages = {found.subject: found.message for found in run.findings}
    assert "took 4 operations since the swap" in messages["restored-orders"]
    assert stage.engine.sent("repoint") == 2


def test_a_name_that_nobody_bears_becomes_an_alias_and_is_taken_off_again() -> None:
    stage = backed_up()
    stage.engine.delete_index("orders-2")
    run = swapped(stage, "orders-2")
    assert (run.state, bearers(stage, "orders-2")) == (State.SWAPPED, ["restored-orders-2"])
    control.rollback(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    assert stage.run(run.run_id).state is State.ROLLED_BACK
    assert bearers(stage, "orders-2") == []


def test_what_was_swapped_once_is_swapped_again_by_its_alias() -> None:
    stage = backed_up()
    first = swapped(stage, "orders-2")
    control.finish(stage.world, first.run_id, by="cli:anna", why="")
    stage.live(1)
    wish = replace(WISH, indices=("orders-2",), prefix="restored-again-")
    run = restores.start(stage.world, plans.plan(stage.world, wish, by="cli:anna").plan_id, by="cli:anna")
    stage.live(1)
    assert stage.run(run.run_id).state is State.SWAPPED
    assert bearers(stage, "orders-2") == ["restored-again-orders-2"]
    assert stage.engine.sent("clone") == 1


@pytest.mark.parametrize("wish", ["finish", "rollback"])
def test_only_what_has_swapped_is_finished_or_rolled_back(wish: str) -> None:
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    with pytest.raises(BadInput, match="is PLANNED"):
        getattr(control, wish)(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(2)
    with pytest.raises(BadInput, match="rollback"):
        control.cancel(stage.world, run.run_id, by="cli:anna", why="")
    getattr(control, wish)(stage.world, run.run_id, by="cli:anna", why="")
    other = control.rollback if wish == "finish" else control.finish
    with pytest.raises(BadInput, match="already"):
        other(stage.world, run.run_id, by="cli:ben", why="")
