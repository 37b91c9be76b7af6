"""What a look at a restore brings, what follows from it as an act, and which of what is seen is ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.in_place import Safety
from chalicelib.core.model import IndexCount, IndexRef, Run
from chalicelib.core.plans import Plan
from chalicelib.core.restores import Restored, RestoreOrder, Unallocated
from chalicelib.core.rows import Evidence
from chalicelib.core.swaps import Standing

AT_ONCE = 5
"""Indices that one act removes or releases: its two requests for each fit into one invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Have the engine restore."""

    order: RestoreOrder
    calls: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Delete what this run made."""

    indices: tuple[IndexRef, ...]

    @property
    def calls(self) -> int:
        return 2 * len(self.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Take the block and the mark off, and put back the settings that the backup's indices had."""

    indices: tuple[IndexRef, ...]
    lifecycle: bool = False

    @property
    def calls(self) -> int:
        return 2 * len(self.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`anew`: the plan as it would be made now, asked before the first attempt only. `made`: what was written down as
    ours. `before`, `after`: what the backup's run counted. `counts`: of what was restored, asked when it is whole;
    `uncounted`: why there are none. `unallocated`: what the deciders say of the shard that was asked about.
    Of a swap: `live`, who bears the names that it touches; once it is done `old`, what was put aside, and `then`, what
    the restored ones held at that moment. In place: `live`, what has the names now; `was`, what was written down of it
    before the first act; `safety`, until then and when it ends badly."""

    plan: Plan
    anew: Plan | None = None
    restored: tuple[Restored, ...] = ()
    made: tuple[IndexRef, ...] = ()
    originals: tuple[IndexRef, ...] = ()
    before: tuple[IndexCount, ...] = ()
    after: tuple[IndexCount, ...] = ()
    counts: tuple[IndexCount, ...] = ()
    uncounted: str | None = None
    unallocated: Unallocated | None = None
    live: tuple[Standing, ...] = ()
    was: tuple[IndexRef, ...] = ()
    safety: Safety | None = None
    old: tuple[IndexRef, ...] = ()
    then: tuple[IndexCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Close live indices, which are about to be restored over."""

    indices: tuple[IndexRef, ...]

    @property
    def calls(self) -> int:
        return 2 * len(self.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Undo Close."""

    indices: tuple[IndexRef, ...]

    @property
    def calls(self) -> int:
        return 2 * len(self.indices)


def own(seen: Seen) -> tuple[Restored, ...]:
    known = {(ref.name, ref.uuid) for ref in seen.made}
    return tuple(index for index in seen.restored if index.ours or (index.name, index.uuid) in known)


def foreign(seen: Seen) -> tuple[Restored, ...]:
    mine = own(seen)
    return tuple(index for index in seen.restored if index not in mine)


def written_down(run: Run, mine: Sequence[Restored]) -> Evidence:
    refs = tuple(IndexRef(name=index.name, uuid=index.uuid, shards=index.shards) for index in mine)
    return Evidence(run_id=run.run_id, kind="made", n=1, indices=refs)
