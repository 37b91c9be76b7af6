"""Restores by the Elasticsearch in memory (elasticsearch.py). What tests can do to them is in elasticsearch_cluster.py:
and outages, lost answers and refusals as for everything else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.core.errors import NameTaken, Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.observations import Broken, Complete
from chalicelib.core.restores import (
    Contents,
    FailedShard,
    HeldIndex,
    LiveIndex,
    Restored,
    RestoreOrder,
    Surroundings,
    Unallocated,
)
from chalicelib.core.streams import Template
from tests.fakes.elasticsearch_cluster import BYTES_PER_SHARD, FakeCluster
from tests.fakes.elasticsearch_records import DISABLED, NODE_LEFT, FakeIndex, FakeOrigin, FakeSnapshot


def restart_node(cluster: FakeCluster) -> None:
    """What is being restored loses a shard: it has no replicas, and the server does not take it once more."""
    for index in cluster.indices.values():
        if index.origin and index.origin.looks_left:
            index.origin.looks_left, index.origin.lost = 0, {0: NODE_LEFT}


class FakeRestorer:
    """Keeps nothing itself: everything is in the cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def contents(self, repository: str, snapshot: str) -> Contents | None:
        with self._cluster._request("contents", snapshot):
            found = self._cluster._seen(repository, snapshot)
            return _contents(found, self._cluster.version) if found else None

    def surroundings(self) -> Surroundings:
        for question in ("state", "nodes", "settings"):
            with self._cluster._request(question, "surroundings"):
                pass
        held = sorted(self._cluster.indices.items())
        return Surroundings(
            version=self._cluster.version,
            indices=tuple(_live(name, index) for name, index in held),
            streams=tuple(sorted({index.stream for _, index in held if index.stream})),
            nodes=self._cluster.nodes,
            shards=sum(index.shards * (1 + index.replicas) for _, index in held if not index.closed),
            shard_limit=self._cluster.shard_limit,
            templates=tuple(_templates(self._cluster.configured.get("index_templates", {}))),
            allocation=self._cluster.allocation,
        )

    def restore(self, order: RestoreOrder) -> None:
        if not order.indices or any("*" in name for name in order.indices):
            raise Refused(f"restore {order.snapshot}: needs exact names of indices")
        wanted = {order.name_of(name): name for name in order.indices}
        with self._cluster._request("state", ",".join(wanted)):
            self._check_over(order)
            self._check_free(name for name in (*wanted, *order.new_streams) if name not in _over(order))
        with self._cluster._request("restore", order.snapshot):
            found = self._cluster._readable(order.repository).snapshots.get(order.snapshot)
            if found is None or found.done is None:
                raise Refused(f"restore {order.repository}:{order.snapshot}: snapshot does not exist")
            self._check_free(name for name in (*wanted, *order.new_streams) if not self._is_closed(name))
            self._check_shards(found, wanted)
            self._check_held(found, order)
            for name, source in _made(found, order).items():
                self._make(name, found.held[source], source, order)

    def restored(self, order: RestoreOrder) -> tuple[Restored, ...]:
        names = sorted(order.names)
        with self._cluster._request("state", ",".join(names)):
            there = {name: self._cluster.indices[name] for name in names if name in self._cluster.indices}
            there |= {
                name: index
                for name, index in self._cluster.indices.items()
                if index.stream in order.new_streams and index.mark == order.mark
            }
        if any(index.mark == order.mark for index in there.values()):
            with self._cluster._request("recovery", ",".join(there)):
                for index in there.values():
                    _go_on(index, self._cluster.no_turn)
        return tuple(_restored(name, index, order) for name, index in sorted(there.items()))

    def unallocated(self, index: str, shard: int) -> Unallocated | None:
        with self._cluster._request("explain", index):
            found = self._cluster.indices.get(index)
        if found and found.origin and (found.origin.no_node or found.origin.no_turn):
            why = found.origin.no_node or found.origin.no_turn or ""
            return Unallocated(index=index, shard=shard, never=found.origin.no_node is not None, why=why)
        if found and found.red and found.origin is None:
            return Unallocated(index=index, shard=shard, never=True, why="filter: node does not match")
        return None

    def remove(self, *indices: IndexRef) -> bool:
        """As the server: all of them or none."""
        names = ",".join(index.name for index in indices)
        with self._cluster._request("state", names):
            there = {index.name: self._cluster.indices.get(index.name) for index in indices}
        wanted = [index for index in indices if (found := there[index.name]) and found.uuid == index.uuid]
        if wanted:
            with self._cluster._request("remove", names):
                if bound := [index.name for index in wanted if self._cluster.is_bound(index.name)]:
                    raise Retryable(f"remove {bound[0]}: a snapshot of it runs")
                for name in (index.name for index in wanted):
                    stream = self._cluster.indices[name].stream if name in self._cluster.indices else None
                    if stream and name == self._cluster.backing(stream)[-1]:
                        raise Refused(f"remove {name}: it is the write index of {stream}")
                for index in wanted:
                    self._cluster.indices.pop(index.name, None)
        return all(index in wanted or there[index.name] is None for index in indices)

    def release(self, index: IndexRef, settings: Mapping[str, object], *, lifecycle: bool = False) -> None:
        with self._cluster._request("state", index.name):
            found = self._cluster.indices.get(index.name)
        if found is None or found.uuid != index.uuid:
            raise Refused(f"release {index.name}: it is gone, or was made anew")
        with self._cluster._request("release", index.name):
            found.mark, found.writable = None, True
            kept = {key: value for key, value in settings.items() if lifecycle or "lifecycle" not in key}
            found.settings = {**found.settings, **kept}
            found.replicas = int(str(settings.get("index.number_of_replicas", found.replicas)))

    def spelled(self, order: RestoreOrder) -> tuple[str, ...]:
        return (f"restore {order.snapshot} as {order.prefix}*", "release each")

    def _check_free(self, names: Iterable[str]) -> None:
        aliases = {alias for index in self._cluster.indices.values() for alias in (*index.aliases, index.stream)}
        for name in names:
            if name in self._cluster.indices or name in aliases:
                raise NameTaken(f"restore: there is already {name}")

    def _check_over(self, order: RestoreOrder) -> None:
        """As our own look just before tells it."""
        for name, uuid in _over(order).items():
            there = self._cluster.indices.get(name)
            if there is None or there.uuid != uuid:
                raise Refused(f"restore: {name} is gone, or was made anew")
            if not there.closed:
                raise Refused(f"restore: {name} is open")

    def _check_shards(self, found: FakeSnapshot, wanted: Mapping[str, str]) -> None:
        for name, source in wanted.items():
            if self._is_closed(name) and self._cluster.indices[name].shards != found.indices[source]:
                raise Refused(f"restore: cannot restore index {name} with another number of shards")

    def _is_closed(self, name: str) -> bool:
        return name in self._cluster.indices and self._cluster.indices[name].closed

    def _check_held(self, found: FakeSnapshot, order: RestoreOrder) -> None:
        if not isinstance(found.done, Complete):
            raise Refused(f"restore {order.snapshot}: it ended badly")
        torn = {failure.index for failure in found.done.failures}
        for name in order.indices:
            if name not in found.done.indices:
                raise Refused(f"restore {order.snapshot}: no such index {name}")
            if name in torn:
                raise Refused(f"restore {order.snapshot}: index {name} wasn't fully snapshotted")
        shards = sum(found.indices[name] for name in order.indices)
        open_ones = sum(each.shards * (1 + each.replicas) for each in self._cluster.indices.values() if not each.closed)
        if open_ones + shards > self._cluster.shard_limit:
            raise Refused(f"restore {order.snapshot}: this action would add {shards} shards")

    def _make(self, name: str, held: FakeIndex, source: str, order: RestoreOrder) -> None:
        """Over a closed index, as the real one: it keeps its uuid and its aliases."""
        before = self._cluster.indices.get(name)
        lost = dict(self._cluster.lost.get((order.snapshot, source), {}))
        off = DISABLED if self._cluster.allocation == "none" and (before is None or before.red) else None
        no_node = self._cluster.no_node or off
        self._cluster.indices[name] = held.copy(
            uuid=before.uuid if before else self._cluster._new_uuid("index"),
            red=bool(self._cluster.restore_looks or lost or no_node or self._cluster.no_turn),
            closed=False,
            stream=order.prefix + held.stream if held.stream in order.streams else None,
            aliases=before.aliases if before else (),
            details=before.details if before else {},
            replicas=0,
            countable=held.documents,
            searchable=dict(held.sources),
            mark=order.mark,
            writable=False,
            settings={},
            origin=FakeOrigin(
                repository=order.repository,
                snapshot=order.snapshot,
                looks_left=self._cluster.restore_looks,
                lost=lost,
                no_node=no_node,
                no_turn=self._cluster.no_turn,
            ),
        )


