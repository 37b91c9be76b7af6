"""What is told: the text of each end (tests/golden/reports), who hears of what, subjects that always fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.dead_letter_reports import dead_letter_report
from chalicelib.core.messages import Report
from chalicelib.core.model import Finding, Kind, Progress, Run, Severity, Shards, State
from chalicelib.core.reports import settled_report
from chalicelib.core.rows import LastGood, PolicyState
from chalicelib.core.spec import Notify, Policy, Select

Golden = Callable[[str, str], None]

SLOT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
NOW = SLOT + timedelta(minutes=15)
EVERYTHING = Notify(on=("failure", "recovery", "success"))
GOOD = LastGood(backup_id="snapwarden-k3f9-nightly-20261120t0200z", taken_at=SLOT - timedelta(days=1))
OWN = LastGood(backup_id="snapwarden-k3f9-nightly-20261121t0200z", taken_at=SLOT + timedelta(seconds=4))
RUN = Run(
    run_id="backup:nightly:2026-11-21T02:00Z",
    kind=Kind.BACKUP,
    policy="nightly",
    target="shop",
    repository="main",
    slot="2026-11-21T02:00Z",
    requested_by="schedule",
    spec_gen=1,
    state=State.STARTING,
    snapshot="snapwarden-k3f9-nightly-20261121t0200z",
    created_at=SLOT + timedelta(seconds=2),
    started_at=SLOT + timedelta(seconds=3),
    finished_at=SLOT + timedelta(minutes=14, seconds=40),
    deadline_at=SLOT + timedelta(hours=4),
    start_by=SLOT + timedelta(hours=6),
    attempts=1,
)
LOST = Finding(
    code="snapshot.index_missing",
    severity=Severity.ERROR,
    subject="customers",
    message="customers was asked for, is still on the server, and is not in the snapshot",
    next_step="run it again; if it stays, look at the index's health",
)
GONE = Finding(
    code="snapshot.index_gone",
    severity=Severity.INFO,
    subject="orders-tmp",
    message="orders-tmp was deleted while the backup ran",
    next_step="nothing, if that was meant so",
)
UNCOUNTED = Finding(
    code="counts.not_possible",
    severity=Severity.WARNING,
    subject="nightly",
    message="the documents could not be counted, so this backup does not reach L2: 403 forbidden",
    next_step="snapwarden doctor says what is missing",
)
BYTES: dict[str, Any] = {"indices": 4, "bytes": 73400320, "bytes_added": 1048576}
ENDS: dict[str, dict[str, Any]] = {
    "succeeded": {"state": State.SUCCEEDED, "level": "L1", "good": True, "shards": Shards(total=12, failed=0), **BYTES},
    "unproved": {
        "state": State.SUCCEEDED,
        "level": "L1",
        "findings": (UNCOUNTED,),
        "shards": Shards(total=12, failed=0),
        **BYTES,
    },
    "recovered": {
        "state": State.SUCCEEDED,
        "level": "L1",
        "shards": Shards(total=12, failed=0),
        "good": True,
        "recovers": True,
        **BYTES,
    },
    "failed_again": {"state": State.FAILED, "reason": "customers missing from the snapshot", "repeats": 3},
    "allowed_partial": {
        "state": State.PARTIAL,
        "level": "L2",
        "good": True,
        "reason": "1 of 12 shards are not in the snapshot",
        "shards": Shards(total=12, failed=1),
        **BYTES,
    },
    "failed": {
        "state": State.FAILED,
        "level": "L0",
        "reason": "customers missing from the snapshot",
        "findings": (GONE, LOST),
        "shards": Shards(total=12, failed=0),
        **BYTES,
    },
    "partial": {
        "state": State.PARTIAL,
        "level": "L0",
        "reason": "1 of 12 shards are not in the snapshot",
        "shards": Shards(total=12, failed=1),
        **BYTES,
    },
    "timed_out": {
        "state": State.TIMED_OUT,
        "reason": "no end seen before the deadline 2026-11-21 06:00:00Z; last seen: in progress, 7 of 12 shards",
        "progress": Progress(done=7, total=12),
        "finished_at": SLOT + timedelta(hours=4, seconds=20),
        "last_error": "connection timed out",
    },
    "cancelled": {"state": State.CANCELLED, "reason": "cancelled by ada: maintenance"},
    "skipped": {"state": State.SKIPPED, "reason": "the policy is paused", "attempts": 0, "started_at": None},
    "missed": {
        "state": State.MISSED,
        "reason": "missed 7 slots from 2026-11-20T02:00Z to 2026-11-21T02:00Z: nothing ran within catch_up",
        "attempts": 0,
        "started_at": None,
        "missed": 7,
        "missed_from": SLOT - timedelta(days=1),
    },
}


def policy(**fields: Any) -> Policy:
    words: dict[str, Any] = {
        "rpo": {"L2": timedelta(hours=26), "L4": timedelta(days=8)},
        "notify": EVERYTHING,
        **fields,
    }
    return Policy(name="nightly", target="shop", repository="main", select=Select(indices=("*",)), **words)


def newest(last_good: LastGood | None) -> PolicyState:
    """It reached every level that can be proved."""
    return since_a_day({"L1": last_good, "L2": last_good} if last_good else {})


def since_a_day(last_good: dict[str, LastGood]) -> PolicyState:
    return PolicyState(policy="nightly", spec_gen=1, cursor=SLOT, since=SLOT - timedelta(days=1), last_good=last_good)


def told(run: Run, of: Policy | None = None, last_good: LastGood | None = GOOD, now: datetime = NOW) -> Report:
    report = settled_report(run, of or policy(), newest(last_good), stage="dev", now=now)
    assert report is not None
    return report


def page(report: Report) -> str:
    attributes = "\n".join(f"{name}: {value}" for name, value in sorted(report.attributes.items()))
    return f"{report.subject}\n\n{report.body}\n--- {report.topic}, {report.key}\n{attributes}\n"


@pytest.mark.parametrize("end", ENDS)
def test_the_report_of_each_end(end: str, golden: Golden) -> None:
    run = replace(RUN, **ENDS[end])
    assert run.finished_at
    last_good = OWN if run.good else GOOD
    asked = policy(prove="L2") if end == "unproved" else policy()
    golden(f"reports/{end}.txt", page(told(run, asked, last_good, now=run.finished_at + timedelta(seconds=20))))


def test_no_good_backup_at_all(golden: Golden) -> None:
    golden("reports/failed_without_any_good.txt", page(told(replace(RUN, **ENDS["failed"]), last_good=None)))


def test_a_broken_promise(golden: Golden) -> None:
    late = NOW + timedelta(hours=3)
    golden("reports/failed_promise_broken.txt", page(told(replace(RUN, **ENDS["failed"]), now=late)))


def test_a_promise_is_told_from_backups_of_its_own_level() -> None:
    """A newer one that was proved less far keeps no promise."""
    asked = policy(prove="L1", rpo={"L1": timedelta(hours=26), "L2": timedelta(days=8)})
    report = settled_report(replace(RUN, **ENDS["failed"]), asked, since_a_day({"L1": GOOD}), stage="dev", now=NOW)
    assert report is not None
    assert "a backup at L1 not older than 26 h needs a newer one by" in report.body
    assert "a backup at L2 not older than 8 d needs a first one by 2026-11-28 02:00:00 UTC" in report.body


def test_a_promise_without_any_backup_is_broken_when_its_clock_says_so_and_not_before() -> None:
    run, asked = replace(RUN, **ENDS["failed"]), policy(rpo={"L1": timedelta(hours=26)})
    assert "needs a first one by 2026-11-21 04:00:00 UTC" in told(run, asked, last_good=None).body
    late = told(run, asked, last_good=None, now=SLOT + timedelta(hours=5)).body
    assert "has been BROKEN for 3 h" in late


def test_backups_that_are_not_proved_as_far_as_asked_are_not_called_nothing() -> None:
    report = settled_report(
        replace(RUN, **ENDS["failed"]), policy(prove="L2"), since_a_day({"L1": GOOD}), stage="dev", now=NOW
    )
    assert report is not None
    assert "No backup is proved to L2, as the policy asks. The newest one that is proved to L1 was" in report.body
    assert "nothing could be restored" not in report.body


def test_a_dead_letter(golden: Golden) -> None:
    body = '{"run_id":"backup:nightly:2026-11-21T02:00Z","rev":3,"claim":null,"emitted_rev":2}'
    golden("reports/dead_letter.txt", page(dead_letter_report(body, "m-1", stage="local")))


@pytest.mark.parametrize("body", ["", "not json", "[1]", '{"run_id": 7}', '{"rev": 1}', '"x"', "{" * 5000])
def test_a_dead_letter_may_be_anything(body: str) -> None:
    report = dead_letter_report(body, "m-1", stage="local")
    assert report.subject == "[snapwarden local] DEAD LETTER: a message that names no run failed too often"
    assert len(report.body) < 3000


TELLS = {
    ("failure",): {"failed", "failed_again", "unproved", "partial", "timed_out", "cancelled", "missed"},
    ("recovery",): {"recovered"},
    ("success",): {"succeeded", "allowed_partial", "recovered", "skipped"},
    (): set(),
}


@pytest.mark.parametrize("on", TELLS)
def test_who_hears_of_what(on: tuple[Any, ...]) -> None:
    asked = policy(notify=Notify(on=on, topic="pager"))
    reports = {
        end: settled_report(replace(RUN, **fields), asked, newest(GOOD), stage="dev", now=NOW)
        for end, fields in ENDS.items()
    }
    assert {end for end, report in reports.items() if report} == TELLS[on]
    assert {report.topic for report in reports.values() if report} <= {"pager"}


@pytest.mark.parametrize("end", sorted(TELLS["failure",]))
def test_a_cause_that_people_heard_of_within_a_day_is_not_told_again(end: str) -> None:
    quiet = replace(RUN, **ENDS[end], quiet=True)
    assert settled_report(quiet, policy(), newest(GOOD), stage="dev", now=NOW) is None


SEVERITIES = {
    Severity.INFO: {"succeeded", "recovered", "allowed_partial", "skipped"},
    Severity.WARNING: {"unproved", "partial", "cancelled"},
    Severity.ERROR: {"failed", "failed_again", "timed_out", "missed"},
}


@pytest.mark.parametrize("severity", SEVERITIES)
def test_how_bad_an_end_is(severity: Severity) -> None:
    """Filter policies of subscribers go by it."""
    ends = {end for end, fields in ENDS.items() if told(replace(RUN, **fields)).attributes["severity"] == severity}
    assert ends == SEVERITIES[severity]


@pytest.mark.parametrize("run_id", ["a:" + "x" * 200_000 + ":b", "a:\x00\n:b", "backup:Nightly:now", "backup:nightly"])
def test_a_dead_letter_that_names_no_run_can_still_be_told(run_id: str) -> None:
    """Attributes that SNS refuses, or a body that is too long, would leave it untold for ever."""
    report = dead_letter_report(json.dumps({"run_id": run_id}), "m", stage="dev")
    assert "policy" not in report.attributes
    assert "names no run" in report.subject
    assert len(report.body) < 4000


def test_a_dead_letter_names_the_policy_of_its_run() -> None:
    report = dead_letter_report(json.dumps({"run_id": RUN.run_id}), "m", stage="dev")
    assert report.attributes["policy"] == RUN.policy


def test_only_an_end_is_reported() -> None:
    with pytest.raises(ValueError, match="only an end"):
        settled_report(RUN, policy(), newest(GOOD), stage="dev", now=NOW)


def test_many_findings_are_counted() -> None:
    many = tuple(replace(LOST, subject=f"index-{n}") for n in range(25))
    body = told(replace(RUN, state=State.FAILED, reason="x", findings=many)).body
    assert "… and 5 more" in body
    assert body.count("    next: ") == 20


names = st.text(alphabet="abcdefghij-", min_size=1, max_size=40)


@given(names, names, st.text(max_size=300), st.sampled_from(list(ENDS)), st.text("abcdef", min_size=1, max_size=24))
def test_subjects_fit_and_are_ascii(policy_name: str, target: str, reason: str, end: str, stage: str) -> None:
    run = replace(RUN, **{**ENDS[end], "policy": policy_name, "target": target, "reason": reason})
    report = settled_report(run, policy(), newest(GOOD), stage=stage, now=NOW)
    assert report is not None
    subject = report.subject
    assert len(subject) < 100
    assert all(32 <= ord(char) < 127 for char in subject)
    assert subject.startswith(f"[snapwarden {stage}] ")
    assert " on " in subject


def test_long_names_leave_room_for_the_reason() -> None:
    run = replace(
        RUN, state=State.FAILED, policy="p" * 40, target="t" * 40, reason="customers missing from the snapshot"
    )
    subject = told(run).subject
    assert subject == f"[snapwarden dev] FAILED {'p' * 17}... on {'t' * 16}...: customers missing from the..."
