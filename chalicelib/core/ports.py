"""The small protocols between the use cases and the world. Every adapter and every fake passes the same contract suite
(tests/contract). None of them retries: the next step of the run is the retry, visible in its row.

Every method may raise `Retryable` (no answer; nothing is known) or `Refused` (answered no), and nothing else that
comes from the world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias

from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.messages import Event, Message, Report
from chalicelib.core.model import IndexCount, IndexRef, Run, Selection
from chalicelib.core.observations import Observation, Owner, Sizes
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec, TargetSpec
from chalicelib.core.spec import Repository, Select
from chalicelib.core.stage_rows import ConfigState, Installation

if TYPE_CHECKING:
    from chalicelib.core.capsules import Configuration
    from chalicelib.core.copying import Copier
    from chalicelib.core.evidence import Evidence
    from chalicelib.core.restore_ports import Prover, Restorer


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOrder:
    """What to put into the backup `snapshot`. `indices` are exact names, resolved a moment ago, never empty."""

    repository: str
    snapshot: str
    indices: tuple[str, ...]
    global_state: bool
    feature_states: tuple[str, ...]
    owner: Owner


class Engine(Protocol):
    """One product that can be backed up. Bound to one target; cheap to make, connects on first use."""

    @property
    def calls(self) -> int:
        """Requests sent so far, answered or not."""

    @property
    def restorer(self) -> "Restorer": ...

    @property
    def prover(self) -> "Prover": ...

    @property
    def copier(self) -> "Copier": ...

    def resolve(self, select: Select, *, repository: str | None = None) -> Selection:
        """What `select` means right now: open and closed indices and backing indices of data streams, without system
        indices and without what `exclude` matches, sorted by name. Nothing matching is an empty tuple, no error.
        `unmatched`, in the order of `select.indices`: patterns that match no name of an index, alias or data stream,
        where system indices do not count, and what `exclude` takes out does. The registration of `repository` comes
        with the same answer."""

    def counts(self, indices: Sequence[IndexRef], *, refresh: bool) -> tuple[IndexCount, ...]:
        """What the primaries of these indices hold, sorted by name; after a refresh, which makes written documents
        countable (a snapshot holds them either way). Left out, because nothing can be said: closed ones, those with an
        unassigned primary, those that are gone or were made anew. What a key may not see is Refused, never left out."""

    def look(self, repository: str, snapshot: str, *, running: bool = False) -> Observation:
        """What the engine says of this one backup. Absent only when the engine itself said so: an unreadable or
        missing repository is an error. `running`: it was seen in progress before; a cheaper question with progress in
        bytes is asked first; when it suggests an end, that is told as InProgress with `ending`, never as an end."""

    def sizes(self, repository: str, snapshot: str) -> Sizes:
        """Bytes of a complete backup."""

    def configuration(self) -> "Configuration":
        """How the cluster is configured, so that it can be put back. A part that a privilege is missing for is left out
        and said to be incomplete; what gives no answer is Retryable."""

    def repository(self, name: str) -> Repository | None:
        """The registration as the server has it, None when there is none."""

    def register(self, name: str, repository: Repository) -> None:
        """Registers or re-registers; safe to repeat."""

    def delete(self, repository: str, snapshot: str) -> None:
        """Asks for the removal of one snapshot, by its exact name, running or not, and returns when that is accepted,
        perhaps long before it is done. One that is not there is no error: safe to repeat."""

    def try_out(self, repository: str, snapshot: str, owner: Owner) -> None:
        """Asks for a snapshot that holds nothing, to see whether it may be done. Sent at most once, as `start`."""

    def start(self, order: StartOrder) -> None:
        """Asks for the backup and returns as soon as the request is accepted. Sent at most once: never retried by any
        layer. A name that is taken is `Refused`; look to see by whom."""


Row = (
    Run
    | PolicyState
    | Spec
    | TargetSpec
    | Backup
    | Proofs
    | ConfigState
    | Installation
    | Lease
    | Slots
    | Waiter
    | Approval
)
Record: TypeAlias = "Row | Evidence"
"""All that a store holds. Evidence is told by being no `Row`: to name its class would import a plan and its parts."""


@dataclass(frozen=True, slots=True)
class Create:
    """Put a row that must not exist."""

    item: Record


@dataclass(frozen=True, slots=True)
class Update:
    """Replace a row whose stored `rev` is `item.rev - 1`."""

    item: Run | PolicyState | Backup | Proofs | ConfigState | Lease | Slots | Approval


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row. One that is not there is no error."""

    item: Waiter


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but only if the stored `rev` is `item.rev`."""

    item: Lease | Run


Change = Create | Update | Delete | Check


@dataclass(frozen=True, slots=True)
class Due:
    """A candidate from the due index, possibly stale: only a condition on the base row decides."""

    id: str
    at: datetime


class Store(Protocol):
    """Rows of one stage. `commit` is the only write."""

    @property
    def reads(self) -> int:
        """Read requests sent so far."""

    @property
    def writes(self) -> int:
        """Commits sent so far (a transaction is one)."""

    def commit(self, *changes: Change) -> bool:
        """All or nothing (1 to 100 changes, the first a Create or an Update). True: they are stored, by this very call.
        False: a condition did not hold, nothing was stored. A commit whose answer was lost and that was sent again is
        True: `token` (a fresh random value in each changed row that has one) is read back and compared. Contended:
        nothing was stored. Retryable otherwise: not known whether stored; reading the row and comparing `token` tells.
        """

    def run(self, run_id: str) -> Run | None:
        """Consistent."""

    def evidence(self, run_id: str, kind: str, n: int) -> "Evidence | None": ...

    def runs(
        self, *, policy: str | None = None, kind: str | None = None, state: str | None = None, limit: int = 20
    ) -> tuple[Run, ...]:
        """Newest first by `created_at`."""

    def state(self, policy: str) -> PolicyState | None:
        """Consistent."""

    def states(self) -> tuple[PolicyState, ...]:
        """All, retired ones too, sorted by name."""

    def spec(self, policy: str, gen: int) -> Spec | None:
        """Immutable, so it may be answered from memory."""

    def target(self, name: str, gen: int) -> TargetSpec | None:
        """Immutable, so it may be answered from memory. None: the file of that generation had none of that name."""

    def backups(self, policy: str) -> tuple[Backup, ...]:
        """Newest `taken_at` first."""

    def approval(self, plan_id: str) -> Approval | None:
        """Consistent."""

    def proofs(self, policy: str) -> Proofs | None:
        """Consistent."""

    def config(self) -> ConfigState | None: ...

    def traffic(self, lease: str, target: str) -> tuple[Lease | None, Slots | None]:
        """Consistent, in one request."""

    def slots(self, target: str) -> Slots | None:
        """Consistent."""

    def waiters(self, target: str, limit: int) -> tuple[Waiter, ...]:
        """The first in the order of their keys. Consistent."""

    def broken(self) -> tuple[int, datetime | None]:
        """How many policies break their promise and are not muted, and since when the oldest does."""

    def installation(self) -> Installation | None:
        """Immutable once made, so it may be answered from memory."""

    def due_policies(self, shard: int, now: datetime, limit: int) -> tuple[Due, ...]:
        """Policies with a clock at or before `now`, oldest first."""

    def due_runs(self, shard: int, now: datetime, limit: int) -> tuple[Due, ...]:
        """Runs whose `wake_at` is at or before `now`, oldest first."""

    @property
    def shards(self) -> int: ...


class Queue(Protocol):
    """Wake-up calls. Losing every one of them delays and loses nothing."""

    def send(self, message: Message, *, delay: int = 0) -> None:
        """`delay` in seconds, 0 to 900."""


class Bus(Protocol):
    def emit(self, events: Sequence[Event]) -> None:
        """All of them arrive, or Retryable; some may then have arrived, and come again under the same key."""


class Notifier(Protocol):
    def report(self, report: Report) -> None: ...


class Metrics(Protocol):
    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """A counter of `interfaces.md` §5; `dimensions` beside Stage."""

    def gauge(self, name: str, value: float) -> None: ...

    def seconds(self, name: str, value: float, **dimensions: str) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, aware."""


class Secrets(Protocol):
    def read(self, name: str) -> Mapping[str, str]:
        """The JSON object behind a reference. Never logged, never stored."""


class Vault(Protocol):
    """Objects that are too big for a row, or must outlive us."""

    def put(self, key: str, content: bytes) -> None:
        """Safe to repeat: the last one counts. When it returns, it is there."""

    def get(self, key: str) -> bytes | None:
        """None: the other side itself says that there is none."""
