"""Counts against a scripted server: what is asked, and what is read from good and from damaged answers."""

from typing import Any

import pytest

from chalicelib.core.errors import Retryable
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.engines.elasticsearch_counts import read_counts
from chalicelib.engines.elasticsearch_read import Body
from tests.record_answers import ALL, OWNER
from tests.replay import Replay, Reply, engine_of
from tests.unit.test_elasticsearch_engine import REPLACEMENTS, paths, recorded, replaced
from tests.unit.test_elasticsearch_select import names_of

SHARDS = {"total": 1, "successful": 1, "failed": 0}
REFRESHED = {"_shards": SHARDS}


def copy_of(docs: int, max_seq_no: int, *, state: str = "STARTED", primary: bool = True) -> dict[str, object]:
    routing = {"state": state, "primary": primary}
    return {"routing": routing, "docs": {"count": docs}, "seq_no": {"max_seq_no": max_seq_no}}


def stats_of(*copies: list[dict[str, object]], name: str = "orders") -> dict[str, object]:
    """Of one index, by shard."""
    return {"_shards": SHARDS, "indices": {name: {"uuid": "u", "shards": dict(zip("012", copies, strict=False))}}}


def ref(shards: int = 1, name: str = "orders", uuid: str = "u") -> IndexRef:
    return IndexRef(name=name, uuid=uuid, shards=shards)


def counted(body: object, *wanted: IndexRef) -> tuple[IndexCount, ...]:
    with Replay([Reply(body=body)]) as server:
        return engine_of(server.url).counts(wanted, refresh=False)


def test_only_assigned_primaries_count_and_all_of_them_must_be_there() -> None:
    replica, moving = copy_of(9, 9, primary=False), copy_of(3, 2, state="RELOCATING")
    whole = stats_of([replica, copy_of(2, 5)], [moving])
    assert counted(whole, ref(2)) == (IndexCount(name="orders", uuid="u", docs=5, max_seq_no=(5, 2)),)
    assert counted(whole, ref(3)) == counted(whole, ref(1)) == counted(whole, ref(0)) == ()
    assert counted(stats_of([replica], [moving]), ref(2)) == ()
    assert counted(stats_of([copy_of(2, 5, state="INITIALIZING")]), ref(1)) == ()
    assert counted(whole, ref(2, uuid="another")) == counted(whole, ref(2, name="other")) == ()
    assert counted(REFRESHED, ref(1)) == ()


def test_a_damaged_answer_is_unreadable_or_leaves_an_index_out() -> None:
    """Whatever single field is missing or of another kind: never other numbers."""
    body = recorded("counts")
    wanted = {n: ref(len(i["shards"]), name=n, uuid=i["uuid"]) for n, i in body["indices"].items()}
    undamaged = set(read_counts(Body(body, "answer"), wanted))
    assert len(undamaged) == 2
    for path in list(paths(body))[1:]:
        for new in REPLACEMENTS:
            if path[-1] == "max_seq_no" and new == -1:
                continue  # a number that may be
            try:
                found = set(read_counts(Body(replaced(body, path, new), "answer"), wanted))
            except Retryable:
                continue
            assert found <= undamaged, (path, new)


def failed(*types: str) -> dict[str, object]:
    failures = [
        {"index": "orders", "shard": 0, "status": 500, "reason": {"type": "exception", "caused_by": {"type": kind}}}
        for kind in types
    ]
    return {"_shards": {"total": 2, "successful": 1, "failed": len(types), "failures": failures}}


@pytest.mark.parametrize("refresh", [False, True])
def test_a_shard_that_failed_makes_no_lower_counts(refresh: bool) -> None:
    good = stats_of([copy_of(2, 5)])
    bad = {**good, **failed("index_not_found_exception", "failed_node_exception")}
    replies = [Reply(body=good), Reply(body=bad)] if refresh else [Reply(body=bad)]
    with Replay(replies) as server, pytest.raises(Retryable, match="a shard of orders failed: exception"):
        engine_of(server.url).counts([ref()], refresh=refresh)
    assert len(server.sent) == 1 + refresh


def test_a_shard_of_an_index_that_is_gone_is_no_failure() -> None:
    good = stats_of([copy_of(2, 5)])
    assert counted({**good, **failed("index_not_found_exception", "shard_not_found_exception")}, ref())


def test_a_red_index_is_not_refreshed_because_that_waits_a_minute() -> None:
    state: Any = names_of("orders", "red")
    routing = {"orders": "STARTED", "red": "UNASSIGNED"}
    state["routing_table"] = {
        "indices": {n: {"shards": {"0": [{"primary": True, "state": s}]}} for n, s in routing.items()}
    }
    stats = stats_of([copy_of(2, 5)])
    wanted = [ref(), ref(name="red")]
    with Replay([Reply(body=state), Reply(body=REFRESHED), Reply(body=stats)]) as server:
        engine = engine_of(server.url)
        engine.resolve(ALL)
        engine.counts(wanted, refresh=True)
    assert [sent.target.split("?")[0] for sent in server.sent[1:]] == ["/orders/_refresh", "/orders,red/_stats/docs"]

    with Replay([Reply(body=stats), Reply(body=REFRESHED), Reply(body=stats)]) as server:
        engine_of(server.url).counts(wanted, refresh=True)
    assert [sent.target.split("?")[0] for sent in server.sent] == [
        "/orders,red/_stats/docs",
        "/orders/_refresh",
        "/orders,red/_stats/docs",
    ]


def test_when_nothing_can_be_refreshed_not_everything_is() -> None:
    """A refresh without names is one of all indices."""
    with Replay([Reply(body=REFRESHED)] * 2) as server:
        assert engine_of(server.url).counts([ref(name="red")], refresh=True) == ()
    assert [sent.method for sent in server.sent] == ["GET", "GET"]


def test_many_indices_are_asked_in_portions_that_fit_a_request_line() -> None:
    wanted = [ref(name=f"größe-{number}-{'x' * 80}") for number in range(100)]
    with Replay([Reply(body=REFRESHED)] * 20) as server:
        engine_of(server.url).counts(wanted, refresh=False)
    assert max(len(sent.target) for sent in server.sent) < 4000
    assert 1 < len(server.sent) < 8
    assert sum(sent.target.count("gr%C3%B6%C3%9Fe") for sent in server.sent) == 100


def test_a_snapshot_of_nothing_names_a_pattern_that_no_name_can_match() -> None:
    """No index at all would mean all of them."""
    with Replay([Reply(body={"accepted": True})]) as server:
        engine_of(server.url).try_out("main", "tried", OWNER)
    (sent,) = server.sent
    assert (sent.body["indices"], sent.body["include_global_state"]) == (["-*"], False)
    assert (sent.body["feature_states"], sent.body["ignore_unavailable"]) == (["none"], True)
