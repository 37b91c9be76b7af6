"""What the end of a run means for its policy: its cause told daily, recovery, results, the next run, the clock."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import results
from chalicelib.core.model import Finding, Run, Severity, Shards, State, Usual
from chalicelib.core.rows import Backup, Cause, Good, LastGood, LastResult, PolicyState
from chalicelib.core.spec import Level
from tests.unit.workflow import NOW, RUN_ID, SPEC, row

HOUR = timedelta(hours=1)
RPO = SPEC.policy.model_copy(update={"rpo": {"L1": 26 * HOUR}})
POLICY = PolicyState(policy="nightly", spec_gen=1, cursor=NOW, since=NOW, rev=3, token="before", open_run=RUN_ID)


def found(code: str, subject: str = "customers", severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message="m", next_step="n")


LOST = found("snapshot.index_missing")


def ended(state: State = State.FAILED, *findings: Finding, hours: float = 0, **fields: Any) -> Run:
    return row(state, findings=findings, finished_at=NOW + hours * HOUR, **fields)


def good(hours: float = 0) -> Run:
    return ended(State.SUCCEEDED, hours=hours, good=True, level="L1")


def backup(hours: float = 0, **changes: Any) -> Backup:
    taken = NOW + hours * HOUR
    made = Backup(
        backup_id=f"b{hours}",
        run_id=RUN_ID,
        policy="nightly",
        target="shop",
        repository="main",
        snapshot="s",
        snapshot_uuid="u",
        taken_at=taken,
        ended_at=taken + timedelta(seconds=30),
        outcome=State.SUCCEEDED,
        level="L1",
        indices=1,
        bytes=10,
        bytes_added=1,
        shards=Shards(total=1, failed=0),
        docs=7,
        good=True,
    )
    return replace(made, **changes)


def after(policy: PolicyState, run: Run, entry: Backup | None = None) -> PolicyState:
    """As the service stores it: first the run is judged, then the policy."""
    return results.recorded(policy, RPO, results.judged(policy, run), entry, "a-token")


# --- causes


@pytest.mark.parametrize(
    ("run", "cause"),
    [
        (ended(State.FAILED, LOST), ("snapshot.index_missing", "customers")),
        (ended(State.FAILED, found("a.info", severity=Severity.INFO), LOST), ("snapshot.index_missing", "customers")),
        (
            ended(State.FAILED, found("a.warn", severity=Severity.WARNING), LOST),
            ("snapshot.index_missing", "customers"),
        ),
        (ended(State.SUCCEEDED, found("counts.not_possible", "p", Severity.WARNING)), ("counts.not_possible", "p")),
        (ended(State.MISSED), ("run.missed", "shop")),
        (ended(State.PARTIAL, found("a.info", severity=Severity.INFO)), ("run.partial", "shop")),
    ],
)
def test_a_cause_is_the_first_error_else_the_first_warning_else_the_end_itself(
    run: Run, cause: tuple[str, str]
) -> None:
    assert results.why(run) == cause


def test_a_cause_is_the_same_one_whatever_the_run_and_its_snapshot_are_called() -> None:
    assert results.why(ended(State.FAILED, found("run.timed_out", row(State.FAILED).snapshot))) == ("run.timed_out", "")
    assert results.why(ended(State.FAILED, found("run.crashed", RUN_ID))) == ("run.crashed", "")


def test_the_first_of_a_cause_is_told() -> None:
    run = results.judged(POLICY, ended(State.FAILED, LOST))
    assert (run.repeats, run.quiet) == (0, False)
    assert after(POLICY, run).cause == Cause(
        code="snapshot.index_missing", subject="customers", since=NOW, told_at=NOW, count=1
    )


def told_of(ends: list[float], *findings: Finding) -> list[float]:
    """The hours among `ends` at which a run that fails each time is told of."""
    policy, told = POLICY, []
    for hours in ends:
        run = results.judged(policy, ended(State.FAILED, *(findings or (LOST,)), hours=hours))
        assert run.repeats == (policy.cause.count if policy.cause else 0)
        told += [] if run.quiet else [hours]
        policy = after(policy, run)
    assert policy.cause is not None
    assert (policy.cause.count, policy.cause.since) == (len(ends), NOW + ends[0] * HOUR)
    return told


def test_a_cause_that_comes_back_with_each_slot_is_told_once_a_day() -> None:
    assert told_of([0, 6, 12, 18, 24, 30, 36, 42, 48]) == [0, 24, 48]


def test_a_nightly_failure_is_told_every_night_even_when_it_ends_a_little_earlier_than_the_night_before() -> None:
    """Otherwise people would hear of every second night, and take the silence of the others for success."""
    nights = [0, 23.99, 47.98, 72.1, 95.9]
    assert told_of(nights) == nights


@pytest.mark.parametrize("other", [found("snapshot.index_missing", "orders"), found("snapshot.broken")])
def test_another_cause_is_told_at_once_and_counted_anew(other: Finding) -> None:
    policy = after(after(POLICY, ended(State.FAILED, LOST)), ended(State.FAILED, LOST, hours=1))
    run = results.judged(policy, ended(State.FAILED, other, hours=2))
    assert (run.repeats, run.quiet) == (0, False)
    cause = after(policy, run).cause
    assert cause is not None
    assert (cause.count, cause.since, cause.subject) == (1, NOW + 2 * HOUR, other.subject)


def told(ends: list[Run]) -> list[int]:
    """Which of the runs, in turn, are told of."""
    policy, heard = POLICY, []
    for n, run in enumerate(ends):
        heard += [] if results.judged(policy, run).quiet else [n]
        policy = after(policy, run)
    return heard


def torn(failed: int, hours: float) -> Run:
    return ended(State.PARTIAL, LOST, hours=hours, shards=Shards(total=1000, failed=failed))


def shrunken(docs: int, hours: float) -> Run:
    usual = Usual(backups=7, docs=1000, bytes=None, seconds=1.0)
    return ended(State.FAILED, found("contract.max_shrink", "documents"), hours=hours, docs=docs, usual=usual)


@pytest.mark.parametrize(
    ("ends", "heard"),
    [
        ([torn(20, 0), torn(30, 1), torn(500, 2), torn(400, 3), torn(500, 4)], [0, 2]),
        ([shrunken(700, 0), shrunken(650, 1), shrunken(0, 2), shrunken(0, 3)], [0, 2]),
        ([shrunken(400, 0), shrunken(0, 1)], [0, 1]),
        ([shrunken(0, 0), shrunken(700, 1), shrunken(0, 2)], [0]),
    ],
)
def test_a_cause_that_got_twice_as_bad_is_told_at_once(ends: list[Run], heard: list[int]) -> None:
    assert told(ends) == heard


def said(message: str, hours: float) -> Run:
    return ended(State.FAILED, replace(LOST, message=message), hours=hours)


def test_a_cause_that_says_something_else_is_told_at_once_and_numbers_say_nothing() -> None:
    first, other = "403 not allowed on node-1", "400 the disk is full"
    assert told([said(first, 0), said("403 not allowed on node-22", 1), said(other, 2), said(first, 3)]) == [0, 2]


def test_causes_that_take_turns_are_each_told_once_a_day() -> None:
    other = found("snapshot.broken")
    assert told([ended(State.FAILED, other if n % 2 else LOST, hours=n) for n in range(40)]) == [0, 1, 20, 21]


def test_what_differs_each_time_is_told_eight_times_a_day_and_a_new_kind_all_the_same() -> None:
    runs = [ended(State.FAILED, found("snapshot.index_missing", f"i{n}"), hours=n / 10) for n in range(20)]
    assert told([*runs, ended(State.FAILED, found("snapshot.broken"), hours=3)]) == [*range(8), 20]


def test_what_was_told_before_a_good_one_is_news_again() -> None:
    assert told([ended(State.FAILED, LOST), good(1), ended(State.FAILED, LOST, hours=2)]) == [0, 1, 2]


@pytest.mark.parametrize(
    "bad",
    [
        ended(State.FAILED, LOST),
        ended(State.TIMED_OUT),
        ended(State.PARTIAL),
        ended(State.MISSED),
        ended(State.SUCCEEDED, found("counts.not_possible", severity=Severity.WARNING)),
    ],
    ids=lambda run: run.state.value,
)
def test_the_first_good_one_after_anything_that_was_not_recovers(bad: Run) -> None:
    policy = after(POLICY, bad)
    recovered = results.judged(policy, good(1))
    assert recovered.recovers
    healthy = after(policy, recovered)
    assert healthy.cause is None
    assert not results.judged(healthy, good(2)).recovers


def test_a_first_good_one_recovers_from_nothing() -> None:
    assert not results.judged(POLICY, good()).recovers


@pytest.mark.parametrize("state", [State.CANCELLED, State.SKIPPED])
def test_what_people_ended_says_nothing_of_the_data_and_keeps_the_cause(state: State) -> None:
    """The same failure afterwards is no news, and a good one afterwards recovers from the failure before."""
    failing = after(POLICY, ended(State.FAILED, LOST))
    stopped = results.judged(failing, ended(state, hours=1))
    assert (stopped.repeats, stopped.quiet) == (0, False), "it is told itself"
    policy = after(failing, stopped)
    assert policy.cause == failing.cause
    again = results.judged(policy, ended(State.FAILED, LOST, hours=2))
    assert (again.repeats, again.quiet) == (1, True)
    assert results.judged(policy, good(2)).recovers
    assert after(POLICY, ended(state)).cause is None


# --- the row of the policy


def test_the_end_is_written_down_and_the_next_one_moves_up() -> None:
    policy = replace(POLICY, queued_run="backup:nightly:now-2")
    moved = after(policy, ended(State.FAILED, LOST, hours=1))
    assert (moved.open_run, moved.queued_run) == ("backup:nightly:now-2", None)
    assert (moved.rev, moved.token) == (4, "a-token")
    assert moved.last_result == LastResult(run_id=RUN_ID, state=State.FAILED, at=NOW + HOUR)


def test_a_waiting_run_that_ends_leaves_the_open_one_where_it_is() -> None:
    policy = replace(POLICY, open_run="backup:nightly:now-1", queued_run=RUN_ID)
    moved = after(policy, ended(State.MISSED))
    assert (moved.open_run, moved.queued_run) == ("backup:nightly:now-1", None)


def test_a_good_backup_is_the_newest_of_its_level_and_of_those_below() -> None:
    moved = after(POLICY, good(1), backup(1, level="L2"))
    newest = LastGood(backup_id="b1", taken_at=NOW + HOUR)
    assert moved.last_good == {"L1": newest, "L2": newest}
    assert moved.catalog_rev == POLICY.catalog_rev + 1
    assert moved.recent == (Good(backup_id="b1", indices=1, docs=7, bytes=10, seconds=30.0),)
    assert moved.breach_at == NOW + 27 * HOUR


def test_an_older_backup_that_ends_later_takes_no_level_from_a_newer_one() -> None:
    newer = after(POLICY, good(2), backup(2))
    assert after(newer, good(1), backup(1)).last_good == newer.last_good


@pytest.mark.parametrize(("prove", "levels"), [("L1", set()), ("L2", {"L1"})])
def test_a_backup_that_could_not_be_checked_reaches_only_levels_below_and_is_no_measure(
    prove: Level, levels: set[str]
) -> None:
    """Where L1 is asked for, with a contract that could not be checked, it keeps no promise at all."""
    unproved = ended(State.SUCCEEDED, found("counts.not_possible", severity=Severity.WARNING), level="L1")
    asked = RPO.model_copy(update={"prove": prove})
    moved = results.recorded(POLICY, asked, results.judged(POLICY, unproved), backup(1, good=False), "a-token")
    assert set(moved.last_good) == levels
    assert moved.recent == ()


@pytest.mark.parametrize(
    ("run", "entry"),
    [
        (ended(State.FAILED, LOST), backup(1, good=False, errors=("snapshot.index_missing",))),
        (ended(State.PARTIAL, LOST), backup(1, good=False, errors=("snapshot.shard_failed",))),
        (ended(State.FAILED, LOST), None),
        (ended(State.TIMED_OUT), None),
    ],
)
def test_what_is_wrong_changes_no_promise(run: Run, entry: Backup | None) -> None:
    policy = replace(POLICY, breach_at=NOW + 3 * HOUR)
    moved = after(policy, run, entry)
    assert (moved.last_good, moved.recent, moved.breach_at) == ({}, (), policy.breach_at)
    assert moved.catalog_rev == policy.catalog_rev + (entry is not None)


def test_an_allowed_partial_is_a_good_one() -> None:
    partial = ended(State.PARTIAL, found("snapshot.shard_failed", severity=Severity.WARNING), good=True)
    moved = after(POLICY, partial, backup(1, outcome=State.PARTIAL))
    assert set(moved.last_good) == {"L1"}
    assert moved.cause is None


def test_a_retired_policy_promises_nothing_any_more() -> None:
    moved = after(replace(POLICY, active=False), good(1), backup(1))
    assert (moved.breach_at, set(moved.last_good)) == (None, {"L1"})
