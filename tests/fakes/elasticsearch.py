"""An Elasticsearch in memory: the `Engine` port with everything that a real one was seen to do to us, on request.

    engine = FakeEngine(indices={"orders": "u1"})
    engine.start(order)                     # in progress until told otherwise, or until `takes` / `looks` is over
    engine.complete(order.snapshot)         # also: partial=("orders",), missing=("orders",)
    engine.vanish(order.snapshot)           # kill -9 of the server: no record of it is left
    engine.outage(2)                        # the next two requests are never answered
    engine.lose_next_answer()               # the next request does its work, and its answer is lost
    engine.refuse("start", "403 …")         # the next `start` is answered no

`requests` is a list of what was sent, `calls` its length. Passes tests/contract/test_engines.py with the real servers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

from chalicelib.core.errors import NameTaken, Refused, RepositoryMissing, Retryable
from chalicelib.core.model import (
    Absent,
    Broken,
    Complete,
    IndexRef,
    InProgress,
    Observation,
    Owner,
    Selection,
    ShardFailure,
    Sizes,
)
from chalicelib.core.ports import Clock, StartOrder
from chalicelib.core.spec import Repository, Select
from tests.fakes.clock import FakeClock
from tests.fakes.elasticsearch_records import FakeIndex, FakeRepository, FakeSnapshot

ALWAYS_EXCLUDED = ("drill-*", "restored-*", ".ds-drill-*", ".ds-restored-*")
BYTES_PER_SHARD = 1000


class FakeEngine:
    """`takes` (by `clock`) or `looks` (number of looks that find it running) end a snapshot by themselves."""

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
        self._made = 0
        self._silent = 0
        self._lose = False
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
        stream: str | None = None,
        aliases: tuple[str, ...] = (),
    ) -> None:
        """A name that exists is made anew, with another uuid. `red`: its shard fails in every snapshot."""
        uuid = uuid or self._new_uuid("index")
        self.indices[name] = FakeIndex(uuid=uuid, system=system, red=red, stream=stream, aliases=aliases)

    def delete_index(self, name: str) -> None:
        del self.indices[name]

    def complete(self, snapshot: str, *, partial: Iterable[str] = (), missing: Iterable[str] = ()) -> None:
        """`partial`: indices whose shard failed. `missing`: indices that are not in it although they were asked for."""
        found = self._find(snapshot)
        red = {name for name in found.indices if name in self.indices and self.indices[name].red}
        failed = tuple(sorted(red | set(partial)))
        indices = tuple(name for name in found.indices if name not in set(missing))
        found.done = Complete(
            uuid=found.uuid,
            owner=found.owner,
            partial=bool(failed),
            started_at=found.started_at,
            ended_at=found.ends_at or self._clock.now(),
            indices=tuple(sorted(indices)),
            shards_total=len(indices),
            shards_failed=len(failed),
            failures=tuple(
                ShardFailure(index=name, shard=0, reason="primary shard is not allocated") for name in failed
            ),
        )

    def break_(self, snapshot: str, reason: str = "Snapshot was aborted by deletion") -> None:
        found = self._find(snapshot)
        found.done = Broken(uuid=found.uuid, owner=found.owner, reason=reason)

    def vanish(self, snapshot: str) -> None:
        for repository in self.repositories.values():
            repository.snapshots.pop(snapshot, None)

    def stranger(self, repository: str, snapshot: str, owner: Owner | None = None) -> None:
        """Somebody else's finished snapshot, perhaps under a name of ours."""
        self._put(repository, snapshot, owner, tuple(sorted(self.indices)))
        self.complete(snapshot)

    def outage(self, requests: int) -> None:
        """The next `requests` requests are not answered and have no effect."""
        self._silent = requests

    def lose_next_answer(self) -> None:
        self._lose = True

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
        """How many requests of a kind were sent: resolve, look, status, sizes, repository, register, start."""
        return sum(1 for what, _ in self.requests if what == method)

    # The port -----------------------------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        return len(self.requests)

    def resolve(self, select: Select) -> Selection:
        with self._request("resolve", ",".join(select.indices)):
            there = {name: index for name, index in sorted(self.indices.items()) if not index.system}
            labels = {name: (name, index.stream, *index.aliases) for name, index in there.items()}
            found = (
                IndexRef(name=name, uuid=index.uuid)
                for name, index in there.items()
                if _any(select.indices, labels[name])
                and not _any((*select.exclude, *ALWAYS_EXCLUDED), (name, index.stream))
            )
            known = [label for own in labels.values() for label in own]
            unmatched = tuple(pattern for pattern in select.indices if not _any((pattern,), known))
            return Selection(indices=tuple(found), unmatched=unmatched)

    def look(self, repository: str, snapshot: str, *, running: bool = False) -> Observation:
        if running:
            with self._request("status", snapshot):
                found = self._readable(repository).snapshots.get(snapshot)
                if found and found.done is None and not self._over(found):
                    return self._progress(found, owner=None)
        with self._request("look", snapshot):
            found = self._readable(repository).snapshots.get(snapshot)
            if found is None:
                return Absent()
            if found.done is None and self._over(found):
                self.complete(snapshot)
            return found.done or replace(self._progress(found, owner=found.owner), bytes_done=None, bytes_total=None)

    def sizes(self, repository: str, snapshot: str) -> Sizes:
        with self._request("sizes", snapshot):
            found = self._readable(repository).snapshots.get(snapshot)
            if found is None:
                raise Retryable(f"sizes of {repository}:{snapshot}: the snapshot is missing")
            return Sizes(total=BYTES_PER_SHARD * len(found.indices), added=BYTES_PER_SHARD * len(found.indices))

    def repository(self, name: str) -> Repository | None:
        with self._request("repository", name):
            return self.repositories[name].definition if name in self.repositories else None

    def register(self, name: str, repository: Repository) -> None:
        with self._request("register", name):
            known = self.repositories.setdefault(name, FakeRepository(repository))
            known.definition = repository

    def start(self, order: StartOrder) -> None:
        with self._request("start", order.snapshot):
            if not re.fullmatch(r"[a-z0-9][^A-Z\s,#*/?\\\"<>|]*", order.snapshot):
                raise Refused(f"{order.snapshot} cannot be the name of a snapshot")
            if not order.indices or any("*" in name for name in order.indices):
                raise Refused(f"{order.snapshot}: needs exact names of indices")
            if order.snapshot in self._readable(order.repository).snapshots:
                raise NameTaken(f"{order.repository} has a snapshot {order.snapshot} already")
            there = tuple(sorted(name for name in order.indices if name in self.indices))
            self._put(order.repository, order.snapshot, order.owner, there)

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
        lost, self._lose = self._lose, False
        try:
            yield
        finally:
            if lost:
                raise Retryable(f"{method} {subject}: the answer was lost")

    def _put(self, repository: str, snapshot: str, owner: Owner | None, indices: tuple[str, ...]) -> None:
        now = self._clock.now()
        self.repositories[repository].snapshots[snapshot] = FakeSnapshot(
            uuid=self._new_uuid("snapshot"),
            owner=owner,
            indices=indices,
            started_at=now,
            ends_at=now + self._takes if self._takes is not None else None,
            looks_left=self._looks,
        )

    def _over(self, snapshot: FakeSnapshot) -> bool:
        if snapshot.ends_at is not None and self._clock.now() >= snapshot.ends_at:
            return True
        if snapshot.looks_left is None:
            return False
        if snapshot.looks_left > 0:
            snapshot.looks_left -= 1
            return False
        return True

    def _progress(self, snapshot: FakeSnapshot, owner: Owner | None) -> InProgress:
        total = len(snapshot.indices)
        return InProgress(
            uuid=snapshot.uuid, owner=owner, shards_total=total, bytes_done=0, bytes_total=BYTES_PER_SHARD * total
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


def _any(patterns: Iterable[str], names: Iterable[str | None]) -> bool:
    """`*` is the only special character, as in Elasticsearch (names hold no `?` or `[`)."""
    known = [name for name in names if name]
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in known)
