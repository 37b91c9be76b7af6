"""What is told of a promise: tests/golden/reports/promise_*.txt, tests/golden/events/promise_*.json."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import promise_reports
from chalicelib.core.messages import Report
from chalicelib.core.model import State
from chalicelib.core.rows import Cause, LastGood, LastResult, Pause, PolicyState
from chalicelib.core.spec import Notify
from tests.unit.test_reports import GOOD, NOW, RUN, SLOT, Golden, page, policy

SINCE = SLOT - timedelta(hours=3)
POLICY = policy(prove="L2", rpo={"L1": timedelta(hours=2), "L2": timedelta(hours=26), "L4": timedelta(days=8)})
BROKEN = PolicyState(
    policy="nightly",
    spec_gen=1,
    cursor=SLOT,
    since=SLOT - timedelta(days=9),
    last_good={"L1": LastGood(backup_id="newer, not proved", taken_at=SLOT), "L2": GOOD},
    last_result=LastResult(run_id=RUN.run_id, state=State.FAILED, at=SLOT),
    cause=Cause(code="snapshot.index_missing", subject="customers", since=SLOT, told_at=SLOT, count=3),
    broken_since=SINCE,
    remind_at=NOW,
)
KEPT = replace(BROKEN, broken_since=None, was_broken_since=SINCE, cause=None)
PAUSED = replace(BROKEN, last_good={}, paused=Pause(by="anna", why="a migration", at=SINCE))
TOLD = {"promise_broken": BROKEN, "promise_broken_paused": PAUSED, "promise_kept": KEPT}


def told(state: PolicyState, stage: str = "dev", **fields: Any) -> Report:
    report = promise_reports.report(state, POLICY.model_copy(update=fields), stage=stage, now=NOW)
    assert report is not None
    return report


@pytest.mark.parametrize("name", TOLD)
def test_the_report_of_a_promise(name: str, golden: Golden) -> None:
    golden(f"reports/{name}.txt", page(told(TOLD[name])))


@pytest.mark.parametrize("name", TOLD)
def test_the_event_of_a_promise(name: str, golden: Golden) -> None:
    event = promise_reports.event(TOLD[name], POLICY, NOW)
    assert event.detail_type == f"Policy Promise {'Kept' if name == 'promise_kept' else 'Broken'}"
    assert event.at == (NOW if name == "promise_kept" else SINCE)
    golden(f"events/{name}.json", json.dumps(event.detail, indent=2, ensure_ascii=False) + "\n")


def test_a_broken_promise_names_what_is_never_drilled_and_the_way_out() -> None:
    """Another backup, which is the next step of all others, would not help."""
    undrilled = ("audit-logs (data stream)",)
    report = promise_reports.report(BROKEN, POLICY, stage="dev", now=NOW, undrilled=undrilled)
    assert report is not None
    assert "audit-logs (data stream) is never drilled: L4 can't be kept as long as the policy selects it" in report.body
    assert "leave it out (`select.exclude`)" in report.body
    assert promise_reports.event(BROKEN, POLICY, NOW, undrilled=undrilled).detail["never_drilled"] == [*undrilled]


def test_keys_repeat_with_what_they_tell_and_with_nothing_else() -> None:
    """A crash between telling and writing it down tells again under the same key; tomorrow's reminder has another."""
    later = replace(BROKEN, remind_at=NOW + timedelta(days=1))
    assert told(BROKEN).key == told(later).key
    others = [told(BROKEN), told(replace(BROKEN, reminders=1)), told(KEPT), told(replace(BROKEN, broken_since=SLOT))]
    assert len({report.key for report in others}) == 4
    events = [promise_reports.event(state, POLICY, NOW).key for state in (BROKEN, KEPT)]
    assert len(set(events)) == 2
    assert events[0] == promise_reports.event(replace(BROKEN, reminders=1), POLICY, NOW + timedelta(days=1)).key


@pytest.mark.parametrize(("on", "broken", "kept"), [("failure", True, False), ("recovery", False, True)])
def test_who_hears_of_a_promise(on: Any, broken: bool, kept: bool) -> None:
    asked = POLICY.model_copy(update={"notify": Notify(on=(on,))})
    reports = [promise_reports.report(state, asked, stage="dev", now=NOW) for state in (BROKEN, KEPT)]
    assert [report is not None for report in reports] == [broken, kept]


def test_nobody_hears_who_asked_for_nothing() -> None:
    silent = POLICY.model_copy(update={"notify": Notify(on=())})
    assert promise_reports.report(BROKEN, silent, stage="dev", now=NOW) is None


def test_subjects_fit() -> None:
    report = told(BROKEN, "s" * 24, name="p" * 40, target="t" * 40)
    assert len(report.subject) < 100
    assert report.subject.isascii()
