"""What the Elasticsearch in memory (elasticsearch.py) is asked to prove a restore. What tests can do to it is in
elasticsearch_records.py and elasticsearch_cluster.py: an index's `put`, `damage`, `mapping`; `heap`, `relocating`."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from chalicelib.core import drawing
from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.proving import Document, Read, Vitals
from tests.fakes.elasticsearch_cluster import FakeCluster
from tests.fakes.elasticsearch_records import Address, FakeDocument, FakeIndex

MOST = 10_000


class FakeProver:
    """Keeps nothing itself: everything is in the cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def mappings(self, names: Sequence[str]) -> Mapping[str, str]:
        _check(names)
        with self._cluster._request("mappings", ",".join(names)):
            there = {name: self._cluster.indices[name] for name in names if name in self._cluster.indices}
            return {
                name: json.dumps(index.mapping, sort_keys=True, separators=(",", ":")) for name, index in there.items()
            }

    def sample(self, counts: Sequence[IndexCount], wanted: int, key: bytes) -> Mapping[str, Read]:
        _check([count.name for count in counts])
        with self._cluster._request("sample", ",".join(count.name for count in counts)):
            return {count.name: self._sampled(count, min(wanted, MOST), key) for count in counts}

    def documents(self, wanted: Mapping[IndexRef, Sequence[Document]], key: bytes | None) -> Mapping[str, Read]:
        _check([index.name for index in wanted])
        with self._cluster._request("documents", ",".join(index.name for index in wanted)):
            found = {index.name: self._read(index, documents, key) for index, documents in wanted.items()}
        with self._cluster._request("state", ",".join(found)):
            return found

    def hits(self, index: str, query: Mapping[str, object], *, enough: int, seconds: int) -> int:
        """Knows `match_all` and `term`."""
        _check([index])
        with self._cluster._request("hits", index):
            held = self._cluster.indices.get(index)
            if held is None or not query.keys() <= {"match_all", "term"}:
                raise Refused(f"hits {index}: no such index, or unknown query {list(query)}")
            term = query.get("term", {})
            assert isinstance(term, Mapping)
            sources: list[dict[str, object]] = [json.loads(each.source or "{}") for each in held.searchable.values()]
            return min(sum(1 for source in sources if term.items() <= source.items()), enough)

    def vitals(self) -> Vitals:
        for question in ("vitals", "heap"):
            with self._cluster._request(question, "cluster"):
                pass
        open_ones = [index for index in self._cluster.indices.values() if not index.closed]
        return Vitals(
            status="red" if any(index.red and not _comes(index) for index in open_ones) else "green",
            relocating=self._cluster.relocating,
            initializing=sum(index.shards for index in open_ones if _comes(index)),
            unassigned=sum(index.red for index in open_ones),
            heap=tuple(sorted(self._cluster.heap.items())),
        )

    def _sampled(self, count: IndexCount, wanted: int, key: bytes) -> Read:
        index = self._cluster.indices.get(count.name)
        if index is None or index.closed or index.red:
            return Read(why=f"sample {count.name}: it is gone, closed or red")
        if index.searchable and all(each.source is None for each in index.searchable.values()):
            return Read(why="it keeps no sources")
        there = [address for address, each in index.searchable.items() if each.source is not None]
        drawn = drawing.chosen(key, there, min(wanted, len(there)))
        return _of([(each, index.searchable[each]) for each in drawn], index, key, complete=len(drawn) == len(there))

    def _read(self, wanted: IndexRef, documents: Sequence[Document], key: bytes | None) -> Read:
        index = self._cluster.indices.get(wanted.name)
        if index is None or index.uuid != wanted.uuid:
            return Read()
        if index.closed or index.red:
            return Read(why=f"documents {wanted.name}: it is closed or red")
        wanted_ones = [(each.id, each.routing) for each in documents]
        found = [(each, index.sources[each]) for each in wanted_ones if each in index.sources]
        return _of(found, index, key, complete=False)


def _comes(index: FakeIndex) -> bool:
    """A primary that a restore has yet to bring leaves the cluster yellow; it is red when it was given up."""
    return index.red and index.origin is not None and bool(index.origin.looks_left)


def _of(found: list[tuple[Address, FakeDocument]], index: FakeIndex, key: bytes | None, *, complete: bool) -> Read:
    return Read(
        documents=tuple(
            Document(
                id=name,
                routing=routing,
                seq_no=index.place(each)[1],
                term=1,
                digest="" if key is None else _digest(each.source or "", key),
            )
            for (name, routing), each in found
        ),
        complete=complete,
        bytes=0 if key is None else sum(len(each.source or "") for _, each in found),
    )


def _digest(source: str, key: bytes) -> str:
    return hashlib.blake2b(source.encode(), key=key, digest_size=8).hexdigest()


def _check(names: Sequence[str]) -> None:
    if any("*" in name for name in names):
        raise Refused("needs exact names of indices")