def _made(found: FakeSnapshot, order: RestoreOrder) -> dict[str, str]:
    """Sources by new names. A stream comes with all that it had, and its name is in the middle of those of its
    indices."""
    plain = {order.prefix + name: name for name in order.indices if name in order.asked}
    backing = [name for name, index in found.held.items() if index.stream and index.stream in order.streams]
    return {**plain, **{re.sub(r"^(\.ds-|)", rf"\g<1>{order.prefix}", name): name for name in backing}}


def _templates(configured: Mapping[str, Any]) -> Iterator[Template]:
    for name, body in configured.items():
        patterns, priority = tuple(body["index_patterns"]), body.get("priority", 0)
        yield Template(name=name, patterns=patterns, priority=priority, streams="data_stream" in body)


def _over(order: RestoreOrder) -> dict[str, str]:
    return {index.name: index.uuid for index in order.over or ()}


def _go_on(index: FakeIndex, no_turn: str | None) -> None:
    if index.origin is None:
        return
    index.origin.no_turn = index.origin.no_turn and no_turn
    if index.origin.no_node or index.origin.no_turn:
        return
    index.origin.looks_left -= index.origin.looks_left > 0
    if not index.origin.looks_left and not index.origin.lost:
        index.red = False


def _contents(found: FakeSnapshot, version: str) -> Contents:
    if found.done is None:
        raise Refused("contents: it is still in progress")
    if isinstance(found.done, Broken):
        raise Refused(f"contents: it cannot be restored: {found.done.reason}")
    assert isinstance(found.done, Complete)
    failed = [failure.index for failure in found.done.failures]
    return Contents(
        uuid=found.uuid,
        version=version,
        ended_at=found.done.ended_at,
        indices=tuple(
            HeldIndex(name=name, shards=failed.count(name), bytes=0, whole=False)
            if name in failed
            else HeldIndex(name=name, shards=found.indices[name], bytes=BYTES_PER_SHARD * found.indices[name])
            for name in found.done.indices
        ),
        streams=tuple(sorted({stream for name in found.done.indices if (stream := found.held[name].stream)})),
    )


