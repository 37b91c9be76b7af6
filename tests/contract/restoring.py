"""What the tests of restores ask of every engine."""

from chalicelib.core.model import IndexCount
from chalicelib.core.restore_ports import Restorer
from chalicelib.core.restores import Contents, LiveIndex, Restored, RestoreOrder
from chalicelib.core.spec import Select
from tests.contract.engine_worlds import EngineWorld
from tests.elastic_admin import wait

MARK = 2**53 - 1


def wish(
    world: EngineWorld, repository: str, *indices: str, prefix: str = "r-", snapshot: str = "snap"
) -> RestoreOrder:
    return RestoreOrder(
        repository=repository,
        snapshot=snapshot,
        indices=tuple(map(world.own, indices)),
        prefix=world.own(prefix),
        mark=MARK,
    )


def until_over(restorer: Restorer, wanted: RestoreOrder) -> tuple[Restored, ...]:
    """Each of them is done, or has a shard that was given up."""
    seen: list[tuple[Restored, ...]] = []

    def over() -> bool:
        seen.append(restorer.restored(wanted))
        return len(seen[-1]) == len(wanted.indices) and all(each.done or each.failed for each in seen[-1])

    wait(over, f"the end of the restore of {wanted.snapshot}")
    return seen[-1]


def live(world: EngineWorld, *names: str) -> list[LiveIndex]:
    return [index for index in world.engine.restorer.surroundings().indices if index.name in names]


def counts(world: EngineWorld, *names: str) -> list[IndexCount]:
    return list(world.engine.counts(world.engine.resolve(Select(indices=names)).indices, refresh=True))


def contents(world: EngineWorld, repository: str) -> Contents:
    found = world.engine.restorer.contents(repository, "snap")
    assert found is not None
    return found
