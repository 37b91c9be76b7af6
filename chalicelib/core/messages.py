"""What is sent: wake-ups to ourselves, events to the bus, reports to people. Frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wakeup:
    """A message: do the next step of a run. Stale (`rev` behind the row's) ones are dropped before the engine is asked.

    `claim` is the token of the claim whose act has returned: proof that `busy_until` need not be waited for.
    `emitted_rev`: events up to this revision went out. `glass_told`: people heard that it was started by one alone.
    """

    run_id: str
    rev: int
    claim: str | None = None
    emitted_rev: int = 0
    glass_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A message: more policies of this shard were due at `now` than one step takes."""

    shard: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A message: try again to remove what this run of the policy made and could not remove."""

    policy: str
    run_id: str


Message = Wakeup | Drain | Sweep
"""Of the work queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry for the bus. `key` repeats when the same event is sent twice."""

    key: str
    detail_type: str
    at: datetime
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What people are told of a settled run, once, under one key."""

    key: str
    topic: str
    subject: str
    body: str
    attributes: Mapping[str, str]
