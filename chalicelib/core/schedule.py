"""When a policy is due: slots, their jitter, blackouts, and what an outage leaves behind. Pure.

* A slot is the instant that the schedule names, in UTC, on a whole minute. It is the slot's identity: jitter and
  blackouts move only when its run starts (`due_at`), so changing them never makes a slot twice.
* Cron speaks of the clock on the wall in the policy's time zone. A time that a clock change skips happens once, at
  the end of the skip; a time that exists twice happens the first time only. A schedule of every hour follows elapsed
  time instead: it runs in both of the doubled hours, and not in the skipped one.
* `rate(6 hours)` means the multiples of six hours since 1970 in UTC, so it neither wanders nor depends on `apply`.
* Several schedules that name the same instant are one slot, and so are slots that one blackout held back: the newest
  of them runs.
"""

import hashlib
import heapq
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from chalicelib.core.blackout import blackout_end, to_instant
from chalicelib.core.errors import BadInput
from chalicelib.core.spec import Policy

MINUTE = timedelta(minutes=1)
SOME_DAY = datetime.combine(date(2000, 1, 1), time())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RATE = re.compile(r"rate\(\s*(\d{1,6})\s+(minute|hour|day)s?\s*\)")
LONGEST_RATE = timedelta(days=366)
COUNT_LIMIT = 1000
"""A gap is counted up to here; one minutely policy must not hold up the tick of all the others."""
GRAIN = timedelta(minutes=2)
"""The tick comes each minute and may be late by one: no `catch_up` is shorter than this."""
Reason = Literal["late", "blackout", "pause", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Slots that nothing ran for, `first` to `last`. `at_least`: there were more than were counted.

    `blackout`: the policy's own blackout outlasted its `catch_up`. `late`: nobody was there, or a newer slot took over.
    `pause`: somebody wanted it so. `changed`: the file did.
    """

    first: datetime
    last: datetime
    count: int
    reason: Reason
    at_least: bool = False

    @property
    def words(self) -> str:
        """How many."""
        return f"{'at least ' if self.at_least else ''}{self.count} slots" if self.count > 1 else "the slot"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """`start` is a slot (None: nothing now). Slots up to `cursor` are dealt with. `next_due` is when to ask again."""

    start: datetime | None = None
    missed: Gap | None = None
    cursor: datetime
    next_due: datetime | None


def check(expression: str) -> str | None:
    """What is wrong with one schedule, None when nothing is."""
    try:
        return None if _fires(expression) else "it never fires"
    except ValueError as error:
        return str(error)


@lru_cache(maxsize=256)
def _fires(expression: str) -> bool:
    """ValueError for what is neither cron nor a rate."""
    if expression.strip().startswith("rate"):
        return _rate(expression) is not None
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError("a schedule is cron of five fields (minute hour day month weekday) or like rate(6 hours)")
    try:
        return next(iter(CronSim(expression, SOME_DAY)), None) is not None
    except CronSimError as error:
        # cronsim refuses 30 February with the words it has for a day 77; with any month, or any day, only that stays.
        try:
            CronSim(" ".join([*fields[:3], "*", fields[4]]), SOME_DAY)
            CronSim(" ".join([*fields[:2], "*", *fields[3:]]), SOME_DAY)
        except CronSimError:
            raise ValueError(str(error)) from None
        return False


def _rate(expression: str) -> timedelta | None:
    """None for what doesn't claim to be a rate."""
    if not expression.strip().startswith("rate"):
        return None
    match = RATE.fullmatch(expression.strip())
    if match is None:
        raise ValueError("a rate is written like rate(30 minutes), rate(6 hours) or rate(1 day)")
    rate = int(match[1]) * timedelta(**{match[2] + "s": 1})
    if not MINUTE <= rate <= LONGEST_RATE:
        raise ValueError("a rate is from 1 minute to 366 days")
    return rate


def of_drill(policy: Policy) -> Policy | None:
    """The policy with the times of its drills: in its zone, held back by its blackout, late by its `catch_up`, without
    jitter. None: it has no drills."""
    if policy.drill is None:
        return None
    return policy.model_copy(update={"schedule": policy.drill.schedule, "jitter": timedelta(0)})


def slots(policy: Policy, after: datetime) -> Iterator[datetime]:
    """The slots strictly after `after`, strictly increasing. BadInput for schedules that `check` refuses."""
    zone = _zone(policy)
    last = after
    for slot in heapq.merge(*(_instants(expression, zone, after) for expression in policy.schedule)):
        if slot > last:
            last = slot
            yield slot


def _zone(policy: Policy) -> ZoneInfo:
    try:
        return ZoneInfo(policy.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"timezone of {policy.name}: {policy.timezone!r} is not known") from None


def _instants(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """May repeat or start too early by a few; never out of order."""
    try:
        rate, fires = _rate(expression), _fires(expression)
    except ValueError as error:
        raise BadInput(f"schedule {expression!r}: {error}") from None
    if rate is not None:
        slot = EPOCH + ((after - EPOCH) // rate) * rate
        while True:
            slot += rate
            yield slot
    if not fires:
        return
    local = after.astimezone(zone)
    minute, _, *days = expression.split()
    if CronSim(expression, SOME_DAY).hours == set(range(24)):
        # The star makes cronsim walk in elapsed time.
        for moment in CronSim(" ".join([minute, "*", *days]), local):
            yield moment.astimezone(UTC)
    else:
        for moment in CronSim(expression, local.replace(tzinfo=None, fold=0)):
            yield to_instant(moment, zone)


def next_slot(policy: Policy, after: datetime) -> datetime | None:
    """The first slot strictly after `after`, None when there is none any more."""
    return next(slots(policy, after), None)


def jitter(policy: Policy) -> timedelta:
    """Fixed per policy, from its name: 0 up to, not including, `policy.jitter`, in whole seconds."""
    width = int(policy.jitter.total_seconds())
    digest = int.from_bytes(hashlib.sha256(policy.name.encode()).digest())
    return timedelta(seconds=digest % width if width > 0 else 0)


def held_until(policy: Policy, instant: datetime) -> datetime | None:
    """When the blackout that covers `instant` is over; None when nothing holds the policy back."""
    try:
        return blackout_end(policy.blackout, _zone(policy), instant)
    except ValueError as error:
        raise BadInput(f"blackout of {policy.name}: {error}") from None


def due_at(policy: Policy, slot: datetime) -> datetime:
    """When the slot's run may start: after its jitter, and after the blackout it then falls into."""
    due = slot + jitter(policy)
    return held_until(policy, due) or due


def start_by(policy: Policy, slot: datetime) -> datetime:
    """The last instant at which the slot's run may start. Blackouts don't extend it, jitter does."""
    return slot + jitter(policy) + max(policy.catch_up, GRAIN)


def plan_slots(policy: Policy, cursor: datetime, now: datetime) -> SlotPlan:
    """What to do about the slots after `cursor` that are due by `now`: the newest one starts if it is not too late,
    all the others are one gap. Takes bounded time, however long nobody asked."""
    first = next_slot(policy, cursor)
    if first is None:
        return SlotPlan(cursor=cursor, next_due=None)
    first_due = due_at(policy, first)
    if first_due > now:
        return SlotPlan(cursor=cursor, next_due=first_due)
    newest = _newest(policy, first, now, lambda slot: due_at(policy, slot) <= now)
    due, latest, hold = due_at(policy, newest), start_by(policy, newest), held_until(policy, now)
    if hold is not None and hold <= latest:
        return SlotPlan(cursor=cursor, next_due=hold)
    starts = hold is None and now <= latest
    missed = None
    if starts and first_due < due:
        last = _newest(policy, first, now, lambda slot: due_at(policy, slot) < due)
        missed = _gap(policy, first, last, "late")
    elif not starts:
        blacked_out = due > latest or (hold is not None and now <= latest)
        missed = _gap(policy, first, newest, "blackout" if blacked_out else "late")
    following = next_slot(policy, newest)
    return SlotPlan(
        start=newest if starts else None,
        missed=missed,
        cursor=newest,
        next_due=None if following is None else due_at(policy, following),
    )


def _newest(policy: Policy, first: datetime, now: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """The newest slot that `holds`; it does for `first`, and not for any slot after one that it doesn't hold for."""
    known, unknown = first, max(now, first)
    while (candidate := next_slot(policy, known)) is not None and holds(candidate):
        known = candidate
        # Jump to the middle of what is left while that still lands on a slot that holds; otherwise come closer.
        while unknown - known > MINUTE:
            middle = known + (unknown - known) / 2
            candidate = next_slot(policy, middle)
            if candidate is not None and holds(candidate):
                known = candidate
                break
            unknown = middle
    return known


def passed(policy: Policy, cursor: datetime, now: datetime) -> Gap | None:
    """The slots after `cursor` that would have been due by `now`: of a pause that ends. None: not one."""
    return _slots_that(policy, cursor, now, lambda slot: due_at(policy, slot) <= now, "pause")


def reached(policy: Policy, cursor: datetime, now: datetime) -> Gap | None:
    """The slots after `cursor` up to `now`, also those that jitter or a blackout holds back: of a schedule that is
    replaced. None: not one."""
    return _slots_that(policy, cursor, now, lambda slot: slot <= now, "changed")


def _slots_that(
    policy: Policy, cursor: datetime, now: datetime, holds: Callable[[datetime], bool], reason: Reason
) -> Gap | None:
    first = next_slot(policy, cursor)
    if first is None or not holds(first):
        return None
    return _gap(policy, first, _newest(policy, first, now, holds), reason)


def _gap(policy: Policy, first: datetime, last: datetime, reason: Reason) -> Gap:
    count = 1
    for slot in islice(slots(policy, first), COUNT_LIMIT):
        if slot > last:
            break
        count += 1
    at_least = count > COUNT_LIMIT
    return Gap(first=first, last=last, count=min(count, COUNT_LIMIT), reason=reason, at_least=at_least)
