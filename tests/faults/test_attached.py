"""Aliases and lifecycle of what comes back: a restore under new names attaches them only when it is asked to, and takes
no write from where it goes; a swap always brings them."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.swaps import Alias
from chalicelib.service import control, plans, restores
from tests.faults.test_restores import L2
from tests.faults.world import Stage

FILE = L2.replace("    auth: {none: true}", "    auth: {none: true}\n    restore: {allow: ['*'], keep_old: 2h}")
LIFECYCLE = "index.lifecycle.name"
WISH = Wish(policy="nightly", indices=("orders",), attach_aliases=True)
FILTER = {"term": {"a": 1}}
SALES = Alias(name="sales", filter='{"term": {"a": 1}}', is_write_index=False)
GIVEN = ("sales", "gone")


def backed_up(file: str = FILE) -> Stage:
    """`orders` has the aliases `sales`, which `later` has, too; `only`, which nothing else has; `live`, through which
    it is written to; `gone`, which it has lost since; and `taken`, of which name there is an index now."""
    stage = Stage(file, indices=("orders", "orders-2"))
    there = stage.engine.indices
    there["orders"].settings[LIFECYCLE] = "hot"
    there["orders"].aliases = ("sales", "only", "live", "gone", "taken")
    stage.engine.alias_details = {"live": {"is_write_index": True}, "sales": {"filter": FILTER}}
    stage.engine.create_index("later", aliases=("sales",))
    stage.engine.write("orders", 10)
    stage.engine.refresh()
    stage.backup()
    stage.live(1)
    there["orders"].aliases = ("sales", "only", "live")
    stage.engine.create_index("taken")
    return stage


def planned(stage: Stage, wish: Wish = WISH) -> Plan:
    plan = plans.plan(stage.world, wish, by="cli:anna")
    assert plan.conflicts == ()
    return plan


def restored(stage: Stage, wish: Wish = WISH, minutes: float = 2) -> Run:
    """By functions that may not read the bucket, as those on AWS."""
    run = restores.start(stage.world, planned(stage, wish).plan_id, by="cli:anna")
    stage.vault.objects.clear()
    stage.live(minutes)
    return stage.run(run.run_id)


def borne(stage: Stage) -> list[str]:
    return sorted(stage.engine.indices["restored-orders"].aliases)


def test_the_plan_says_who_sees_both_and_what_is_left_out() -> None:
    stage = backed_up()
    plan = planned(stage)
    (move,) = plan.moves
    assert move.attach == (Alias(name="gone"), SALES)
    (shared,) = [each for each in plan.findings if each.code == "restore.alias_shared"]
    assert (shared.subject, "later, orders, restored-orders" in shared.message) == ("sales", True)
    left = {each.subject: each.message for each in plan.findings if each.code == "restore.alias_left_out"}
    assert sorted(left) == ["live", "only", "taken"]
    assert "only because no other index bears it" in left["only"]
    assert "writes went through it" in left["live"]
    assert plan.calls[1:] == ("repoint 2 times", "release each")


def test_the_aliases_are_put_on_in_one_request_and_nothing_else_is_touched() -> None:
    stage = backed_up()
    before = {name: held.aliases for name, held in stage.engine.indices.items()}
    run = restored(stage)
    assert (run.state, run.good, run.reason) == (State.SUCCEEDED, True, None)
    new = stage.engine.indices["restored-orders"]
    assert (borne(stage), new.details["sales"]) == (sorted(GIVEN), SALES)
    assert (new.writable, new.mark, stage.engine.sent("repoint")) == (True, None, 1)
    assert {name: stage.engine.indices[name].aliases for name in before} == before


@pytest.mark.parametrize("mode", [Mode.RENAME, Mode.SWAP])
@pytest.mark.parametrize("asked", [False, True])
def test_a_lifecycle_comes_back_with_a_swap_and_otherwise_when_it_is_asked_for(mode: Mode, asked: bool) -> None:
    stage = backed_up()
    wish = replace(WISH, mode=mode, attach_aliases=False, attach_lifecycle=asked)
    if mode is Mode.SWAP and asked:
        with pytest.raises(BadInput, match="sees to aliases and lifecycle itself"):
            planned(stage, wish)
        return
    noted = [each.code for each in planned(stage, wish).findings]
    assert ("restore.lifecycle" in noted) is asked
    run = restored(stage, wish)
    assert run.state is (State.SWAPPED if mode is Mode.SWAP else State.SUCCEEDED)
    has = stage.engine.indices["restored-orders"].settings.get(LIFECYCLE)
    assert has == ("hot" if asked or mode is Mode.SWAP else None)
    assert stage.engine.sent("repoint") == (mode is Mode.SWAP)


def test_the_clone_of_a_swap_has_no_lifecycle_until_it_is_live_again() -> None:
    """It would be deleted by it while it is the only way back."""
    stage = backed_up()
    stage.engine.indices["orders-2"].settings[LIFECYCLE] = "hot"
    run = restored(stage, Wish(policy="nightly", mode=Mode.SWAP, indices=("orders-2",)))
    assert run.state is State.SWAPPED
    (clone,) = [held for name, held in stage.engine.indices.items() if name.startswith("orders-2-before-")]
    assert LIFECYCLE not in clone.settings
    control.rollback(stage.world, run.run_id, by="cli:anna", why="no")
    stage.live(2)
    (clone,) = [held for name, held in stage.engine.indices.items() if name.startswith("orders-2-before-")]
    assert (clone.settings[LIFECYCLE], clone.aliases) == ("hot", ("orders-2",))


def test_somebody_who_takes_an_alias_meanwhile_ends_it_and_nothing_is_left() -> None:
    """`gone` would be borne by two, and nobody could write through it any more."""
    stage = backed_up()
    plan = planned(stage)
    stage.engine.restore_looks = 2
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    while stage.run(run.run_id).state is not State.RESTORING:
        stage.live(0.05)
    stage.engine.create_index("new", aliases=("gone",))
    stage.live(2)
    ended = stage.run(run.run_id)
    assert (ended.state, [each.code for each in ended.findings]) == (State.FAILED, ["restore.world_moved"])
    assert (stage.engine.sent("repoint"), "restored-orders" in stage.engine.indices) == (0, False)


def test_who_bears_them_is_part_of_what_was_shown() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.engine.create_index("new", aliases=("gone",))
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(1)
    ended = stage.run(run.run_id)
    assert (ended.state, [each.code for each in ended.findings]) == (State.FAILED, ["restore.world_moved"])
    assert "aliases that are to be attached" in str(ended.reason)


def test_refused_by_the_server_all_that_was_restored_goes() -> None:
    stage = backed_up()
    stage.engine.refuse("repoint", "403 no")
    run = restored(stage)
    assert (run.state, [each.code for each in run.findings]) == (State.FAILED, ["restore.refused"])
    assert "restored-orders" not in stage.engine.indices


@pytest.mark.parametrize("removal", ["refused", "lost", "no server"])
def test_a_clean_up_that_meets_trouble_goes_on(removal: str) -> None:
    """The counter of removals in vain was taken for that of releases: the clean-up ended there, and left it blocked."""
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    stage.engine.refuse("repoint", "403 no")
    match removal:
        case "refused":
            stage.engine.refuse("remove", "409 a snapshot is taken of it")
        case "lost":
            stage.engine.lose_next_answer("remove")
        case _:
            while not stage.run(run.run_id).ending:
                stage.live(0.02)
            stage.engine.outage(1)
    stage.live(30)
    ended = stage.run(run.run_id)
    assert (ended.state, ended.reason, ended.leftover) == (State.FAILED, "403 no", False)
    assert [each.code for each in ended.findings] == ["restore.refused"]
    assert "restored-orders" not in stage.engine.indices
    (report,) = [report for report in stage.notifier.reports if report.key == f"{run.run_id}#end"]
    assert "Nothing that it made is left" in report.body


def effects() -> list[str]:
    """Of one that ends well, from the write that decides the aliases on."""
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(2)
    return stage.fuse.effects


EFFECTS = effects()
ATTACHING = range(EFFECTS.index("repoint") - 1, len(EFFECTS) + 1)


@pytest.mark.parametrize("wish", ["cancel", "deadline"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", ATTACHING)
def test_whatever_dies_and_whoever_wants_it_to_end_all_of_it_goes_or_all_of_it_stays(
    number: int, after: bool, wish: str
) -> None:
    """By what the row says of the first release, whatever became of its request and of that for the aliases."""
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    run_id = restores.start(stage.world, plan.plan_id, by="cli:anna").run_id
    stage.fuse.kill_at, stage.fuse.after = number, after
    while len(stage.fuse.effects) <= number and not stage.run(run_id).settled:
        stage.live(0.02)
    released = stage.run(run_id).released
    assert released or not stage.engine.sent("release")
    if wish == "cancel":
        with suppress(BadInput):
            control.cancel(stage.world, run_id, by="cli:anna", why="wrong one")
    else:
        stage.clock.advance(timedelta(hours=12))
    stage.live(15, step=2)
    run = stage.run(run_id)
    there = stage.engine.indices.get("restored-orders")
    assert (there is not None, run.told, run.leftover) == (released, True, False), run.reason
    blocked = there is not None and not there.writable
    assert [each.code for each in run.findings if "refused" not in each.code] == ["restore.still_blocked"] * blocked
    assert (run.state is State.SUCCEEDED) == (released and not blocked)


def test_without_an_answer_it_looks_and_does_not_do_it_twice() -> None:
    stage = backed_up()
    stage.engine.lose_next_answer("repoint")
    run = restored(stage, minutes=5)
    assert (run.state, borne(stage), stage.engine.sent("repoint")) == (State.SUCCEEDED, sorted(GIVEN), 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_process_dies_while_they_are_put_on_and_it_still_ends_well(after: bool) -> None:
    stage = backed_up()
    restored(stage)
    number = next(n for n, name in enumerate(stage.fuse.effects) if "repoint" in name)
    stage = backed_up()
    stage.fuse.kill_at, stage.fuse.after = number, after
    run = restored(stage, minutes=15)
    assert (stage.fuse.effects.count("repoint"), stage.engine.sent("repoint")) == (1 if after else 2, 1)
    assert (run.state, borne(stage)) == (State.SUCCEEDED, sorted(GIVEN))


def test_aliases_are_live_names_that_need_a_second_person() -> None:
    stage = backed_up(FILE.replace("['*']", "['restored-*', 'gone']"))
    assert planned(stage).approval == ("sales",)


def test_a_backup_without_its_configuration_has_no_aliases_to_attach() -> None:
    stage = backed_up()
    (backup,) = stage.store.backups("nightly")
    assert backup.capsule is not None
    stage.engine.refuse("aliases", "403 no")
    stage.backup("now-2")
    stage.live(1)
    plan = plans.plan(stage.world, WISH, by="cli:anna")
    assert [each.code for each in plan.conflicts] == ["restore.no_aliases"]
    assert plan.moves[0].attach == ()
