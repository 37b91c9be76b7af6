"""Events of runs: one for each transition, told now or later, and one for each finding of an end."""

import json
from dataclasses import replace
from datetime import timedelta

from chalicelib.core.model import State, Step
from chalicelib.core.reports import finding_events, transition_event
from tests.unit.test_reports import ENDS, GONE, LOST, RUN, SLOT, UNCOUNTED, Golden


def steps(*states: State) -> tuple[Step, ...]:
    return tuple(Step(state=state, at=SLOT + timedelta(seconds=n), rev=2 * n + 1) for n, state in enumerate(states))


def test_the_event_of_an_end(golden: Golden) -> None:
    walked = steps(State.STARTING, State.RUNNING, State.VERIFYING, State.FAILED)
    event = transition_event(replace(RUN, **ENDS["failed"], steps=walked), walked[-1])
    assert (event.key, event.detail_type) == ("backup:nightly:2026-11-21T02:00Z#7", "Backup Run State Change")
    golden("events/backup_failed.json", json.dumps(event.detail, indent=2, ensure_ascii=False) + "\n")


def test_an_event_that_is_told_late_tells_what_was_then() -> None:
    walked = steps(State.STARTING, State.RUNNING, State.FAILED)
    ended = replace(RUN, **ENDS["failed"], steps=walked)
    events = [transition_event(ended, step) for step in walked]
    states = [(event.detail["previous_state"], event.detail["state"], event.at) for event in events]
    assert states == [
        (None, "STARTING", walked[0].at),
        ("STARTING", "RUNNING", walked[1].at),
        ("RUNNING", "FAILED", walked[2].at),
    ]
    assert [event.detail["reason"] for event in events] == [None, None, "customers missing from the snapshot"]
    assert [event.detail["findings"] for event in events[:2]] == [[], []]
    assert len({event.key for event in events}) == 3


def test_each_error_and_warning_of_an_end_is_an_event_of_its_own(golden: Golden) -> None:
    walked = steps(State.STARTING, State.RUNNING, State.FAILED)
    ended = replace(RUN, **{**ENDS["failed"], "findings": (GONE, LOST, UNCOUNTED)}, steps=walked)
    events = list(finding_events(ended, walked[1:]))
    assert [(event.key, event.detail_type, event.at) for event in events] == [
        (f"{RUN.run_id}#finding#1", "Finding Raised", ended.finished_at),
        (f"{RUN.run_id}#finding#2", "Finding Raised", ended.finished_at),
    ]
    details = [event.detail for event in events]
    golden("events/finding_raised.json", json.dumps(details, indent=2, ensure_ascii=False) + "\n")


def test_findings_are_raised_with_the_end_and_not_before() -> None:
    walked = steps(State.STARTING, State.RUNNING, State.FAILED)
    ended = replace(RUN, **ENDS["failed"], steps=walked)
    assert list(finding_events(ended, walked[:2])) == [], "its end is not among what is told"
    assert list(finding_events(replace(RUN, findings=(LOST,), steps=walked[:2]), walked[:2])) == []


def test_a_run_that_was_born_settled() -> None:
    (missed,) = steps(State.MISSED)
    event = transition_event(replace(RUN, **ENDS["missed"], steps=(missed,)), missed)
    assert (event.detail["previous_state"], event.detail["state"]) == (None, "MISSED")
    assert event.detail["reason"] is not None
