"""A run that somebody wants to end: in every state against every observation, and when the engine says no."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.model import Asked, Severity, State
from chalicelib.core.observations import Absent, Broken, Complete, InProgress, Observation
from chalicelib.core.workflows import backup, cancel, ends
from tests.unit.workflow import BROKEN, DONE, ENDING, MOVING, NOW, OWNER, SPEC, row, seen

S, R, V = State.STARTING, State.RUNNING, State.VERIFYING
ABSENT = Absent()
LATE = NOW + timedelta(hours=5)
ASKED = Asked(by="anna", why="an incident", at=NOW)
GONE, GOES_ON, REMOVES, WAITS, GIVES_UP = "gone", "goes on", "removes", "waits", "gives up"
CANCELLED = [
    *((state, ABSENT, 0, False, GONE) for state in (S, R, V)),
    *((state, ABSENT, 1, True, GONE) for state in (S, R, V)),
    *((state, moving, 0, False, REMOVES) for state in (S, R, V) for moving in (MOVING, ENDING)),
    *((state, over, 0, False, GOES_ON) for state in (S, R, V) for over in (DONE, BROKEN)),
    *((state, there, 1, True, WAITS) for state in (S, R, V) for there in (MOVING, ENDING, DONE, BROKEN)),
    *((state, there, 1, False, REMOVES) for state in (S, R, V) for there in (MOVING, ENDING, DONE, BROKEN)),
]


@pytest.mark.parametrize(("state", "observation", "aborts", "accepted", "follows"), CANCELLED)
def test_a_cancelled_run_in_every_state_against_every_observation(
    state: State, observation: Observation, aborts: int, accepted: bool, follows: str
) -> None:
    """`accepted`: the removal that was asked for is known to have been answered with yes. An unanswered one, whose
    claim has run out, is sent again: it is safe to repeat."""
    uuid = None if state is S else "s1"
    run = row(state, cancel=ASKED, attempts=1, aborts=aborts, claim="c" if aborts else None, snapshot_uuid=uuid)
    there = seen(observation, accepted=accepted)
    decision = backup.decide(run, SPEC, there, NOW)
    if follows == GOES_ON:
        assert decision == backup.decide(replace(run, cancel=None), SPEC, there, NOW)
        return
    assert decision.state is (State.CANCELLED if follows == GONE else state)
    assert (decision.again is None) == (follows == GONE)
    assert isinstance(decision.act, cancel.Abort) == (follows == REMOVES)
    if follows == REMOVES:
        assert (decision.act.repository, decision.act.snapshot) == ("main", run.snapshot)
        assert decision.changes["aborts"] == aborts + 1
        assert decision.changes["snapshot_uuid"] == "s1"
    if follows == GONE:
        assert decision.changes["reason"] == "cancelled by anna: an incident"


@pytest.mark.parametrize(
    ("fields", "accepted", "after", "becomes"),
    [
        ({"last_error": "timeout"}, False, timedelta(0), S),
        ({"last_error": "timeout"}, False, ends.LATE_START - timedelta(seconds=1), S),
        ({"last_error": "timeout"}, False, ends.LATE_START, State.CANCELLED),
        ({"last_error": "timeout"}, True, timedelta(0), State.CANCELLED),
        ({"last_error": "timeout", "deadline_at": NOW}, False, timedelta(0), State.TIMED_OUT),
        ({}, False, timedelta(0), State.CANCELLED),
    ],
)
def test_a_start_whose_answer_was_lost_may_still_make_the_snapshot_and_is_waited_for(
    fields: dict[str, Any], accepted: bool, after: timedelta, becomes: State
) -> None:
    run = row(S, **{"cancel": ASKED, "attempts": 1, "claimed_at": NOW, **fields})
    decision = backup.decide(run, SPEC, seen(ABSENT, accepted=accepted), NOW + after)
    assert (decision.state, decision.act) == (becomes, None)


def test_a_removal_without_an_answer_is_asked_for_again() -> None:
    """The claim is gone with the write that noted the error."""
    run = row(R, cancel=ASKED, attempts=1, aborts=1, claim=None, snapshot_uuid="s1")
    assert isinstance(backup.decide(replace(run, last_error="timeout"), SPEC, seen(MOVING), NOW).act, cancel.Abort)
    assert backup.decide(run, SPEC, seen(MOVING), NOW).act is None


@pytest.mark.parametrize("observation", [MOVING, ENDING, DONE, BROKEN])
def test_what_was_to_be_removed_and_stays_times_out(observation: Observation) -> None:
    run = row(R, cancel=ASKED, attempts=1, aborts=1, snapshot_uuid="s1")
    decision = backup.decide(run, SPEC, seen(observation), LATE)
    assert (decision.state, decision.backup) == (State.TIMED_OUT, None)


@pytest.mark.parametrize("observation", [MOVING, DONE, BROKEN])
@pytest.mark.parametrize("uuid", ["s1", "another"])
def test_a_strangers_snapshot_is_never_removed(observation: InProgress | Complete | Broken, uuid: str) -> None:
    """Neither one of our name nor one that replaced ours after we had asked for its removal."""
    theirs = replace(observation, owner=OWNER if uuid == "another" else None, uuid=uuid)
    run = row(R, cancel=ASKED, attempts=1, aborts=1, snapshot_uuid="s1" if uuid == "another" else None)
    decision = backup.decide(run, SPEC, seen(theirs), NOW)
    assert (decision.state, decision.act) == (State.FAILED, None)


def test_a_removal_that_is_refused_lets_the_run_go_on_and_says_so() -> None:
    run = row(R, cancel=ASKED, attempts=1, aborts=1, snapshot_uuid="s1")
    decision = cancel.refused(run, Exception("403"), NOW)
    assert (decision.state, decision.changes["cancel"]) == (R, None)
    (finding,) = decision.changes["findings"]
    assert (finding.code, finding.severity) == ("run.cancel_refused", Severity.WARNING)
    assert decision.again is not None


def test_cancelling_needs_no_reason() -> None:
    decision = cancel.cancelled(row(S, cancel=Asked(by="anna", why="", at=NOW)))
    assert decision.changes["reason"] == "cancelled by anna"


def test_findings_of_earlier_steps_stay() -> None:
    refused = cancel.refused(row(R, cancel=ASKED), Exception("403"), NOW).changes["findings"]
    decision = backup.decide(row(V, snapshot_uuid="s1", findings=refused), SPEC, seen(DONE), NOW)
    assert [finding.code for finding in decision.changes["findings"]] == ["run.cancel_refused"]
