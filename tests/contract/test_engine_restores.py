"""How every engine tells what a backup holds and whom a restore meets, and how it restores."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import NameTaken, Refused, RepositoryMissing, Retryable
from chalicelib.core.model import IndexRef
from tests.contract.engine_worlds import EngineWorld, backed_up, names, order, registered, unmatched
from tests.contract.restoring import MARK, contents, counts, live, until_over, wish


def test_what_a_backup_holds(any_world: EngineWorld) -> None:
    world = any_world
    repository = registered(world, "main")
    world.index(world.own("a"))
    world.elaborate(world.own("b"))
    backing = world.stream(world.own("logs"))
    world.engine.start(order(repository, "snap", world.own("a"), world.own("b"), backing))
    world.finish(repository, "snap")

    before = world.engine.calls
    found = contents(world, repository)
    assert world.engine.calls == before + 1
    assert [(index.name, index.shards, index.whole) for index in found.indices] == sorted(
        [(world.own("a"), 1, True), (world.own("b"), 10, True), (backing, 1, True)]
    )
    assert all(index.bytes > 0 for index in found.indices)
    assert (found.streams, found.global_state) == ((world.own("logs"),), False)
    assert found.uuid == getattr(world.engine.look(repository, "snap"), "uuid", None)
    assert world.engine.restorer.contents(repository, "missing") is None
    with pytest.raises(RepositoryMissing):
        world.engine.restorer.contents(world.own("missing"), "snap")


def test_an_index_of_which_a_shard_failed_is_not_whole_and_is_not_restored(any_world: EngineWorld) -> None:
    world = any_world
    repository = registered(world, "main")
    world.index(world.own("a"))
    world.index(world.own("red"), red=True)
    world.engine.start(order(repository, "snap", world.own("a"), world.own("red")))
    world.finish(repository, "snap")

    assert {index.name: index.whole for index in contents(world, repository).indices} == {
        world.own("a"): True,
        world.own("red"): False,
    }
    with pytest.raises(Refused):
        world.engine.restorer.restore(wish(world, repository, "a", "red"))
    assert world.engine.restorer.restored(wish(world, repository, "a", "red")) == ()
    world.engine.restorer.restore(wish(world, repository, "a"))
    assert [each.done for each in until_over(world.engine.restorer, wish(world, repository, "a"))] == [True]


def test_a_backup_in_progress_holds_nothing_that_can_be_restored(any_world: EngineWorld) -> None:
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    world.engine.start(order(repository, "snap", slow))
    with pytest.raises(Refused, match="in progress"):
        world.engine.restorer.contents(repository, "snap")
    with pytest.raises(Refused):
        world.engine.restorer.restore(wish(world, repository, "orders"))
    world.finish(repository, "snap")
    assert world.engine.restorer.restored(wish(world, repository, "orders")) == ()


def test_whom_a_restore_would_meet(any_world: EngineWorld) -> None:
    world = any_world
    before = world.engine.restorer.surroundings()
    world.index(world.own("a"), shards=3)
    world.index(world.own("closed"))
    world.close(world.own("closed"))
    world.alias(world.own("a"), world.own("live"))
    backing = world.stream(world.own("logs"))
    world.alias(world.own("logs"), world.own("every"))

    calls = world.engine.calls
    found = world.engine.restorer.surroundings()
    assert world.engine.calls == calls + 3
    names = {index.name: index for index in found.indices}
    assert names[world.own("a")].aliases == (world.own("live"),)
    assert world.own("every") in names[backing].aliases
    assert [names[world.own(name)].closed for name in ("a", "closed")] == [False, True]
    assert [names[world.own(name)].mark for name in ("a", "closed")] == [None, None]
    assert world.own("logs") in found.streams
    assert (names[world.own("a")].shards, names[world.own("a")].replicas) == (3, 0)
    assert found.shards == before.shards + 4
    assert found.shard_limit == 1000 * len(found.nodes) > found.shards
    assert all(node.spare is None or node.spare > 0 for node in found.nodes)
    assert found.version[0] in "89"
    assert world.system_index() in {index.name for index in world.engine.restorer.surroundings().indices}


def test_a_restore_brings_back_exactly_what_was_there(any_world: EngineWorld) -> None:
    """Counted alike, nested documents included; 10 shards, a sorted index, an analyzer of its own."""
    world = any_world
    repository = registered(world, "main")
    world.index(world.own("a"), shards=2)
    world.write(world.own("a"), 5, nested=3)
    world.elaborate(world.own("b"))
    world.alias(world.own("a"), world.own("live"))
    then = counts(world, world.own("a"), world.own("b"))
    world.engine.start(order(repository, "snap", world.own("a"), world.own("b")))
    world.finish(repository, "snap")
    world.write(world.own("a"), 1)

    wanted, restorer = wish(world, repository, "a", "b"), world.engine.restorer
    calls = world.engine.calls
    restorer.restore(wanted)
    assert world.engine.calls == calls + 2
    found = until_over(restorer, wanted)
    assert [(each.name, each.ours, each.shards, each.shards_done, each.failed) for each in found] == [
        (world.own("r-") + world.own("a"), True, 2, 2, ()),
        (world.own("r-") + world.own("b"), True, 10, 10, ()),
    ]
    assert all(each.done and each.bytes_done == each.bytes_total > 0 for each in found)
    calls = world.engine.calls
    assert restorer.restored(wanted) == found
    assert world.engine.calls == calls + 2

    made = live(world, *(each.name for each in found))
    assert [(index.uuid, index.mark, index.replicas, index.aliases) for index in made] == [
        (each.uuid, MARK, 0, ()) for each in found
    ]
    now = counts(world, *(each.name for each in found))
    assert [(count.docs, count.max_seq_no) for count in now] == [(count.docs, count.max_seq_no) for count in then]
    assert counts(world, world.own("a"))[0].docs == then[0].docs + 1


@pytest.mark.parametrize("kind", ["open", "closed", "alias", "stream"])
def test_a_name_that_is_taken_is_refused_and_nothing_is_made(any_world: EngineWorld, kind: str) -> None:
    """A closed index of the name would be overwritten by the server."""
    world = any_world
    repository = backed_up(world, "a", "b")
    taken = world.own(f"{kind}-") + world.own("b")
    if kind == "alias":
        world.alias(world.own("a"), taken)
    elif kind == "stream":
        world.stream(taken)
    else:
        world.index(taken)
    if kind == "closed":
        world.close(taken)

    before = world.engine.restorer.surroundings().indices
    with pytest.raises(NameTaken, match="already"):
        world.engine.restorer.restore(wish(world, repository, "a", "b", prefix=f"{kind}-"))
    assert world.engine.restorer.surroundings().indices == before


@pytest.mark.parametrize("indices", [(), ("*",), ("missing",)])
def test_only_indices_that_the_backup_holds_are_restored(world: EngineWorld, indices: tuple[str, ...]) -> None:
    repository = backed_up(world, "a")
    with pytest.raises(Refused):
        world.engine.restorer.restore(wish(world, repository, *indices))
    assert world.engine.restorer.restored(wish(world, repository, "a", "missing")) == ()


def test_without_its_backup_or_repository_nothing_is_restored(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a")
    with pytest.raises(Refused):
        world.engine.restorer.restore(wish(world, repository, "a", snapshot="missing"))
    with pytest.raises(RepositoryMissing):
        world.engine.restorer.restore(wish(world, world.own("missing"), "a"))


def test_what_is_not_answered_is_retryable(world: EngineWorld) -> None:
    engine = world.silence()
    with pytest.raises(Retryable):
        engine.restorer.surroundings()


def test_without_a_prefix_an_index_comes_back_under_its_own_name_but_only_where_that_is_free(
    any_world: EngineWorld,
) -> None:
    """A closed one of that name the server itself would restore over."""
    world = any_world
    repository = backed_up(world, "a")
    restorer, wanted = world.engine.restorer, replace(wish(world, repository, "a"), prefix="")
    with pytest.raises(NameTaken):
        restorer.restore(wanted)
    world.close(world.own("a"))
    with pytest.raises(NameTaken):
        restorer.restore(wanted)
    (before,) = live(world, world.own("a"))
    restorer.remove(IndexRef(name=before.name, uuid=before.uuid))
    restorer.restore(wanted)
    (found,) = until_over(restorer, wanted)
    assert (found.name, found.ours, found.done) == (world.own("a"), True, True)
    assert found.uuid != before.uuid


def test_brackets_in_a_name_are_letters_of_it(any_world: EngineWorld) -> None:
    """In globs of other kinds `a[1]` means `a1`, which is there, too; servers know `*` alone."""
    world = any_world
    bracketed, plain = world.own("a[1]"), world.own("a1")
    repository = backed_up(world, "a[1]", "a1")
    assert names(world, bracketed) == names(world, world.own("a[*")) == [bracketed]
    assert names(world, world.own("a*"), exclude=(bracketed,)) == [plain]
    assert unmatched(world, "a[2]", "a[1]", "a[12]*") == ["a[2]", "a[12]*"]
    assert [index.name for index in contents(world, repository).indices] == [plain, bracketed]

    wanted = wish(world, repository, "a[1]")
    world.engine.restorer.restore(wanted)
    (made,) = until_over(world.engine.restorer, wanted)
    assert (made.name, made.ours, made.done) == (world.own("r-") + bracketed, True, True)
    ref = IndexRef(name=made.name, uuid=made.uuid, shards=1)
    world.engine.restorer.release(ref, {})
    (count,) = world.engine.counts([ref], refresh=False)
    assert count.docs == 1
    assert world.engine.restorer.remove(ref)
    assert names(world, world.own("*")) == [plain, bracketed]
