"""What the table holds beside runs: policies as they stand, what the file said, the catalogue, the stage. Frozen.
Facts that are too big for the row of a run: `core/evidence.py`.

Stored by `core/wire.py`: a new field needs a default, and a name that was stored once keeps its meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.core.model import Asked, Shards, State
from chalicelib.core.spec import Policy, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Asked):
    """The tick starts nothing until it is resumed. The promise's clock goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute(Asked):
    """A broken promise is acknowledged: nobody is reminded, and it is not counted, until then."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why runs fail: the same `code` and `subject` `count` times in a row since `since`; people heard of it last at
    `told_at` (None: of others only)."""

    code: str
    subject: str
    since: datetime
    told_at: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A cause that people were told of `at` some time, and how bad it was then (`extent`: compared with another one of
    the same cause only). `words`: a digest of its message without numbers and names."""

    code: str
    subject: str
    words: str
    extent: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """What one good backup held and took: the next ones are compared with the median of a few. `docs` is None when not
    all of its documents were counted."""

    backup_id: str
    indices: int
    docs: int | None
    bytes: int | None
    seconds: float


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
class Drilled:
    """The last drill that proved something, `at` its end: it restored in `seconds` (None: not measured), and `proved`
    of `indices` of the backup. After it, of `selected` indices `standing` had a proof that stands, of whatever drill;
    of `dropped` it pushed the proofs out of their row, which was full."""

    run_id: str
    backup_id: str
    at: datetime
    seconds: float | None
    proved: int
    indices: int
    standing: int
    selected: int
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What one drill proved `at` its end: these `indices` of a backup, by name, sorted."""

    run_id: str
    backup_id: str
    taken_at: datetime
    at: datetime
    indices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """A row `P#<policy> | PROOF`: of each index the proof with the newest data, and the latest one where that is
    another; by drill, the oldest first. `dropped`: names whose proofs the last drill pushed out: the row was full."""

    policy: str
    drills: tuple[Proved, ...] = ()
    dropped: int = 0
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """A row `F#<shard> | P#<policy>`: what changes about a policy. Slots up to and including `cursor` are dealt with.

    `since`: when the policy was first applied; `promised_at`: the same of levels that the file promised only later. Its
    clocks, the earliest of which places it in the due index:
    `due_at`, when the next slot is to be started (None: paused, retired or without a schedule); `breach_at`, when the
    promise will be broken if no good backup comes (None: nothing is promised, or it is broken, since `broken_since`);
    `remind_at`, when people are to be told of it: that it is broken, told `reminders` times, or kept again after
    `was_broken_since`. `recent`: the last good backups, newest last. `cause`: why the last run failed.
    `told`: the causes that people heard of within a day, since the last good run.

    `drill_cursor`, `drill_due_at`: the same of drills (None: there are none, or they have yet to begin to count).
    `leftovers`: runs that could not remove what they had made, and since when; at `sweep_at` that is tried again.
    """

    policy: str
    spec_gen: int
    cursor: datetime
    since: datetime | None = None
    promised_at: Mapping[str, datetime] = field(default_factory=dict)
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
    recent: tuple[Good, ...] = ()
    cause: Cause | None = None
    told: tuple[Told, ...] = ()
    breach_at: datetime | None = None
    broken_since: datetime | None = None
    was_broken_since: datetime | None = None
    remind_at: datetime | None = None
    reminders: int = 0
    muted: Mute | None = None
    drill_cursor: datetime | None = None
    drill_due_at: datetime | None = None
    last_drill: LastResult | None = None
    drilled: Drilled | None = None
    leftovers: Mapping[str, datetime] = field(default_factory=dict)
    sweep_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A row `P#<policy> | SPEC#<gen>`: what the file said, with the target it named. Immutable: runs keep theirs.

    Of a run that restores elsewhere `target` is the one that it works on, as a `TargetSpec` of generation `target_gen`
    has it (None: it is the policy's own); no such one is stored."""

    policy: Policy
    target: Target
    gen: int
    target_gen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """A row `T#<target> | TARGET#<gen>`: what the file of that generation said of one of its targets, whoever names it.
    Immutable: a run that restores to another target than its policy's keeps the generation it started with."""

    target: Target
    gen: int


class BackupState(StrEnum):
    KEPT = "KEPT"
    PLANNED = "PLANNED"
    DELETING = "DELETING"
    GONE = "GONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A row `P#<policy> | B#<taken>#<id>`: the catalogue's entry. `taken_at` is the engine's start time. `good`: it
    counts for the promise. `errors`: codes of what is wrong with it. `accepted`: somebody made it the new measure.
    `closed`: indices in it whose documents `docs` lacks. `capsule`: where the cluster's configuration is stored beside
    it, and the emergency script under the same name (None: it is not). `users`: open runs that read it; while there is
    one, nobody may delete it. `drills`: the last runs that restored it to prove it, the newest at `drilled_at`; all of
    them `proved` so many of its indices. `reached`: the level that its own run brought it to, when drills have raised
    it since. `failed_in`: by each code of `errors` that is a drill's, which generations of the file asked for it."""

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
    good: bool = False
    errors: tuple[str, ...] = ()
    accepted: Asked | None = None
    closed: int = 0
    capsule: str | None = None
    users: tuple[str, ...] = ()
    drills: tuple[str, ...] = ()
    drilled_at: datetime | None = None
    proved: int = 0
    reached: str | None = None
    failed_in: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    state: BackupState = BackupState.KEPT
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The row `A#<plan_id> | META`: a second person's yes to this very plan, until then. `used_by`: the one run that
    it was for."""

    plan_id: str
    by: str
    at: datetime
    expires_at: datetime
    used_by: str | None = None
    rev: int = 1
    token: str = ""
