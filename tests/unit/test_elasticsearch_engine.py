"""The engine against a scripted server: what it asks, and what it reads from good and from damaged answers."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Selection
from chalicelib.core.observations import Broken, Complete, InProgress, Owner
from chalicelib.core.spec import Repository, Select
from chalicelib.engines.elasticsearch_read import Body, observation
from tests.record_answers import ALL, GOLDEN, OWNER, order
from tests.replay import Replay, Reply, engine_of

NAMES = {"cluster_uuid": "c"}
ACCEPTED = {"accepted": True}


def recorded(case: str, at: int = 0) -> Any:
    return json.loads((GOLDEN / "elasticsearch-8.19.2" / f"{case}.json").read_text())["exchanges"][at]["body"]


def look_at(body: object, *, running: bool = False) -> object:
    with Replay([Reply(body=body), Reply(body=body)]) as server:
        return engine_of(server.url).look("main", "good", running=running)


REPLACEMENTS: tuple[Any, ...] = (KeyError, None, "?", -1, True, [], {})


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(inner, (*here, key))


def replaced(value: Any, path: Sequence[Any], new: Any) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if new is KeyError:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return changed


@pytest.mark.parametrize("case", ["look-success", "look-partial", "look-in-progress"])
def test_a_damaged_answer_is_unreadable_or_means_the_same(case: str) -> None:
    """Whatever single field is missing or of another kind: never another end, never gone."""
    body = recorded(case)
    name = body["snapshots"][0]["snapshot"]
    undamaged = observation(Body(body, "answer"), name)
    for path in list(paths(body))[1:]:
        for new in REPLACEMENTS:
            try:
                found = observation(Body(replaced(body, path, new), "answer"), name)
            except Retryable:
                continue
            assert type(found) is type(undamaged), (path, new)
            assert not isinstance(found, Complete) or found.partial or not getattr(undamaged, "partial", False)


@pytest.mark.parametrize(
    ("change", "partial"),
    [
        ({}, False),
        ({"state": "PARTIAL"}, True),
        ({"shards": {"total": 4, "failed": 1, "successful": 3}}, True),
        ({"shards": {"total": 4, "failed": 0, "successful": 3}}, True),
        ({"failures": [{"index": "orders", "shard_id": 0, "reason": "aborted"}]}, True),
    ],
)
def test_success_is_whole_only_when_every_shard_is_in_it(change: dict[str, object], partial: bool) -> None:
    body = recorded("look-success")
    body["snapshots"][0].update(change)
    found = look_at(body)
    assert isinstance(found, Complete)
    assert found.partial is partial


def test_states() -> None:
    body = recorded("look-success")
    for state, reason in (("FAILED", "aborted"), ("INCOMPATIBLE", None)):
        body["snapshots"][0].update(state=state, reason=reason)
        assert look_at(body) == Broken(uuid=body["snapshots"][0]["uuid"], owner=OWNER, reason=reason or state)
    body["snapshots"][0]["state"] = "GREAT"
    with pytest.raises(Retryable, match="GREAT"):
        look_at(body)


@pytest.mark.parametrize(
    "metadata", [None, {}, {"snapwarden": {}}, {"snapwarden": "x"}, {"snapwarden": {"installation": 1}}]
)
def test_metadata_that_is_not_wholly_ours_is_a_strangers(metadata: object) -> None:
    body = recorded("look-success")
    body["snapshots"][0]["metadata"] = metadata
    found = look_at(body)
    assert isinstance(found, Complete)
    assert found.owner is None


def test_progress_has_bytes_and_an_unreadable_one_leads_to_the_authoritative_question() -> None:
    status = recorded("look-running-in-progress")
    status["snapshots"][0]["snapshot"] = "good"
    status["snapshots"][0]["stats"] = {
        "incremental": {"file_count": 9, "size_in_bytes": 900},
        "processed": {"file_count": 4, "size_in_bytes": 400},
    }
    seen = look_at(status, running=True)
    assert isinstance(seen, InProgress)
    assert (seen.bytes_done, seen.bytes_total, seen.owner) == (400, 900, None)

    status["snapshots"][0]["stats"]["incremental"]["size_in_bytes"] = -1  # a node left
    body = recorded("look-in-progress")
    body["snapshots"][0]["snapshot"] = "good"
    with Replay([Reply(body=status), Reply(body=body)]) as server:
        asked = engine_of(server.url).look("main", "good", running=True)
    assert isinstance(asked, InProgress)
    assert asked.bytes_done is None


@pytest.mark.parametrize("sign", [{"cluster_uuid": "_na_"}, {"cluster_uuid": "c", "blocks": {"global": {"1": {}}}}, {}])
def test_a_cluster_that_is_still_booting_has_not_lost_its_indices(sign: object) -> None:
    with Replay([Reply(body=sign)]) as server, pytest.raises(Retryable):
        engine_of(server.url).resolve(ALL)


def test_excluding_matches_indices_and_streams_but_never_aliases() -> None:
    body = recorded("resolve-all")
    with Replay([Reply(body=body)] * 2) as server:
        engine = engine_of(server.url)
        without = engine.resolve(Select(indices=("*",), exclude=("logs-*", "live", "cl*")))
    assert [index.name for index in without.indices] == [".hidden", "orders"]


def test_what_drills_and_restores_made_is_never_backed_up() -> None:
    def index(uuid: str) -> dict[str, object]:
        settings = {"index": {"uuid": uuid, "number_of_shards": "1"}}
        return {"system": False, "state": "open", "aliases": [], "settings": settings}

    made = ("drill-orders", "restored-orders", ".ds-drill-logs-2026.11.21-000001", ".ds-x", "orders")
    streams = {"restored-logs": {"indices": [{"index_name": ".ds-x"}]}}
    body = {**NAMES, "metadata": {"indices": {n: index(n) for n in made}, "data_stream": {"data_stream": streams}}}
    with Replay([Reply(body=body)]) as server:
        found = engine_of(server.url).resolve(ALL)
    assert [each.name for each in found.indices] == ["orders"]


def test_settings_are_written_down_as_they_can_be_set_again() -> None:
    """An index that was shrunk with a null, as tools do it, keeps that; put back as text it was refused, and all that
    was restored had to go again."""
    allocation = {"routing": {"allocation": {"include": {"_name": ["one", "two"]}}}}
    settings = {"uuid": "u", "number_of_shards": "1", "blocks": {"write": None}, "priority": "7", **allocation}
    index = {"system": False, "state": "open", "aliases": [], "settings": {"index": settings}}
    with Replay([Reply(body={**NAMES, "metadata": {"indices": {"orders": index}}})]) as server:
        (found,) = engine_of(server.url).resolve(ALL).indices
    assert found.settings == {"index.priority": "7", "index.routing.allocation.include._name": "one,two"}


def test_many_patterns_are_asked_in_portions_that_fit_a_request_line() -> None:
    patterns = tuple(f"größe-{number}-{'x' * 80}-*" for number in range(100))
    with Replay([Reply(body=NAMES)] * 20) as server:
        assert engine_of(server.url).resolve(Select(indices=patterns)) == Selection(indices=(), unmatched=patterns)
    assert max(len(sent.target) for sent in server.sent) < 4000
    assert len(server.sent) < 8


def test_a_start_asks_for_all_that_is_judged_later_and_names_the_streams() -> None:
    with Replay([Reply(body=recorded("resolve-all")), Reply(body=ACCEPTED)]) as server:
        engine = engine_of(server.url)
        names = [index.name for index in engine.resolve(ALL).indices]
        engine.start(order("main", "good", *names))
    sent = server.sent[1]
    assert (sent.method, sent.target.split("?")[0]) == ("PUT", "/_snapshot/main/good")
    assert "wait_for_completion=false" in sent.target
    assert sent.body == {
        "indices": [*names, "logs-shop"],
        "ignore_unavailable": True,
        "partial": True,
        "include_global_state": False,
        "feature_states": ["none"],
        "metadata": {
            "snapwarden": {
                "installation": "recorder",
                "policy": "orders",
                "slot": "2026-11-21T02:00Z",
                "run_id": "backup:orders:1",
            }
        },
    }


@pytest.mark.parametrize("indices", [(), ("*",), ("orders", "or*"), ("_all",), ("-orders",), ("a,b",)])
def test_a_start_without_exact_names_sends_nothing(indices: tuple[str, ...]) -> None:
    with Replay([]) as server:
        wanted = order("main", "good")
        object.__setattr__(wanted, "indices", indices)
        with pytest.raises(Refused, match="exact names"):
            engine_of(server.url).start(wanted)
    assert server.sent == []


def test_metadata_that_is_too_long_sends_nothing() -> None:
    wanted = order("main", "good")
    object.__setattr__(wanted, "owner", Owner(installation="i", policy="p", slot="ü" * 500, run_id="r"))
    with Replay([]) as server, pytest.raises(Refused, match="1024"):
        engine_of(server.url).start(wanted)
    assert server.sent == []


@pytest.mark.parametrize("body", [{"accepted": False}, {"snapshot": {}}, {"acknowledged": False}])
def test_an_acceptance_that_is_none(body: dict[str, object]) -> None:
    with Replay([Reply(body=NAMES), Reply(body=body), Reply(body=body)]) as server:
        engine = engine_of(server.url)
        with pytest.raises(Retryable):
            engine.start(order("main", "good"))
        with pytest.raises(Retryable):
            engine.register("main", Repository(type="fs"))


def test_settings_of_a_repository_are_flat() -> None:
    body = {
        "main": {"type": "s3", "settings": {"bucket": "b", "throttled_delete_retry": {"delay": {"increment": "50ms"}}}}
    }
    with Replay([Reply(body=body)]) as server:
        found = engine_of(server.url).repository("main")
    assert found == Repository(type="s3", settings={"bucket": "b", "throttled_delete_retry.delay.increment": "50ms"})
