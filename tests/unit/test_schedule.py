"""Known slots over both clock changes; jitter, blackouts, outages."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from chalicelib.core.blackout import check_blackout
from chalicelib.core.errors import BadInput
from chalicelib.core.schedule import (
    COUNT_LIMIT,
    Gap,
    check,
    due_at,
    jitter,
    next_slot,
    plan_slots,
    slots,
    start_by,
)
from chalicelib.core.spec import Policy, Select

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def policy(*schedule: str, **rest: Any) -> Policy:
    words = {"name": "nightly", "target": "shop", "repository": "main", "select": Select(indices=("*",)), **rest}
    return Policy(schedule=schedule, **words)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(count: int, of: Policy, after: str) -> list[str]:
    return [f"{slot:%Y-%m-%dT%H:%M}" for slot in islice(slots(of, utc(after)), count)]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        ("UTC", "0 2 * * *", "2026-11-21T02:00", ["2026-11-22T02:00", "2026-11-23T02:00"]),
        ("UTC", "0 2 * * *", "2026-11-21T01:59:59", ["2026-11-21T02:00"]),
        ("Asia/Kolkata", "0 2 * * *", "2026-11-21T00:00", ["2026-11-21T20:30"]),
        # Berlin, 29 March: 02:00 becomes 03:00. 02:30 happens at the end of the skip.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T00:00",
            ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
        ),
        ("Europe/Berlin", "*/15 2 * * *", "2026-03-29T00:00", ["2026-03-29T01:00", "2026-03-30T00:00"]),
        ("Europe/Berlin", "0,30 2,3 29 3 *", "2026-03-29T00:00", ["2026-03-29T01:00", "2026-03-29T01:30"]),
        # 25 October: 03:00 becomes 02:00. 02:30 happens the first time, hourly jobs both times.
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T01:00", ["2026-10-26T01:30"]),
        (
            "Europe/Berlin",
            "30 * * * *",
            "2026-10-24T23:00",
            ["2026-10-24T23:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"],
        ),
        (
            "Europe/Berlin",
            "0 0-23 * * *",
            "2026-10-24T23:30",
            ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
        ),
        ("Europe/Berlin", "30 * * * *", "2026-03-29T00:00", ["2026-03-29T00:30", "2026-03-29T01:30"]),
        ("America/New_York", "30 2 * * *", "2026-03-08T00:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
        ("America/New_York", "30 1 * * *", "2026-11-01T00:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        # Lord Howe changes by half an hour: 02:15 is skipped, 01:45 exists twice.
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
        # Apia had no 30 December 2011.
        ("Pacific/Apia", "0 2 * * *", "2011-12-29T00:00", ["2011-12-29T12:00", "2011-12-30T10:00", "2011-12-30T12:00"]),
        ("UTC", "0 0 29 2 *", "2026-01-01T00:00", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("UTC", "0 0 L * *", "2026-02-01T00:00", ["2026-02-28T00:00", "2026-03-31T00:00"]),
        ("Europe/Berlin", "rate(6 hours)", "2026-10-25T00:00", ["2026-10-25T06:00", "2026-10-25T12:00"]),
        ("UTC", "rate(1 day)", "2026-11-21T00:00:01", ["2026-11-22T00:00"]),
    ],
)
def test_known_slots(zone: str, cron: str, after: str, expected: list[str]) -> None:
    assert first(len(expected), policy(cron, timezone=zone), after) == expected


def test_rates_do_not_wander() -> None:
    week = policy("rate(45 minutes)")
    assert next_slot(week, utc("2026-11-21T00:00")) == utc("2026-11-21T00:45")
    assert next_slot(week, utc("2026-11-21T00:44:59")) == utc("2026-11-21T00:45")


def test_several_schedules_at_one_instant_are_one_slot() -> None:
    both = policy("0 2 * * *", "0 */2 * * *", "rate(2 hours)")
    assert first(3, both, "2026-11-21T00:30") == ["2026-11-21T02:00", "2026-11-21T04:00", "2026-11-21T06:00"]


def test_nothing_to_come() -> None:
    assert next_slot(policy(), utc("2026-01-01")) is None
    assert next_slot(policy("0 0 30 2 *"), utc("2026-01-01")) is None
    assert plan_slots(policy("0 0 30 2 *"), utc("2026-01-01"), utc("2036-01-01")).next_due is None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("0 0 77 2 *", "day-of-month"),
        ("0 0 * 13 *", "month"),
        ("61 0 * * *", "minute"),
        ("0 0 * * * *", "five fields"),
        ("@daily", "five fields"),
        ("", "five fields"),
        ("rate(0 hours)", "from 1 minute"),
        ("rate(400 days)", "from 1 minute"),
        ("rate(6 weeks)", "written like"),
        ("rate 6 hours", "written like"),
    ],
)
def test_what_check_refuses(expression: str, words: str) -> None:
    assert words in (check(expression) or "")
    if "never" not in words:
        with pytest.raises(BadInput, match="schedule"):
            next_slot(policy(expression), utc("2026-01-01"))


@pytest.mark.parametrize(
    "good", ["0 2 * * *", "*/5 8-18 * * MON-FRI", "0 0 29 2 *", "rate(1 minute)", "rate( 2 days )"]
)
def test_what_check_accepts(good: str) -> None:
    assert check(good) is None


def test_unknown_zone() -> None:
    with pytest.raises(BadInput, match="Europe/Nowhere"):
        next_slot(policy("0 2 * * *", timezone="Europe/Nowhere"), utc("2026-01-01"))


def test_jitter_is_fixed_by_the_name_and_leaves_the_slot_alone() -> None:
    calm, shaken = policy("0 2 * * *"), policy("0 2 * * *", jitter=timedelta(minutes=10))
    slot = utc("2026-11-21T02:00")
    assert next_slot(shaken, utc("2026-11-21")) == next_slot(calm, utc("2026-11-21")) == slot
    assert due_at(calm, slot) == slot
    assert due_at(shaken, slot) - slot == jitter(shaken) == timedelta(minutes=2, seconds=4)
    others = {jitter(policy(name=f"p-{n}", jitter=timedelta(minutes=10))) for n in range(50)}
    assert len(others) > 40
    assert max(others) < timedelta(minutes=10)


@pytest.mark.parametrize(
    ("windows", "slot", "due"),
    [
        (["Mon-Fri 08:00-18:00"], "2026-11-20T08:00", "2026-11-20T18:00"),
        (["Mon-Fri 08:00-18:00"], "2026-11-20T18:00", "2026-11-20T18:00"),
        (["Mon-Fri 08:00-18:00"], "2026-11-21T08:00", "2026-11-21T08:00"),  # a Saturday
        (["22:00-06:00"], "2026-11-21T02:00", "2026-11-21T06:00"),
        (["Fri 22:00-06:00"], "2026-11-21T02:00", "2026-11-21T06:00"),
        (["Fri 22:00-06:00"], "2026-11-20T02:00", "2026-11-20T02:00"),
        (["Sat,Sun 00:00-24:00", "Mon 00:00-07:00"], "2026-11-21T02:00", "2026-11-23T07:00"),
        (["Sat-Sun 00:00-24:00"], "2026-11-22T23:59", "2026-11-23T00:00"),
        (["08:00-12:00", "11:00-13:00"], "2026-11-21T08:30", "2026-11-21T13:00"),
    ],
)
def test_blackouts_move_the_start(windows: list[str], slot: str, due: str) -> None:
    assert due_at(policy(blackout=tuple(windows)), utc(slot)) == utc(due)


def test_blackouts_are_local_and_cover_both_of_a_doubled_hour() -> None:
    night = policy(timezone="Europe/Berlin", blackout=("01:00-02:30",))
    assert due_at(night, utc("2026-10-25T00:10")) == utc("2026-10-25T01:30")  # 02:10 summer time
    assert due_at(night, utc("2026-10-25T00:40")) == utc("2026-10-25T01:30")  # 02:40, still covered
    assert due_at(night, utc("2026-03-29T00:10")) == utc("2026-03-29T01:00")  # 02:30 is skipped


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        (["Mon-Fri 8-18"], "not a window"),
        (["Mon-Fry 08:00-18:00"], "not a day"),
        (["08:00-08:00"], "starts when it ends"),
        (["08:61-09:00"], "not a time"),
        (["24:00-09:00"], "starts at 24:00"),
        (["00:00-24:00"], "no free time"),
        (["Mon-Thu 12:00-12:30", "Mon-Wed 00:00-24:00", "Thu-Sun 00:00-24:00"], "no free time"),
        (["06:00-18:00", "18:00-06:00"], "no free time"),
    ],
)
def test_what_check_blackout_refuses(windows: list[str], words: str) -> None:
    assert words in (check_blackout(windows) or "")
    with pytest.raises(BadInput, match="blackout"):
        due_at(policy(blackout=tuple(windows)), utc("2026-11-21T02:00"))


@pytest.mark.parametrize(
    "windows", [[], ["Mon-Fri 08:00-18:00"], ["00:00-23:59"], ["Mon-Sat 00:00-24:00"], ["Mon 12:00-00:00"]]
)
def test_what_check_blackout_accepts(windows: list[str]) -> None:
    assert check_blackout(windows) is None


# --- what is due


def test_one_slot_starts_when_due_and_not_before() -> None:
    nightly = policy("0 2 * * *")
    early = plan_slots(nightly, utc("2026-11-20T02:00"), utc("2026-11-21T01:59:59"))
    assert (early.start, early.missed, early.cursor) == (None, None, utc("2026-11-20T02:00"))
    assert early.next_due == utc("2026-11-21T02:00")
    due = plan_slots(nightly, early.cursor, utc("2026-11-21T02:00"))
    assert (due.start, due.missed, due.cursor) == (utc("2026-11-21T02:00"), None, utc("2026-11-21T02:00"))
    assert due.next_due == utc("2026-11-22T02:00")


def test_late_within_catch_up_and_beyond() -> None:
    nightly = policy("0 2 * * *", catch_up=6 * HOUR)
    assert plan_slots(nightly, utc("2026-11-21"), utc("2026-11-21T08:00")).start == utc("2026-11-21T02:00")
    beyond = plan_slots(nightly, utc("2026-11-21"), utc("2026-11-21T08:01"))
    assert beyond.start is None
    assert beyond.missed == Gap(first=utc("2026-11-21T02:00"), last=utc("2026-11-21T02:00"), count=1, reason="late")
    assert start_by(nightly, utc("2026-11-21T02:00")) == utc("2026-11-21T08:00")


def test_no_catch_up_still_outlives_one_late_tick() -> None:
    strict = policy("0 2 * * *", catch_up=timedelta(0))
    assert plan_slots(strict, utc("2026-11-21"), utc("2026-11-21T02:01:30")).start == utc("2026-11-21T02:00")


def test_an_outage_is_one_gap_and_the_newest_slot() -> None:
    plan = plan_slots(policy("0 */4 * * *"), utc("2026-11-20T00:00"), utc("2026-11-21T09:00"))
    assert plan.start == utc("2026-11-21T08:00")
    assert plan.missed == Gap(first=utc("2026-11-20T04:00"), last=utc("2026-11-21T04:00"), count=7, reason="late")
    assert plan.next_due == utc("2026-11-21T12:00")


def test_years_of_minutely_slots_take_bounded_work() -> None:
    plan = plan_slots(policy("* * * * *"), utc("2006-01-01T00:00"), utc("2026-11-21T09:00:30"))
    assert plan.start == utc("2026-11-21T09:00")
    assert plan.missed == Gap(
        first=utc("2006-01-01T00:01"), last=utc("2026-11-21T08:59"), count=COUNT_LIMIT, reason="late", at_least=True
    )


def test_slots_of_one_blackout_are_one_run() -> None:
    quarters = policy("*/15 * * * *", blackout=("08:00-18:00",))
    assert plan_slots(quarters, utc("2026-11-21T07:45"), utc("2026-11-21T12:00")).start is None
    plan = plan_slots(quarters, utc("2026-11-21T07:45"), utc("2026-11-21T18:00"))
    assert (plan.start, plan.missed) == (utc("2026-11-21T18:00"), None)


def test_a_blackout_longer_than_catch_up_is_told_as_such() -> None:
    noon = policy("0 12 * * *", blackout=("08:00-18:00",), catch_up=HOUR)
    plan = plan_slots(noon, utc("2026-11-21"), utc("2026-11-21T18:00"))
    assert plan.start is None
    assert plan.missed == Gap(first=utc("2026-11-21T12:00"), last=utc("2026-11-21T12:00"), count=1, reason="blackout")


def test_a_late_tick_does_not_start_inside_a_blackout() -> None:
    early = policy("50 7 * * *", blackout=("08:00-18:00",), catch_up=12 * HOUR)
    held = plan_slots(early, utc("2026-11-21"), utc("2026-11-21T08:10"))
    assert (held.start, held.missed, held.cursor, held.next_due) == (
        None,
        None,
        utc("2026-11-21"),
        utc("2026-11-21T18:00"),
    )
    assert plan_slots(early, held.cursor, utc("2026-11-21T18:00")).start == utc("2026-11-21T07:50")
    hasty = policy("50 7 * * *", blackout=("08:00-18:00",), catch_up=HOUR)
    missed = plan_slots(hasty, utc("2026-11-21"), utc("2026-11-21T08:10")).missed
    assert missed is not None
    assert missed.reason == "blackout"
