"""Single documents in the Elasticsearch in memory (elasticsearch.py), which otherwise only counts them.

engine.put("orders", "1", '{"n": 1}')   # also: routing="a"; erase("orders", "1")
engine.indices["orders"].unwelcome = {"1"}      # the mapping takes no such document
engine.meanwhile = lambda: …            # what somebody else does before the next write of ours
"""

from collections.abc import Sequence

from chalicelib.core.copying import Barred, Found, Held, Live, Side, Write, Written
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from tests.fakes.elasticsearch_cluster import FakeCluster
from tests.fakes.elasticsearch_records import FakeIndex

TERM = 1


class FakeCopier:
    """Keeps nothing itself: everything is in the cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def sides(self, names: Sequence[str]) -> tuple[Side, ...]:
        _check(names)
        with self._cluster._request("state", ",".join(names)):
            return tuple(self._side(name) for name in names)

    def count(self, index: str) -> int:
        _check([index])
        with self._cluster._request("count", index):
            return len(self._open(index).contents)

    def page(self, index: IndexRef, shard: int, after: int, most: int) -> tuple[Found, ...]:
        _check([index.name])
        with self._cluster._request("page", index.name):
            there = self._open(index.name)
            if shard >= there.shards:
                raise Retryable(f"page {index.name}: there is no shard {shard}")
            held = (
                Found(id=name, routing=routing, seq_no=document.seq_no, source=document.source)
                for (name, routing), document in there.contents.items()
                if document.shard == shard and document.seq_no > after
            )
            return tuple(sorted(held, key=lambda found: found.seq_no)[:most])

    def live(self, index: IndexRef, wanted: Sequence[Found]) -> tuple[Live, ...]:
        _check([index.name])
        if not wanted:
            return ()
        with self._cluster._request("live", index.name):
            there = self._open(index.name)
            return tuple(_live(there, found) for found in wanted)

    def write(self, source: IndexRef, live: IndexRef, writes: Sequence[Write]) -> tuple[Written, ...]:
        _check([source.name, live.name])
        if not writes:
            return ()
        meanwhile, self._cluster.meanwhile = self._cluster.meanwhile, None
        if meanwhile:
            meanwhile()
        for side, wanted in zip(self.sides((source.name, live.name)), (source, live), strict=True):
            if side.uuid != wanted.uuid:
                raise Refused(f"write {live.name}: {wanted.name} is gone, or was made anew")
        with self._cluster._request("write", live.name):
            there = self._open(live.name)
            if not there.writable:
                raise Retryable(f"write {live.name}: blocked")
            return tuple(self._write(live.name, there, write) for write in writes)

    def spelled(self, source: str, live: str) -> tuple[str, ...]:
        return (f"copy {source} into {live}",)

    def _write(self, name: str, there: FakeIndex, write: Write) -> Written:
        found = write.found
        if found.id in there.unwelcome:
            return Written(done=False, why=f"document_parsing_exception: {found.id}")
        held = there.contents.get((found.id, found.routing))
        expected = write.over.seq_no if write.over else None
        if (held.seq_no if held else None) != expected:
            return Written(done=False)
        self._cluster.put(name, found.id, found.source, routing=found.routing)
        return Written(done=True)

    def _open(self, name: str) -> FakeIndex:
        there = self._cluster.indices.get(name)
        if there is None or there.closed:
            raise Refused(f"{name} is gone or closed")
        return there

    def _side(self, name: str) -> Side:
        there = self._cluster.indices.get(name)
        if there is None:
            behind = sorted(index for index, held in self._cluster.indices.items() if name in held.aliases)
            return Side(name=name, behind=tuple(behind))
        return Side(
            name=name,
            uuid=there.uuid,
            shards=there.shards,
            closed=there.closed,
            blocked=not there.writable,
            whole=there.whole,
            pipeline=there.pipeline,
        )


def _live(there: FakeIndex, found: Found) -> Live:
    if there.routed and found.routing is None:
        return Barred("routing_missing_exception: routing is required")
    held = there.contents.get((found.id, found.routing))
    return Held(seq_no=held.seq_no, term=TERM, source=held.source) if held else None


def _check(names: Sequence[str]) -> None:
    if any("*" in name for name in names):
        raise Refused("needs exact names of indices")


def documents(index: FakeIndex) -> dict[str, str]:
    """Sources by id, of those without a routing."""
    return {name: held.source for (name, routing), held in index.contents.items() if routing is None}
