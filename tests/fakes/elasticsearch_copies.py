"""How the Elasticsearch in memory (elasticsearch.py) reads and writes single documents. What tests can do to it is in
elasticsearch_records.py and elasticsearch_cluster.py: an index's `put`, `erase`, `unwelcome`, `routed`, `whole`;
`meanwhile`, what somebody else does just before the next write of ours."""

from collections.abc import Sequence

from chalicelib.core.copying import Barred, Found, Held, Live, Side, Write, Written
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from tests.fakes.elasticsearch_cluster import FakeCluster
from tests.fakes.elasticsearch_records import Address, FakeDocument, FakeIndex

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
            return len(self._open(index).searchable)

    def page(self, index: IndexRef, shard: int, after: int, most: int) -> tuple[Found, ...]:
        _check([index.name])
        with self._cluster._request("page", index.name):
            there = self._open(index.name)
            if shard >= there.shards:
                raise Retryable(f"page {index.name}: there is no shard {shard}")
            held = [
                _found(there, address)
                for address, document in there.searchable.items()
                if there.place(document)[0] == shard and there.place(document)[1] > after
            ]
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
            return tuple(self._write(there, write) for write in writes)

    def spelled(self, source: str, live: str) -> tuple[str, ...]:
        return (f"copy {source} into {live}",)

    def _write(self, there: FakeIndex, write: Write) -> Written:
        found = write.found
        if found.id in there.unwelcome:
            return Written(done=False, why=f"document_parsing_exception: {found.id}")
        held = there.sources.get((found.id, found.routing))
        expected = write.over.seq_no if write.over else None
        if (there.place(held)[1] if held else None) != expected:
            return Written(done=False)
        there.put(found.id, found.source, routing=found.routing)
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
    held = there.sources.get((found.id, found.routing))
    return Held(seq_no=there.place(held)[1], term=TERM, source=_source(held)) if held else None


def _found(there: FakeIndex, address: Address) -> Found:
    document = there.searchable[address]
    name, routing = address
    return Found(id=name, routing=routing, seq_no=there.place(document)[1], source=_source(document))


def _source(document: FakeDocument) -> str:
    """As the real one: an answer without a source is no answer."""
    if document.source is None:
        raise Retryable("unreadable answer, no _source")
    return document.source


def _check(names: Sequence[str]) -> None:
    if any("*" in name for name in names):
        raise Refused("needs exact names of indices")


def documents(index: FakeIndex) -> dict[str, str]:
    """Sources by id, of those without a routing."""
    return {name: _source(held) for (name, routing), held in index.sources.items() if routing is None}
