"""What is put back of a cluster, and in which order: the rules of the plan of everything, without a server."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import rebuild_pieces, rebuilding
from chalicelib.core.capsules import Configuration
from chalicelib.core.model import IndexRef
from chalicelib.core.rebuilding import Group, Source
from chalicelib.core.rebuilds import Does
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


def test_what_is_torn_in_the_newest_backup_comes_from_one_that_holds_all_of_it() -> None:
    old, new = source("old", "a"), source("new", "a", "b", later=1)
    torn = replace(
        new.contents, indices=tuple(replace(index, whole=index.name != "a") for index in new.contents.indices)
    )
    found, _ = rebuilding.groups([old, replace(new, contents=torn)], FREE)
    assert shown(found) == [("new", 1, ("b",)), ("old", 1, ("a",))]


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
    templates = rebuild_pieces.missing(capsule, there, Does.TEMPLATES)
    assert [piece.path for piece in templates] == [
        "/component_templates/a",
        "/component_templates/b",
        "/index_templates/mine",
    ]
    assert [piece.name for piece in rebuild_pieces.missing(capsule, there, Does.PIPELINES)] == ["secret-free"]
    assert rebuild_pieces.missing(capsule, there, Does.LIFECYCLE) == ()


WRITES = {"is_write_index": True}
ALIASES = Configuration(parts={"aliases": {"a": {"x": WRITES, "y": {}}, "b": {"x": {}}, "gone": {"y": {}, "z": {}}}})


def test_an_alias_goes_on_all_that_had_it_at_once() -> None:
    """With those that bore it, too, and are not restored now: they say whose it is."""
    found = rebuild_pieces.aliases_of(ALIASES, ["a", "b"])
    assert [(piece.name, piece.body) for piece in found] == [
        ("x", {"a": WRITES, "b": {}}),
        ("y", {"a": {}, "gone": {}}),
    ]


def test_an_alias_whose_filter_held_a_secret_is_left_out() -> None:
    hidden = replace(ALIASES, redacted=("/aliases/b/x/filter/term/access_key",))
    assert [piece.name for piece in rebuild_pieces.aliases_of(hidden, ["a"])] == ["y"]


AROUND = replace(FREE, indices=tuple(replace(LIVE, name=name, uuid=name, aliases=()) for name in ("a", "b", "new")))


def left(back: dict[str, str | None], **held: dict[str, object]) -> rebuild_pieces.Left:
    wanted = rebuild_pieces.aliases_of(ALIASES, ["a", "b", "gone"])
    return rebuild_pieces.aliases_left(wanted, Configuration(parts={"aliases": held}), AROUND, back, 0)


def bodies(found: rebuild_pieces.Left) -> list[tuple[int, str, object]]:
    return [(place, piece.name, piece.body) for place, piece in found.pieces]


def test_only_what_came_back_gets_its_aliases_and_none_that_is_elsewhere_by_now() -> None:
    found = left({"a": "a", "b": "b"}, a={"x": WRITES}, new={"y": {}})
    assert (bodies(found), found.elsewhere, found.silent) == ([(0, "x", {"b": {}})], ("y",), ())


def test_what_somebody_made_under_such_a_name_gets_none() -> None:
    """An application may write into the void and make it anew."""
    found = left({"a": "another", "b": "b"})
    assert bodies(found) == [(0, "x", {"b": {"is_write_index": False}})]
    assert found.silent == ("x",), "and nobody writes to b instead"


def test_what_came_back_first_keeps_nobody_who_comes_later_out() -> None:
    """A phase failed, and everything was planned anew."""
    found = left({"a": "a"}, b={"x": {"is_write_index": False}})
    assert (bodies(found)[0], found.elsewhere) == ((0, "x", {"a": WRITES}), ())


def test_a_configuration_that_was_stored_after_the_loss_is_seen_to_lack_something() -> None:
    before = Configuration(parts={"pipelines": {"p": {}, "q": {}}, "aliases": {"a": {"x": {}}}})
    now = Configuration(parts={"pipelines": {"q": {}}}, incomplete={})
    assert rebuild_pieces.lost(before, now) == ("/pipelines/p", "/aliases/x")
    assert rebuild_pieces.lost(before, replace(now, incomplete={"aliases": "403"})) == ("/pipelines/p",)
    assert rebuild_pieces.lost(before, before) == ()
