"""The promise of a policy, `rpo`: the oldest acceptable proved backup. Pure.

A promise is a clock: it breaks at `taken_at` of the newest backup that reached its level + rpo, but not before rpo has
passed since the file promised that level. Pauses don't stop it: data that nobody saves grows older all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core.model import Usual
from chalicelib.core.prose import instant, span
from chalicelib.core.rows import Good, PolicyState
from chalicelib.core.spec import LEVELS, Level, Policy

PROVABLE: Level = "L2"
"""The highest level that the run of a backup proves by itself: one that is asked for more is good at this one."""
JUDGED_AT: Mapping[Level, Level] = {"L3": "L2"}
"""Levels that nothing proves yet, and what is promised in their place. L4 is proved by drills."""
KEPT = 7
"""Good backups whose median is what is usual."""


def required(policy: Policy) -> Level:
    """The level that the run of a backup must reach for it to count as good. What drills add to it comes later."""
    return min(policy.prove, PROVABLE)


def promised(policy: Policy) -> dict[Level, timedelta]:
    """By level; of those that are judged at the same one the shortest counts."""
    found: dict[Level, timedelta] = {}
    for level in LEVELS:
        if level in policy.rpo:
            judged = JUDGED_AT.get(level, level)
            found[judged] = min(policy.rpo[level], found.get(judged, timedelta.max))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of one level. `kept`: its newest backup is young enough; None: it isn't, or there is none, and the clock still
    runs. `breaks`: when the promise breaks, or broke."""

    kept: bool | None
    breaks: datetime


def standing(state: PolicyState, policy: Policy, now: datetime) -> dict[Level, Standing]:
    """What is promised, by level: what everybody says of it, by the clock that the tick goes by."""
    found: dict[Level, Standing] = {}
    for level, rpo in promised(policy).items():
        newest, breaks = state.last_good.get(level), _clock(state, level, rpo)
        if newest and newest.taken_at + rpo > now:
            found[level] = Standing(kept=True, breaks=newest.taken_at + rpo)
        elif breaks <= now:
            found[level] = Standing(kept=False, breaks=breaks)
        else:
            found[level] = Standing(kept=False if state.broken_since else None, breaks=state.broken_since or breaks)
    return found


def began(state: PolicyState, level: str) -> datetime:
    """Since when the file promises the level."""
    return state.promised_at.get(level) or state.since or state.cursor


def breaks_at(state: PolicyState, policy: Policy) -> datetime | None:
    """None: nothing is promised."""
    return min((_clock(state, level, rpo) for level, rpo in promised(policy).items()), default=None)


def _clock(state: PolicyState, level: Level, rpo: timedelta) -> datetime:
    newest, start = state.last_good.get(level), began(state, level)
    return (max(newest.taken_at, start) if newest else start) + rpo


def rewound(state: PolicyState, policy: Policy, now: datetime) -> PolicyState:
    """The clocks after a good backup, or after the file changed: a promise that holds again is told by the tick, and
    one that the clock has passed breaks there too. A promise that is broken keeps its date until backups keep it; other
    terms alone don't. One that left the file ends, and there is nothing to tell."""
    breaks = breaks_at(state, policy)
    quiet = replace(state, breach_at=breaks, broken_since=None, was_broken_since=None, remind_at=None, reminders=0)
    if breaks is None:
        return replace(quiet, muted=None)
    if state.broken_since is None:
        return replace(state, breach_at=breaks)
    if not all(level.kept for level in standing(state, policy, now).values()):
        return state
    return replace(quiet, was_broken_since=state.broken_since, remind_at=now, muted=None)


def broken(state: PolicyState, now: datetime) -> PolicyState:
    """`state` as it is by `now`: when the clock has passed `breach_at`, people are to be told at once."""
    if state.breach_at is None or state.breach_at > now:
        return state
    return replace(
        state, broken_since=state.breach_at, breach_at=None, was_broken_since=None, remind_at=now, reminders=0
    )


def none_good(state: PolicyState, policy: Policy, now: datetime) -> str:
    """What there is while no backup reached the level that the policy asks for, in words."""
    if not state.last_good:
        return "There is no good backup of this policy: nothing could be restored from it."
    level, newest = max(state.last_good.items())
    age = span(now - newest.taken_at)
    return (
        f"No backup is proved to {required(policy)}, as the policy asks. The newest one that is proved to {level} was "
        f"taken {instant(newest.taken_at)}, {age} ago: {newest.backup_id}"
    )


def usual(recent: tuple[Good, ...]) -> Usual | None:
    """What the last good backups held and took; None without any."""
    if not recent:
        return None
    from statistics import median  # of the start of a run alone, and no small module

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
