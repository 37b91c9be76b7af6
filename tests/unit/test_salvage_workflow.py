"""The state table of salvages: nothing is taken back, so whatever ends one says how far it came."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import pace, salvaging
from chalicelib.core.copying import Barred, Found, Held, Written
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Asked, Finding, Kind, Run, Severity, State
from chalicelib.core.plans import Difference, Mode, Move, Wish
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import salvage as workflow
from chalicelib.core.workflows.salvage import Seen, Slice
from tests.contract.records import a_run
from tests.unit.planned import NOW, plan

DIFFERENCE = Difference(uuid="r", live_uuid="l", shards=2, missing=3, different=2, same=5, only_live=1)
PLAN = replace(
    plan(),
    wish=Wish(policy="nightly", mode=Mode.SALVAGE, of_run="restore:nightly:x"),
    moves=(Move(source="restored-orders", name="orders", shards=2, bytes=100, difference=DIFFERENCE),),
)
SALVAGE = Salvage(of_run="restore:nightly:x", total=10)
HALF = replace(SALVAGE, shard=1, created=2, same=3, bytes=40)
DONE = replace(SALVAGE, move=1, created=3, replaced=2, same=5, bytes=100)
RUN = replace(
    a_run(),
    kind=Kind.RESTORE,
    state=State.PLANNED,
    plan=PLAN.plan_id,
    created_at=NOW,
    start_by=NOW + timedelta(hours=1),
    deadline_at=NOW + timedelta(hours=12),
    salvage=SALVAGE,
)
MOVING = replace(RUN, state=State.RESTORING, attempts=1, claimed_at=NOW, salvage=HALF)
BLOCKED = Finding(
    code="salvage.live_blocked", severity=Severity.ERROR, subject="orders", message="blocked", next_step="unblock"
)
GONE = replace(BLOCKED, code="salvage.live_gone", message="gone")
NOTE = replace(BLOCKED, code="salvage.final_pipeline", severity=Severity.WARNING)
LATER = NOW + timedelta(minutes=2)
CANCEL = Asked(by="anna", why="enough", at=NOW)
TOLD = "2 documents copied (2 were missing, 0 different); of the others 3 the same"


def decide(run: Run, *found: Finding, accepted: bool = True, at: Any = LATER) -> Decision:
    return workflow.decide(run, Seen(plan=PLAN, found=found), at, accepted=accepted)


def test_the_first_slice_begins_at_the_beginning_with_what_is_to_be_known() -> None:
    decision = decide(RUN, NOTE)
    assert (decision.state, decision.act) == (State.RESTORING, Slice(run=RUN, plan=PLAN, salvage=SALVAGE))
    assert (decision.changes["attempts"], decision.changes["findings"]) == (1, (NOTE,))


@pytest.mark.parametrize("found", [BLOCKED, GONE])
def test_what_is_in_the_way_ends_it_before_anything_is_written(found: Finding) -> None:
    decision = decide(RUN, found)
    assert (decision.state, decision.act) == (State.FAILED, None)
    assert (decision.changes["reason"], decision.changes["findings"]) == (found.message, (found,))


def test_once_it_has_begun_a_block_is_waited_for_and_an_index_that_is_gone_is_not() -> None:
    assert isinstance(decide(MOVING, BLOCKED).act, Slice)
    decision = decide(MOVING, GONE)
    assert (decision.state, decision.changes["reason"]) == (State.FAILED, f"gone; {TOLD}")


def test_too_late_to_begin_it_is_missed() -> None:
    assert decide(RUN, at=RUN.start_by).state is State.MISSED


def test_the_next_slice_goes_on_where_the_last_one_ended() -> None:
    decision = decide(MOVING)
    assert isinstance(decision.act, Slice)
    assert (decision.act.salvage, decision.changes["attempts"]) == (HALF, 1)


def test_a_slice_that_did_not_come_back_makes_the_counts_unsure() -> None:
    decision = decide(replace(MOVING, claim="c"), accepted=False)
    assert isinstance(decision.act, Slice)
    assert decision.act.salvage == replace(HALF, unsure=True)
    assert decide(replace(MOVING, claim="c")).changes["salvage"] == HALF


@pytest.mark.parametrize(
    ("run", "at", "state", "why"),
    [
        (replace(MOVING, cancel=CANCEL), LATER, State.CANCELLED, "cancelled by anna: enough"),
        (MOVING, MOVING.deadline_at, State.TIMED_OUT, "not done by its deadline"),
        (replace(MOVING, refusals=5, last_error="403"), LATER, State.FAILED, "403"),
    ],
)
def test_whatever_ends_it_says_how_many_were_copied(run: Run, at: Any, state: State, why: str) -> None:
    decision = decide(run, at=at)
    assert (decision.state, decision.act, decision.changes["docs"]) == (state, None, 2)
    assert decision.changes["reason"] == f"{why}; {TOLD}"


def test_the_end_of_all_is_good_unless_documents_were_refused() -> None:
    decision = decide(replace(MOVING, salvage=DONE))
    assert (decision.state, decision.changes["good"], decision.changes["docs"]) == (State.SUCCEEDED, True, 5)
    decision = decide(replace(MOVING, salvage=replace(DONE, refused=1, why="no such type")))
    assert (decision.state, decision.changes.get("good")) == (State.FAILED, None)
    assert [found.code for found in decision.changes["findings"]] == ["salvage.documents_refused"]


def slice_of(run: Run = MOVING) -> Slice:
    return Slice(run=run, plan=PLAN, salvage=HALF)


def test_what_a_slice_brought_is_written_down_and_gone_on_with_at_once() -> None:
    decision = workflow.brought(slice_of(), DONE, None, LATER)
    assert (decision.state, decision.act, decision.again) == (State.RESTORING, None, timedelta(0))
    assert (decision.changes["salvage"], decision.changes["progress"].done) == (DONE, 10)


def test_without_an_answer_it_waits_longer_each_time_and_asks_for_less() -> None:
    first = workflow.brought(slice_of(), HALF, Retryable("silence"), LATER)
    assert (first.again, first.changes["refusals"]) == (pace.FIRST_LOOK * 2, 0)
    assert first.changes["salvage"] == replace(HALF, failures=1, page=25, unsure=True)
    later = workflow.brought(slice_of(), replace(HALF, failures=50, page=1), Retryable("silence"), LATER)
    assert (later.again, later.changes["salvage"].page) == (workflow.SLOWEST, 1)


def test_a_refusal_is_counted_and_repeated_more_slowly() -> None:
    decision = workflow.brought(slice_of(replace(MOVING, refusals=2)), HALF, Refused("403"), LATER)
    assert decision.changes["refusals"] == 3
    assert decision.again == timedelta(minutes=3)


@pytest.mark.parametrize(
    ("run", "error", "last", "state"),
    [
        (RUN, Refused("403"), False, State.FAILED),
        (RUN, Retryable("silence"), False, State.PLANNED),
        (MOVING, Retryable("silence"), False, State.RESTORING),
        (MOVING, Retryable("silence"), True, State.TIMED_OUT),
        (MOVING, Refused("403"), False, State.RESTORING),
        (replace(MOVING, refusals=4), Refused("403"), False, State.FAILED),
        (replace(MOVING, cancel=CANCEL), Retryable("silence"), False, State.CANCELLED),
    ],
)
def test_a_look_without_an_answer(run: Run, error: Exception, last: bool, state: State) -> None:
    """Nothing has to be cleaned up, so a wish to end it needs no answer."""
    assert workflow.no_answer(run, error, LATER, last=last).state is state


def test_a_page_that_is_full_is_gone_on_with_behind_its_last_one_and_any_other_ends_its_primary() -> None:
    page = tuple(Found(id=str(n), routing=None, seq_no=n * 10, source='{"n": 1}') for n in range(4))
    live = (None, Held(seq_no=1, term=1, source="{}"), Held(seq_no=1, term=1, source='{"n":1}'), Barred("no"))
    found = salvaging.sort_out(page, live)
    done = (Written(done=True), Written(done=False))
    full = salvaging.gone_on(replace(SALVAGE, page=4), PLAN, page, found, done)
    assert (full.move, full.shard, full.after, full.page) == (0, 0, 30, salvaging.MOST)
    assert (full.created, full.replaced, full.same, full.left, full.refused, full.why) == (1, 0, 1, 1, 1, "no")
    assert (full.seen, full.bytes) == (4, 8)
    short = salvaging.gone_on(SALVAGE, PLAN, page, found, done)
    assert (short.move, short.shard, short.after) == (0, 1, -1)
    over = salvaging.gone_on(replace(SALVAGE, shard=1), PLAN, page, found, done)
    assert (over.move, over.shard) == (1, 0)
    assert salvaging.at(PLAN, over) is None


@pytest.mark.parametrize(
    ("documents", "size", "expected"),
    [(100, 0, 1000), (100, 100 * 1024, 1000), (100, 100 * 1024 * 1024, 4), (1, 100 * 1024 * 1024, 1)],
)
def test_pages_fit_into_memory_whatever_documents_weigh(documents: int, size: int, expected: int) -> None:
    assert salvaging.page_size(documents, size) == expected
