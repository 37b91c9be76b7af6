"""What follows from a look at a swap as an act, and what of that look matters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.core import pace, swapping
from chalicelib.core.model import IndexRef, Run
from chalicelib.core.swaps import CloneOrder, Repoint, Standing
from chalicelib.core.workflows.restore_seen import Seen

UNCLEAR = "restore.swap_unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Have live indices refuse writes."""

    indices: tuple[IndexRef, ...]

    @property
    def calls(self) -> int:
        return 2 * len(self.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    orders: tuple[CloneOrder, ...]

    @property
    def calls(self) -> int:
        return 2 * len(self.orders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """Take off what Block put on, or what a clone got."""

    indices: tuple[IndexRef, ...]

    @property
    def calls(self) -> int:
        return 2 * len(self.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repointing:
    """The one request that moves all names."""

    actions: tuple[Repoint, ...]

    @property
    def calls(self) -> int:
        return 1 + sum(action.uuid is not None for action in self.actions)


def there(seen: Seen) -> dict[str, Standing]:
    return {one.name: one for one in seen.live}


def made(seen: Seen) -> dict[str, str]:
    return uuids(seen.made)


def uuids(refs: Sequence[IndexRef]) -> dict[str, str]:
    return {ref.name: ref.uuid for ref in refs}


def restored(seen: Seen) -> tuple[Standing, ...]:
    """Those that this run made."""
    mine: Mapping[str, str] = made(seen)
    return tuple(one for one in seen.live if mine.get(one.name) == one.uuid)


def cloned(seen: Seen) -> tuple[tuple[CloneOrder, Standing], ...]:
    """Clones that are there and ours, with what they were ordered from."""
    known = there(seen)
    found = ((order, known.get(order.name)) for order in swapping.clones(seen.plan))
    return tuple((order, one) for order, one in found if one and one.mark == order.mark)


def blocked_by_us(seen: Seen) -> tuple[IndexRef, ...]:
    """Live indices that refuse writes and did not when the plan was made."""
    known = there(seen)
    before = {move.live.index: move.live.blocked for move in seen.plan.moves if move.live}
    return tuple(
        order.source
        for order in swapping.clones(seen.plan)
        if (one := known.get(order.source.name)) and one.uuid == order.source.uuid and one.blocked
        if not before.get(one.name)
    )


def soon(run: Run, now: datetime) -> timedelta:
    """Until the next look while live data wait: a tenth of the time since the last act, from 2 s to a minute."""
    since = now - (run.claimed_at or now)
    return timedelta(seconds=int(min(max(since / 10, pace.FIRST_LOOK), pace.NEAR).total_seconds()))
