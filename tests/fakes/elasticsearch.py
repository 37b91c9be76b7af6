"""An Elasticsearch in memory: the `Engine` port with everything that a real one was seen to do to us, on request.

    engine = FakeEngine(indices={"orders": "u1"})
    engine.start(order)                     # in progress until told otherwise, or until `takes` / `looks` is over
    engine.complete(order.snapshot)         # also: partial=("orders",), missing=("orders",)
    engine.vanish(order.snapshot)           # kill -9 of the server: no record of it is left
    engine.outage(2)                        # the next two requests are never answered
    engine.lose_next_answer()               # the next request does its work, and its answer is lost
    engine.refuse("start", "403 …")         # the next `start` is answered no
    engine.write("orders", 10)              # counted after a refresh; also: delete_documents("orders", 3)
    engine.restore_looks = 2                # a restore takes two looks; also: lose_blob("snap", "orders", 1)
    engine.slow_delete = 2                  # a removal takes two looks; `blocked = True`: it does not end

`requests` is a list of what was sent, `calls` its length. Passes tests/contract/test_engine*.py with the real servers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.core import capsules
from chalicelib.core.capsules import Configuration
from chalicelib.core.copying import Copier
from chalicelib.core.errors import Refused, Retryable, Unauthenticated
from chalicelib.core.model import IndexCount, IndexRef, Selection
from chalicelib.core.observations import Absent, Observation, Owner, Sizes
from chalicelib.core.ports import StartOrder
from chalicelib.core.restore_ports import Prover, Restorer
from chalicelib.core.spec import Repository, Select
from chalicelib.core.wildcards import matches
from tests.fakes.elasticsearch_cluster import BYTES_PER_SHARD, FakeCluster
from tests.fakes.elasticsearch_copies import FakeCopier
from tests.fakes.elasticsearch_in_place import FakeInPlace
from tests.fakes.elasticsearch_prove import FakeProver
from tests.fakes.elasticsearch_records import FakeOrigin, FakeRepository

ALWAYS_EXCLUDED = ("drill-*", "restored-*", ".ds-drill-*", ".ds-restored-*")


class FakeEngine(FakeCluster):
    @property
    def calls(self) -> int:
        return len(self.requests)

    @property
    def restorer(self) -> Restorer:
        return FakeInPlace(self)

    @property
    def prover(self) -> Prover:
        return FakeProver(self)

    @property
    def copier(self) -> Copier:
        return FakeCopier(self)

    def resolve(self, select: Select, *, repository: str | None = None) -> Selection:
        with self._request("resolve", ",".join(select.indices)):
            there = {name: index for name, index in sorted(self.indices.items()) if not index.system}
            labels = {name: (name, index.stream, *index.aliases) for name, index in there.items()}
            found = tuple(
                IndexRef(
                    name=name,
                    uuid=index.uuid,
                    shards=index.shards,
                    closed=index.closed,
                    settings={
                        "index.number_of_replicas": str(index.replicas),
                        **{key: str(value) for key, value in index.settings.items()},
                    },
                )
                for name, index in there.items()
                if _any(select.indices, labels[name])
                and not _any(select.exclude, (name, index.stream))
                and (_any(select.indices, index.aliases) or not _any(ALWAYS_EXCLUDED, (name, index.stream)))
            )
            known = [label for own in labels.values() for label in own]
            unmatched = tuple(pattern for pattern in select.indices if not _any((pattern,), known))
            registered = self._registered(repository)
        if repository is not None and "*" not in select.indices:  # then the real one needs a request of its own for it
            registered = self.repository(repository)
        aliases = {ref.name: there[ref.name].aliases for ref in found if there[ref.name].aliases}
        return Selection(indices=found, unmatched=unmatched, registered=registered, aliases=aliases)

    def counts(self, indices: Sequence[IndexRef], *, refresh: bool) -> tuple[IndexCount, ...]:
        wanted = {ref.name: ref for ref in sorted(indices, key=lambda ref: ref.name) if not ref.closed}
        if any("*" in name for name in wanted):
            raise Refused("stats: needs exact names of indices")
        if not wanted:
            return ()
        there = {
            name: index
            for name, ref in wanted.items()
            if (index := self.indices.get(name)) and index.uuid == ref.uuid and not (index.closed or index.red)
        }
        if refresh:
            with self._request("refresh", ",".join(wanted)):
                self.refresh(*there)
        with self._request("stats", ",".join(wanted)):
            return tuple(
                IndexCount(name=name, uuid=index.uuid, docs=index.countable, max_seq_no=index.max_seq_no())
                for name, index in there.items()
                if wanted[name].shards == index.shards
            )

    def look(self, repository: str, snapshot: str, *, running: bool = False) -> Observation:
        if running:
            with self._request("status", snapshot):
                found = self._readable(repository).snapshots.get(snapshot)
                if found and found.done is None and found.deleting is None and self._over(found):
                    self.complete(snapshot)
                if found:
                    return self._progress(found)
        with self._request("look", snapshot):
            found = self._seen(repository, snapshot)
            if found is None:
                return Absent()
            return found.done or replace(
                self._progress(found), owner=found.owner, ending=False, bytes_done=None, bytes_total=None
            )

    def sizes(self, repository: str, snapshot: str) -> Sizes:
        with self._request("sizes", snapshot):
            found = self._readable(repository).snapshots.get(snapshot)
            if found is None:
                raise Retryable(f"sizes of {repository}:{snapshot}: the snapshot is missing")
            size = BYTES_PER_SHARD * sum(found.indices.values())
            return Sizes(total=size, added=size)

    def configuration(self) -> Configuration:
        """As configured by tests, and what the indices say themselves."""
        with self._request("configuration", "state"):
            parts: dict[str, dict[str, Any]] = {part: dict(self.configured.get(part, {})) for part in capsules.PARTS}
            for name, index in sorted(self.indices.items()):
                if index.stream:
                    parts["data_streams"].setdefault(index.stream, []).append(name)
                for alias in () if index.system else index.aliases:
                    parts["aliases"].setdefault(index.stream or name, {})[alias] = self.alias_details.get(
                        f"{name}/{alias}"
                    ) or self.alias_details.get(alias, {})
            for name, repository in self.repositories.items():
                body = {"type": repository.definition.type, "settings": dict(repository.definition.settings)}
                parts["repositories"][name] = body
        incomplete = {}
        for part in ("cluster_settings", "aliases"):
            try:
                with self._request(part, ""):
                    pass
            except Refused as error:
                if isinstance(error, Unauthenticated):
                    raise
                incomplete[part] = str(error)
                del parts[part]
        return capsules.without_secrets(parts, incomplete)

    def repository(self, name: str) -> Repository | None:
        with self._request("repository", name):
            return self._registered(name)

    def register(self, name: str, repository: Repository) -> None:
        with self._request("register", name):
            everywhere = [each for cluster in (self, *self.neighbours) for each in cluster.repositories.values()]
            held = next((each.snapshots for each in everywhere if _one_place(each, repository)), {})
            known = self.repositories.setdefault(name, FakeRepository(repository, snapshots=held))
            known.definition = repository

    def delete(self, repository: str, snapshot: str) -> None:
        if any(special in snapshot for special in "*,<"):
            raise Refused(f"delete {repository}:{snapshot}: needs an exact name")
        with self._request("delete", snapshot):
            held = self._readable(repository).snapshots
            if any(each.looks_left and each.snapshot == snapshot for each in self._origins()):
                raise Retryable(f"delete {repository}:{snapshot}: it is being restored")
            if not (self.slow_delete or self.blocked):
                held.pop(snapshot, None)
            elif (found := held.get(snapshot)) and found.deleting is None:
                found.deleting = self.slow_delete

    def try_out(self, repository: str, snapshot: str, owner: Owner) -> None:
        with self._request("try_out", snapshot):
            self._create(repository, snapshot, owner, ())
            self.complete(snapshot)

    def start(self, order: StartOrder) -> None:
        with self._request("start", order.snapshot):
            if not order.indices or any("*" in name for name in order.indices):
                raise Refused(f"{order.snapshot}: needs exact names of indices")
            self._create(order.repository, order.snapshot, order.owner, order.indices)

    def _origins(self) -> list[FakeOrigin]:
        return [index.origin for index in self.indices.values() if index.origin]

    def _registered(self, name: str | None) -> Repository | None:
        return self.repositories[name].definition if name in self.repositories else None


def _one_place(known: FakeRepository, other: Repository) -> bool:
    """Two registrations of one location hold the same snapshots."""
    return "location" in other.settings and known.definition.settings.get("location") == other.settings["location"]


def _any(patterns: Iterable[str], names: Iterable[str | None]) -> bool:
    known = [name for name in names if name]
    return any(matches(name, (pattern,)) for pattern in patterns for name in known)
