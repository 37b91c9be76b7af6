"""How every engine tells why a shard is on no node, and that of those which wait from those which never will be."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.core.restores import Unallocated
from tests.contract.engine_worlds import EngineWorld, backed_up
from tests.contract.proof_worlds import WORDS
from tests.contract.restoring import until_over, wish
from tests.elastic_admin import wait


@contextmanager
def allocating(world: EngineWorld, how: str) -> Iterator[None]:
    world.allocates(how)
    try:
        yield
    finally:
        world.allocates("all")


def test_a_shard_that_no_node_may_take_is_given_up_for_good_and_explained(any_world: EngineWorld) -> None:
    """Whatever the reason is, and even when it passes a moment later: so nobody need wait for it."""
    world, restorer = any_world, any_world.engine.restorer
    wanted = wish(world, backed_up(world, "a"), "a")
    with allocating(world, "none"):
        restorer.restore(wanted)
        (found,) = until_over(restorer, wanted)
        calls = world.engine.calls
        said = restorer.unallocated(found.name, 0)
        assert world.engine.calls == calls + 1
    assert [(each.index, each.shard, each.unallocated) for each in found.failed] == [(found.name, 0, True)]
    assert found.waiting == ()
    assert said
    assert (said.index, said.shard, said.never) == (found.name, 0, True)
    assert said.why.startswith("enable: ")
    assert WORDS["none"] in said.why
    (later,) = restorer.restored(wanted)
    assert later.failed == found.failed


def test_a_shard_that_waits_is_told_apart_and_comes_when_it_may(any_world: EngineWorld) -> None:
    world, restorer = any_world, any_world.engine.restorer
    wanted = wish(world, backed_up(world, "a"), "a")
    with allocating(world, "later"):
        restorer.restore(wanted)
        said = _explained(world, wanted.prefix + wanted.indices[0])
        (found,) = restorer.restored(wanted)
    assert (found.failed, found.waiting, found.done) == ((), (0,), False)
    assert (said.never, WORDS["later"] in said.why) == (False, True)
    (over,) = until_over(restorer, wanted)
    assert (over.done, over.waiting) == (True, ())
    assert restorer.unallocated(over.name, 0) is None, "it is on a node"


def test_a_lost_file_is_no_matter_of_allocation(any_world: EngineWorld) -> None:
    world, restorer = any_world, any_world.engine.restorer
    repository = backed_up(world, "a")
    world.lose_blob(repository, "snap", world.own("a"))
    wanted = wish(world, repository, "a")
    restorer.restore(wanted)
    (found,) = until_over(restorer, wanted)
    assert [each.unallocated for each in found.failed] == [False]


def test_of_what_is_not_there_nothing_is_explained(any_world: EngineWorld) -> None:
    assert any_world.engine.restorer.unallocated(any_world.own("missing"), 0) is None


def test_an_index_that_was_never_restored_is_explained_too(any_world: EngineWorld) -> None:
    red = any_world.own("red")
    any_world.index(red, red=True)
    said = any_world.engine.restorer.unallocated(red, 0)
    assert said
    assert (said.never, said.why.startswith("filter: node does not match")) == (True, True)


def _explained(world: EngineWorld, name: str) -> Unallocated:
    """As soon as the deciders have spoken."""
    said: list[Unallocated] = []

    def spoken() -> bool:
        found = world.engine.restorer.unallocated(name, 0)
        said.extend([found] if found else [])
        return bool(said)

    wait(spoken, f"the deciders speak of {name}")
    return said[-1]
