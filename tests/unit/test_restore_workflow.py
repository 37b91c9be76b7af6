"""The state table of restores: every state against everything that may be seen. Whatever goes wrong, what this run made
is removed before it ends, and nothing else ever is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import planning
from chalicelib.core.model import Asked, IndexRef, Kind, Run, State
from chalicelib.core.restores import DataNode, FailedShard, Restored
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import restore as workflow
from chalicelib.core.workflows.restore_ends import CLEANING
from chalicelib.core.workflows.restore_seen import Release, Remove, Restore, Seen
from tests.contract.records import a_run
from tests.unit.planned import MB, NOW, count, plan

PLAN = plan()
RUN = replace(
    a_run(),
    run_id=f"restore:nightly:{PLAN.plan_id}",
    kind=Kind.RESTORE,
    state=State.PLANNED,
    plan=PLAN.plan_id,
    created_at=NOW,
    deadline_at=NOW + timedelta(hours=12),
)
CLAIMED = replace(RUN, state=State.RESTORING, attempts=1, claimed_at=NOW)
CHECKING = replace(CLAIMED, state=State.CHECKING)
LATER = NOW + timedelta(minutes=2)
WHOLE = tuple(
    Restored(name=move.name, uuid=f"r-{move.source}", ours=True, shards=move.shards, shards_done=move.shards)
    for move in PLAN.moves
)
HALF = (replace(WHOLE[0], shards_done=0), *WHOLE[1:])
MADE = tuple(IndexRef(name=index.name, uuid=index.uuid, shards=index.shards) for index in WHOLE)
STRANGER = replace(WHOLE[0], uuid="theirs", ours=False)
UNMARKED = tuple(replace(index, ours=False) for index in WHOLE)


def decide(run: Run, restored: tuple[Restored, ...] = (), **seen: Any) -> Decision:
    at = seen.pop("at", LATER)
    return workflow.decide(run, Seen(plan=PLAN, restored=restored, **seen), at)


def outcome(decision: Decision) -> tuple[State, State | None, list[str]]:
    """Its state, as what it is going to end, and the codes of what was found."""
    found = decision.changes.get("findings", ())
    return decision.state, decision.changes.get("ending"), [finding.code for finding in found]


def test_a_plan_that_still_holds_is_carried_out_as_it_was_shown() -> None:
    decision = decide(RUN, anew=plan(nodes=(DataNode(name="one", spare=150 * MB),)))
    assert decision.state is State.RESTORING
    assert decision.act == Restore(order=planning.order(PLAN))
    assert (decision.changes["attempts"], decision.changes["claimed_at"]) == (1, LATER)


def test_nothing_is_touched_in_a_world_that_has_moved() -> None:
    decision = decide(RUN, anew=plan(version="9.2.0"))
    assert (outcome(decision), decision.act) == ((State.FAILED, None, ["restore.world_moved"]), None)
    assert "8.19.2" in decision.changes["reason"]


def test_without_a_look_at_what_is_in_the_way_nothing_starts() -> None:
    with pytest.raises(ValueError, match="without a look"):
        decide(RUN)


def test_what_was_made_is_written_down_at_first_sight() -> None:
    decision = decide(CLAIMED, HALF)
    assert (decision.state, decision.act) == (State.RESTORING, None)
    assert [(each.kind, each.indices) for each in decision.evidence] == [("made", MADE)]
    assert (decision.changes["progress"].done, decision.changes["progress"].total) == (4, 5)
    assert decide(CLAIMED, HALF, made=MADE).evidence == (), "written once"


def test_when_all_shards_are_there_it_is_checked() -> None:
    assert decide(CLAIMED, WHOLE, made=MADE).state is State.CHECKING


def test_a_request_without_an_answer_may_still_come_through_for_a_minute() -> None:
    run = replace(CLAIMED, last_error="no answer")
    early = decide(run, at=NOW + timedelta(seconds=50))
    assert (early.state, early.act) == (State.RESTORING, None)
    assert decide(run).state is State.PLANNED, "it never came: after another look at the world it is asked for again"
    assert outcome(decide(replace(run, attempts=3))) == (State.FAILED, None, ["restore.vanished"])


def test_what_an_earlier_attempt_made_after_all_is_gone_on_with() -> None:
    decision = decide(replace(CLAIMED, state=State.PLANNED), HALF)
    assert (decision.state, decision.act) == (State.RESTORING, None)


def test_what_a_stranger_made_under_the_name_is_left_alone() -> None:
    decision = decide(CLAIMED, (STRANGER, *WHOLE[1:]))
    assert outcome(decision) == (State.RESTORING, State.FAILED, ["restore.foreign"])
    cleaning = replace(CLAIMED, ending=State.FAILED)
    removal = decide(cleaning, (STRANGER, *WHOLE[1:]), made=MADE)
    assert isinstance(removal.act, Remove)
    assert [index.name for index in removal.act.indices] == ["restored-orders-1", "restored-orders-2"]
    assert decide(cleaning, (STRANGER,), made=MADE).state is State.FAILED


def test_a_shard_that_can_t_be_restored_is_named_and_the_rest_is_removed() -> None:
    failed = FailedShard(index="restored-customers", shard=0, reason="NoSuchFileException: __x")
    decision = decide(CLAIMED, (replace(HALF[0], failed=(failed,)), *WHOLE[1:]))
    assert outcome(decision) == (State.RESTORING, State.FAILED, ["restore.shard_failed"])
    assert "NoSuchFileException" in decision.changes["reason"]
    assert decision.evidence, "so that it is known as ours even when the mark can't be read"


@pytest.mark.parametrize("run", [replace(CLAIMED, progress=None), CHECKING])
def test_what_somebody_deleted_meanwhile_ends_it(run: Run) -> None:
    decision = decide(run, WHOLE[1:], made=MADE)
    assert outcome(decision) == (run.state, State.FAILED, ["restore.vanished"])
    assert outcome(decide(run, made=MADE)) == (State.FAILED, None, ["restore.vanished"])


def test_counts_that_fit_let_it_go_on_and_gaps_are_told() -> None:
    decision = decide(CHECKING, WHOLE, made=MADE)
    assert (decision.state, decision.changes["checked"], decision.changes["docs"]) == (State.CHECKING, True, None)
    assert outcome(decision)[2] == ["restore.not_compared"] * 3


def test_counts_that_can_t_be_end_it_and_what_was_made_goes() -> None:
    quiet = (count("customers", 10, 9),)
    seen = {"before": quiet, "after": quiet, "counts": (count("restored-customers", 9, 9),)}
    decision = decide(CHECKING, WHOLE, made=MADE, **seen)
    assert outcome(decision)[:2] == (State.CHECKING, State.FAILED)
    assert "9 documents" in decision.changes["reason"]


def test_what_was_checked_is_released_with_the_settings_it_had() -> None:
    originals = (IndexRef(name="customers", uuid="u", settings={"index.number_of_replicas": "2"}),)
    decision = decide(replace(CHECKING, checked=True), WHOLE, made=MADE, originals=originals)
    assert isinstance(decision.act, Release)
    assert [dict(index.settings) for index in decision.act.indices] == [{"index.number_of_replicas": "2"}, {}, {}]
    assert {index.uuid for index in decision.act.indices} == {"r-customers", "r-orders-1", "r-orders-2"}


def test_it_succeeds_when_all_are_released() -> None:
    one_left = (WHOLE[0], *UNMARKED[1:])
    run = replace(CHECKING, checked=True)
    again = decide(run, one_left, made=MADE)
    assert isinstance(again.act, Release)
    assert [index.name for index in again.act.indices] == ["restored-customers"]
    decision = decide(run, UNMARKED, made=MADE)
    assert (decision.state, decision.changes["good"], decision.changes["indices"]) == (State.SUCCEEDED, True, 3)


@pytest.mark.parametrize("run", [CLAIMED, CHECKING])
def test_a_wish_to_cancel_removes_what_was_made(run: Run) -> None:
    run = replace(run, cancel=Asked(by="cli:anna", why="wrong backup", at=NOW))
    decision = decide(run, HALF, made=MADE)
    assert outcome(decision) == (run.state, State.CANCELLED, [])
    assert decision.changes["reason"] == "cancelled by cli:anna: wrong backup"
    assert decide(run, made=MADE).state is State.CANCELLED, "nothing of it is there"


@pytest.mark.parametrize("run", [CLAIMED, CHECKING])
def test_past_its_deadline_it_cleans_up(run: Run) -> None:
    decision = decide(run, HALF, made=MADE, at=run.deadline_at)
    assert outcome(decision)[:2] == (run.state, State.TIMED_OUT)
    assert isinstance(decide(replace(run, ending=State.TIMED_OUT), HALF, made=MADE, at=run.deadline_at).act, Remove)


def test_what_can_t_be_removed_in_time_is_told_by_name() -> None:
    run = replace(CLAIMED, ending=State.CANCELLED, last_error="403 no")
    decision = decide(run, HALF, made=MADE, at=run.deadline_at + CLEANING)
    assert outcome(decision) == (State.CANCELLED, None, ["restore.leftover"] * 3)
    assert "r-customers" in decision.changes["findings"][0].message


def test_a_cancelled_request_without_an_answer_is_waited_for() -> None:
    """Ending now would leave behind what comes a moment later."""
    run = replace(CLAIMED, ending=State.CANCELLED, last_error="no answer")
    assert decide(run, at=NOW + timedelta(seconds=30)).state is State.RESTORING
    assert decide(run).state is State.CANCELLED
