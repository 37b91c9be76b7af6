"""Lines that break, programs that answer in Elasticsearch's place: nothing is known then, nothing is sent twice."""

from collections.abc import Callable

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.spec import Repository
from tests.record_answers import ALL, OWNER, order
from tests.recorder import outcome
from tests.replay import Replay, Reply, engine_of

NAMES = {"cluster_uuid": "c"}
HTML = Reply(status=200, raw=b"<html>\xe9 maintenance</html>", headers={"Content-Type": "text/html"})
CUT_SHORT = Reply(raw=b'{"accepted":', headers={"Content-Length": "500", "X-elastic-product": "Elasticsearch"})
NO_ANSWERS = {
    "hang-up": Reply(hang_up=True),
    "cut short": CUT_SHORT,
    "502 of a proxy": Reply(status=502, raw=b"Bad Gateway", headers={"Content-Type": "text/plain"}),
    "503": Reply(status=503, body={"error": {"type": "master_not_discovered_exception", "reason": None}}),
    "504 without a body": Reply(status=504, raw=b"", headers={}),
    "429": Reply(status=429, body={"error": {"type": "es_rejected_execution_exception", "reason": "full"}}),
    "409": Reply(status=409, body={"error": {"type": "repository_conflict_exception", "reason": "currently used"}}),
    "403 of a block": Reply(status=403, body={"error": {"type": "cluster_block_exception", "reason": "read-only"}}),
    "404 of a proxy": Reply(status=404, raw=b"default backend - 404", headers={"Content-Type": "text/plain"}),
    "404 of another program": Reply(status=404, body={"message": "no such route"}),
    "403 of a proxy": Reply(status=403, raw=b"<html>no</html>", headers={"Content-Type": "text/html"}),
    "401 of a proxy": Reply(status=401, body={"error": {"code": 7}}),
    "redirect": Reply(status=302, raw=b"", headers={"Location": "http://127.0.0.1:1/"}),
    "page": HTML,
    "200 of another program": Reply(body={"snapshots": []}, headers={"Content-Type": "application/json"}),
    "a list": Reply(body=[]),
    "nothing": Reply(raw=b""),
    "not JSON": Reply(raw=b"{"),
    "not UTF-8": Reply(raw=b'{"a":"\xe9"}'),
    "very deep": Reply(raw=b"[" * 100_000),
    "absent, said of another snapshot": Reply(
        status=404, body={"error": {"type": "snapshot_missing_exception", "reason": "[main:other] is missing"}}
    ),
}


ONE_REQUEST = ("look", "start", "register", "sizes", "repository", "resolve", "stats", "refresh", "delete", "try_out")
COUNTED = (IndexRef(name="orders", uuid="u", shards=1),)


@pytest.mark.parametrize("method", [*ONE_REQUEST, "look running"])
@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_is_retryable_and_nothing_is_sent_twice(reply: Reply, method: str) -> None:
    with Replay([reply, reply]) as server:
        engine = engine_of(server.url)
        engine._streams, engine._red = {}, {"orders": False}  # type: ignore[attr-defined]
        asked: dict[str, Callable[[], object]] = {
            "look": lambda: engine.look("main", "good"),
            "look running": lambda: engine.look("main", "good", running=True),
            "start": lambda: engine.start(order("main", "good")),
            "register": lambda: engine.register("main", Repository(type="fs")),
            "sizes": lambda: engine.sizes("main", "good"),
            "repository": lambda: engine.repository("main"),
            "resolve": lambda: engine.resolve(ALL),
            "stats": lambda: engine.counts(COUNTED, refresh=False),
            "refresh": lambda: engine.counts(COUNTED, refresh=True),
            "delete": lambda: engine.delete("main", "good"),
            "try_out": lambda: engine.try_out("main", "good", OWNER),
        }
        with pytest.raises(Retryable):
            asked[method]()

    targets = [sent.target for sent in server.sent]
    assert len(set(targets)) == len(targets) <= (2 if method == "look running" else 1)
    assert engine.calls == len(targets)


def test_an_address_where_nobody_answers_is_retryable() -> None:
    with Replay([]) as server:
        gone = server.url
    engine = engine_of(gone)

    where = gone.removeprefix("http://")
    with pytest.raises(Retryable, match=rf"repository main on shop: no answer from {where}: .*Connection refused"):
        engine.repository("main")
    assert engine.calls == 1


def test_of_several_addresses_all_are_named() -> None:
    """Which one was drawn is not always known; a wrong one is to be found all the same."""
    with Replay([]) as one, Replay([]) as other:
        gone = one.url, other.url
    where = ", ".join(url.removeprefix("http://") for url in gone)
    with pytest.raises(Retryable, match=rf"no answer from one of {where}: "):
        engine_of(*gone).repository("main")


def test_silence_about_progress_is_not_asked_about_twice() -> None:
    with Replay([Reply(hang_up=True)]) as server, pytest.raises(Retryable):
        engine_of(server.url).look("main", "good", running=True)
    assert len(server.sent) == 1


def test_with_several_hosts_a_dead_one_is_left_alone_after_its_first_failure() -> None:
    with Replay([]) as dead:
        gone = dead.url
    with Replay([Reply(body=NAMES)] * 4) as server:
        engine = engine_of(gone, server.url)
        results = [outcome(lambda: engine.resolve(ALL)) for _ in range(4)]
    assert results.count("Selection(indices=(), unmatched=('*',), registered=None, aliases={})") >= 3
    assert engine.calls == 4


def test_opensearch_is_refused_by_its_name() -> None:
    reply = Reply(body=NAMES, headers={"Content-Type": "application/json", "X-OpenSearch-Version": "OpenSearch/3.1.0"})
    with Replay([reply]) as server, pytest.raises(Refused, match="engine: opensearch"):
        engine_of(server.url).resolve(ALL)
