"""What was checked is let go, and from then on nothing of it is ever removed: somebody may write to it already. Every
wish and every mishap against none, some and all of it released."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Asked, IndexRef, Kind, Run, Severity, State
from chalicelib.core.plans import Mode, Wish
from chalicelib.core.restores import Restored
from chalicelib.core.workflows import restore as workflow
from chalicelib.core.workflows import restore_ends
from chalicelib.core.workflows.driver import crashed
from chalicelib.core.workflows.restore_ends import CLEANING, SLOWEST, TRIES
from chalicelib.core.workflows.restore_release import PUT_ON
from chalicelib.core.workflows.restore_seen import AT_ONCE, MANY, NAMES, Release, Seen, removal
from chalicelib.engines import elasticsearch_restored
from tests.unit.planned import NOW, plan
from tests.unit.test_restore_workflow import CHECKING, LATER, MADE, UNMARKED, WHOLE, decide, outcome

CHECKED = replace(CHECKING, checked=True)
SOME = (WHOLE[0], *UNMARKED[1:])
CANCEL = Asked(by="cli:anna", why="wrong backup", at=NOW)
ORIGINALS = (IndexRef(name="customers", uuid="u", settings={"index.number_of_replicas": "2"}),)
BLOCKED = "restore.still_blocked"


@pytest.mark.parametrize(
    ("run", "late", "ends"),
    [
        (replace(CHECKED, cancel=CANCEL), False, State.CANCELLED),
        (CHECKED, True, State.TIMED_OUT),
        (replace(CHECKED, ending=State.FAILED, reason="403"), False, State.FAILED),
        (replace(CHECKED, ending=State.TIMED_OUT), True, State.TIMED_OUT),
        (replace(CHECKED, aborts=TRIES, last_error="no answer"), False, State.FAILED),
    ],
    ids=["cancel", "deadline", "refused", "no answer past the deadline", "no release is answered"],
)
@pytest.mark.parametrize(("seen", "left"), [(WHOLE, 3), (SOME, 1)], ids=["none", "some"])
def test_it_ends_with_all_that_is_there_and_names_what_is_blocked(
    run: Run, late: bool, ends: State, seen: tuple[Restored, ...], left: int
) -> None:
    decision = decide(run, seen, made=MADE, originals=ORIGINALS, at=run.deadline_at + CLEANING if late else LATER)
    assert (decision.state, decision.act, decision.changes["ending"]) == (ends, None, None)
    assert not decision.changes.get("leftover"), "the sweeper would remove it"
    told = [found for found in decision.changes["findings"] if found.code == BLOCKED]
    assert [found.subject for found in told] == [index.name for index in WHOLE[:left]]
    assert 'PUT /restored-customers/_settings {"index.number_of_replicas": "2", ' in told[0].next_step
    assert '"index.blocks.write": null' in told[0].next_step


@pytest.mark.parametrize(
    "run",
    [
        replace(CHECKED, cancel=CANCEL),
        replace(CHECKED, ending=State.FAILED, reason="403"),
        replace(CHECKED, ending=State.TIMED_OUT),
        replace(CHECKED, aborts=TRIES),
    ],
    ids=["cancel", "refused", "deadline", "tries"],
)
@pytest.mark.parametrize("late", [False, True])
def test_when_all_is_released_it_has_succeeded_whatever_was_wanted(run: Run, late: bool) -> None:
    """The last answer may have been lost; nothing is blocked, and all was checked."""
    decision = decide(run, UNMARKED, made=MADE, at=run.deadline_at if late else LATER)
    assert (decision.state, decision.changes["good"], decision.changes["reason"]) == (State.SUCCEEDED, True, None)
    found = decision.changes["findings"]
    assert [(one.code, one.severity) for one in found] == (
        [("run.cancel_refused", Severity.WARNING)] if run.cancel else []
    )


def test_one_that_somebody_deletes_meanwhile_does_not_cost_the_others() -> None:
    """They were removed with it, though people wrote to them."""
    again = decide(CHECKED, WHOLE[:2], made=MADE)
    assert isinstance(again.act, Release), "the others are let go first"
    decision = decide(CHECKED, UNMARKED[:2], made=MADE)
    assert outcome(decision) == (State.FAILED, None, ["restore.vanished"])
    assert "restored-orders-2" in decision.changes["reason"]


def test_releases_in_vain_are_counted_in_a_row_and_before_they_are_sent() -> None:
    """A process that dies of one each time must not keep the lease for twelve hours."""
    run = replace(CHECKED, aborts=TRIES - 1)
    assert decide(run, WHOLE, made=MADE).changes["aborts"] == TRIES
    assert decide(run, WHOLE, made=MADE, accepted=True).changes["aborts"] == 1
    ended = decide(replace(run, aborts=TRIES, last_error="no answer"), WHOLE, made=MADE)
    assert outcome(ended) == (State.FAILED, None, ["restore.refused", *[BLOCKED] * 3])
    assert "no answer" in ended.changes["reason"]


def test_the_one_that_is_not_let_go_does_not_keep_the_others() -> None:
    first = [decide(replace(CHECKED, aborts=tries), WHOLE, made=MADE).act for tries in range(3)]
    assert [act.indices[0].name for act in first if isinstance(act, Release)] == [index.name for index in WHOLE]


def test_a_release_without_an_answer_is_asked_for_later_each_time() -> None:
    waits = []
    for tries in range(1, TRIES + 1):
        run, act = replace(CHECKED, aborts=tries), Release(indices=())
        decision = restore_ends.not_accepted(run, act, Retryable("no answer"), LATER, refused=False)
        assert (decision.state, decision.changes) == (State.CHECKING, {"last_error": "no answer"})
        waits.append(decision.again or timedelta(0))
    assert (waits, max(waits)) == (sorted(waits), SLOWEST)
    assert timedelta(hours=1) < sum(waits, timedelta(0)) < timedelta(hours=2)


def test_a_refused_release_is_looked_at_once_more_and_then_told() -> None:
    run, act = replace(CHECKED, aborts=3), Release(indices=())
    decision = restore_ends.not_accepted(run, act, Refused("403"), LATER, refused=True)
    assert (decision.state, decision.changes["ending"]) == (State.CHECKING, State.FAILED)


def test_a_swap_that_is_never_let_go_removes_what_it_made() -> None:
    """Nobody was told of its names, and nothing was swapped."""
    swap = plan(Wish(policy="nightly", mode=Mode.SWAP))
    run = replace(CHECKED, aborts=TRIES, last_error="no answer")
    seen = Seen(plan=swap, restored=WHOLE, made=MADE)
    assert outcome(workflow.decide(run, seen, LATER)) == (State.CHECKING, State.FAILED, ["restore.refused"])
    cancelled = replace(CHECKED, cancel=CANCEL)
    assert outcome(workflow.decide(cancelled, seen, LATER)) == (State.CHECKING, State.CANCELLED, [])


def test_when_nobody_can_look_at_the_end_it_says_that_all_of_it_stays() -> None:
    run, at = replace(CHECKED, ending=State.TIMED_OUT, released=True), CHECKED.deadline_at + CLEANING
    blind = restore_ends.no_answer(run, Retryable("no answer"), at, refused=False, last=False)
    broken = restore_ends.given_up(run, crashed(replace(run, crashes=4), ValueError("a defect")))
    for decision in (blind, broken):
        assert decision.state is State.TIMED_OUT
        assert not decision.changes.get("leftover"), "the sweeper would remove what is blocked still"
        assert "is checked and stays" in decision.changes["findings"][-1].message
    for held in (replace(run, kind=Kind.DRILL, released=False), replace(run, released=False)):
        decision = restore_ends.no_answer(held, Retryable("-"), at, refused=False, last=False)
        assert decision.changes["leftover"], "what was never let go is of no use to anybody, and is swept"


def test_of_a_thousand_that_are_blocked_people_get_a_list_that_fits_into_the_row() -> None:
    many = plan()
    moves = tuple(replace(many.moves[0], name=f"restored-{n:04}") for n in range(1000))
    blocked = tuple(replace(WHOLE[0], name=move.name) for move in moves)
    seen = Seen(plan=replace(many, moves=moves), restored=blocked)
    found = workflow.decide(replace(CHECKED, cancel=CANCEL), seen, LATER).changes["findings"]
    assert len(found) == 21
    assert "980 more indices still refuse writes, from restored-0020 to restored-0999" in found[-1].message


def test_what_people_are_to_take_off_by_hand_is_what_the_engine_puts_on() -> None:
    assert set(PUT_ON) == {*elasticsearch_restored.PUT_ON, elasticsearch_restored.MARK}


def test_what_is_removed_together_fits_into_a_request_and_one_bad_index_keeps_no_other() -> None:
    """The server deletes all of a request or none."""
    refs = tuple(IndexRef(name=f"restored-{n:04}", uuid=str(n)) for n in range(1000))
    assert removal(refs, 0).indices == refs[:MANY]
    long = tuple(replace(ref, name=ref.name.ljust(255, "x")) for ref in refs)
    assert sum(len(ref.name) for ref in removal(long, 0).indices) <= NAMES
    for bad in (0, 3, 500, 999):
        left, in_vain, acts = list(refs), 0, 0
        while len(left) > 1 and in_vain < TRIES:
            act, acts = removal(left, in_vain), acts + 1
            if refs[bad] in act.indices:
                in_vain += 1
            else:
                left = [ref for ref in left if ref not in act.indices]
        assert (left, acts < 1000 / AT_ONCE + TRIES) == ([refs[bad]], True), bad
