"""What proves a restore, asked of Elasticsearch 8 and 9.

Requests: mappings 1 (2 when one is gone) for each portion of names, sample 1 (2 where numbers hit too rarely),
documents 1 and 1 more for each portion of names, hits 1, vitals 2.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from elasticsearch import Elasticsearch

from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.proving import Document, Read, Vitals
from chalicelib.engines import elasticsearch_prove_read as read
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection
from chalicelib.engines.elasticsearch_counts import strictly
from chalicelib.engines.elasticsearch_draw import Draw, draw
from chalicelib.engines.elasticsearch_read import Body
from chalicelib.engines.elasticsearch_restore_read import uuids
from chalicelib.engines.elasticsearch_select import is_pattern, portions

UUIDS = ("cluster_uuid", "blocks.global", "metadata.indices.*.settings.index.uuid")
HEALTH = ("status", "timed_out", "relocating_shards", "initializing_shards", "unassigned_shards")
HEAP = ("_nodes", "nodes.*.name", "nodes.*.roles", "nodes.*.jvm.mem.heap_used_percent")


class ElasticsearchProver:
    """The `Prover` port of one target."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def mappings(self, names: Sequence[str]) -> Mapping[str, str]:
        self._check("mappings", names)
        found: dict[str, str] = {}
        for part in portions(names):
            body = strictly(self._connection, "mappings", partial(self._send_mappings, part))
            found.update(read.mappings(body, part))
        return found

    def sample(self, counts: Sequence[IndexCount], wanted: int, key: bytes) -> Mapping[str, Read]:
        """By sequence numbers, drawn from all that the primaries gave out, so that each document has the same chance:
        the server finds them at once. Where too many of the numbers are those of replaced or deleted documents, by
        `random_score`, which looks at every document."""
        self._check("sample", [count.name for count in counts])
        drawn = {count.name: draw(count, wanted, _seed(count, key)) for count in counts}
        found = self._searched({name: each for name, each in drawn.items() if each.searches}, key)
        rare = {
            count.name: each.by_score()
            for count in counts
            if (each := drawn[count.name]).is_poor(found.get(count.name, Read()))
        }
        found |= self._searched(rare, key)
        return {
            count.name: (rare.get(count.name) or drawn[count.name]).cut(
                found.get(count.name, Read()), _seed(count, key)
            )
            for count in counts
        }

    def documents(self, wanted: Mapping[IndexRef, Sequence[Document]], key: bytes | None) -> Mapping[str, Read]:
        """The uuids are read last: an index that still has its own then had it when the documents were read."""
        self._check("documents", [index.name for index in wanted])
        asked = [(index.name, document) for index, documents in wanted.items() for document in documents]
        question = self._question("documents")
        found: Mapping[str, Read] = {}
        if asked:
            items = [_item(name, document, source=key is not None) for name, document in asked]
            body = self._connection.must(question, lambda client: client.mget(docs=items))
            found = read.documents(question, body, asked, key)
        there = self._uuids([index.name for index in wanted])
        return {
            index.name: found.get(index.name, Read()) if there.get(index.name) == index.uuid else Read()
            for index in wanted
        }

    def hits(self, index: str, query: Mapping[str, object], *, enough: int, seconds: int) -> int:
        """No longer than one request may take."""
        self._check("hits", [index])
        question = self._question("hits", index)
        body = self._connection.must(
            question,
            lambda client: client.search(
                index=index,
                query=dict(query),
                size=0,
                track_total_hits=enough,
                terminate_after=max(enough, 1),  # of each shard
                timeout=f"{min(seconds, self._seconds)}s",
                allow_partial_search_results=True,  # what is enough may have been found; `read.hits` is strict
            ),
        )
        return read.hits(question, body, enough)

    def vitals(self) -> Vitals:
        health = self._connection.must(
            self._question("vitals"),
            lambda client: client.cluster.health(
                master_timeout=self._connection.master_timeout,
                timeout=self._connection.master_timeout,
                filter_path=HEALTH,
            ),
        )
        heap = self._connection.must(
            self._question("heap"),
            lambda client: client.nodes.stats(metric="jvm", timeout=self._connection.master_timeout, filter_path=HEAP),
        )
        return read.vitals(health, heap)

    def _send_mappings(self, names: Sequence[str], client: Elasticsearch, lenient: bool) -> Any:
        patience = self._connection.master_timeout
        return client.indices.get_mapping(index=list(names), ignore_unavailable=lenient, master_timeout=patience)

    def _searched(self, draws: Mapping[str, Draw], key: bytes) -> dict[str, Read]:
        if not draws:
            return {}
        lines: list[Any] = []
        for name, each in draws.items():
            for search in each.searches:
                shard = {} if search.shard is None else {"preference": f"_shards:{search.shard}"}
                lines.append({"index": name, "allow_partial_search_results": False, **shard})
                lines.append({**search.body, "seq_no_primary_term": True, "timeout": f"{self._seconds}s"})
        question = self._question("sample")
        body = self._connection.must(question, lambda client: client.msearch(searches=lines))
        return read.searched(question, body, [name for name, each in draws.items() for _ in each.searches], key)

    def _uuids(self, names: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in portions(names):
            found |= uuids(self._state(part))
        return found

    def _state(self, names: Sequence[str]) -> Body:
        return self._connection.must(
            self._question("state"),
            lambda client: client.cluster.state(
                metric=["metadata", "blocks"],
                index=list(names),
                ignore_unavailable=True,
                allow_no_indices=True,
                filter_path=UUIDS,
                master_timeout=self._connection.master_timeout,
            ),
        )

    @property
    def _seconds(self) -> int:
        """Shorter than what we wait for, so that the server gets to say that it took too long."""
        return max(1, int(self._connection.timeout) - 2)

    def _question(self, method: str, index: str = "") -> Question:
        return Question(method=method, target=self._connection.target, index=index)

    def _check(self, method: str, names: Sequence[str]) -> None:
        if any(map(is_pattern, names)):
            raise Refused(f"{self._question(method)}: needs exact names of indices")


def _seed(count: IndexCount, key: bytes) -> bytes:
    """Of each index its own, or equal ones would all be asked for the same numbers."""
    return hashlib.blake2b(count.uuid.encode(), key=key).digest()


def _item(name: str, document: Document, *, source: bool) -> dict[str, object]:
    routing = {} if document.routing is None else {"routing": document.routing}
    return {"_index": name, "_id": document.id, "_source": source, **routing}
