"""How every engine closes, restores over and opens a live index: only the one that was meant, and it keeps its uuid."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexRef
from chalicelib.core.restores import RestoreOrder
from chalicelib.core.swaps import Alias, Does, Repoint, Standing
from tests.contract.engine_worlds import EngineWorld, backed_up
from tests.contract.restoring import MARK, counts, until_over
from tests.elastic_admin import wait


def standing(world: EngineWorld, name: str) -> Standing:
    (found,) = world.engine.restorer.standing([world.own(name)])
    return found


def over(world: EngineWorld, repository: str, *refs: IndexRef, also: tuple[str, ...] = ()) -> RestoreOrder:
    names = (*(ref.name for ref in refs), *map(world.own, also))
    return RestoreOrder(repository=repository, snapshot="snap", indices=names, prefix="", mark=MARK, over=refs)


def test_closed_and_opened_as_often_as_asked(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("a"))
    ref = standing(world, "a").ref
    assert (standing(world, "a").closed, standing(world, "a").whole) == (False, True)
    calls = world.engine.calls
    world.engine.restorer.close(ref)
    assert world.engine.calls == calls + 2
    world.engine.restorer.close(ref)
    assert (standing(world, "a").closed, standing(world, "a").ref) == (True, ref)
    wait(lambda: standing(world, "a").whole, "its shards are there")
    for _ in range(2):
        world.engine.restorer.open(ref)
    assert standing(world, "a").closed is False


def test_one_whose_primary_is_lost_is_not_whole_and_can_be_closed(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("red"), red=True)
    assert standing(world, "red").whole is False
    world.engine.restorer.close(standing(world, "red").ref)
    assert standing(world, "red").closed


@pytest.mark.parametrize("method", ["close", "open"])
def test_only_the_one_that_was_meant(any_world: EngineWorld, method: str) -> None:
    world = any_world
    world.index(world.own("a"))
    ref = standing(world, "a").ref
    for wrong in (replace(ref, uuid="another"), replace(ref, name=world.own("missing"))):
        with pytest.raises(Refused):
            getattr(world.engine.restorer, method)(wrong)
    with pytest.raises(Refused):
        getattr(world.engine.restorer, method)(replace(ref, name=world.own("*")))
    assert standing(world, "a").closed is False


def test_a_closed_index_is_restored_over_and_keeps_uuid_and_aliases(any_world: EngineWorld) -> None:
    world = any_world
    restorer = world.engine.restorer
    repository = backed_up(world, "a", "b")
    before = counts(world, world.own("a"))
    world.write(world.own("a"), 4)
    alias = Alias(name=world.own("moved"))
    restorer.repoint([Repoint(does=Does.ADD, index=world.own("a"), alias=alias)])
    live, settings = standing(world, "a").ref, standing(world, "a").settings
    gone = standing(world, "b").ref
    assert restorer.remove(gone)
    restorer.close(live)
    order = over(world, repository, live, also=("b",))
    restorer.restore(order)
    done = {one.name.removeprefix(world.own("")): one for one in until_over(restorer, order)}
    assert [(one.ours, one.done) for one in done.values()] == [(True, True)] * 2
    assert done["a"].uuid == live.uuid
    assert done["b"].uuid != gone.uuid
    there = standing(world, "a")
    assert (there.closed, there.blocked, there.mark, there.aliases) == (False, True, MARK, (alias,))
    assert counts(world, world.own("a"))[0].docs == before[0].docs
    restorer.release(there.ref, settings, lifecycle=True)
    there = standing(world, "a")
    assert (there.settings, there.mark, there.blocked) == (settings, None, False)


def test_what_is_open_gone_or_another_is_not_restored_over(any_world: EngineWorld) -> None:
    world = any_world
    restorer = world.engine.restorer
    repository = backed_up(world, "a")
    live = standing(world, "a").ref
    for wrong in (live, replace(live, uuid="another")):
        with pytest.raises(Refused):
            restorer.restore(over(world, repository, wrong))
    restorer.close(live)
    with pytest.raises(Refused):
        restorer.restore(over(world, repository, replace(live, uuid="another")))
    with pytest.raises(Refused):
        restorer.restore(over(world, repository, also=("a",)))  # closed, and not meant
    assert restorer.remove(live)
    with pytest.raises(Refused):
        restorer.restore(over(world, repository, live))
    assert restorer.standing([world.own("a")]) == ()


def test_another_number_of_shards_is_refused_and_changes_nothing(any_world: EngineWorld) -> None:
    world = any_world
    restorer = world.engine.restorer
    repository = backed_up(world, "a")
    assert restorer.remove(standing(world, "a").ref)
    world.index(world.own("a"), shards=3)
    live = standing(world, "a").ref
    restorer.close(live)
    with pytest.raises(Refused):
        restorer.restore(over(world, repository, live))
    assert (standing(world, "a").closed, standing(world, "a").mark) == (True, None)
