"""What the primaries of indices hold, by `_refresh` and `_stats` of exact names.

With `ignore_unavailable` an index that the key may not see is left out without a word, like one that is gone. Without
it there is a 403, which comes before the 404 of a missing and the 400 of a closed one. So it is asked strictly first;
and when the answer is that one is missing or closed, the key may see all of them, and it is asked once more without
those.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from elasticsearch import Elasticsearch

from chalicelib.core.errors import Retryable
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.engines import elasticsearch_answers as answers
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection
from chalicelib.engines.elasticsearch_read import ASSIGNED, Body

STATS = (
    "_shards",
    "indices.*.uuid",
    "indices.*.shards.*.docs.count",
    "indices.*.shards.*.seq_no.max_seq_no",
    "indices.*.shards.*.routing.primary",
    "indices.*.shards.*.routing.state",
)
GONE = frozenset({"index_not_found_exception", "shard_not_found_exception", "index_closed_exception"})


def refresh(connection: Connection, names: Sequence[str]) -> None:
    """None of them may lack a primary: the server waits a minute for it, and that cannot be made shorter. No name would
    mean all."""
    if names:
        _strictly(
            connection,
            "refresh",
            lambda client, lenient: client.indices.refresh(index=list(names), ignore_unavailable=lenient),
        )


def stats(connection: Connection, wanted: Mapping[str, IndexRef]) -> tuple[IndexCount, ...]:
    """Of those of which all primaries are there, in no order."""
    path = f"/{quote(','.join(wanted), safe=',')}/_stats/docs"  # the library knows no `ignore_unavailable` for it

    def send(client: Elasticsearch, lenient: bool) -> Any:
        params = {"level": "shards", "ignore_unavailable": lenient, "filter_path": STATS}
        return client.perform_request("GET", path, params=params, headers={"accept": "application/json"})

    return tuple(read_counts(_strictly(connection, "stats", send), wanted))


def strictly(connection: Connection, method: str, send: Callable[[Elasticsearch, bool], Any]) -> Body:
    """`send` gets whether it is to be lenient."""
    question = Question(method=method, target=connection.target)
    body = connection.ask(question, lambda client: send(client, False))
    return connection.must(question, lambda client: send(client, True)) if body is None else body


def _strictly(connection: Connection, method: str, send: Callable[[Elasticsearch, bool], Any]) -> Body:
    body = strictly(connection, method, send)
    _check_failures(body)
    return body


def _check_failures(body: Body) -> None:
    """A shard without a node, and one of an index deleted meanwhile, is none: the server leaves it out."""
    shards = body.body("_shards")
    if not shards.number("failed"):
        return
    for failure in shards.bodies("failures"):
        why = answers.read(0, {"error": failure.value.get("reason")})
        if why is None or not GONE.intersection((why.type, *why.causes)):
            said = f"{why.type}: {why.reason}" if why else "unknown"
            raise Retryable(
                f"{body.where}: a shard of {failure.value.get('index')} failed: {said[: answers.REASON_SHOWN]}"
            )


def read_counts(body: Body, wanted: Mapping[str, IndexRef]) -> Iterator[IndexCount]:
    for name, index in body.items("indices"):
        ref = wanted.get(name)
        if ref is None or index.text("uuid") != ref.uuid:
            continue
        primaries = dict(_primaries(index))
        if ref.shards and sorted(primaries) == list(range(ref.shards)):
            yield IndexCount(
                name=name,
                uuid=ref.uuid,
                docs=sum(copy.body("docs").number("count") for copy in primaries.values()),
                max_seq_no=tuple(
                    primaries[shard].body("seq_no").number("max_seq_no", least=-1) for shard in range(ref.shards)
                ),
            )


def _primaries(index: Body) -> Iterator[tuple[int, Body]]:
    """By the number of the shard."""
    shards = index.body("shards")
    for number in shards.value:
        if not (number.isascii() and number.isdigit()):
            raise shards.unreadable(number)
        for copy in shards.bodies(number):
            routing = copy.body("routing")
            if routing.flag("primary") and routing.text("state") in ASSIGNED:
                yield int(number), copy
