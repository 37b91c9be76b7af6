"""The rows by which runs stay out of each other's way: see `core/traffic.py`. Frozen; stored by `core/wire.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The row `L#<lease> | LEASE`: who works on a repository. Its `rev` is the fence: it grows whenever the lease
    changes hands, and a claim is conditional on it. After `expires_at` anybody may take it."""

    lease: str
    holder: str | None = None
    expires_at: datetime | None = None
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An incident: who keeps all but restores off a target, why, since when. `told`: people heard of it.
    `released_by`: it stands no longer, and people are still to hear of that."""

    by: str
    why: str
    at: datetime
    told: bool = False
    released_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The row `T#<target> | SLOTS`: the runs that are at work on a target, and until when they count. `freed_at`: when
    the last one ended. `held`: in the row that every start writes, so that none slips in beside a hold."""

    target: str
    holders: Mapping[str, datetime] = field(default_factory=dict)
    freed_at: datetime | None = None
    held: Hold | None = None
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A row `T#<target> | W#<priority>#<breach_at>#<asked_at>#<run>`: a run that waits for a repository or for a slot
    of its target. The lowest key goes first."""

    run_id: str
    target: str
    lease: str
    priority: int
    breach_at: datetime
    asked_at: datetime
