"""The state table of swaps: every state against what may be seen. Names move in one request or not at all; as long as
they have not moved everything is undone, and what was live is deleted only while the new one bears its names."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import pace, swapping
from chalicelib.core.model import Asked, IndexRef, Run, State, Step
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.swaps import Alias, Does, Standing
from chalicelib.core.workflows import Decision, swap, swap_ends
from chalicelib.core.workflows.restore_ends import CLEANING, TRIES
from chalicelib.core.workflows.restore_seen import Remove, Seen
from chalicelib.core.workflows.swap_seen import Block, Clone, Reopen, Repointing
from tests.unit.planned import FACTS, NOW, allowing, count, plan
from tests.unit.test_restore_workflow import LATER, RUN, outcome

WRITE = Alias(name="people", is_write_index=True)
CUSTOMERS = Standing(name="customers", uuid="u-customers", shards=1, aliases=(WRITE,))
ORDERS = Standing(name="orders-1", uuid="u-orders-1", shards=2)
LIVE = (CUSTOMERS, ORDERS)
"""Of the third, orders-2, there is nothing any more."""


def swap_plan(*live: Standing) -> Plan:
    facts = replace(FACTS, standing=live or LIVE)
    return plan(Wish(policy="nightly", mode=Mode.SWAP), facts, allowing("*"))


PLAN = swap_plan()
CLONE = swapping.clone_name("orders-1", PLAN.plan_id)
NEW = tuple(Standing(name=move.name, uuid=f"r-{move.source}", shards=move.shards) for move in PLAN.moves)
MADE = tuple(one.ref for one in NEW)
BLOCKED = replace(ORDERS, blocked=True)
CLONED = Standing(name=CLONE, uuid="u-clone", shards=2, blocked=True, mark=PLAN.mark)
COUNTS = (count("orders-1", 9, 4, 4), count(CLONE, 9, 4, 4))
BEFORE = (*NEW, *LIVE)
READY = (*NEW, CUSTOMERS, BLOCKED, CLONED)
AFTER = (
    replace(NEW[0], aliases=(WRITE,)),
    replace(NEW[1], aliases=(Alias(name="orders-1"),)),
    replace(NEW[2], aliases=(Alias(name="orders-2"),)),
    replace(CUSTOMERS, aliases=()),
    CLONED,
)
BACK = (*NEW, CUSTOMERS, replace(CLONED, blocked=False, mark=None, aliases=(Alias(name="orders-1"),)))
OLD = (CUSTOMERS.ref, CLONED.ref)
SWAPPING = replace(
    RUN, state=State.SWAPPING, plan=PLAN.plan_id, attempts=1, steps=(Step(state=State.SWAPPING, at=NOW, rev=5),)
)
SENT = replace(SWAPPING, repointed_at=NOW)
SWAPPED = replace(SWAPPING, state=State.SWAPPED, swapped_at=NOW, kept_until=NOW + timedelta(days=1))
ASKED = Asked(by="cli:anna", why="", at=NOW)
BACKWARDS = replace(SWAPPED, ending=State.ROLLED_BACK, rollback=ASKED, deadline_at=NOW + timedelta(hours=6))
FINISHING = replace(SWAPPED, ending=State.SUCCEEDED, finish=ASKED, deadline_at=NOW + timedelta(hours=6))
UNDOING = replace(SWAPPING, ending=State.CANCELLED, reason="no")


def decide(run: Run, live: Sequence[Standing], **seen: Any) -> Decision:
    at = seen.pop("at", LATER)
    return swap.decide(run, Seen(plan=PLAN, made=MADE, live=tuple(live), old=OLD, **seen), at)


def names(decision: Decision) -> list[str]:
    match decision.act:
        case Block() | Reopen() | Remove():
            return [index.name for index in decision.act.indices]
        case Clone():
            return [order.name for order in decision.act.orders]
    return []


def test_the_plan_knows_what_is_live_under_each_name() -> None:
    assert PLAN.conflicts == ()
    assert [(move.live.index, move.live.cloned) for move in PLAN.moves if move.live] == [
        ("customers", False),
        ("orders-1", True),
        (None, False),
    ]
    assert [(found.code, found.subject) for found in PLAN.findings if found.code == "restore.clone"] == [
        ("restore.clone", "orders-1")
    ]
    assert PLAN.keep_old == 24 * 3600


def test_live_names_and_aliases_need_a_second_person_as_new_names_do() -> None:
    made = plan(Wish(policy="nightly", mode=Mode.SWAP), replace(FACTS, standing=LIVE))
    assert made.approval == ("customers", "people", "orders-1", "orders-2")


@pytest.mark.parametrize(
    ("live", "code"),
    [
        ((replace(ORDERS, closed=True),), "restore.swap_closed"),
        (
            (replace(ORDERS, name="x", aliases=(Alias(name="orders-1"), Alias(name="orders-2"))),),
            "restore.swap_unclear",
        ),
        (tuple(replace(ORDERS, name=n, aliases=(Alias(name="orders-1"),)) for n in "xy"), "restore.swap_unclear"),
    ],
)
def test_what_can_t_be_swapped_is_a_conflict(live: tuple[Standing, ...], code: str) -> None:
    assert code in {found.code for found in swap_plan(*live).conflicts}


def test_a_closed_index_is_swapped_by_its_aliases_unless_one_has_a_filter() -> None:
    """Servers answer 500 to whoever gives a closed index an alias with a filter: there would be no way back."""
    closed = replace(CUSTOMERS, closed=True)
    made = swap_plan(closed, ORDERS)
    assert made.conflicts == ()
    assert [found.subject for found in made.findings if found.code == "restore.was_closed"] == ["customers"]
    filtered = replace(closed, aliases=(WRITE, Alias(name="some", filter="{}")))
    assert [found.code for found in swap_plan(filtered, ORDERS).conflicts] == ["restore.swap_closed"]


def test_a_name_of_a_clone_that_would_be_too_long_is_a_conflict() -> None:
    long = replace(ORDERS, name="o" * 240, aliases=())
    side = swapping.sided(PLAN.moves[1:2], (replace(long, name="orders-1"),))[0]
    assert side.live is not None
    found = swapping.findings((replace(side, live=replace(side.live, index=long.name)),), (), ())
    assert "restore.bad_name" in {one.code for one in found}


def test_step_by_step_until_all_names_move_at_once() -> None:
    assert names(decide(SWAPPING, BEFORE)) == ["orders-1"]
    assert isinstance(decide(SWAPPING, BEFORE).act, Block)
    assert names(decide(SWAPPING, (*NEW, CUSTOMERS, BLOCKED))) == [CLONE]
    waits = decide(SWAPPING, READY, counts=COUNTS[:1])
    assert (waits.state, waits.act) == (State.SWAPPING, None)
    moves = decide(SWAPPING, READY, counts=COUNTS)
    assert isinstance(moves.act, Repointing)
    assert [(action.does, action.index) for action in moves.act.actions] == [
        (Does.REMOVE, "customers"),
        (Does.ADD, "restored-customers"),
        (Does.REMOVE_INDEX, "orders-1"),
        (Does.ADD, "restored-orders-1"),
        (Does.ADD, "restored-orders-2"),
    ]
    assert moves.changes["repointed_at"] == LATER


def test_when_the_names_have_moved_it_waits_without_lease_and_slot() -> None:
    decision = decide(SENT, AFTER)
    assert (decision.state, decision.gives_back) == (State.SWAPPED, True)
    assert decision.changes["kept_until"] == LATER + timedelta(days=1) == decision.changes["deadline_at"]
    assert [kept.indices for kept in decision.evidence] == [OLD]


@pytest.mark.parametrize("run", [SENT, replace(SENT, cancel=ASKED), replace(SENT, ending=State.TIMED_OUT)])
def test_a_swap_that_came_through_has_swapped_whatever_else_was_wanted(run: Run) -> None:
    decision = decide(run, AFTER)
    assert (decision.state, decision.changes["ending"], decision.changes["cancel"]) == (State.SWAPPED, None, None)
    told = [found.code for found in decision.changes["findings"]]
    assert told == ["restore.swap_name", *(["run.cancel_refused"] if run.cancel else [])]


def test_a_request_that_was_not_carried_out_is_sent_again() -> None:
    assert isinstance(decide(SENT, READY, counts=COUNTS).act, Repointing)


@pytest.mark.parametrize(
    ("run", "code"), [(SWAPPING, "restore.world_moved"), (SENT, "restore.swap_unclear")], ids=["before", "sent"]
)
@pytest.mark.parametrize(
    "changed",
    [
        replace(CUSTOMERS, aliases=()),
        replace(CUSTOMERS, uuid="anew"),
        replace(CUSTOMERS, aliases=(WRITE, Alias(name="z"))),
        replace(CUSTOMERS, aliases=(replace(WRITE, filter="{}"),)),
    ],
)
def test_aliases_that_somebody_changed_are_told_and_nothing_is_sent(run: Run, code: str, changed: Standing) -> None:
    decision = decide(run, (*NEW, changed, BLOCKED, CLONED), counts=COUNTS)
    assert (outcome(decision), decision.act) == ((State.SWAPPING, State.FAILED, [code]), None)


def test_a_clone_that_holds_other_than_its_source_ends_it() -> None:
    decision = decide(SWAPPING, READY, counts=(COUNTS[0], count(CLONE, 9, 4, 3)))
    assert outcome(decision) == (State.SWAPPING, State.FAILED, ["restore.clone_differs"])


def test_somebody_elses_index_of_the_clones_name_ends_it() -> None:
    decision = decide(SWAPPING, (*BEFORE, replace(CLONED, mark=None)))
    assert outcome(decision) == (State.SWAPPING, State.FAILED, ["restore.foreign"])


def test_live_data_refuse_writes_for_half_an_hour_at_most() -> None:
    decision = decide(SWAPPING, READY, at=NOW + swap_ends.BLOCKED_AT_MOST)
    assert outcome(decision) == (State.SWAPPING, State.FAILED, ["restore.no_clone"])


@pytest.mark.parametrize(
    ("change", "ending"), [({"cancel": ASKED}, State.CANCELLED), ({"deadline_at": NOW}, State.TIMED_OUT)]
)
def test_as_long_as_nothing_has_moved_it_can_end(change: dict[str, Any], ending: State) -> None:
    assert outcome(decide(replace(SWAPPING, **change), READY, counts=COUNTS))[:2] == (State.SWAPPING, ending)


def test_undone_writes_come_first_and_the_clone_goes_last() -> None:
    opens = decide(UNDOING, READY)
    assert (isinstance(opens.act, Reopen), names(opens)) == (True, ["orders-1"])
    assert names(decide(UNDOING, (*NEW, *LIVE, CLONED))) == [one.name for one in NEW]
    assert names(decide(UNDOING, (*LIVE, CLONED))) == [CLONE]
    assert decide(UNDOING, LIVE).state is State.CANCELLED


def test_a_request_without_an_answer_is_waited_for_before_anything_is_undone() -> None:
    early = decide(replace(UNDOING, repointed_at=NOW), READY, at=NOW + timedelta(seconds=30))
    assert (early.state, early.act) == (State.SWAPPING, None)
    assert isinstance(decide(replace(UNDOING, repointed_at=NOW), READY).act, Reopen)


def test_a_clone_whose_source_is_gone_is_kept_and_told() -> None:
    decision = decide(UNDOING, (CUSTOMERS, CLONED))
    assert outcome(decision) == (State.CANCELLED, None, ["restore.leftover"])


def test_when_nobody_knows_whether_the_names_have_moved_nothing_is_removed() -> None:
    unclear = decide(SENT, (*NEW, CUSTOMERS, CLONED)).changes["findings"]
    decision = decide(replace(UNDOING, findings=unclear), (*NEW, CUSTOMERS, CLONED))
    assert decision.act is None
    assert outcome(decision)[2] == ["restore.swap_unclear", *["restore.leftover"] * 4]


@pytest.mark.parametrize("change", [{"aborts": TRIES}, {"deadline_at": LATER - CLEANING}])
def test_what_can_t_be_undone_is_told(change: dict[str, Any]) -> None:
    decision = decide(replace(UNDOING, **change), READY)
    assert outcome(decision) == (State.CANCELLED, None, ["restore.still_blocked", *["restore.leftover"] * 4])


def no_answer(run: Run, *, refused: bool = False, last: bool = False, **change: Any) -> Decision:
    error = RuntimeError("no answer")
    return swap_ends.no_answer(replace(run, **change), error, LATER, refused=refused, last=last)


@pytest.mark.parametrize("run", [SWAPPING, BACKWARDS, FINISHING])
def test_without_an_answer_it_looks_again(run: Run) -> None:
    for refused in (False, True):
        decision = no_answer(run, refused=refused)
        assert (decision.state, decision.changes["refusals"]) == (run.state, int(refused))


def test_without_an_answer_for_long_it_undoes_or_stays_and_never_claims_anything() -> None:
    many: dict[str, Any] = {"refused": True, "refusals": pace.MAX_REFUSALS - 1}
    assert no_answer(SWAPPING, **many).changes["ending"] is State.FAILED
    assert outcome(no_answer(BACKWARDS, **many)) == (State.SWAPPED, None, ["restore.rollback_refused"])
    assert outcome(no_answer(FINISHING, **many)) == (State.FAILED, None, ["restore.swap_unclear"])
    assert outcome(no_answer(SWAPPING, last=True))[2] == ["restore.leftover", "restore.swap_unclear"]
    assert outcome(no_answer(BACKWARDS, last=True)) == (State.FAILED, None, ["restore.swap_unclear"])


def test_what_is_made_for_the_old_ones_is_by_name_and_uuid() -> None:
    assert swapping.put_aside_refs(PLAN, READY) == OLD
    assert swapping.put_aside_refs(PLAN, (*NEW, replace(CLONED, mark=7))) == ()
    assert IndexRef(name=CLONE, uuid="u-clone", shards=2) in OLD
