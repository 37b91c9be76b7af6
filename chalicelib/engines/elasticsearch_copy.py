"""Single documents from one index into another, on Elasticsearch 8 and 9.

Requests: sides 1 for each portion of names, count 1, page 1, live 1, write 2.

Pages go by `_seq_no`, which is unique in a shard, is found at once, and needs nothing that the server has to keep
between two pages. No `filter_path` anywhere: with it the server writes documents anew, and rounds their numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core.copying import Barred, Found, Held, Live, Side, Write, Written
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.engines.elasticsearch_answers import REASON_SHOWN, Question, judge, message, read
from chalicelib.engines.elasticsearch_client import ERRORS, Connection
from chalicelib.engines.elasticsearch_read import Body, flat, is_closed, known, part
from chalicelib.engines.elasticsearch_select import is_pattern, portions
from chalicelib.engines.elasticsearch_sources import in_one_line

SIDES = (
    "cluster_uuid",
    "blocks.global",
    "metadata.indices.*.state",
    "metadata.indices.*.aliases",
    "metadata.indices.*.settings.index.uuid",
    "metadata.indices.*.settings.index.number_of_shards",
    "metadata.indices.*.settings.index.blocks",
    "metadata.indices.*.settings.index.final_pipeline",
    "metadata.indices.*.settings.index.mapping.source",
    "metadata.indices.*.mappings._doc._source",
)
BLOCKS = ("write", "read_only", "read_only_allow_delete")
NO_PIPELINE = "_none"
"""The documents went through the pipeline when they were first written."""
CONFLICT = 409
BUSY = 429
PARSING = frozenset(
    {
        "document_parsing_exception",
        "mapper_parsing_exception",
        "strict_dynamic_mapping_exception",
        "illegal_argument_exception",
        "routing_missing_exception",
    }
)
"""Types of errors that are about this document, and come back however often it is sent."""
STATUS = {
    "routing_missing_exception": 400,
    "index_closed_exception": 400,
    "index_not_found_exception": 404,
    "security_exception": 403,
}
"""Of errors of single documents in a read, which come without one; of all others nothing is known."""


class ElasticsearchCopier:
    """The `Copier` port of one target."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sides(self, names: Sequence[str]) -> tuple[Side, ...]:
        self._check("sides", names)
        found: dict[str, Side] = {}
        for some in portions(sorted(set(names))):
            found.update((name, side) for name, side in _sides(self._state(some), some))
        return tuple(found[name] for name in names)

    def count(self, index: str) -> int:
        self._check("count", [index])
        body = self._connection.must(self._question("count", index), lambda client: client.count(index=index))
        _all_shards(body)
        return body.number("count")

    def page(self, index: IndexRef, shard: int, after: int, most: int) -> tuple[Found, ...]:
        self._check("page", [index.name])
        body = self._connection.must(
            self._question("page", index.name),
            lambda client: client.search(
                index=index.name,
                preference=f"_shards:{shard}",
                query={"range": {"_seq_no": {"gt": after}}},
                sort=[{"_seq_no": "asc"}],
                size=most,
                source=True,
                track_total_hits=False,
                allow_partial_search_results=False,
            ),
            raw=True,
        )
        if _all_shards(body) != 1 or body.flag("timed_out"):
            raise body.unreadable("_shards")
        return tuple(_found(hit, index.name) for hit in body.body("hits").bodies("hits"))

    def live(self, index: IndexRef, wanted: Sequence[Found]) -> tuple[Live, ...]:
        self._check("live", [index.name])
        if not wanted:
            return ()
        question = self._question("live", index.name)
        items = [{"_index": index.name, **_address(found)} for found in wanted]
        body = self._connection.must(question, lambda client: client.mget(docs=items, source=True), raw=True)
        answers = body.bodies("docs")
        if len(answers) != len(wanted):
            raise body.unreadable("docs")
        return tuple(_held(question, answer, found.id) for answer, found in zip(answers, wanted, strict=True))

    def write(self, source: IndexRef, live: IndexRef, writes: Sequence[Write]) -> tuple[Written, ...]:
        """An index that is gone would be made by the very request: so both are looked at just before."""
        self._check("write", [source.name, live.name])
        if not writes:
            return ()
        question = self._question("write", live.name)
        for side, wanted in zip(self.sides((source.name, live.name)), (source, live), strict=True):
            if side.uuid != wanted.uuid:
                raise Refused(f"{question}: {wanted.name} is gone, or was made anew")
        lines: list[Any] = []
        for write in writes:
            lines += [_action(write), in_one_line(write.found.source)]
        body = self._connection.must(
            question,
            lambda client: client.bulk(
                index=live.name, operations=lines, pipeline=NO_PIPELINE, timeout=f"{self._seconds}s"
            ),
        )
        answers = body.bodies("items")
        if len(answers) != len(writes):
            raise body.unreadable("items")
        return tuple(_written(question, answer, write) for answer, write in zip(answers, writes, strict=True))

    def spelled(self, source: str, live: str) -> tuple[str, ...]:
        return (
            f"POST /{source}/_search?preference=_shards:N, by _seq_no",
            f"POST /_mget of {live}",
            f"POST /{live}/_bulk?pipeline={NO_PIPELINE}: create, or index with if_seq_no",
        )

    @property
    def _seconds(self) -> int:
        """Shorter than what we wait for, so that the server gets to say that it took too long."""
        return max(1, int(self._connection.timeout) - 2)

    def _state(self, names: Sequence[str]) -> Body:
        return self._connection.must(
            self._question("state"),
            lambda client: client.cluster.state(
                metric=["metadata", "blocks"],
                index=list(names),
                ignore_unavailable=True,
                allow_no_indices=True,
                expand_wildcards="all",
                filter_path=SIDES,
                master_timeout=self._connection.master_timeout,
            ),
        )

    def _question(self, method: str, index: str = "") -> Question:
        return Question(method=method, target=self._connection.target, index=index)

    def _check(self, method: str, names: Sequence[str]) -> None:
        if any(map(is_pattern, names)):
            raise Refused(f"{self._question(method)}: needs exact names of indices")


