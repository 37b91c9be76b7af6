"""Slots against an oracle that walks the minutes, and no slot lost or started twice, whatever the ticks."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.core.blackout import blackout_end, check_blackout, parse_window
from chalicelib.core.schedule import COUNT_LIMIT, due_at, next_slot, plan_slots, slots, start_by
from chalicelib.core.spec import Policy, Select

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

# Days around which the clock changes, forth and back. Kolkata and UTC: never; Apia: a lost day.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Pacific/Apia", "2011-12-30"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-29"),
    ("Asia/Kolkata", "2026-03-29"),
    ("UTC", "2026-03-29"),
]


def policy(*schedule: str, **rest: Any) -> Policy:
    words = {"name": "nightly", "target": "shop", "repository": "main", "select": Select(indices=("*",)), **rest}
    return Policy(schedule=schedule, **words)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


minutes = st.sampled_from(["*", "*/15", "0", "30", "15,45", "59"])
hours = st.sampled_from(["*", "*/2", "2", "1-3", "0", "0-23", "23,0,2"])
days = st.sampled_from(["* * *", "* * SUN", "* * MON-FRI", "1,25,29,30 * *"])
crons = st.builds("{} {} {}".format, minutes, hours, days)
changes = st.sampled_from(CHANGES)


def numbers(field: str, size: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.replace("*", f"0-{size - 1}").partition("-")
        found.update(range(int(low), int(high or low) + 1, int(step or 1)))
    return found


WEEKDAYS = {"*": range(7), "SUN": [6], "MON-FRI": range(5)}


def expected_slots(cron: str, zone: ZoneInfo, start: datetime, count: int) -> Iterable[datetime]:
    """Minute by minute: what the wall clock shows, and what it skipped just now."""
    minute, hour, day, _, weekday = cron.split()
    hourly = numbers(hour, 24) == set(range(24))

    def named(local: datetime) -> bool:
        return (
            local.minute in numbers(minute, 60)
            and local.hour in numbers(hour, 24)
            and (day == "*" or local.day in numbers(day, 31))
            and local.weekday() in WEEKDAYS[weekday]
        )

    def wall(instant: datetime) -> datetime:
        return instant.astimezone(zone).replace(tzinfo=None, fold=0)

    for step in range(1, count):
        now = start + step * MINUTE
        local, before = wall(now), wall(now - MINUTE)
        if hourly:
            wanted = named(local)
        else:
            second_time = now.astimezone(zone).fold == 1
            skipped = range(1, int((local - before) / MINUTE))
            wanted = (named(local) and not second_time) or any(named(before + n * MINUTE) for n in skipped)
        if wanted:
            yield now


@settings(max_examples=100, deadline=None)
@given(changes, crons)
def test_slots_around_a_change_are_those_of_the_wall_clock(change: tuple[str, str], cron: str) -> None:
    zone, day = change
    start, end = utc(day) - 4 * HOUR, utc(day) + 32 * HOUR
    found = [slot for slot in islice(slots(policy(cron, timezone=zone), start), 36 * 60) if slot < end]
    assert found == list(expected_slots(cron, ZoneInfo(zone), start, 36 * 60))


@settings(max_examples=60, deadline=None)
@given(changes, st.lists(crons | st.just("rate(7 minutes)"), min_size=1, max_size=3), st.data())
def test_walking_in_any_steps_finds_each_slot_once(
    change: tuple[str, str], several: list[str], data: st.DataObject
) -> None:
    zone, day = change
    which = policy(*several, timezone=zone)
    start, end = utc(day) - 4 * HOUR, utc(day) + 24 * HOUR
    whole = [slot for slot in islice(slots(which, start), 28 * 60) if slot <= end]
    assert all(a < b for a, b in pairwise(whole))
    place, found = start, set()
    while place < end:
        slot = next_slot(which, place)
        if slot is None or slot > end:
            break
        assert slot > place
        found.add(slot)
        # anywhere from here to the slot itself
        place += data.draw(st.floats(0.05, 1)) * (slot - place) if data.draw(st.booleans()) else slot - place
    assert found == {slot for slot in whole if slot <= max(found, default=start)}


blackouts = st.sampled_from([(), ("08:00-18:00",), ("22:00-03:00", "Sat 00:00-24:00"), ("01:00-02:30",)])
waits = st.sampled_from([timedelta(0), timedelta(minutes=20), HOUR, 12 * HOUR])
shakes = st.sampled_from([timedelta(0), timedelta(minutes=10), 3 * HOUR])


@settings(max_examples=400, deadline=None)
@given(changes, crons, blackouts, waits, shakes, st.lists(st.integers(-30, 900), min_size=5, max_size=30))
def test_no_sequence_of_ticks_starts_a_slot_twice_or_forgets_one(
    change: tuple[str, str],
    cron: str,
    blackout: tuple[str, ...],
    catch_up: timedelta,
    shake: timedelta,
    steps: list[int],
) -> None:
    zone, day = change
    which = policy(cron, timezone=zone, blackout=blackout, catch_up=catch_up, jitter=shake)
    now = cursor = start = utc(day) - 8 * HOUR
    told: list[datetime] = []
    ahead = now + sum(max(step, 0) for step in steps) * MINUTE
    every = list(takewhile(lambda slot: slot <= ahead, slots(which, start)))
    for step in steps:
        now += step * MINUTE
        plan = plan_slots(which, cursor, now)
        assert plan.cursor >= cursor
        if plan.missed is not None:
            gap = [slot for slot in every if cursor < slot <= plan.missed.last]
            assert (gap[0], gap[-1], min(len(gap), COUNT_LIMIT)) == (
                plan.missed.first,
                plan.missed.last,
                plan.missed.count,
            )
            assert plan.missed.at_least == (len(gap) > COUNT_LIMIT)
            told += gap
        if plan.start is not None:
            assert due_at(which, plan.start) <= now <= start_by(which, plan.start)
            dealt_with = max([cursor, *told])
            merged = [slot for slot in every if dealt_with < slot < plan.start]
            assert all(due_at(which, s) == due_at(which, plan.start) for s in merged)
            told += [*merged, plan.start]
        assert plan.next_due is not None
        assert plan.next_due > now or step <= 0
        cursor = plan.cursor
    assert told == [slot for slot in every if slot <= cursor]


@settings(max_examples=100, deadline=None)
@given(changes, blackouts, st.integers(0, 3000), st.integers(1, 600))
def test_due_instants_keep_the_order_of_the_slots(
    change: tuple[str, str], blackout: tuple[str, ...], offset: int, further: int
) -> None:
    zone, day = change
    which = policy(timezone=zone, blackout=blackout)
    one = utc(day) - 12 * HOUR + offset * MINUTE
    assume(one < one + further * MINUTE)
    assert one <= due_at(which, one) <= due_at(which, one + further * MINUTE)


spans = st.tuples(
    st.sampled_from(["", "Mon-Fri ", "Sat,Sun ", "Sun ", "Mon ", "Fri-Mon ", "Tue-Sun "]),
    st.integers(0, 23),
    st.integers(0, 24),
).filter(lambda span: span[1] != span[2])


@settings(max_examples=400)
@given(st.lists(spans, max_size=6), st.integers(0, 167))
def test_blackouts_against_the_hours_of_a_week(written: list[tuple[str, int, int]], hour: int) -> None:
    windows = [f"{days}{start:02}:00-{end:02}:00" for days, start, end in written]
    monday = utc("2026-11-16")
    closed = {
        (day * 24 + at) % 168
        for window in map(parse_window, windows)
        for day in window.days
        for at in range(window.start // HOUR, window.end // HOUR)
    }
    assert (check_blackout(windows) is not None) == (len(closed) == 168)
    if len(closed) < 168:
        free = next(at for at in range(hour, hour + 168) if at % 168 not in closed)
        expected = None if free == hour else monday + free * HOUR
        assert blackout_end(windows, ZoneInfo("UTC"), monday + hour * HOUR) == expected
