"""How every engine tells who bears a name, and how it moves names: all that is asked for, or nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.swaps import Alias, CloneOrder, Does, Repoint, Standing
from tests.contract.engine_worlds import EngineWorld
from tests.contract.restoring import MARK, counts
from tests.elastic_admin import wait

FILTER = '{"term": {"a": 1}}'


def standing(world: EngineWorld, *names: str) -> dict[str, Standing]:
    found = world.engine.restorer.standing([world.own(name) for name in names])
    return {one.name.removeprefix(world.own("")): one for one in found}


def add(world: EngineWorld, index: str, alias: Alias) -> Repoint:
    return Repoint(does=Does.ADD, index=world.own(index), alias=replace(alias, name=world.own(alias.name)))


def remove(world: EngineWorld, index: str, alias: str) -> Repoint:
    return Repoint(does=Does.REMOVE, index=world.own(index), alias=Alias(name=world.own(alias)))


def cloning(world: EngineWorld, source: str, name: str) -> CloneOrder:
    found = standing(world, source)[source]
    return CloneOrder(source=replace(found.ref, settings=found.settings), name=world.own(name), mark=MARK)


def test_who_bears_a_name_and_how(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("a"), shards=2)
    world.index(world.own("b"))
    full = Alias(
        name="live", filter=FILTER, index_routing="r", search_routing="r,s", is_hidden=True, is_write_index=True
    )
    world.engine.restorer.repoint(
        [
            add(world, "a", full),
            add(world, "b", Alias(name="live", is_hidden=True, is_write_index=False)),
            add(world, "a", Alias(name="x")),
        ]
    )
    calls = world.engine.calls
    found = standing(world, "live", "missing")
    assert world.engine.calls == calls + 2
    assert list(found) == ["a", "b"]
    assert found["a"].aliases == (replace(full, name=world.own("live")), Alias(name=world.own("x")))
    assert found["b"].aliases == (Alias(name=world.own("live"), is_hidden=True, is_write_index=False),)
    assert (found["a"].shards, found["a"].blocked, found["a"].closed, found["a"].mark) == (2, False, False, None)
    assert list(standing(world, "b", "a")) == ["a", "b"]
    calls = world.engine.calls
    assert standing(world, "missing") == {}
    assert world.engine.calls == calls + 1


def test_a_backing_index_of_a_data_stream_bears_no_alias(any_world: EngineWorld) -> None:
    """Servers leave it out where aliases are asked for: a plan over a stream refuses with its own words, and does not
    fail."""
    world = any_world
    backing = world.stream(world.own("logs"))
    (found,) = world.engine.restorer.standing([backing])
    assert (found.name, found.aliases) == (backing, ())


def test_names_move_as_they_are_together(any_world: EngineWorld) -> None:
    """A write alias: at no moment are there two indices to write to."""
    world = any_world
    world.index(world.own("a"))
    world.index(world.own("b"))
    live = Alias(name="live", filter=FILTER, search_routing="r", is_write_index=True)
    world.engine.restorer.repoint([add(world, "a", live)])
    calls = world.engine.calls
    world.engine.restorer.repoint([remove(world, "a", "live"), add(world, "b", live)])
    assert world.engine.calls == calls + 1
    found = standing(world, "a", "b")
    assert found["a"].aliases == ()
    assert found["b"].aliases == (replace(live, name=world.own("live")),)


def test_the_aliases_of_a_closed_index_move_and_come_back(any_world: EngineWorld) -> None:
    """So what has aliases can be swapped, and rolled back, closed."""
    world = any_world
    world.index(world.own("a"))
    world.index(world.own("b"))
    live = Alias(name="live", search_routing="r", is_write_index=True)
    world.engine.restorer.repoint([add(world, "a", live)])
    world.close(world.own("a"))
    closed = standing(world, "live")["a"]
    assert (closed.closed, closed.aliases) == (True, (replace(live, name=world.own("live")),))
    world.engine.restorer.repoint([remove(world, "a", "live"), add(world, "b", live)])
    found = standing(world, "a", "b")
    assert (found["a"].closed, found["a"].aliases) == (True, ())
    assert found["b"].aliases == closed.aliases
    world.engine.restorer.repoint([remove(world, "b", "live"), add(world, "a", live)])
    assert standing(world, "a")["a"] == closed


def test_a_clone_of_a_closed_index_takes_writes(any_world: EngineWorld) -> None:
    """Nor can it be compared with a source that nobody can count, which is why no plan has a closed one cloned."""
    world = any_world
    world.index(world.own("a"))
    world.close(world.own("a"))
    world.engine.restorer.clone(cloning(world, "a", "a-before"))
    made = standing(world, "a-before")["a-before"]
    assert (made.closed, made.blocked) == (False, False)


def test_a_closed_index_gets_no_alias_with_a_filter(any_world: EngineWorld) -> None:
    """It can have one, which goes away; real servers answer 500 to whoever puts it back (a NullPointerException)."""
    world = any_world
    for name in ("a", "b"):
        world.index(world.own(name))
    live = Alias(name="live", filter=FILTER)
    world.engine.restorer.repoint([add(world, "a", live)])
    world.close(world.own("a"))
    world.engine.restorer.repoint([remove(world, "a", "live"), add(world, "b", live)])
    before = standing(world, "a", "b")
    with pytest.raises(Retryable):
        world.engine.restorer.repoint([remove(world, "b", "live"), add(world, "a", live)])
    assert standing(world, "a", "b") == before


@pytest.mark.parametrize("case", ["missing alias", "missing index", "second write index", "name of an index"])
def test_what_cannot_be_done_wholly_changes_nothing(any_world: EngineWorld, case: str) -> None:
    world = any_world
    for name in ("a", "b"):
        world.index(world.own(name))
    live = Alias(name="live", is_write_index=True)
    world.engine.restorer.repoint([add(world, "a", live)])
    before = standing(world, "a", "b")
    wrong = {
        "missing alias": remove(world, "b", "live"),
        "missing index": add(world, "missing", live),
        "second write index": add(world, "b", live),
        "name of an index": add(world, "b", Alias(name="a")),
    }
    with pytest.raises(Refused):
        world.engine.restorer.repoint([add(world, "b", Alias(name="x")), wrong[case]])
    assert standing(world, "a", "b") == before


def test_an_index_is_cloned_and_an_alias_takes_its_name(any_world: EngineWorld) -> None:
    world = any_world
    restorer = world.engine.restorer
    world.index(world.own("a"), shards=2)
    world.index(world.own("new"))
    world.write(world.own("a"), 5)
    with pytest.raises(Refused):
        restorer.clone(cloning(world, "a", "a-before"))
    assert standing(world, "a-before") == {}
    ref = standing(world, "a")["a"].ref
    for _ in range(2):
        restorer.block(ref)
    assert standing(world, "a")["a"].blocked
    order = cloning(world, "a", "a-before")
    restorer.clone(replace(order, source=replace(order.source, settings={"index.number_of_replicas": "0"})))
    with pytest.raises(Refused):
        restorer.clone(order)
    wait(lambda: len(world.engine.counts(_pair(world), refresh=True)) == 2, "the clone is there")
    live, clone = world.engine.counts(_pair(world), refresh=True)
    assert (live.docs, live.max_seq_no) == (clone.docs, clone.max_seq_no)
    assert clone.docs == 6
    made = standing(world, "a-before")["a-before"]
    assert (made.mark, made.blocked, made.settings["index.number_of_replicas"]) == (MARK, True, "0")

    swap = [Repoint(does=Does.REMOVE_INDEX, index=world.own("a")), add(world, "new", Alias(name="a"))]
    restorer.repoint(swap)
    assert [alias.name for alias in standing(world, "a")["new"].aliases] == [world.own("a")]
    with pytest.raises(Refused):
        restorer.repoint(swap)
    for _ in range(2):
        restorer.reopen(made.ref)
    opened = standing(world, "a-before")["a-before"]
    assert (opened.mark, opened.blocked) == (None, False)
    restorer.repoint([remove(world, "new", "a"), add(world, "a-before", Alias(name="a"))])
    world.write(world.own("a-before"), 1)
    assert counts(world, world.own("a-before"))[0].docs == 7


def _pair(world: EngineWorld) -> list[IndexRef]:
    return [one.ref for one in standing(world, "a", "a-before").values()]


def test_writes_are_let_in_again(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("a"))
    before = standing(world, "a")["a"]
    world.engine.restorer.block(before.ref)
    world.engine.restorer.reopen(replace(before.ref, settings=before.settings))
    assert standing(world, "a")["a"] == before
    world.write(world.own("a"), 1)


ACTS: list[Callable[[EngineWorld, IndexRef], None]] = [
    lambda world, ref: world.engine.restorer.block(ref),
    lambda world, ref: world.engine.restorer.reopen(ref),
    lambda world, ref: world.engine.restorer.clone(CloneOrder(source=ref, name=world.own("clone"), mark=MARK)),
]


@pytest.mark.parametrize("act", ACTS, ids=["block", "reopen", "clone"])
def test_only_the_very_index_is_touched(any_world: EngineWorld, act: Callable[[EngineWorld, IndexRef], None]) -> None:
    world = any_world
    world.index(world.own("a"))
    world.engine.restorer.repoint([add(world, "a", Alias(name="live"))])
    before = standing(world, "a")
    ref = before["a"].ref
    for other in (
        replace(ref, uuid="another"),
        replace(ref, name=world.own("live")),
        replace(ref, name=world.own("no")),
    ):
        with pytest.raises(Refused):
            act(world, other)
    assert standing(world, "a", "clone") == before


def test_an_index_of_which_a_snapshot_runs_is_not_taken_away(any_world: EngineWorld) -> None:
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    world.index(world.own("new"))
    world.foreign_snapshot(repository, "theirs", slow)
    swap = [Repoint(does=Does.REMOVE_INDEX, index=slow), add(world, "new", Alias(name="orders"))]
    with pytest.raises(Retryable):
        world.engine.restorer.repoint(swap)
    assert list(standing(world, "orders")) == ["orders"]
    world.finish(repository, "theirs")
    world.engine.restorer.repoint(swap)
    assert list(standing(world, "orders")) == ["new"]


def test_what_is_not_answered_is_retryable(world: EngineWorld) -> None:
    with pytest.raises(Retryable):
        world.silence().restorer.standing(["a"])
