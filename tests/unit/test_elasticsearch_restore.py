"""Restores against a scripted server: what is asked, and what is read from good and from damaged answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.errors import NameTaken, Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.restore_ports import Restorer
from chalicelib.core.restores import Contents, Restored
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_read import Body
from chalicelib.engines.elasticsearch_restore_read import contents, restored
from chalicelib.engines.elasticsearch_restored import MARK, PUT_ON
from tests.record_restores import WISH
from tests.replay import Replay, Reply, Sent, engine_of
from tests.unit.test_elasticsearch_engine import REPLACEMENTS, paths, recorded, replaced
from tests.unit.test_elasticsearch_silence import NO_ANSWERS

EMPTY = {"cluster_uuid": "c"}
ORDERS = IndexRef(name="restored-orders", uuid="u", shards=1)
GB = 1024**3


def asked(what: Callable[[Restorer], object], *bodies: object) -> tuple[Any, Sequence[Sent]]:
    with Replay([Reply(body=body) for body in bodies]) as server:
        return what(engine_of(server.url).restorer), server.sent


def state_of(case: str) -> Any:
    return recorded(case, 0)


def seen(state: object, recovery: object) -> Restored:
    (found,), _ = asked(lambda restorer: restorer.restored(WISH), state, recovery)
    assert isinstance(found, Restored)
    return found


def there(uuid: str = "u", name: str = "restored-orders") -> dict[str, object]:
    return {**EMPTY, "metadata": {"indices": {name: {"settings": {"index": {"uuid": uuid}}}}}}


def test_a_restore_makes_what_nobody_meets_and_nothing_writes_to() -> None:
    _, (first, second) = asked(lambda restorer: restorer.restore(WISH), EMPTY, {"accepted": True})
    assert first.target.startswith("/_cluster/state/metadata,blocks/restored-orders?")
    assert second.method == "POST"
    assert second.target.startswith("/_snapshot/main/good/_restore?")
    assert "wait_for_completion=false" in second.target
    assert second.body == {
        "indices": ["orders"],
        "rename_pattern": "(.+)",
        "rename_replacement": "restored-$1",
        "include_aliases": False,
        "include_global_state": False,
        "feature_states": ["none"],
        "index_settings": {
            "index.number_of_replicas": 0,
            "index.auto_expand_replicas": "false",
            "index.priority": 0,
            "index.blocks.write": True,
            "index.routing.rebalance.enable": "none",
            "index.search.slowlog.threshold.fetch.trace": "9007199254740991ms",
        },
        "ignore_index_settings": [
            "index.routing.allocation.*",
            "index.lifecycle.*",
            "index.default_pipeline",
            "index.final_pipeline",
        ],
    }


@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_a_restore_without_an_answer_is_retryable_and_sent_once(reply: Reply) -> None:
    with Replay([Reply(body=EMPTY), reply, reply]) as server, pytest.raises(Retryable):
        engine_of(server.url).restorer.restore(WISH)
    assert [sent.method for sent in server.sent] == ["GET", "POST"]


@pytest.mark.parametrize("changes", [{"indices": ()}, {"indices": ("a*",)}, {"prefix": "a$1"}, {"prefix": "a\\"}])
def test_an_order_that_could_mean_more_than_its_names_is_never_sent(changes: Mapping[str, Any]) -> None:
    with Replay([]) as server, pytest.raises(Refused):
        engine_of(server.url).restorer.restore(replace(WISH, **changes))
    assert server.sent == []


def test_many_names_are_looked_for_in_portions_and_restored_in_one_request() -> None:
    wanted = replace(WISH, indices=tuple(f"orders-of-a-long-name-{number:04d}" for number in range(200)))
    _, sent = asked(lambda restorer: restorer.restore(wanted), *[EMPTY] * 4, {"accepted": True})
    assert [each.method for each in sent] == ["GET"] * 4 + ["POST"]
    with pytest.raises(NameTaken, match="already restored-orders-of-a-long-name-0199"):
        asked(lambda restorer: restorer.restore(wanted), *[EMPTY] * 3, there(name=f"restored-{wanted.indices[-1]}"))


def test_names_that_the_server_has_itself_taken_meanwhile() -> None:
    reason = "[main:good/x] cannot restore index [a] because an open index with same name already exists in the cluster"
    taken = Reply(status=500, body={"error": {"type": "snapshot_restore_exception", "reason": reason}})
    with Replay([Reply(body=EMPTY), taken]) as server, pytest.raises(NameTaken):
        engine_of(server.url).restorer.restore(WISH)


@pytest.mark.parametrize("case", ["contents", "contents-partial", "contents-in-progress"])
def test_damaged_contents_are_unreadable_or_no_better_than_they_were(case: str) -> None:
    body = recorded(case)
    question = Question(method="contents", target="shop", repository="main", snapshot=body["snapshots"][0]["snapshot"])

    def read(answer: object) -> Contents | None:
        assert isinstance(answer, dict)
        try:
            return contents(question, Body(answer, "answer"))
        except (Refused, Retryable):
            return None

    undamaged = read(body)
    whole = {index.name for index in undamaged.indices if index.whole} if undamaged else set()
    for path in list(paths(body))[1:]:
        for new in REPLACEMENTS:
            if found := read(replaced(body, path, new)):
                assert case != "contents-in-progress"
                assert {index.name for index in found.indices if index.whole} <= whole | {"?"}, (path, new)


@pytest.mark.parametrize("case", ["restored", "restored-under-way", "restored-lost-blob"])
def test_a_damaged_answer_never_makes_a_restore_done(case: str) -> None:
    state, recovery = recorded(case, 0), recorded(case, 1)
    name = next(iter(state["metadata"]["indices"]))
    undamaged = read_restored(state, recovery, name)
    assert undamaged is not None
    damages = [(replaced(state, path, new), recovery) for path in list(paths(state))[1:] for new in REPLACEMENTS]
    damages += [(state, replaced(recovery, path, new)) for path in list(paths(recovery))[1:] for new in REPLACEMENTS]
    for changed in damages:
        if found := read_restored(*changed, name):
            assert found.done <= undamaged.done
            assert found.shards_done <= undamaged.shards_done


def read_restored(state: Any, recovery: Any, name: str) -> Restored | None:
    repository = "torn" if name.startswith("torn") else "later" if name.endswith("slow") else "main"
    wanted = replace(WISH, repository=repository)
    try:
        found = list(restored(wanted, [name], Body(state, "state"), Body(recovery, "recovery")))
    except Retryable:
        return None
    return found[0] if found else None


@pytest.mark.parametrize(
    ("changes", "done"),
    [
        ({}, True),
        ({"type": "PEER"}, True),
        ({"type": "EXISTING_STORE"}, False),
        ({"type": "EMPTY_STORE"}, False),
        ({"stage": "FINALIZE"}, False),
        ({"primary": False}, False),
        ({"source": {"repository": "main", "snapshot": "another"}}, False),
        ({"source": {"repository": "another", "snapshot": "good"}}, False),
    ],
)
def test_only_what_came_from_the_very_snapshot_is_done(changes: dict[str, object], done: bool) -> None:
    recovery = recorded("restored", 1)
    recovery["restored-orders"]["shards"][0].update(changes)
    found = seen(state_of("restored"), recovery)
    assert (found.ours, found.done) == (True, done)
    assert bool(found.failed) is (changes.get("type") in ("EXISTING_STORE", "EMPTY_STORE"))


def test_a_shard_that_nobody_restores_any_more_is_given_up_and_no_other() -> None:
    """Between two attempts it is unassigned as well, and after a crash of the node for good."""
    state = state_of("restored-lost-blob")
    uuid = state["metadata"]["indices"]["torn-orders"]["settings"]["index"]["uuid"]
    wanted = replace(WISH, repository="torn", prefix="torn-")
    for running, given_up in (("INIT", 0), ("FAILURE", 1)):
        shard = {"index": {"index_name": "torn-orders", "index_uuid": uuid}, "shard": 0, "state": running}
        state["restore"] = {"snapshots": [{"shards": [shard]}]}
        (found,), _ = asked(lambda restorer: restorer.restored(wanted), state, {})
        assert len(found.failed) == given_up
    del state["restore"]
    shard = state["routing_table"]["indices"]["torn-orders"]["shards"]["0"][0]
    shard["unassigned_info"] = {"reason": "CLUSTER_RECOVERED", "allocation_status": "no_valid_shard_copy"}
    (found,), _ = asked(lambda restorer: restorer.restored(wanted), state, {})
    (lost,) = found.failed
    assert lost.reason.endswith("did a node leave, or restart? (CLUSTER_RECOVERED, no_valid_shard_copy)")
    assert (lost.unallocated, lost.with_node) == (False, True)
    for details, with_node in (
        ("failed recovery\nCaused by: java.nio.file.NoSuchFileException: __0", False),
        ("failed recovery\nCaused by: org.elasticsearch.node.NodeClosedException: node closed", True),
        ("shard failure, reason [corrupt file], failure CorruptIndexException[checksum failed]", False),
    ):
        status = "no_valid_shard_copy"
        shard["unassigned_info"] = {"reason": "ALLOCATION_FAILED", "details": details, "allocation_status": status}
        (found,), _ = asked(lambda restorer: restorer.restored(wanted), state, {})
        assert [each.with_node for each in found.failed] == [with_node], "only what is of a node spares the backup"
    shard["unassigned_info"] = {"reason": "NODE_LEFT", "allocation_status": "deciders_no"}
    (found,), _ = asked(lambda restorer: restorer.restored(wanted), state, {})
    assert [(each.reason, each.unallocated) for each in found.failed] == [
        ("no node may take it (NODE_LEFT, deciders_no)", True)
    ]


def test_an_index_of_the_name_that_is_not_ours_is_never_asked_about() -> None:
    state = state_of("restored")
    settings = state["metadata"]["indices"]["restored-orders"]["settings"]["index"]
    for mark in ("200ms", "9007199254740991", "-1", "1s"):
        settings["search"]["slowlog"]["threshold"]["fetch"]["trace"] = mark
        (found,), sent = asked(lambda restorer: restorer.restored(WISH), state)
        assert (found.ours, found.done, len(sent)) == (False, False, 1)


def test_removing_asks_first_and_never_touches_what_it_does_not_know() -> None:
    done = {"acknowledged": True}
    answers: dict[str, tuple[list[object], bool]] = {
        "deleted": ([there(), done], True),
        "another uuid": ([there("other")], False),
        "gone": ([EMPTY], True),
        "behind an alias of the name": ([there(name="live")], True),
    }
    for bodies, expected in answers.values():
        found, sent = asked(lambda restorer: restorer.remove(ORDERS), *bodies)
        assert (found, len(sent)) == (expected, len(bodies))
    with pytest.raises(Retryable):
        asked(lambda restorer: restorer.remove(ORDERS), there(), {"acknowledged": False})
    for name in ("restored-*", "_all", "a,b"):
        with Replay([]) as server, pytest.raises(Refused):
            engine_of(server.url).restorer.remove(replace(ORDERS, name=name))


def test_releasing_takes_off_what_the_restore_put_on() -> None:
    """And puts back what the original had, but for a lifecycle, which might delete the index at once."""
    wanted = {"index.number_of_replicas": 2}
    named = {**wanted, "index.lifecycle.name": "short"}
    _, (_, put) = asked(lambda restorer: restorer.release(ORDERS, named), there(), {"acknowledged": True})
    assert (put.method, put.target.partition("?")[0]) == ("PUT", "/restored-orders/_settings")
    assert put.body == {**dict.fromkeys((*PUT_ON, MARK)), **wanted}


def test_what_is_spelled_for_people_is_what_is_sent() -> None:
    restore, release = engine_of("http://127.0.0.1:9").restorer.spelled(WISH)
    path, _, body = restore.partition(" {")
    assert path == "POST /_snapshot/main/good/_restore?wait_for_completion=false"
    _, (_, sent) = asked(lambda restorer: restorer.restore(WISH), EMPTY, {"accepted": True})
    assert json.loads("{" + body) == sent.body
    assert release.startswith("PUT /NAME/_settings")