def _sides(state: Body, names: Sequence[str]) -> Iterator[tuple[str, Side]]:
    there = dict(known(state).items("indices"))
    for name in names:
        if name in there:
            yield name, _side(name, there[name])
        else:
            behind = tuple(sorted(real for real, index in there.items() if name in index.texts("aliases")))
            yield name, Side(name=name, behind=behind)


def _side(name: str, index: Body) -> Side:
    settings = index.body("settings").body("index")
    blocks = dict(flat(part(settings, "blocks").value))
    mode = part(part(settings, "mapping"), "source").value.get("mode")
    source = part(part(part(index, "mappings"), "_doc"), "_source").value
    cut = source.get("enabled") in (False, "false") or "disabled" in (mode, source.get("mode"))
    pipeline = settings.value.get("final_pipeline")
    return Side(
        name=name,
        uuid=settings.text("uuid"),
        shards=settings.digits("number_of_shards"),
        closed=is_closed(index),
        blocked=any(str(blocks.get(block)).lower() == "true" for block in BLOCKS),
        whole=not (cut or source.get("includes") or source.get("excludes")),
        pipeline=pipeline if isinstance(pipeline, str) and pipeline != NO_PIPELINE else None,
    )


def _all_shards(body: Body) -> int:
    """How many were asked. One that did not answer makes the answer no answer."""
    shards = body.body("_shards")
    if shards.number("failed") or shards.number("successful") != shards.number("total"):
        raise Retryable(f"{body.where}: not every shard answered")
    return shards.number("total")


def _found(hit: Body, index: str) -> Found:
    sort = hit.value.get("sort")
    if hit.text("_index") != index or not isinstance(sort, list) or len(sort) != 1 or not isinstance(sort[0], int):
        raise hit.unreadable("sort")
    routing = hit.text("_routing") if "_routing" in hit.value else None
    return Found(id=hit.text("_id"), routing=routing, seq_no=sort[0], source=hit.text("_source"))


def _held(question: Question, answer: Body, wanted: str) -> Live:
    if answer.text("_id") != wanted:
        raise answer.unreadable("_id")
    if "error" in answer.value:
        return Barred(_said(question, STATUS.get(answer.body("error").text("type"), 500), answer))
    if not answer.flag("found"):
        return None
    return Held(
        seq_no=answer.number("_seq_no"), term=answer.number("_primary_term", least=1), source=answer.text("_source")
    )


def _address(found: Found) -> dict[str, str]:
    return {"_id": found.id} if found.routing is None else {"_id": found.id, "routing": found.routing}


def _action(write: Write) -> Mapping[str, object]:
    if write.over is None:
        return {"create": _address(write.found)}
    only = {"if_seq_no": write.over.seq_no, "if_primary_term": write.over.term}
    return {"index": {**_address(write.found), **only}}


def _written(question: Question, answer: Body, write: Write) -> Written:
    """429 and 5xx of one document, and whatever is not about the document, are of the whole request."""
    item = answer.body("create" if write.over is None else "index")
    if item.text("_id") != write.found.id:
        raise item.unreadable("_id")
    status = item.number("status")
    if "error" not in item.value:
        if item.text("result") not in ("created", "updated"):
            raise item.unreadable("result")
        return Written(done=True)
    return Written(done=False) if status == CONFLICT else Written(done=False, why=_said(question, status, item))


def _said(question: Question, status: int, item: Body) -> str:
    """Why the index takes no such document. Raises what is not about the document."""
    answer = read(status, {"error": item.value["error"]})
    if answer is None:
        raise item.unreadable("error")
    shown = " ".join(f"{answer.type}: {answer.reason}".split())[:REASON_SHOWN]
    if answer.type in PARSING and status < BUSY:
        return shown
    rule = judge(question, answer)
    raise ERRORS[rule.verdict](message(question, answer, rule))
