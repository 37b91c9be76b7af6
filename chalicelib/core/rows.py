"""What the table holds beside runs: policies as they stand, what the file said, the catalogue, the stage. Frozen.

Stored by `core/wire.py`: a new field needs a default, and a name that was stored once keeps its meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.core.model import IndexRef, Shards, State
from chalicelib.core.spec import Policy, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A row `R#<run_id> | X#<kind>#<n>`: facts of a run that are too big for its row. Written once."""

    run_id: str
    kind: str
    n: int
    indices: tuple[IndexRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResult:
    run_id: str
    state: State
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LastGood:
    """The newest backup that reached a level: when its data was taken, and its id."""

    backup_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """A row `F#<shard> | P#<policy>`: what changes about a policy. Slots up to and including `cursor` are dealt with.

    `due_at` is the instant when the next slot is to be started (None: paused, retired or without a schedule; the row
    leaves the due index). `since`: when the policy was first applied.
    """

    policy: str
    spec_gen: int
    cursor: datetime
    since: datetime | None = None
    rev: int = 1
    token: str = ""
    due_at: datetime | None = None
    active: bool = True
    open_run: str | None = None
    queued_run: str | None = None
    last_good: Mapping[str, LastGood] = field(default_factory=dict)
    last_result: LastResult | None = None
    catalog_rev: int = 0
    paused: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A row `P#<policy> | SPEC#<gen>`: what the file said, with the target it named. Immutable: runs keep theirs."""

    policy: Policy
    target: Target
    gen: int


class BackupState(StrEnum):
    KEPT = "KEPT"
    PLANNED = "PLANNED"
    DELETING = "DELETING"
    GONE = "GONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A row `P#<policy> | B#<taken>#<id>`: the catalogue's entry. `taken_at` is the engine's start time."""

    backup_id: str
    run_id: str
    policy: str
    target: str
    repository: str
    snapshot: str
    snapshot_uuid: str
    taken_at: datetime
    ended_at: datetime
    outcome: State
    level: str
    indices: int
    bytes: int | None
    bytes_added: int | None
    shards: Shards
    docs: int | None = None
    state: BackupState = BackupState.KEPT
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigState:
    """The row `CFG | META`: which file is in force. `generation` numbers the `apply` calls; `complete` is False
    from the claim of an `apply` until its last row is written."""

    generation: int
    digest: str
    applied_at: datetime
    applied_by: str
    complete: bool = True
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The row `CFG | INSTALL`: the random id of this stage, made once, written into every backup's metadata."""

    id: str
