"""The promise of a policy, `rpo`: the oldest acceptable proved backup. Pure.

A promise is a clock: it breaks at `taken_at` of the newest backup that reached its level + rpo, or, while there is
none, rpo after the policy was first applied. Pauses don't stop it: data that nobody saves grows older all the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from chalicelib.core.model import Usual
from chalicelib.core.rows import Good, LastGood, PolicyState
from chalicelib.core.spec import LEVELS, Level, Policy

PROVABLE: Level = "L2"
"""The highest level that this release proves; what asks for more is judged at this one."""
KEPT = 7
"""Good backups whose median is what is usual."""


def required(policy: Policy) -> Level:
    """The level that a backup must reach to count as good."""
    return min(policy.prove, PROVABLE)


def promised(policy: Policy) -> dict[Level, timedelta]:
    """By level, brought down to what can be proved: the shortest one counts."""
    found: dict[Level, timedelta] = {}
    for level in LEVELS:
        if level in policy.rpo:
            judged = min(level, PROVABLE)
            found[judged] = min(policy.rpo[level], found.get(judged, timedelta.max))
    return found


def breaks_at(policy: Policy, last_good: Mapping[str, LastGood], since: datetime) -> datetime | None:
    """None: nothing is promised."""
    clocks = (
        (last_good[level].taken_at if level in last_good else since) + rpo for level, rpo in promised(policy).items()
    )
    return min(clocks, default=None)


def rewound(state: PolicyState, policy: Policy, now: datetime) -> PolicyState:
    """The clocks after a good backup, or after the file changed: a promise that holds again is told by the tick, and
    one that the clock has passed breaks there too. A promise that stays broken keeps its date."""
    breaks = breaks_at(policy, state.last_good, state.since or state.cursor)
    if state.broken_since is None:
        return replace(state, breach_at=breaks)
    if breaks is not None and breaks <= now:
        return state
    return replace(
        state,
        breach_at=breaks,
        broken_since=None,
        was_broken_since=state.broken_since,
        remind_at=now,
        reminders=0,
        muted=None,
    )


def broken(state: PolicyState, now: datetime) -> PolicyState:
    """The clock has passed `breach_at`: people are to be told at once."""
    return replace(
        state, broken_since=state.breach_at, breach_at=None, was_broken_since=None, remind_at=now, reminders=0
    )


def usual(recent: tuple[Good, ...]) -> Usual | None:
    """What the last good backups held and took; None without any."""
    if not recent:
        return None
    docs = [good.docs for good in recent if good.docs is not None]
    sizes = [good.bytes for good in recent if good.bytes is not None]
    return Usual(
        backups=len(recent),
        docs=int(median(docs)) if docs else None,
        bytes=int(median(sizes)) if sizes else None,
        seconds=median(good.seconds for good in recent),
    )


def remembered(recent: tuple[Good, ...], good: Good) -> tuple[Good, ...]:
    return (*recent, good)[-KEPT:]
