"""Reads Elasticsearch's answers about what proves a restore, as strictly as elasticsearch_read.py does. What one of
many searches or documents answered badly is said of its index alone.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from chalicelib.core.errors import Retryable
from chalicelib.core.proving import Document, Read, Vitals
from chalicelib.engines import elasticsearch_answers as answers
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_json import canonical, readable
from chalicelib.engines.elasticsearch_read import Body
from chalicelib.engines.elasticsearch_restore_read import HOLD_SHARDS

DIGEST_BYTES = 8
"""Two sources that differ have the same digest once in 2^64: enough, and thousands of them fit into a row."""


def mappings(body: Body, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """An alias of such a name brings indices that were not asked for."""
    for name in names:
        if name in body.value:
            yield name, readable(dict(body.body(name).body("mappings").value))


def searched(question: Question, body: Body, names: Sequence[str], key: bytes) -> dict[str, Read]:
    """`names`: of the indices, in the order of the searches; several of one index are put together."""
    responses = body.bodies("responses")
    if len(responses) != len(names):
        raise body.unreadable("responses")
    found: dict[str, Read] = {}
    for name, response in zip(names, responses, strict=True):
        found[name] = _together(found.get(name, Read()), _one_search(question, name, response, key))
    return found


def documents(
    question: Question, body: Body, asked: Sequence[tuple[str, Document]], key: bytes | None
) -> dict[str, Read]:
    items = body.bodies("docs")
    if len(items) != len(asked):
        raise body.unreadable("docs")
    found: dict[str, Read] = {}
    for (name, wanted), item in zip(asked, items, strict=True):
        if item.text("_id") != wanted.id:
            raise item.unreadable("_id")
        found[name] = _together(found.get(name, Read()), _one_document(question, wanted, item, key))
    return found


def hits(question: Question, body: Body, enough: int) -> int:
    value = body.body("hits").body("total").number("value")
    shards = body.body("_shards")
    if value < enough and (body.flag("timed_out") or shards.number("failed")):
        raise Retryable(f"{question}: not all shards were looked at in time; found so far: {value}")
    return value


def vitals(health: Body, heap: Body) -> Vitals:
    if health.flag("timed_out") or heap.body("_nodes").number("failed"):
        raise Retryable(f"{health.where}: not every node answered in time")
    if health.text("status") not in ("green", "yellow", "red"):
        raise health.unreadable("status")
    nodes = [node for _, node in heap.items("nodes") if HOLD_SHARDS & set(node.texts("roles"))]
    if not nodes:
        raise heap.unreadable("nodes")
    used = ((node.text("name"), node.body("jvm").body("mem").number("heap_used_percent")) for node in nodes)
    return Vitals(
        status=health.text("status"),
        relocating=health.number("relocating_shards"),
        initializing=health.number("initializing_shards"),
        unassigned=health.number("unassigned_shards"),
        heap=tuple(sorted(used)),
    )


def _one_search(question: Question, name: str, response: Body, key: bytes) -> Read:
    if "error" in response.value:
        return Read(why=_why(question, response, response.number("status")))
    if response.flag("timed_out") or response.body("_shards").number("failed"):
        return Read(why=f"{question}: not all shards of {name} answered in time")
    found = response.body("hits").bodies("hits")
    read = [_document(hit, key) for hit in found if hit.text("_index") == name and "_source" in hit.value]
    if found and not read:
        return Read(why="it keeps no sources")
    return Read(documents=tuple(one for one, _ in read), bytes=sum(size for _, size in read))


def _one_document(question: Question, wanted: Document, item: Body, key: bytes | None) -> Read:
    """Without the source the server does not say the routing either. It is the one that was asked for: that names the
    shard, and whatever else takes the same id there has another sequence number."""
    if "error" in item.value:
        kind = item.body("error").text("type")
        return Read(why=_why(question, item, 403 if kind == "security_exception" else 0))
    if not item.flag("found") or (key is not None and "_source" not in item.value):
        return Read()
    one, size = _document(item, key)
    if key is None and one.routing is None:
        one = replace(one, routing=wanted.routing)
    return Read(documents=(one,), bytes=size)


def _document(hit: Body, key: bytes | None) -> tuple[Document, int]:
    text = b"" if key is None else canonical(hit.body("_source").value)
    return Document(
        id=hit.text("_id"),
        routing=hit.text("_routing") if "_routing" in hit.value else None,
        seq_no=hit.number("_seq_no"),
        term=hit.number("_primary_term", least=1),
        digest="" if key is None else hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES).hexdigest(),
    ), len(text)


def _together(one: Read, other: Read) -> Read:
    return Read(documents=(*one.documents, *other.documents), bytes=one.bytes + other.bytes, why=one.why or other.why)


def _why(question: Question, body: Body, status: int) -> str:
    answer = answers.read(status, body.value)
    if answer is None:
        raise body.unreadable("error")
    return answers.message(question, answer, answers.judge(question, answer))
