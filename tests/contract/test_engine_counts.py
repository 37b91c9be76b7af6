"""What every engine counts, and what it says nothing about."""

import pytest

from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.spec import Select
from tests.contract.engine_worlds import EngineWorld


def resolved(world: EngineWorld, *names: str) -> tuple[IndexRef, ...]:
    return world.engine.resolve(Select(indices=tuple(map(world.own, names)))).indices


def count(world: EngineWorld, name: str, *, refresh: bool = True) -> IndexCount:
    (found,) = world.engine.counts(resolved(world, name), refresh=refresh)
    return found


def test_documents_of_all_primaries_are_counted_sorted_by_name(any_world: EngineWorld) -> None:
    world = any_world
    for name, shards in (("b", 3), ("a", 1)):
        world.index(world.own(name), shards=shards)
        world.write(world.own(name), 5)
    wanted = resolved(world, "*")

    before = world.engine.calls
    a, b = world.engine.counts(tuple(reversed(wanted)), refresh=True)
    assert world.engine.calls == before + 2
    assert [(each.name, each.uuid) for each in (a, b)] == [(index.name, index.uuid) for index in wanted]
    assert (a.docs, a.max_seq_no) == (6, (5,))
    assert (b.docs, len(b.max_seq_no), sum(b.max_seq_no)) == (6, 3, 3)
    assert world.engine.counts(wanted, refresh=False) == (a, b)
    assert world.engine.calls == before + 3


def test_written_documents_count_after_a_refresh_and_their_numbers_at_once(any_world: EngineWorld) -> None:
    any_world.index(any_world.own("a"))
    any_world.write(any_world.own("a"), 2)
    stale = count(any_world, "a", refresh=False)
    fresh = count(any_world, "a")
    assert (stale.docs, stale.max_seq_no) == (1, (2,))
    assert (fresh.docs, fresh.max_seq_no) == (3, (2,))


def test_nested_documents_count(any_world: EngineWorld) -> None:
    any_world.index(any_world.own("a"))
    before = count(any_world, "a")
    any_world.write(any_world.own("a"), 1, nested=2)
    after = count(any_world, "a")
    assert after.docs == before.docs + 3
    assert after.max_seq_no == (before.max_seq_no[0] + 1,)


def test_deleting_raises_the_sequence_number_and_doing_nothing_does_not(any_world: EngineWorld) -> None:
    any_world.index(any_world.own("a"))
    any_world.write(any_world.own("a"), 2)
    before = count(any_world, "a")
    assert count(any_world, "a") == before
    any_world.erase(any_world.own("a"))
    after = count(any_world, "a")
    assert (after.docs, after.max_seq_no) == (before.docs - 1, (before.max_seq_no[0] + 1,))


def test_the_indices_behind_a_data_stream_are_counted(any_world: EngineWorld) -> None:
    backing = any_world.stream(any_world.own("logs"))
    found = count(any_world, "logs")
    assert (found.name, found.docs, found.max_seq_no) == (backing, 1, (0,))


@pytest.mark.parametrize("refresh", [False, True])
def test_what_nothing_can_be_said_of_is_left_out(any_world: EngineWorld, refresh: bool) -> None:
    """And keeps nobody waiting: a refresh of a red index takes a minute."""
    world = any_world
    for name in ("anew", "closed", "closing", "gone", "good", "red"):
        world.index(world.own(name), red=name == "red")
    world.close(world.own("closed"))
    wanted = resolved(world, "*")
    world.close(world.own("closing"))
    world.drop(world.own("gone"))
    world.drop(world.own("anew"))
    world.index(world.own("anew"))

    assert [index.name for index in wanted if index.closed] == [world.own("closed")]
    assert [each.name for each in world.engine.counts(wanted, refresh=refresh)] == [world.own("good")]


def test_without_indices_nothing_is_asked(any_world: EngineWorld) -> None:
    any_world.index(any_world.own("closed"))
    any_world.close(any_world.own("closed"))
    wanted = resolved(any_world, "closed")
    before = any_world.engine.calls
    assert any_world.engine.counts((), refresh=True) == any_world.engine.counts(wanted, refresh=True) == ()
    assert any_world.engine.calls == before


def test_a_pattern_is_no_index_to_count(world: EngineWorld) -> None:
    """The server would leave out of it what the key may not see."""
    with pytest.raises(Refused, match="exact names"):
        world.engine.counts((IndexRef(name="*", uuid="u", shards=1),), refresh=True)
