"""What is put back of a cluster, and in which order: the rules of the plan of everything, without a server."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import rebuilding
from chalicelib.core.capsules import Configuration
from chalicelib.core.model import IndexRef
from chalicelib.core.rebuilding import Group, Source
from chalicelib.core.rebuilds import Does, Piece
from chalicelib.core.restores import HeldIndex
from tests.contract.records import a_spec
from tests.unit.planned import BACKUP, CONTENTS, LIVE, ORIGINALS, SURROUNDINGS

FREE = replace(SURROUNDINGS, indices=(), streams=())
ONE = Source(spec=a_spec(), backup=BACKUP, contents=CONTENTS, originals=ORIGINALS)


def source(policy: str, *names: str, later: int = 0, **priority: int) -> Source:
    held = tuple(HeldIndex(name=name, shards=1, bytes=1) for name in names)
    originals = tuple(
        IndexRef(name=name, uuid="u", settings={"index.priority": str(priority[name])} if name in priority else {})
        for name in names
    )
    backup = replace(BACKUP, policy=policy, backup_id=policy, taken_at=BACKUP.taken_at + timedelta(hours=later))
    return Source(spec=a_spec(), backup=backup, contents=replace(CONTENTS, indices=held), originals=originals)


def shown(groups: tuple[Group, ...]) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(group.source.backup.backup_id, group.priority, group.names) for group in groups]


def test_the_most_important_comes_first_and_then_the_newest_data() -> None:
    old, new = source("old", "b", "a", a=50), source("new", "d", "c", c=50, later=1)
    found, left_out = rebuilding.groups([old, new], FREE)
    assert shown(found) == [("new", 50, ("c",)), ("old", 50, ("a",)), ("new", 1, ("d",)), ("old", 1, ("b",))]
    assert left_out == ()


def test_what_several_backups_hold_is_of_the_newest() -> None:
    found, _ = rebuilding.groups([source("old", "a", "b"), source("new", "a", later=1)], FREE)
    assert shown(found) == [("new", 1, ("a",)), ("old", 1, ("b",))]


@pytest.mark.parametrize("taken", ["customers", "people", "logs-app"])
def test_a_name_that_anything_bears_is_left_alone(taken: str) -> None:
    """An index, an alias, a data stream."""
    around = replace(SURROUNDINGS, indices=(LIVE,))
    found, left_out = rebuilding.groups([source("one", taken, "other")], around)
    assert shown(found) == [("one", 1, ("other",))]
    assert left_out == (taken,)


def test_what_is_put_back_is_neither_there_nor_the_servers_own_nor_without_its_secret() -> None:
    mine: dict[str, dict[str, Any]] = {
        "component_templates": {"b": {}, "a": {}},
        "index_templates": {"theirs": {"_meta": {"managed": True}}, "mine": {"_meta": {"managed": False}}},
        "legacy_templates": {"there": {}},
        "pipelines": {"secret": {"processors": []}, "secret-free": {}},
    }
    capsule = Configuration(parts=mine, redacted=("/pipelines/secret/processors/0/set/value",))
    there = Configuration(parts={"legacy_templates": {"there": {"order": 1}}})
    templates = rebuilding.missing(capsule, there, Does.TEMPLATES)
    assert [piece.path for piece in templates] == [
        "/component_templates/a",
        "/component_templates/b",
        "/index_templates/mine",
    ]
    assert [piece.name for piece in rebuilding.missing(capsule, there, Does.PIPELINES)] == ["secret-free"]
    assert rebuilding.missing(capsule, there, Does.LIFECYCLE) == ()


WRITES = {"is_write_index": True}
ALIASES = Configuration(parts={"aliases": {"a": {"x": WRITES, "y": {}}, "b": {"x": {}}, "gone": {"y": {}, "z": {}}}})


def test_an_alias_goes_on_all_that_had_it_at_once() -> None:
    assert rebuilding.aliases_of(ALIASES, ["a", "b"]) == (
        Piece(part="aliases", name="x", body={"a": WRITES, "b": {}}),
        Piece(part="aliases", name="y", body={"a": {}}),
    )


def test_only_what_came_back_gets_its_aliases_and_none_that_is_elsewhere_by_now() -> None:
    around = replace(FREE, indices=tuple(replace(LIVE, name=name, aliases=()) for name in ("a", "b", "new")))
    there = Configuration(parts={"aliases": {"a": {"x": WRITES}, "new": {"y": {}}}})
    left = rebuilding.aliases_left(ALIASES, there, around, ["a", "b", "gone"])
    assert left.elsewhere == ("y",)
    assert left.pieces == (Piece(part="aliases", name="x", body={"b": {}}),)
    assert left.pieces[0].body == {"b": {}}
