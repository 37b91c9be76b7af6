"""What tests do to the Elasticsearch in memory (elasticsearch.py), and what becomes of its snapshots."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from chalicelib.core.errors import NameTaken, Refused, RepositoryMissing, Retryable
from chalicelib.core.observations import Broken, Complete, InProgress, Owner, ShardFailure
from chalicelib.core.ports import Clock
from chalicelib.core.restores import DataNode
from chalicelib.core.spec import Repository
from tests.fakes.clock import FakeClock
from tests.fakes.elasticsearch_records import FakeIndex, FakeRepository, FakeSnapshot

BYTES_PER_SHARD = 1000
ANY = "any"
ABORTED = "Snapshot was aborted by deletion"


class FakeCluster:
    """`takes` (by `clock`) or `looks` (number of looks that find it running) end a snapshot by themselves.

    A removal is done at once; or it takes as many authoritative looks as `slow_delete` says, and none ends while
    `blocked` is set (other snapshots of the repository run). A running snapshot is found in progress until then, once
    more as Broken, then absent. A restore is under way for `restore_looks` looks; with `no_node` one that begins is
    given up for good, as on the real server, and with `no_turn` it waits as long as that is set; both are the deciders'
    words.
    `deletes_streams`: it does when it is asked to; the trimmed servers of the tests don't.
    `neighbours`: clusters that reach the same disks, so that a repository registered here holds what theirs of that
    location do.
    `configured`: templates and the like, as `Engine.configuration` tells them; `alias_details`: filters and so on, by
    alias, or `INDEX/ALIAS`. `takes_not`: paths of pieces that it refuses, and why.
    """

    def __init__(
        self,
        indices: Mapping[str, str] | Iterable[str] = ("orders",),
        *,
        repositories: Mapping[str, Repository] | Iterable[str] = ("main",),
        clock: Clock | None = None,
        takes: timedelta | None = None,
        looks: int | None = None,
    ) -> None:
        self._clock: Clock = clock or FakeClock()
        self._takes, self._looks = takes, looks
        self.slow_delete, self.blocked = 0, False
        self.version = "8.19.2"
        self.nodes: tuple[DataNode, ...] = (DataNode(name="local", spare=10**12),)
        self.shard_limit = 1000
        self.allocation = "all"
        self.heap: dict[str, int] = {"local": 20}
        self.relocating, self.deletes_streams = 0, True
        self.restore_looks = 0
        self.no_node: str | None = None
        self.no_turn: str | None = None
        self.configured: dict[str, dict[str, Any]] = {}
        self.alias_details: dict[str, dict[str, Any]] = {}
        self.takes_not: dict[str, str] = {}
        self.neighbours: list[FakeCluster] = []
        self.lost: dict[tuple[str, str], dict[int, str]] = {}
        self._made = 0
        self.meanwhile: Callable[[], object] | None = None
        self._silent = 0
        self._lose: str | None = None
        self._refusals: list[tuple[str, Refused]] = []
        self.requests: list[tuple[str, str]] = []
        self.indices: dict[str, FakeIndex] = {}
        self.repositories: dict[str, FakeRepository] = {}
        for name in indices:
            self.create_index(name, indices[name] if isinstance(indices, Mapping) else None)
        for name in repositories:
            given = repositories[name] if isinstance(repositories, Mapping) else Repository(type="fs")
            self.repositories[name] = FakeRepository(given)

    # What tests do to it ------------------------------------------------------------------------------------------

    def create_index(
        self,
        name: str,
        uuid: str | None = None,
        *,
        system: bool = False,
        red: bool = False,
        closed: bool = False,
        shards: int = 1,
        documents: int = 0,
        stream: str | None = None,
        aliases: tuple[str, ...] = (),
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """A name that exists is made anew, with another uuid. `red`: a primary is unassigned, so that it fails in every
        snapshot and cannot be counted."""
        self.indices[name] = FakeIndex(
            uuid=uuid or self._new_uuid("index"),
            system=system,
            red=red,
            closed=closed,
            shards=shards,
            stream=stream,
            aliases=aliases,
            settings=dict(settings or {}),
        )
        self.write(name, documents)
        self.refresh()

    def write(self, index: str, documents: int, *, nested: int = 0) -> None:
        """New documents, each with so many nested ones, which are counted but are no operations of their own."""
        self.indices[index].add(documents)
        self.indices[index].documents += documents * nested

    def delete_documents(self, index: str, documents: int) -> None:
        self.indices[index].remove(documents)

    def refresh(self, *names: str) -> None:
        """As the server does by itself every second; of all by default."""
        for name in names or self.indices:
            self.indices[name].refresh()

    def delete_index(self, name: str) -> None:
        del self.indices[name]

    def complete(self, snapshot: str, *, partial: Iterable[str] = (), missing: Iterable[str] = ()) -> None:
        """`partial`: indices of which a shard failed. `missing`: indices that are not in it although they were asked
        for."""
        found = self._find(snapshot)
        red = {name for name in found.indices if name in self.indices and self.indices[name].red}
        failed = tuple(sorted(red | set(partial)))
        shards = {name: count for name, count in found.indices.items() if name not in set(missing)}
        found.done = Complete(
            uuid=found.uuid,
            owner=found.owner,
            partial=bool(failed),
            started_at=found.started_at,
            ended_at=found.ends_at or self._clock.now(),
            indices=tuple(sorted(shards)),
            shards_total=sum(shards.values()),
            shards_failed=len(failed),
            failures=tuple(
                ShardFailure(index=name, shard=0, reason="primary shard is not allocated") for name in failed
            ),
        )

    def break_(self, snapshot: str, reason: str = ABORTED) -> None:
        found = self._find(snapshot)
        found.done = Broken(uuid=found.uuid, owner=found.owner, reason=reason)

    def vanish(self, snapshot: str) -> None:
        for repository in self.repositories.values():
            repository.snapshots.pop(snapshot, None)

    def stranger(self, repository: str, snapshot: str, owner: Owner | None = None) -> None:
        """Somebody else's finished snapshot, perhaps under a name of ours."""
        self._put(repository, snapshot, owner, self.indices)
        self.complete(snapshot)

    def bind(self, repository: str, snapshot: str, index: str) -> None:
        """Somebody else's snapshot runs, and the index cannot be removed until it ends."""
        self._put(repository, snapshot, None, (index,))
        self._find(snapshot).binds = frozenset({index})

    def lose_blob(self, snapshot: str, index: str, shard: int = 0) -> None:
        """Nobody notices until the index is restored."""
        self.lost.setdefault((snapshot, index), {})[shard] = "java.nio.file.NoSuchFileException: indices/0/__0"

    def backing(self, stream: str) -> list[str]:
        """The names of its indices, the oldest first."""
        return sorted(name for name, index in self.indices.items() if index.stream == stream)

    def is_bound(self, index: str) -> bool:
        """By a snapshot that runs and is not partial, as ours are."""
        held = (item for repository in self.repositories.values() for item in repository.snapshots.values())
        return any(index in snapshot.binds for snapshot in held if snapshot.done is None)

    def outage(self, requests: int) -> None:
        """The next `requests` requests are not answered and have no effect."""
        self._silent = requests

    def lose_next_answer(self, method: str | None = None) -> None:
        """Of the next request, or of the next one of a kind, as `sent` names them."""
        self._lose = method or ANY

    def refuse(self, method: str, error: Refused | str) -> None:
        """The next call of `method` is answered no. Several may be lined up."""
        self._refusals.append((method, error if isinstance(error, Refused) else Refused(error)))

    def break_repository(self, name: str) -> None:
        """It stays registered, and nobody can read it."""
        self.repositories[name].readable = False

    def mend_repository(self, name: str) -> None:
        self.repositories[name].readable = True

    def forget_repository(self, name: str) -> None:
        """Unregistered. Its snapshots are gone with it."""
        del self.repositories[name]

    def snapshots(self) -> tuple[str, ...]:
        return tuple(sorted(name for repository in self.repositories.values() for name in repository.snapshots))

    def sent(self, method: str) -> int:
        """How many requests of a kind were sent: resolve, repository, refresh, stats, look, status, sizes, register,
        delete, try_out, start; configuration, cluster_settings, aliases; contents, state, nodes, settings, restore,
        recovery, explain, remove, release; mappings, sample, documents, hits, vitals, heap; standing, block, clone,
        reopen, repoint, close, open; count, page, live, write."""
        return sum(1 for what, _ in self.requests if what == method)

    # Inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _request(self, method: str, subject: str) -> Iterator[None]:
        self.requests.append((method, subject))
        if self._silent:
            self._silent -= 1
            raise Retryable(f"{method} {subject}: no answer")
        for at, (what, error) in enumerate(self._refusals):
            if what == method:
                del self._refusals[at]
                raise error
        lost = self._lose in (method, ANY)
        self._lose = None if lost else self._lose
        try:
            yield
        finally:
            if lost:
                raise Retryable(f"{method} {subject}: the answer was lost")

    def _create(self, repository: str, snapshot: str, owner: Owner, indices: Iterable[str]) -> None:
        if not re.fullmatch(r"[a-z0-9][^A-Z\s,#*/?\\\"<>|]*", snapshot):
            raise Refused(f"{snapshot} cannot be the name of a snapshot")
        if snapshot in self._readable(repository).snapshots:
            raise NameTaken(f"{repository} has a snapshot {snapshot} already")
        self._put(repository, snapshot, owner, indices)

    def _put(self, repository: str, snapshot: str, owner: Owner | None, indices: Iterable[str]) -> None:
        now = self._clock.now()
        held = {name: self.indices[name].copy() for name in sorted(indices) if name in self.indices}
        self.repositories[repository].snapshots[snapshot] = FakeSnapshot(
            uuid=self._new_uuid("snapshot"),
            owner=owner,
            indices={name: index.shards for name, index in held.items()},
            held=held,
            started_at=now,
            ends_at=now + self._takes if self._takes is not None else None,
            looks_left=self._looks,
        )

    def _seen(self, repository: str, snapshot: str) -> FakeSnapshot | None:
        """By a look: it ends when its time has come, and disappears when it is being deleted."""
        held = self._readable(repository).snapshots
        found = held.get(snapshot)
        if found is None or found.deleting is None:
            if found and found.done is None and self._over(found):
                self.complete(snapshot)
        elif found.deleting > 0:
            found.deleting -= 1
        elif not self.blocked:
            if found.done:
                del held[snapshot]
                return None
            self.break_(snapshot)
        return found

    def _over(self, snapshot: FakeSnapshot) -> bool:
        if snapshot.ends_at is not None and self._clock.now() >= snapshot.ends_at:
            return True
        if snapshot.looks_left is None:
            return False
        if snapshot.looks_left > 0:
            snapshot.looks_left -= 1
            return False
        return True

    def _progress(self, snapshot: FakeSnapshot) -> InProgress:
        """As `_status` tells it."""
        total = sum(snapshot.indices.values())
        ending = snapshot.done is not None or snapshot.deleting is not None
        return InProgress(
            uuid=snapshot.uuid,
            ending=ending,
            shards_total=total,
            bytes_done=None if ending else 0,
            bytes_total=BYTES_PER_SHARD * total,
        )

    def _readable(self, repository: str) -> FakeRepository:
        if repository not in self.repositories:
            raise RepositoryMissing(f"repository {repository} is not registered")
        if not self.repositories[repository].readable:
            raise Retryable(f"repository {repository} cannot be read")
        return self.repositories[repository]

    def _find(self, snapshot: str) -> FakeSnapshot:
        return next(repo.snapshots[snapshot] for repo in self.repositories.values() if snapshot in repo.snapshots)

    def _new_uuid(self, what: str) -> str:
        self._made += 1
        return f"{what}-uuid-{self._made}"