def _live(name: str, index: FakeIndex) -> LiveIndex:
    return LiveIndex(
        name=name,
        uuid=index.uuid,
        shards=index.shards,
        replicas=index.replicas,
        closed=index.closed,
        aliases=tuple(sorted(index.aliases)),
        mark=index.mark,
    )


def _restored(name: str, index: FakeIndex, order: RestoreOrder) -> Restored:
    if index.mark != order.mark or index.origin is None:
        return Restored(name=name, uuid=index.uuid, ours=False, shards=index.shards, shards_done=0)
    if index.origin.no_node or index.origin.no_turn:
        return _on_no_node(name, index, index.origin)
    over = not index.origin.looks_left
    done = index.shards - len(index.origin.lost) if over else 0
    return Restored(
        name=name,
        uuid=index.uuid,
        ours=True,
        shards=index.shards,
        shards_done=done,
        bytes_done=BYTES_PER_SHARD * done,
        bytes_total=BYTES_PER_SHARD * (index.shards - len(index.origin.lost) if over else index.shards),
        failed=tuple(
            FailedShard(index=name, shard=shard, reason=reason, with_node=reason == NODE_LEFT)
            for shard, reason in sorted(index.origin.lost.items())
            if over
        ),
    )


def _on_no_node(name: str, index: FakeIndex, origin: FakeOrigin) -> Restored:
    given_up = "no node may take it (NEW_INDEX_RESTORED, deciders_no)"
    shards = range(index.shards) if origin.no_node else ()
    return Restored(
        name=name,
        uuid=index.uuid,
        ours=True,
        shards=index.shards,
        shards_done=0,
        failed=tuple(FailedShard(index=name, shard=shard, reason=given_up, unallocated=True) for shard in shards),
        waiting=() if origin.no_node else tuple(range(index.shards)),
    )
