"""The nouns: runs, backups, findings, and the rows that hold them. Frozen, no behaviour but derivation.

All times are UTC and aware. What is stored or published is made from these by `core/wire.py`.
State and level names that were stored once are a wire format: retire them, never reuse them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.core.leases import Waiter
from chalicelib.core.rebuild_progress import Rebuild
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.spec import Repository


class Kind(StrEnum):
    BACKUP = "backup"
    RESTORE = "restore"
    DRILL = "drill"
    RETENTION = "retention"
    AUDIT = "audit"
    COPY = "copy"
    INQUIRY = "inquiry"


class State(StrEnum):
    QUEUED = "QUEUED"
    STARTING = "STARTING"
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    RESTORING = "RESTORING"
    VERIFYING = "VERIFYING"
    CHECKING = "CHECKING"
    SWAPPING = "SWAPPING"
    SWAPPED = "SWAPPED"
    ROLLED_BACK = "ROLLED_BACK"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"
    DEFERRED = "DEFERRED"

    @property
    def settled(self) -> bool:
        return self not in OPEN_STATES


OPEN_STATES = frozenset(
    {
        State.QUEUED,
        State.STARTING,
        State.PLANNED,
        State.RUNNING,
        State.RESTORING,
        State.VERIFYING,
        State.CHECKING,
        State.SWAPPING,
        State.SWAPPED,
    }
)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with a backup or a repository. `code` is dotted and stable (docs/findings.md)."""

    code: str
    severity: Severity
    subject: str
    message: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRef:
    """An index (or backing index) as the server knew it: the uuid tells a recreated one from the same one. `shards`:
    its primaries (0: not asked). `settings`: flat, of those that a restore does not take over."""

    name: str
    uuid: str
    shards: int = 0
    closed: bool = False
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCount:
    """What the primaries of an index held. `docs` counts nested documents too (`_count` does not: never compare the
    two). `max_seq_no`: of each primary, by shard number; -1 where nothing was ever written. Writing, and deleting too,
    raises it: equal ones and an equal uuid mean that nothing changed in between."""

    name: str
    uuid: str
    docs: int
    max_seq_no: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What `select` means at one moment. `unmatched`: its patterns that no index, alias or data stream matches.
    `registered`: the repository that was asked for along with it, None when there is none of that name. `aliases`: by
    index, of those that have some."""

    indices: tuple[IndexRef, ...]
    unmatched: tuple[str, ...]
    registered: Repository | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    done: int
    total: int
    unit: str = "shards"
    bytes_done: int | None = None
    bytes_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    total: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transition of a run; `rev` is the row's revision that it was written with."""

    state: State
    at: datetime
    rev: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What a run cost so far. Counted where it happens, added up by the driver in the write of each step."""

    engine: int = 0
    store_reads: int = 0
    store_writes: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who wanted something, why, and when."""

    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """Medians of the last good `backups` of a policy; `seconds` on the engine."""

    backups: int
    docs: int | None
    bytes: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row `R#<run_id>`. `rev` counts its writes; `token` tells a writer its own lost answer.

    `wake_at` is when the next step is due (None: nothing more to do, the row leaves the due index). `claim`: the token
    of the write before an act; until `busy_until` its actor may still be acting, and only he, who knows the claim,
    moves the run. `lease` names the repository's place whatever its name, `fence` the lease's revision that this run
    holds (None: it holds none), `waiting` its place among those who wait for one. `usual`: what the good ones
    before held and took (None: no history). `told`: the end is told, by report
    (`reported`) and by events; `tells`: how often that was tried in vain. Decided in the write that settled it: `good`
    (it counts for the promise), `recovers` (the first good one after a failure), `repeats` (how often in a row the
    same cause came before) and `quiet` (people heard of it within a day).
    `last_look`: a look past the deadline has begun and has not come back. `plan`: what a restore carries out; None: it
    has yet to think it through itself, from the wish that stands beside its row. `payload`: a digest of what was asked
    under the slot's id, None: nobody could ask for anything else under it (of drills: the backup that somebody named).
    `restore_seconds`: what a restore itself took, from the accepted request to the last primary, as seen. `leftover`:
    something that it made may be left. Of drills: `expected_seconds` for all of it; `through`: the registration that it
    restores through; `held_since`: when a guard first said no; `compared`: so many of the plan's indices have been, of
    which those at the places `unproved` proved nothing (of restores: could not be compared).
    `in_place`: a restore over what is live. `after`: it waits for the end of this run before it stands in line.
    `checked`: what it made was compared with what was backed up. `moved_at`: when its `progress` was last seen to have
    changed. `ending`: as what it ends when all that it made is removed. `approved_by`: the second person, where one was
    needed; `glass`: who started it without, and why; people heard of that when it is `glass_told`. `repointed_at`: when
    the aliases were last asked to move (None: never, or they were seen moved since); `swapped_at`: when that was seen;
    `kept_until`: so long the old ones stay then. `finish` and `rollback` are wishes like `cancel`.
    `released`: nothing that it made is removed any more, because people may use it: letting go of it was decided, or
    follows the checks at once.
    `salvage`: how far a run has come that copies documents; `rebuild`: one that restores everything, whose runs of
    single phases are each `part_of` it. `source`: the target whose backup it restores, where that is not `target`
    (None: it is); `target_gen`: the generation of the file that says what `target` is then.
    """

    run_id: str
    kind: Kind
    policy: str
    target: str
    repository: str
    slot: str
    requested_by: str
    spec_gen: int
    state: State
    snapshot: str
    created_at: datetime
    deadline_at: datetime
    start_by: datetime
    rev: int = 1
    token: str = ""
    wake_at: datetime | None = None
    claim: str | None = None
    claimed_at: datetime | None = None
    busy_until: datetime | None = None
    lease: str = ""
    fence: int | None = None
    waiting: Waiter | None = None
    usual: Usual | None = None
    cancel: Asked | None = None
    aborts: int = 0
    plan: str | None = None
    payload: str | None = None
    in_place: bool = False
    after: str | None = None
    checked: bool = False
    released: bool = False
    ending: State | None = None
    moved_at: datetime | None = None
    reason: str | None = None
    level: str | None = None
    snapshot_uuid: str | None = None
    previous_state: State | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    looks: int = 0
    crashes: int = 0
    refusals: int = 0
    last_error: str | None = None
    progress: Progress | None = None
    indices: int | None = None
    docs: int | None = None
    bytes: int | None = None
    bytes_added: int | None = None
    shards: Shards | None = None
    missed: int = 0
    missed_from: datetime | None = None
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    calls: Calls = field(default_factory=Calls)
    emitted_rev: int = 0
    told: bool = False
    reported: bool = False
    tells: int = 0
    good: bool = False
    recovers: bool = False
    repeats: int = 0
    quiet: bool = False
    last_look: bool = False
    approved_by: str | None = None
    glass: Asked | None = None
    glass_told: bool = False
    restore_seconds: float | None = None
    leftover: bool = False
    expected_seconds: float | None = None
    through: str | None = None
    held_since: datetime | None = None
    compared: int = 0
    unproved: tuple[int, ...] = ()
    salvage: Salvage | None = None
    rebuild: Rebuild | None = None
    part_of: str | None = None
    source: str | None = None
    target_gen: int | None = None
    repointed_at: datetime | None = None
    swapped_at: datetime | None = None
    kept_until: datetime | None = None
    finish: Asked | None = None
    rollback: Asked | None = None

    @property
    def settled(self) -> bool:
        return self.state.settled

    @property
    def stored_ended(self) -> bool:
        """Stored as ended: one row for slots that came to nothing."""
        return len(self.steps) == 1 and self.steps[0].state.settled
