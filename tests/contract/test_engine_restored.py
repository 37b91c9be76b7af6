"""How every engine tells how far a restore is, and what may be done with the indices that it makes."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.restores import RestoreOrder
from chalicelib.core.spec import Select
from infra.local.servers import Server
from tests.contract.engine_worlds import ElasticsearchWorld, EngineWorld, backed_up, order
from tests.contract.restoring import counts, live, until_over, wish


def test_an_index_of_which_somebodys_whole_snapshot_runs_is_removed_later(any_world: EngineWorld) -> None:
    """Ours let go of an index that is deleted: they are partial."""
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    ref = world.engine.resolve(Select(indices=(slow,))).indices[0]
    world.foreign_snapshot(repository, "theirs", slow)
    with pytest.raises(Retryable):
        world.engine.restorer.remove(ref)
    world.finish(repository, "theirs")
    assert world.engine.restorer.remove(ref)


def test_what_carries_another_mark_is_not_ours(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a", "b")
    world.index(world.own("r-") + world.own("a"))
    wanted = wish(world, repository, "a", "b")
    world.engine.restorer.restore(wish(world, repository, "b"))
    until_over(world.engine.restorer, wish(world, repository, "b"))

    seen = [(each.ours, each.done) for each in world.engine.restorer.restored(wanted)]
    assert seen == [(False, False), (True, True)]
    other = RestoreOrder(repository=repository, snapshot="snap", indices=wanted.indices, prefix=wanted.prefix, mark=7)
    assert [each.ours for each in world.engine.restorer.restored(other)] == [False, False]


def test_a_restore_under_way_is_seen_and_can_be_taken_away(any_world: EngineWorld) -> None:
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    world.engine.start(order(repository, "snap", slow))
    world.finish(repository, "snap")
    world.creep(repository)

    wanted, restorer = wish(world, repository, "orders"), world.engine.restorer
    restorer.restore(wanted)
    for _ in range(2):
        (seen,) = restorer.restored(wanted)
        assert (seen.ours, seen.done, seen.shards_done, seen.failed) == (True, False, 0, ())
    assert restorer.remove(IndexRef(name=seen.name, uuid=seen.uuid, shards=1))
    assert restorer.restored(wanted) == ()


def test_a_shard_that_cannot_be_read_is_named_and_the_others_are_done(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a", "b")
    world.lose_blob(repository, "snap", world.own("b"))
    wanted, restorer = wish(world, repository, "a", "b"), world.engine.restorer
    restorer.restore(wanted)

    good, bad = until_over(restorer, wanted)
    assert (good.done, good.failed) == (True, ())
    assert (bad.done, bad.shards_done) == (False, 0)
    (lost,) = bad.failed
    assert (lost.index, lost.shard) == (bad.name, 0)
    assert "NoSuchFileException" in lost.reason
    assert len(lost.reason) <= 300
    assert restorer.remove(IndexRef(name=bad.name, uuid=bad.uuid, shards=1))


def test_only_the_very_index_is_removed(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("a"))
    world.alias(world.own("a"), world.own("live"))
    ref, restorer = world.engine.resolve(Select(indices=(world.own("a"),))).indices[0], world.engine.restorer

    assert restorer.remove(IndexRef(name=world.own("missing"), uuid="any", shards=1))
    assert restorer.remove(IndexRef(name=world.own("live"), uuid=ref.uuid, shards=1))
    assert not restorer.remove(IndexRef(name=ref.name, uuid="another", shards=1))
    assert [index.uuid for index in live(world, ref.name)] == [ref.uuid]
    calls = world.engine.calls
    assert restorer.remove(ref)
    assert world.engine.calls == calls + 2
    assert live(world, ref.name) == []
    assert restorer.remove(ref)


def test_several_are_removed_together_and_only_the_very_ones(any_world: EngineWorld) -> None:
    """One request for many: a thousand by pairs of requests took longer than there is time for."""
    world = any_world
    for name in ("a", "b", "c"):
        world.index(world.own(name))
    found = world.engine.resolve(Select(indices=tuple(map(world.own, ("a", "b", "c"))))).indices
    refs, restorer = {ref.name: ref for ref in found}, world.engine.restorer
    others = replace(refs[world.own("c")], uuid="another")
    calls = world.engine.calls
    assert not restorer.remove(refs[world.own("a")], refs[world.own("b")], others, replace(others, name="own-gone"))
    assert world.engine.calls == calls + 2
    assert [index.name for index in live(world, *map(world.own, ("a", "b", "c")))] == [world.own("c")]
    assert restorer.remove(refs[world.own("a")], refs[world.own("b")])
    assert restorer.remove()


def test_of_several_none_is_removed_while_a_whole_snapshot_of_one_runs(any_world: EngineWorld) -> None:
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    world.index(world.own("a"))
    refs = world.engine.resolve(Select(indices=(slow, world.own("a")))).indices
    world.foreign_snapshot(repository, "theirs", slow)
    with pytest.raises(Retryable):
        world.engine.restorer.remove(*refs)
    assert len(live(world, slow, world.own("a"))) == 2
    world.finish(repository, "theirs")
    assert world.engine.restorer.remove(*refs)


def test_a_released_index_takes_writes_has_its_replicas_and_no_mark(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a")
    wanted, restorer = wish(world, repository, "a"), world.engine.restorer
    restorer.restore(wanted)
    (made,) = until_over(restorer, wanted)
    ref = IndexRef(name=made.name, uuid=made.uuid, shards=1)

    for _ in range(2):
        restorer.release(ref, {"index.number_of_replicas": 1})
    assert [(index.mark, index.replicas) for index in live(world, made.name)] == [(None, 1)]
    world.write(made.name, 1)
    assert [count.docs for count in counts(world, made.name)] == [2]
    assert [each.ours for each in restorer.restored(wanted)] == [False]
    for other in (IndexRef(name=made.name, uuid="another", shards=1), IndexRef(name="own-gone", uuid="any", shards=1)):
        with pytest.raises(Refused):
            restorer.release(other, {})


@pytest.mark.live
def test_a_restored_index_refuses_writes_until_it_is_released(elasticsearch: Server) -> None:
    """Of the real one alone: nothing writes to the fake but tests."""
    world = ElasticsearchWorld(elasticsearch)
    repository = backed_up(world, "a")
    wanted = wish(world, repository, "a")
    world.engine.restorer.restore(wanted)
    (made,) = until_over(world.engine.restorer, wanted)
    with pytest.raises(AssertionError, match="403"):
        world.write(made.name, 1)
    world.leave_nothing_behind()
