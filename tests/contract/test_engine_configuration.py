"""What every engine says of how its cluster is configured: so that it can be put back, and without secrets."""

from typing import Any

import pytest

from chalicelib.core.capsules import REDACTED
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.rebuilds import Piece
from tests.contract.engine_worlds import EngineWorld, FakeWorld, registered

ANALYZER = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}
BODIES: dict[str, dict[str, Any]] = {
    "pipelines": {"description": "d", "processors": [], "version": 3, "_meta": {"by": "ann"}},
    "component_templates": {
        "template": {
            "settings": {"index": {"number_of_replicas": "0", "analysis": {"analyzer": {"own": ANALYZER}}}},
            "mappings": {"properties": {"password": {"type": "keyword"}}},
        },
        "version": 2,
    },
    "legacy_templates": {
        "order": 3,
        "index_patterns": ["never-*"],
        "settings": {"index": {"number_of_shards": "2"}},
        "mappings": {"dynamic": "strict", "properties": {"a": {"type": "keyword"}}},
        "aliases": {"never": {"filter": {"term": {"a": "x"}}}},
    },
}


def test_what_was_configured_is_told_so_that_it_can_be_put_back(any_world: EngineWorld) -> None:
    """In three requests, however much there is."""
    world, name = any_world, any_world.own("it")
    bodies = {**BODIES, "index_templates": {"index_patterns": ["never-*"], "composed_of": [name], "priority": 900}}
    for part, body in bodies.items():
        world.configure(part, name, body)
    before = world.engine.calls
    found = world.engine.configuration()
    assert world.engine.calls == before + 3
    assert {part: found.parts[part][name] for part in bodies} == bodies
    assert found.redacted == ()
    assert found.incomplete == {}
    for part in ("pipelines", "component_templates", "index_templates", "legacy_templates"):
        world.configure(part, name, found.parts[part][name])
    assert world.engine.configuration() == found


def test_aliases_come_with_all_that_belongs_to_them(any_world: EngineWorld) -> None:
    """The cluster's state knows their names only."""
    world = any_world
    one, stream = world.own("one"), world.own("logs")
    how = {"filter": {"term": {"a": "b"}}, "index_routing": "1", "search_routing": "1,2", "is_write_index": True}
    world.index(one, hidden=True)
    world.index(world.own("two"))
    world.alias(one, world.own("live"), **how)
    backing = world.stream(stream)
    world.alias(stream, world.own("all"), filter={"term": {"x": "y"}})
    found = world.engine.configuration().parts
    assert found["aliases"][one] == {world.own("live"): how}
    assert found["aliases"][stream] == {world.own("all"): {"filter": {"term": {"x": "y"}}}}
    assert world.own("two") not in found["aliases"]
    assert found["data_streams"][stream] == [backing]


def test_settings_are_flat_and_repositories_as_they_are_registered(any_world: EngineWorld) -> None:
    world = any_world
    world.configure("cluster_settings", f"cluster.metadata.{world.own('x')}", "5")
    repository = registered(world, "main")
    found = world.engine.configuration().parts
    assert found["cluster_settings"][f"cluster.metadata.{world.own('x')}"] == "5"
    assert found["repositories"][repository] == {"type": "fs", "settings": {"location": repository}}


def test_secrets_are_taken_out_and_said_to_be(any_world: EngineWorld) -> None:
    world, name = any_world, any_world.own("secret")
    body = {"description": "d", "processors": [], "_meta": {"owner": {"api_key": "hunter2", "name": "ann"}}}
    world.configure("pipelines", name, body)
    found = world.engine.configuration()
    assert found.parts["pipelines"][name]["_meta"] == {"owner": {"api_key": REDACTED, "name": "ann"}}
    assert found.redacted == (f"/pipelines/{name}/_meta/owner/api_key",)


def test_pieces_are_put_back_as_they_were_stored(any_world: EngineWorld) -> None:
    """Each in one request; what is there already is no longer asked for by whoever compares first."""
    world, name = any_world, any_world.own("it")
    bodies = {**BODIES, "index_templates": {"index_patterns": ["never-*"], "composed_of": [name], "priority": 901}}
    before = world.engine.calls
    parts = ("component_templates", "index_templates", "legacy_templates", "pipelines")
    for part in parts:
        world.engine.restorer.configure(Piece(part=part, name=name, body=bodies[part]))
    assert world.engine.calls == before + 4
    found = world.engine.configuration().parts
    for part in parts:
        world.configure(part, name, bodies[part])  # the world removes what it has put there itself
    assert {part: found[part][name] for part in bodies} == bodies
    for part in ("component_templates", "index_templates", "legacy_templates"):
        with pytest.raises(Refused, match="exist"):
            world.engine.restorer.configure(Piece(part=part, name=name, body=bodies[part]))


def test_a_template_that_is_composed_of_what_is_not_there_is_refused(any_world: EngineWorld) -> None:
    body = {"index_patterns": ["never-*"], "composed_of": [any_world.own("gone")], "priority": 902}
    with pytest.raises(Refused):
        any_world.engine.restorer.configure(Piece(part="index_templates", name=any_world.own("it"), body=body))


def test_a_server_without_lifecycle_policies_refuses_one(any_world: EngineWorld) -> None:
    """The trimmed servers of these tests have none; to ask them again and again would be no use."""
    name, part = any_world.own("short"), "lifecycle_policies"
    piece = Piece(part=part, name=name, body={"policy": {"phases": {}}})
    if isinstance(any_world, FakeWorld):
        any_world.engine.restorer.configure(piece)
        assert any_world.engine.configuration().parts[part][name] == piece.body
        return
    with pytest.raises(Refused, match="no handler found"):
        any_world.engine.restorer.configure(piece)


def test_an_alias_is_put_back_on_all_that_had_it_or_on_nothing(any_world: EngineWorld) -> None:
    world = any_world
    one, two, stream = world.own("one"), world.own("two"), world.own("logs")
    for index in (one, two):
        world.index(index)
    world.stream(stream)
    how = {"filter": {"term": {"a": "b"}}, "index_routing": "1", "is_write_index": True}
    restorer = world.engine.restorer
    restorer.configure(Piece(part="aliases", name=world.own("live"), body={one: how, two: {}}))
    restorer.configure(Piece(part="aliases", name=world.own("all"), body={stream: {}}))
    found = world.engine.configuration().parts["aliases"]
    assert found[one][world.own("live")]["is_write_index"] is True
    assert world.own("live") in found[two]
    assert world.own("all") in found[stream]
    with pytest.raises(Refused):
        restorer.configure(Piece(part="aliases", name=world.own("x"), body={one: {}, world.own("gone"): {}}))
    assert world.own("x") not in world.engine.configuration().parts["aliases"][one]
    with pytest.raises(Refused):
        restorer.configure(Piece(part="aliases", name=world.own("live"), body={two: {"is_write_index": True}}))


def test_no_answer_is_no_configuration(world: EngineWorld) -> None:
    with pytest.raises(Retryable):
        world.silence().configuration()
