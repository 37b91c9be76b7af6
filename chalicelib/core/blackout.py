"""Hours in which a policy must not start: `Mon-Fri 08:00-18:00`, in the policy's time zone.

A window that ends before it starts goes over midnight and belongs to the day it starts on. Windows that touch or
overlap are one. A local time that a clock change skips is the end of the skip; of one that exists twice a start
means the first and an end the second, so a window never opens again after it has closed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
WRITTEN = re.compile(r"(?:(?P<days>[A-Za-z,\-]+)\s+)?(?P<h1>\d\d):(?P<m1>\d\d)\s*-\s*(?P<h2>\d\d):(?P<m2>\d\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """On each of `days` (Monday is 0) from `start` after local midnight to `end`, which may lie on the next day."""

    days: frozenset[int]
    start: timedelta
    end: timedelta


def parse_window(text: str) -> Window:
    """ValueError says what is wrong."""
    match = WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a window like 'Mon-Fri 08:00-18:00' or '22:00-06:00'")
    start = _time_of_day(match["h1"], match["m1"], text)
    end = _time_of_day(match["h2"], match["m2"], text)
    if start >= DAY:
        raise ValueError(f"{text!r} starts at 24:00; write 00:00 of the next day")
    if start == end:
        raise ValueError(f"{text!r} starts when it ends; a whole day is 00:00-24:00")
    days = _days(match["days"], text)
    return Window(days, start, end if end > start else end + DAY)


def _time_of_day(hours: str, minutes: str, text: str) -> timedelta:
    value = timedelta(hours=int(hours), minutes=int(minutes))
    if int(minutes) > 59 or value > DAY:
        raise ValueError(f"{text!r}: {hours}:{minutes} is not a time of day")
    return value


def _days(text: str | None, whole: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"{whole!r}: {part!r} is not a day or a range of days (Mon Tue Wed Thu Fri Sat Sun)")
        count = (DAYS.index(last or first) - DAYS.index(first)) % 7 + 1
        found.update((DAYS.index(first) + step) % 7 for step in range(count))
    return frozenset(found)


def check_blackout(windows: Sequence[str]) -> str | None:
    """What is wrong with a policy's windows, None when nothing is. Together they must leave some of the week free."""
    try:
        parsed = [parse_window(text) for text in windows]
    except ValueError as error:
        return str(error)
    week = 7 * DAY
    closed = [(day * DAY + window.start, day * DAY + window.end) for window in parsed for day in window.days]
    closed += [(start - week, end - week) for start, end in closed]  # a Sunday may reach into Monday
    reached = timedelta(0)
    for start, end in sorted(closed):
        if start > reached:
            return None
        reached = max(reached, end)
    return "the windows leave no free time in the week" if reached >= week else None


def blackout_end(windows: Sequence[str], zone: ZoneInfo, instant: datetime) -> datetime | None:
    """When the blackout that covers `instant` is over (UTC); None when there is none.

    ValueError for windows that `check_blackout` refuses.
    """
    if not windows:
        return None
    parsed = [parse_window(text) for text in windows]
    reached = instant
    while end := max((e for s, e in _intervals(parsed, zone, reached) if s <= reached < e), default=None):
        reached = end
        if reached - instant > 15 * DAY:
            raise ValueError("the windows leave no free time in the week")
    return None if reached == instant else reached


def _intervals(windows: Sequence[Window], zone: ZoneInfo, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Those near `instant`. Two days back: a zone may skip a whole one."""
    today = instant.astimezone(zone).date()
    for offset in (-2, -1, 0):
        day = today + offset * DAY
        for window in windows:
            if day.weekday() in window.days:
                midnight = datetime.combine(day, time())
                yield to_instant(midnight + window.start, zone), to_instant(midnight + window.end, zone, fold=1)


def to_instant(local: datetime, zone: ZoneInfo, fold: int = 0) -> datetime:
    """A naive local time as UTC. `fold` picks between two; one that is skipped becomes the end of the skip."""
    instant = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    while late - early > MINUTE:
        middle = early + max(1, (late - early) // 2 // MINUTE) * MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late
