"""Every state of a backup run against every observation: what the row becomes; nothing unknown counts as good."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.evidence import Evidence
from chalicelib.core.model import IndexCount, Selection, State, Usual
from chalicelib.core.observations import Absent, Broken, Complete, InProgress, Observation, Owner
from chalicelib.core.spec import Contract, Repository
from chalicelib.core.workflows import backup
from chalicelib.core.workflows.backup import Start
from tests.unit.workflow import BROKEN, DONE, ENDING, INDEX, MOVING, NOW, OWNER, SPEC, row, seen

S, R, V = State.STARTING, State.RUNNING, State.VERIFYING
ABSENT = Absent()
LATE = NOW + timedelta(hours=5)
TIRED = NOW + timedelta(seconds=60)
"""A start that was asked for at NOW and is not there by then never comes."""

NOBODY_ASKED = [
    (S, ABSENT, S),
    (S, MOVING, R),
    (S, ENDING, V),
    (S, DONE, V),
    (S, BROKEN, State.FAILED),
    (R, ABSENT, State.FAILED),
    (R, MOVING, R),
    (R, ENDING, V),
    (R, DONE, V),
    (R, BROKEN, State.FAILED),
    (V, ABSENT, State.FAILED),
    (V, MOVING, V),
    (V, ENDING, V),
    (V, DONE, State.SUCCEEDED),
    (V, BROKEN, State.FAILED),
]


@pytest.mark.parametrize(("state", "observation", "becomes"), NOBODY_ASKED)
def test_every_state_against_every_observation(state: State, observation: Observation, becomes: State) -> None:
    decision = backup.decide(row(state, snapshot_uuid=None if state is S else "s1"), SPEC, seen(observation), NOW)
    assert decision.state is becomes
    assert (decision.again is None) == becomes.settled, "an open run always has a next look, a settled one never"
    assert isinstance(decision.act, Start) == (state is S and observation is ABSENT), "nothing else starts anything"
    assert (decision.backup is not None) == (becomes is State.SUCCEEDED)
    if becomes is State.FAILED:
        assert decision.changes["reason"]
        assert decision.changes["findings"][0].next_step


@pytest.mark.parametrize("observation", [ENDING, DONE])
def test_what_suggests_or_says_an_end_is_looked_at_again_at_once(observation: Observation) -> None:
    """In VERIFYING the authoritative question is asked; a cheap look never ends a run."""
    assert backup.decide(row(R, snapshot_uuid="s1"), SPEC, seen(observation), NOW).again == timedelta(0)


def test_an_end_that_only_a_cheap_answer_suggested_is_asked_about_again_and_again() -> None:
    decision = backup.decide(row(V, snapshot_uuid="s1"), SPEC, seen(ENDING), NOW)
    assert decision.again is not None
    assert decision.again >= timedelta(seconds=2)


@pytest.mark.parametrize(
    ("state", "observation", "becomes"),
    [
        (S, ABSENT, State.FAILED),
        (S, MOVING, State.TIMED_OUT),
        (S, DONE, V),
        (R, ABSENT, State.FAILED),
        (R, MOVING, State.TIMED_OUT),
        (R, ENDING, State.TIMED_OUT),
        (R, DONE, V),
        (R, BROKEN, State.FAILED),
        (V, ABSENT, State.FAILED),
        (V, MOVING, State.TIMED_OUT),
        (V, ENDING, State.TIMED_OUT),
        (V, DONE, State.SUCCEEDED),
    ],
)
def test_past_the_deadline_only_an_end_that_is_there_still_counts(
    state: State, observation: Observation, becomes: State
) -> None:
    uuid = None if state is S else "s1"
    decision = backup.decide(row(state, attempts=1, snapshot_uuid=uuid), SPEC, seen(observation), LATE)
    assert decision.state is becomes
    assert decision.act is None


def test_a_run_that_never_asked_for_anything_times_out() -> None:
    assert backup.decide(row(S), SPEC, seen(ABSENT), LATE).state is State.TIMED_OUT


# --- the start


def test_the_claim_names_what_is_expected_and_registers_a_missing_repository() -> None:
    decision = backup.decide(row(S), SPEC, seen(ABSENT), NOW)
    assert isinstance(decision.act, Start)
    assert decision.act.register == SPEC.target.repositories["main"]
    assert decision.act.calls == 2
    assert decision.act.order.indices == ("orders-1",)
    assert decision.act.order.owner == OWNER
    assert decision.changes["attempts"] == 1
    assert decision.changes["claimed_at"] == decision.changes["started_at"] == NOW


def test_the_claim_keeps_the_counts_before_the_start_or_why_there_are_none() -> None:
    counted = IndexCount(name="orders-1", uuid="u1", docs=7, max_seq_no=(6,))
    decision = backup.decide(row(S, attempts=2), SPEC, seen(ABSENT, counts=(counted,), uncounted="403"), TIRED)
    run_id = row(S).run_id
    assert decision.evidence == (
        Evidence(run_id=run_id, kind="expected", n=3, indices=(INDEX,), counts=(counted,), uncounted="403"),
    )


def test_a_registered_repository_is_left_alone() -> None:
    there = Selection(indices=(INDEX,), unmatched=(), registered=SPEC.target.repositories["main"])
    decision = backup.decide(row(S), SPEC, seen(ABSENT, selection=there), NOW)
    assert isinstance(decision.act, Start)
    assert (decision.act.register, decision.act.calls) == (None, 1)


def test_zero_matching_indices_fail_before_anything_is_started() -> None:
    """The engine would call it SUCCESS (engine_facts: `zz*` gives `indices:[]`, 0 shards)."""
    decision = backup.decide(row(S), SPEC, seen(ABSENT, selection=backup.NOTHING), NOW)
    assert (decision.state, decision.act) == (State.FAILED, None)
    assert "no index on shop matches orders-*" in decision.changes["reason"]


def test_an_accepted_start_that_is_gone_has_vanished_and_is_not_started_again() -> None:
    decision = backup.decide(row(S, attempts=1), SPEC, seen(ABSENT, accepted=True), NOW)
    assert (decision.state, decision.act) == (State.FAILED, None)
    assert decision.changes["findings"][0].code == "snapshot.vanished"


def test_a_start_with_a_lost_answer_is_sent_again_but_not_for_ever() -> None:
    asked = row(S, attempts=2, claimed_at=NOW)
    soon = backup.decide(asked, SPEC, seen(ABSENT), NOW + timedelta(seconds=59))
    assert (soon.state, soon.act) == (S, None), "it may still come, and nobody could tell it from the next one"
    assert isinstance(backup.decide(asked, SPEC, seen(ABSENT), TIRED).act, Start)
    tired = row(S, attempts=30, last_error="timeout", deadline_at=NOW + timedelta(hours=9))
    enough = backup.decide(tired, SPEC, seen(ABSENT), tired.start_by)
    assert (enough.state, enough.act) == (State.FAILED, None)
    assert "asked 30 times" in enough.changes["reason"]


def test_a_slot_that_could_not_start_within_catch_up_was_missed() -> None:
    late = row(S, start_by=NOW - timedelta(minutes=1))
    assert backup.decide(late, SPEC, seen(ABSENT), NOW).state is State.MISSED
    asked = replace(late, attempts=1, claimed_at=NOW - timedelta(seconds=60))
    assert backup.decide(asked, SPEC, seen(ABSENT), NOW).state is State.FAILED, "it was asked for, in vain"


def test_a_start_that_may_still_be_under_way_is_waited_for_but_not_beyond_the_deadline() -> None:
    asked = row(S, start_by=NOW, attempts=1, claimed_at=NOW - timedelta(seconds=5))
    assert backup.decide(asked, SPEC, seen(ABSENT), NOW).state is State.STARTING
    assert backup.decide(replace(asked, deadline_at=NOW), SPEC, seen(ABSENT), NOW).state is State.TIMED_OUT


def test_a_repository_that_differs_or_is_not_ours_to_register_refuses_the_run() -> None:
    elsewhere = Repository(type="fs", settings={"location": "elsewhere"})
    other = Selection(indices=(INDEX,), unmatched=(), registered=elsewhere)
    differs = backup.decide(row(S), SPEC, seen(ABSENT, selection=other), NOW)
    assert differs.changes["findings"][0].code == "repository.differs"
    assert "DELETE _snapshot/main" in differs.changes["findings"][0].next_step
    unmanaged = SPEC.target.model_copy(update={"repositories": {"main": Repository(type="fs", manage=False)}})
    missing = backup.decide(row(S), replace(SPEC, target=unmanaged), seen(ABSENT), NOW)
    assert missing.changes["findings"][0].code == "repository.missing"


# --- whose it is


@pytest.mark.parametrize(
    "owner", [None, replace(OWNER, installation="another0"), replace(OWNER, run_id="backup:nightly:now-1")]
)
@pytest.mark.parametrize("observation", [MOVING, DONE, BROKEN])
def test_a_strangers_snapshot_is_never_ours(observation: InProgress | Complete | Broken, owner: Owner | None) -> None:
    theirs = replace(observation, owner=owner)
    decision = backup.decide(row(S, attempts=1), SPEC, seen(theirs), NOW)
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "snapshot.name_taken"
    assert decision.backup is None


@pytest.mark.parametrize("observation", [MOVING, ENDING, DONE, BROKEN])
@pytest.mark.parametrize("state", [R, V])
def test_a_replaced_snapshot_is_not_ours_any_more(state: State, observation: Observation) -> None:
    decision = backup.decide(row(state, snapshot_uuid="s0"), SPEC, seen(observation), NOW)
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "snapshot.replaced"


def test_the_cheap_question_carries_no_owner_and_is_compared_by_uuid() -> None:
    moving = replace(MOVING, owner=None)
    assert backup.decide(row(R, snapshot_uuid="s1"), SPEC, seen(moving), NOW).state is R
    assert backup.decide(row(R, snapshot_uuid="s2"), SPEC, seen(moving), NOW).state is State.FAILED
    nameless = replace(DONE, owner=None)
    assert backup.decide(row(R, snapshot_uuid="s1"), SPEC, seen(nameless), NOW).state is State.FAILED


# --- the end


def test_a_look_at_a_run_under_way_records_its_progress_and_forgets_its_troubles() -> None:
    moving = replace(MOVING, bytes_done=5, bytes_total=10)
    decision = backup.decide(row(S, attempts=1, refusals=3, last_error="403"), SPEC, seen(moving), NOW)
    progress = decision.changes["progress"]
    assert (progress.done, progress.total, progress.bytes_done, progress.bytes_total) == (1, 2, 5, 10)
    assert (decision.changes["snapshot_uuid"], decision.changes["refusals"]) == ("s1", 0)
    assert decision.changes["last_error"] is None


def test_the_catalogue_gets_what_the_engine_and_the_verdict_said() -> None:
    decision = backup.decide(row(V, snapshot_uuid="s1", attempts=1), SPEC, seen(DONE), NOW)
    entry = decision.backup
    assert entry is not None
    assert (entry.backup_id, entry.snapshot_uuid, entry.taken_at, entry.ended_at) == (
        row(V).snapshot,
        "s1",
        DONE.started_at,
        DONE.ended_at,
    )
    assert (entry.outcome, entry.level, entry.good, entry.errors) == (State.SUCCEEDED, "L1", True, ())
    assert (entry.indices, entry.bytes, entry.bytes_added) == (1, 10, 1)
    assert decision.changes["good"] is True
    assert decision.evidence == (), "nobody asked for counts"


def test_a_shrunken_backup_is_in_the_catalogue_with_its_error_and_is_not_good() -> None:
    asked = SPEC.policy.model_copy(update={"prove": "L2", "contract": Contract(min_docs=10)})
    count = IndexCount(name="orders-1", uuid="u1", docs=7, max_seq_no=(6,))
    before = Evidence(run_id=row(V).run_id, kind="expected", n=1, indices=(INDEX,), counts=(count,))
    there = seen(DONE, expected=before, counts=(count,))
    decision = backup.decide(row(V, snapshot_uuid="s1", attempts=1), replace(SPEC, policy=asked), there, NOW)
    assert decision.state is State.FAILED
    assert decision.backup is not None
    assert (decision.backup.good, decision.backup.errors, decision.backup.docs) == (False, ("contract.min_docs",), 7)
    assert decision.evidence == (Evidence(run_id=row(V).run_id, kind="after", n=1, counts=(count,)),)


def test_what_the_good_ones_before_held_is_what_the_run_was_made_with() -> None:
    asked = SPEC.policy.model_copy(update={"contract": Contract.model_validate({"max_shrink": "20%"})})
    run = row(V, snapshot_uuid="s1", usual=Usual(backups=3, docs=None, bytes=100, seconds=1.0))
    decision = backup.decide(run, replace(SPEC, policy=asked), seen(DONE), NOW)
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "contract.max_shrink"
