"""The small protocols between the use cases and the world. Every adapter and every fake passes the same contract suite
(tests/contract). None of them retries: the next step of the run is the retry, visible in its row.

Every method may raise `Retryable` (no answer; nothing is known) or `Refused` (answered no), and nothing else that
comes from the world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.messages import Drain, Event, Report, Wakeup
from chalicelib.core.model import IndexCount, IndexRef, Run, Selection
from chalicelib.core.observations import Observation, Owner, Sizes
from chalicelib.core.rows import Backup, ConfigState, Evidence, Installation, PolicyState, Spec
from chalicelib.core.spec import Repository, Select

if TYPE_CHECKING:
    from chalicelib.core.copying import Copier
    from chalicelib.core.proving import Document, Vitals
    from chalicelib.core.restores import Contents, Restored, RestoreOrder, Surroundings


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


class Restorer(Protocol):
    """Of the same target, over the same connection: its requests count among `Engine.calls`."""

    def contents(self, repository: str, snapshot: str) -> "Contents | None":
        """What a complete backup holds; None when the engine says that there is none. One that is in progress, or that
        ended badly, is Refused."""

    def surroundings(self) -> "Surroundings":
        """Whom a restore would meet; system indices are among `indices`, because their names are taken too."""

    def restore(self, order: "RestoreOrder") -> None:
        """Asks for it and returns as soon as that is accepted. Sent at most once, as `Engine.start`. Refused: nothing
        was made. NameTaken: a name is that of an index, an alias or a data stream. A closed index is found by a look of
        our own just before, because the server would restore over it and keep its uuid."""

    def restored(self, order: "RestoreOrder") -> "tuple[Restored, ...]":
        """What there is under the names that the order makes, sorted; those that are not there are left out."""

    def remove(self, index: IndexRef) -> bool:
        """Deletes the index of exactly this name and uuid, read anew. False: one of another uuid has the name, and was
        left alone. One that is not there is removed. Retryable while a snapshot of somebody else's runs that must hold
        all of it; ours let it go."""

    def release(self, index: IndexRef, settings: Mapping[str, object]) -> None:
        """Takes off all that a restore put on, and sets what is named, but for a lifecycle. Safe to repeat. Refused
        when it is gone, or was made anew."""

    def spelled(self, order: "RestoreOrder") -> tuple[str, ...]:
        """What will be sent, for people to read; nothing is."""


class Prover(Protocol):
    """Of the same target, over the same connection: its requests count among `Engine.calls`. It changes nothing, and
    says nothing of what a key may not see: that is Refused."""

    def mappings(self, names: Sequence[str]) -> Mapping[str, str]:
        """By exact name of an index: its mapping as JSON with sorted keys, so that equal ones are equal texts. Those
        that are not there are left out."""

    def sample(self, count: IndexCount, wanted: int, key: bytes) -> "tuple[Document, ...]":
        """Up to `wanted` documents of the index, at random: by random sequence numbers up to those of `count`. Fewer
        when it holds fewer, none when it keeps no sources. One that answers without its source is left out."""

    def documents(self, index: IndexRef, wanted: "Sequence[Document]", key: bytes) -> "tuple[Document, ...]":
        """The same ids, with their routing, as they are now in the index of exactly this name and uuid; those that are
        not there are left out. An error on one of them is Retryable, never a document that is missing."""

    def hits(self, index: str, query: Mapping[str, object], *, enough: int, seconds: int) -> int:
        """How many documents match, counted up to `enough`. Retryable when the server did not look at all shards in
        that time and has not found enough."""

    def vitals(self) -> "Vitals": ...


@dataclass(frozen=True, slots=True)
class Create:
    """Put a row that must not exist."""

    item: Run | PolicyState | Spec | Backup | Evidence | ConfigState | Installation | Lease | Slots | Waiter


@dataclass(frozen=True, slots=True)
class Update:
    """Replace a row whose stored `rev` is `item.rev - 1`."""

    item: Run | PolicyState | Backup | ConfigState | Lease | Slots


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row. One that is not there is no error."""

    item: Waiter


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but only if the stored `rev` is `item.rev`."""

    item: Lease


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

    def evidence(self, run_id: str, kind: str, n: int) -> Evidence | None: ...

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

    def backups(self, policy: str) -> tuple[Backup, ...]:
        """Newest `taken_at` first."""

    def config(self) -> ConfigState | None: ...

    def traffic(self, lease: str, target: str) -> tuple[Lease | None, Slots | None]:
        """Consistent, in one request."""

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

    def send(self, message: Wakeup | Drain, *, delay: int = 0) -> None:
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
