"""The state table of restores in place: every state against what may be seen. No live index is ever removed, and every
end that is not good says what state each of them is in."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import planning
from chalicelib.core.in_place import Safety, safety_run
from chalicelib.core.model import Asked, IndexRef, Kind, Run, State
from chalicelib.core.restores import FailedShard, Restored
from chalicelib.core.swaps import Standing
from chalicelib.core.workflows import Decision, in_place_ends
from chalicelib.core.workflows import in_place as workflow
from chalicelib.core.workflows.restore_ends import CLEANING
from chalicelib.core.workflows.restore_seen import Close, Open, Release, Remove, Restore, Seen
from tests.contract.records import a_run
from tests.unit.planned import NOW, ORIGINALS, count
from tests.unit.replaced import SETTINGS, STANDING, planned

PLAN = planned()
SAFETY = Safety(
    run_id=safety_run(PLAN),
    state=State.SUCCEEDED,
    backup_id="b",
    good=True,
    indices=tuple(one.ref for one in STANDING),
)
RUN = replace(
    a_run(),
    run_id=f"restore:nightly:{PLAN.plan_id}",
    kind=Kind.RESTORE,
    state=State.PLANNED,
    plan=PLAN.plan_id,
    in_place=True,
    after=safety_run(PLAN),
    created_at=NOW,
    start_by=NOW + timedelta(hours=1),
    deadline_at=NOW + timedelta(hours=12),
)
BEGUN = replace(RUN, state=State.RESTORING, attempts=1, claimed_at=NOW)
ASKED = replace(BEGUN, attempts=2)
CHECKING = replace(ASKED, state=State.CHECKING)
CHECKED = replace(CHECKING, checked=True)
LATER = NOW + timedelta(minutes=2)
WAS = tuple(replace(one.ref, closed=one.closed, settings=one.settings) for one in STANDING)
CLOSED = tuple(replace(one, closed=True) for one in STANDING)
WHOLE = (
    Restored(name="customers", uuid="u-customers", ours=True, shards=1, shards_done=1),
    Restored(name="orders-1", uuid="u-orders-1", ours=True, shards=2, shards_done=2),
    Restored(name="orders-2", uuid="new", ours=True, shards=2, shards_done=2),
)
LOST = FailedShard(index="customers", shard=0, reason="gone")
RED = (replace(WHOLE[0], shards_done=0, failed=(LOST,)), *WHOLE[1:])
MADE = (IndexRef(name="orders-2", uuid="new", shards=2),)
CANCEL = Asked(by="anna", why="no", at=NOW)


def decide(run: Run, **seen: Any) -> Decision:
    at = seen.pop("at", LATER)
    return workflow.decide(run, Seen(**{"plan": PLAN, "was": WAS, **seen}), at)


def outcome(decision: Decision) -> tuple[State, State | None, list[str]]:
    found = decision.changes.get("findings", ())
    return decision.state, decision.changes.get("ending"), [finding.code for finding in found]


def test_what_is_there_is_written_down_before_anything_is_done() -> None:
    decision = decide(RUN, anew=PLAN, live=STANDING, safety=SAFETY, was=())
    assert (decision.state, decision.act, decision.changes["attempts"]) == (State.RESTORING, None, 1)
    assert [(each.kind, each.indices) for each in decision.evidence] == [("before", WAS)]


def test_what_an_earlier_restore_put_on_is_not_written_down_as_somebodys() -> None:
    marked = (replace(STANDING[0], mark=7), STANDING[1])
    decision = decide(RUN, anew=PLAN, live=marked, safety=SAFETY, was=())
    assert decision.evidence[0].indices[0].settings == {}


@pytest.mark.parametrize(
    "safety",
    [
        None,
        Safety(run_id="r", state=State.FAILED),
        replace(SAFETY, indices=SAFETY.indices[:1]),
        replace(SAFETY, indices=(replace(SAFETY.indices[0], uuid="earlier"), SAFETY.indices[1])),
    ],
)
def test_without_all_of_it_saved_nothing_is_touched(safety: Safety | None) -> None:
    decision = decide(RUN, anew=PLAN, live=STANDING, safety=safety, was=())
    assert (outcome(decision), decision.act) == ((State.FAILED, None, ["restore.no_safety"]), None)


def test_bad_data_that_were_saved_whole_are_good_enough_and_said() -> None:
    decision = decide(RUN, anew=PLAN, live=STANDING, safety=replace(SAFETY, good=False), was=())
    assert outcome(decision) == (State.RESTORING, None, ["restore.safety_not_good"])


def test_in_a_world_that_has_moved_nothing_is_touched() -> None:
    other = planned((replace(STANDING[0], uuid="anew"), STANDING[1]))
    assert outcome(decide(RUN, anew=other, live=STANDING, safety=SAFETY)) == (
        State.FAILED,
        None,
        ["restore.world_moved"],
    )


def test_first_it_is_closed_then_all_is_restored_at_once() -> None:
    decision = decide(BEGUN, live=STANDING)
    assert decision.act == Close(indices=(STANDING[0].ref,))
    decision = decide(BEGUN, live=CLOSED)
    assert decision.act == Restore(order=planning.order(PLAN))
    assert decision.changes["attempts"] == 2


def test_a_request_that_may_still_come_through_is_waited_for_and_then_sent_again() -> None:
    assert decide(ASKED, live=CLOSED, at=NOW + timedelta(seconds=59)).act is None
    assert isinstance(decide(ASKED, live=CLOSED).act, Restore)
    assert outcome(decide(replace(ASKED, attempts=4), live=CLOSED)) == (
        State.RESTORING,
        State.FAILED,
        ["restore.vanished"],
    )


@pytest.mark.parametrize(
    "live",
    [
        CLOSED[1:],
        (replace(CLOSED[0], uuid="anew"), CLOSED[1]),
        (*CLOSED, Standing(name="orders-2", uuid="x", shards=1)),
    ],
)
def test_an_index_that_is_another_than_before_is_never_restored_over(live: tuple[Standing, ...]) -> None:
    decision = decide(BEGUN, live=live)
    assert (outcome(decision), decision.act) == ((State.RESTORING, State.FAILED, ["restore.world_moved"]), None)


def test_live_indices_are_not_closed_for_hours() -> None:
    decision = decide(BEGUN, live=STANDING, at=NOW + timedelta(minutes=31))
    assert outcome(decision) == (State.RESTORING, State.FAILED, ["restore.vanished"])


def test_only_what_was_not_there_is_written_down_as_made() -> None:
    decision = decide(ASKED, restored=WHOLE)
    assert decision.state is State.CHECKING
    assert [(each.kind, each.indices) for each in decision.evidence] == [("made", MADE)]
    assert decide(ASKED, restored=(replace(WHOLE[0], shards_done=0), *WHOLE[1:])).state is State.RESTORING


def test_a_shard_that_is_lost_ends_it_and_only_what_was_made_goes() -> None:
    decision = decide(ASKED, restored=RED)
    assert outcome(decision) == (State.RESTORING, State.FAILED, ["restore.shard_failed"])
    ending = replace(ASKED, ending=State.FAILED)
    open_again = tuple(replace(one, closed=False) for one in STANDING)
    decision = decide(ending, restored=RED, live=open_again)
    assert decision.act == Remove(indices=(IndexRef(name="orders-2", uuid="new"),))
    decision = decide(ending, restored=RED[:2], live=open_again)
    assert outcome(decision) == (State.FAILED, None, ["restore.left_as", "restore.left_as"])
    left = decision.changes["findings"]
    assert left[0].message == (
        "customers is red: 1 shard of 1 could not be restored, and what they held before can't be read"
    )
    assert all(part in left[0].next_step for part in (safety_run(PLAN), PLAN.backup_id, "--mode in_place"))


def test_the_way_back_is_told_as_a_command() -> None:
    ended = decide(replace(ASKED, ending=State.FAILED), restored=RED[:2], live=STANDING, safety=SAFETY)
    assert "--indices customers --backup b;" in ended.changes["findings"][0].next_step


def test_what_was_closed_and_not_restored_is_opened_again() -> None:
    ending = replace(BEGUN, ending=State.CANCELLED)
    decision = decide(ending, live=CLOSED)
    assert decision.act == Open(indices=(STANDING[0].ref,))
    decision = decide(ending, live=STANDING)
    assert outcome(decision) == (State.CANCELLED, None, ["restore.left_as", "restore.left_as"])
    assert {found.severity for found in decision.changes["findings"]} == {"info"}


def test_what_can_neither_be_opened_nor_removed_is_told() -> None:
    late = {"at": RUN.deadline_at + CLEANING}
    decision = decide(replace(ASKED, ending=State.FAILED), live=CLOSED, **late)
    assert "customers is closed, with the documents that it had" in decision.changes["findings"][0].message
    decision = decide(replace(ASKED, ending=State.FAILED), live=STANDING, restored=WHOLE, **late)
    assert (outcome(decision)[2][0], decision.changes["leftover"]) == ("restore.leftover", True)


def test_counts_that_do_not_fit_end_it_with_writes_kept_out() -> None:
    before = (count("customers", 10, 9),)
    now = (count("customers", 9, 9),)
    decision = decide(CHECKING, restored=WHOLE, before=before, after=before, counts=now)
    assert outcome(decision)[:2] == (State.CHECKING, State.FAILED)
    assert outcome(decision)[2][0] == "restore.counts"


def test_released_with_the_settings_of_before_and_those_of_the_backup_where_nothing_was() -> None:
    first = decide(CHECKED, restored=WHOLE, made=MADE, originals=ORIGINALS).act
    assert isinstance(first, Release)
    assert (first.lifecycle, [ref.name for ref in first.indices]) == (True, ["customers", "orders-1"])
    assert first.indices[0].settings == SETTINGS
    released = tuple(replace(index, ours=False) for index in WHOLE[:2])
    second = decide(CHECKED, restored=(*released, WHOLE[2]), made=MADE, originals=ORIGINALS).act
    assert isinstance(second, Release)
    assert (second.lifecycle, [ref.name for ref in second.indices]) == (False, ["orders-2"])
    assert second.indices[0].settings == {"index.number_of_replicas": "0"}
    done = tuple(replace(index, ours=False) for index in WHOLE)
    assert decide(CHECKED, restored=done, made=MADE).state is State.SUCCEEDED


def test_once_it_is_checked_no_cancel_and_no_deadline_removes_anything() -> None:
    """People may write to what is released already."""
    released = (replace(WHOLE[0], ours=False), *WHOLE[1:])
    assert isinstance(decide(replace(CHECKED, cancel=CANCEL), restored=released, made=MADE).act, Release)
    late = decide(CHECKED, restored=released, made=MADE, at=RUN.deadline_at)
    assert late.changes["ending"] is State.TIMED_OUT
    open_now = tuple(replace(one, closed=False) for one in STANDING)
    ended = decide(replace(CHECKED, ending=State.TIMED_OUT), restored=released, made=MADE, live=open_now)
    assert (ended.state, ended.act, ended.changes["leftover"]) == (State.TIMED_OUT, None, False)


@pytest.mark.parametrize("restored", [WHOLE, RED, WHOLE[:2], ()])
@pytest.mark.parametrize("live", [STANDING, CLOSED, ()])
@pytest.mark.parametrize("run", [BEGUN, ASKED, CHECKING, CHECKED])
@pytest.mark.parametrize("ending", [None, State.FAILED, State.CANCELLED])
def test_no_live_index_is_ever_removed(
    restored: tuple[Restored, ...], live: tuple[Standing, ...], run: Run, ending: State | None
) -> None:
    for made in ((), MADE, tuple(ref for ref in WAS)):  # even if it had been written down by mistake
        decision = decide(replace(run, ending=ending), restored=restored, live=live, made=made)
        if isinstance(decision.act, Remove):
            assert {ref.uuid for ref in decision.act.indices} == {"new"}


def test_a_refused_restore_is_over_at_once_and_a_silent_one_is_not() -> None:
    act, error = Restore(order=planning.order(PLAN)), Exception("no")
    refused = in_place_ends.not_accepted(ASKED, act, error, LATER, refused=True)
    assert (outcome(refused)[1], refused.changes["attempts"]) == (State.FAILED, 1)
    again = in_place_ends.not_accepted(replace(ASKED, attempts=3), act, error, LATER, refused=True)
    assert outcome(again)[1] is None
    silent = in_place_ends.not_accepted(ASKED, act, error, LATER, refused=False)
    assert (outcome(silent)[1], silent.changes["claimed_at"]) == (None, LATER)


def test_what_nobody_could_look_at_is_told_and_nobody_is_asked_to_delete_it() -> None:
    ended = in_place_ends.no_answer(ASKED, Exception("silent"), RUN.deadline_at, refused=False, last=True)
    assert outcome(ended)[2] == ["restore.left_as"]
    assert "delete" not in ended.changes["findings"][0].next_step
