"""Swaps by the Elasticsearch in memory (elasticsearch.py): aliases with their details, blocks, clones, and the one
request that moves names, all of it or nothing."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.swaps import Alias, CloneOrder, Does, Repoint, Standing
from tests.fakes.elasticsearch_records import FakeIndex
from tests.fakes.elasticsearch_restores import FakeRestorer

BLOCK, REPLICAS = "index.blocks.write", "index.number_of_replicas"


class FakeSwapper(FakeRestorer):
    def standing(self, names: Sequence[str]) -> tuple[Standing, ...]:
        if not names:
            return ()
        wanted = set(names)
        with self._cluster._request("state", ",".join(names)):
            there = {
                name: index
                for name, index in sorted(self._cluster.indices.items())
                if wanted & {name, index.stream, *index.aliases}
            }
        if there:
            with self._cluster._request("standing", ",".join(there)):
                pass
        return tuple(_standing(name, index) for name, index in there.items())

    def block(self, index: IndexRef) -> None:
        self._the(index, "block")
        with self._cluster._request("block", index.name):
            self._cluster.indices[index.name].writable = False

    def clone(self, order: CloneOrder) -> None:
        source = self._the(order.source, "clone")
        with self._cluster._request("clone", order.name):
            aliases = {alias for index in self._cluster.indices.values() for alias in index.aliases}
            if order.name in self._cluster.indices or order.name in aliases:
                raise Refused(f"clone {order.name}: it already exists")
            if source.writable and not source.closed:
                raise Refused(f"clone {order.name}: index {order.source.name} must be read-only to resize index")
            self._cluster.indices[order.name] = source.copy(
                uuid=self._cluster._new_uuid("clone"),
                aliases=(),
                details={},
                mark=order.mark,
                closed=False,
                origin=None,
                replicas=int(order.source.settings.get(REPLICAS, "1")),
                settings={key: value for key, value in source.settings.items() if "lifecycle" not in key},
            )

    def reopen(self, index: IndexRef) -> None:
        found = self._the(index, "reopen")
        with self._cluster._request("reopen", index.name):
            found.writable, found.mark = index.settings.get(BLOCK) != "true", None
            found.settings = {**found.settings, **{k: v for k, v in index.settings.items() if "lifecycle" in k}}

    def repoint(self, actions: Sequence[Repoint]) -> None:
        for action in actions:
            if action.uuid is not None:
                self._the(IndexRef(name=action.index, uuid=action.uuid), "repoint")
        with self._cluster._request("repoint", ",".join(action.index for action in actions)):
            if self._bound([action.index for action in actions if action.does is Does.REMOVE_INDEX]):
                raise Retryable("repoint: a snapshot of it runs")
            before = self._cluster.indices
            self._cluster.indices = {name: replace(index) for name, index in before.items()}
            try:
                for action in actions:
                    self._do(action)
                self._check_names()
            except (Refused, Retryable):
                self._cluster.indices = before
                raise

    def spelled_swap(self, clones: Sequence[CloneOrder], actions: Sequence[Repoint]) -> tuple[str, ...]:
        return (*(f"clone {order.source.name} as {order.name}" for order in clones), f"repoint {len(actions)} times")

    def _do(self, action: Repoint) -> None:
        found = self._cluster.indices.get(action.index)
        if found is None:
            raise Refused(f"repoint: no such index {action.index}")
        if action.does is Does.REMOVE_INDEX:
            del self._cluster.indices[action.index]
            return
        assert action.alias is not None
        name = action.alias.name
        if action.does is Does.ADD and action.alias.filter and found.closed:
            raise Retryable("repoint: 500 null_pointer_exception")
        if action.does is Does.REMOVE and name not in found.aliases:
            raise Refused(f"repoint: aliases [{name}] missing")
        found.aliases = tuple(alias for alias in found.aliases if alias != name)
        found.details = {key: value for key, value in found.details.items() if key != name}
        if action.does is Does.ADD:
            found.aliases += (name,)
            found.details = {**found.details, name: action.alias}

    def _check_names(self) -> None:
        writers: dict[str, list[str]] = {}
        for name, index in self._cluster.indices.items():
            for alias in index.aliases:
                if alias in self._cluster.indices:
                    raise Refused(f"repoint: an index exists with the same name as the alias {alias}")
                if alias in index.details and index.details[alias].is_write_index:
                    writers.setdefault(alias, []).append(name)
        if two := [alias for alias, names in writers.items() if len(names) > 1]:
            raise Refused(f"repoint: alias {two[0]} has more than one write index")

    def _bound(self, names: Sequence[str]) -> bool:
        return any(self._cluster.is_bound(name) for name in names)

    def _the(self, index: IndexRef, method: str) -> FakeIndex:
        with self._cluster._request("state", index.name):
            found = self._cluster.indices.get(index.name)
        if found is None or found.uuid != index.uuid:
            raise Refused(f"{method} {index.name}: it is gone, or was made anew")
        return found


def _standing(name: str, index: FakeIndex) -> Standing:
    kept = {key: str(value) for key, value in index.settings.items()}
    return Standing(
        name=name,
        uuid=index.uuid,
        shards=index.shards,
        closed=index.closed,
        aliases=tuple(index.details.get(alias, Alias(name=alias)) for alias in sorted(index.aliases)),
        blocked=not index.writable,
        settings={**kept, REPLICAS: str(index.replicas), **({} if index.writable else {BLOCK: "true"})},
        mark=index.mark,
        whole=not index.red,
    )
