"""How every engine removes a backup, and how it tries whether it may make one."""

import pytest

from chalicelib.core.errors import NameTaken, Refused, RepositoryMissing
from chalicelib.core.observations import Absent, Broken, Complete, InProgress, Observation
from tests.contract.engine_worlds import OWNER, EngineWorld, backed_up, order, registered
from tests.elastic_admin import wait


def until_gone(world: EngineWorld, repository: str, snapshot: str) -> list[Observation]:
    """What is seen on the way."""
    seen: list[Observation] = []

    def gone() -> bool:
        seen.append(world.engine.look(repository, snapshot))
        return seen[-1] == Absent()

    wait(gone, f"the removal of {repository}:{snapshot}")
    return seen


def test_a_removed_backup_is_absent_and_others_stay(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a")
    world.engine.start(order(repository, "snap-2", world.own("a")))
    world.finish(repository, "snap-2")

    before = world.engine.calls
    world.engine.delete(repository, "snap")
    assert world.engine.calls == before + 1
    until_gone(world, repository, "snap")
    assert isinstance(world.engine.look(repository, "snap-2"), Complete)


def test_a_running_backup_can_be_removed_and_never_looks_good_on_the_way(any_world: EngineWorld) -> None:
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    world.engine.start(order(repository, "snap", slow))
    assert isinstance(world.engine.look(repository, "snap"), InProgress)

    for _ in range(2):
        world.engine.delete(repository, "snap")
    cheap = world.engine.look(repository, "snap", running=True)
    assert cheap == Absent() or (isinstance(cheap, InProgress) and cheap.ending) or isinstance(cheap, Broken)
    assert not any(isinstance(each, Complete) for each in until_gone(world, repository, "snap"))
    world.engine.delete(repository, "snap")


def test_removing_what_is_not_there_is_no_error(any_world: EngineWorld) -> None:
    any_world.engine.delete(registered(any_world, "main"), "missing")


def test_removing_from_a_repository_that_is_not_there(any_world: EngineWorld) -> None:
    with pytest.raises(RepositoryMissing):
        any_world.engine.delete(any_world.own("missing"), "snap")


@pytest.mark.parametrize("pattern", ["*", "sna*", "snap,other"])
def test_only_one_exact_name_is_removed(world: EngineWorld, pattern: str) -> None:
    repository = backed_up(world, "a")
    before = world.engine.calls
    with pytest.raises(Refused, match="exact name"):
        world.engine.delete(repository, pattern)
    assert world.engine.calls == before
    assert isinstance(world.engine.look(repository, "snap"), Complete)


def test_trying_out_makes_a_snapshot_that_holds_nothing(any_world: EngineWorld) -> None:
    world = any_world
    repository = registered(world, "main")
    world.index(world.own("a"))
    world.stream(world.own("logs"))
    world.engine.try_out(repository, "tried", OWNER)
    world.finish(repository, "tried")

    done = world.engine.look(repository, "tried")
    assert isinstance(done, Complete)
    assert (done.owner, done.indices, done.shards_total, done.partial) == (OWNER, (), 0, False)
    with pytest.raises(NameTaken):
        world.engine.try_out(repository, "tried", OWNER)
    with pytest.raises(RepositoryMissing):
        world.engine.try_out(world.own("missing"), "tried", OWNER)
