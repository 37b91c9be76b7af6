"""How long a restore is expected to take, and whose backups it holds up meanwhile. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from chalicelib.core.model import Finding, Run, Severity
from chalicelib.core.plans import Plan
from chalicelib.core.prose import instant, listed, size, span

HOLDS_UP = "restore.holds_up"
BYTES_PER_SECOND = 40_000_000
"""Of a restore, as long as there is none to go by."""
BESIDE = timedelta(seconds=10)
"""For the looks of a restore beside what the server does."""
AN_INDEX = timedelta(seconds=1)
"""More for each index: it is checked and released, or removed, on its own."""
COMPARABLE = 10
"""A restore of less than one part in so many is nothing to go by: it took the time of its requests, not of its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSlot:
    """Of a policy whose backup needs what the restore holds: due `at`, and MISSED when it can't start by `until`."""

    policy: str
    at: datetime
    until: datetime


def rate(history: Iterable[Run], wanted: int) -> float | None:
    """Bytes a second for a restore of so many bytes: the median of restores and drills that came so far as to say, and
    brought enough; None: of none. In place says nothing: what is the same on both sides is not written."""
    runs = [run for run in history if not run.in_place and (run.bytes or 0) * COMPARABLE >= wanted]
    rates = [run.bytes / run.restore_seconds for run in runs if run.bytes and run.restore_seconds]
    return median(rates) if rates else None


def expected(wanted: int, indices: int, history: Iterable[Run]) -> float | None:
    """Seconds from the start of a restore of so many bytes to its end; None: there is nothing to go by."""
    found = rate(history, wanted)
    return _seconds(wanted, indices, found) if found else None


def assumed(wanted: int, indices: int) -> float:
    """As `expected`, when there is nothing to go by."""
    return _seconds(wanted, indices, BYTES_PER_SECOND)


def words(plan: Plan) -> str:
    """How long, and how that is known."""
    first = ", once its safety backup is made" if plan.saves else ""
    if plan.expected_seconds is not None:
        return f"about {_span(plan.expected_seconds)}{first}, by restores and drills of this policy"
    taken = _span(assumed(plan.bytes, len(plan.moves)))
    none = "this policy has had no restore or drill of such a size yet"
    return f"about {taken}{first}, at {size(BYTES_PER_SECOND)} a second, which is assumed: {none}"


def held_up(seconds: float, slots: Sequence[NextSlot], now: datetime) -> Iterator[Finding]:
    """`slots`: the next one of each policy, however far it is."""
    until = now + timedelta(seconds=seconds)
    due = sorted((slot for slot in slots if slot.at <= until), key=lambda slot: (slot.at, slot.policy))
    if not due:
        return
    message = f"started now, it holds up backups: {listed([f'{slot.policy} ({instant(slot.at)})' for slot in due])}"
    if missed := [slot.policy for slot in due if slot.until <= until]:
        message += f"; MISSED, because `catch_up` is over by then: {listed(missed)}"
    yield Finding(
        code=HOLDS_UP,
        severity=Severity.WARNING,
        subject=due[0].policy,
        message=message,
        next_step="start it after them, or restore fewer with --indices",
    )


def _seconds(wanted: int, indices: int, pace: float) -> float:
    return round(wanted / pace + (BESIDE + AN_INDEX * indices).total_seconds(), 1)


def _span(seconds: float) -> str:
    return span(timedelta(seconds=seconds))
