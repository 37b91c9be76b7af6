"""What a look at a restore brings, what follows from it as an act, and which of what is seen is ours."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.evidence import Evidence
from chalicelib.core.in_place import Safety
from chalicelib.core.model import IndexCount, IndexRef, Progress, Run
from chalicelib.core.plans import Plan
from chalicelib.core.restores import Restored, RestoreOrder, Unallocated
from chalicelib.core.spec import Repository
from chalicelib.core.streams import StreamRef
from chalicelib.core.swaps import Standing

AT_ONCE = 5
"""Indices that one act releases, closes or opens: its two requests for each fit into one invocation."""
MANY, NAMES = 100, 3000
"""Indices that one act removes, and the bytes of their names: together they are one or two pairs of requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Have the engine register a repository by another name, to be read only."""

    name: str
    repository: Repository
    calls: int = 1

    def spelled(self) -> str:
        """For people to read."""
        body = {"type": self.repository.type, "settings": dict(self.repository.settings)}
        return f"PUT /_snapshot/{self.name} {json.dumps(body)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Have the engine restore."""

    order: RestoreOrder
    calls: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Delete what this run made; all of them together."""

    indices: tuple[IndexRef, ...]
    streams: tuple[StreamRef, ...] = ()

    @property
    def calls(self) -> int:
        return 2 * bool(self.indices) + 2 * len(self.streams)


def removal(every: Sequence[IndexRef | StreamRef], in_vain: int) -> Remove:
    """Of those that are to go, the next ones. The server deletes all of a request or none, so after each one `in_vain`
    fewer go together, and others first: the one that can't be removed must not keep the rest. A data stream goes alone.
    """
    indices = [each for each in every if isinstance(each, IndexRef)]
    streams = [each for each in every if isinstance(each, StreamRef)]
    if streams and (not indices or in_vain % 2):
        return Remove(indices=(), streams=(streams[in_vain // 2 % len(streams)],))
    turn = in_vain % len(indices)
    few = AT_ONCE if len(indices) > 2 * AT_ONCE else 1
    most = max(min(MANY, len(indices)) >> in_vain, few)
    chosen: list[IndexRef] = []
    room = NAMES
    for index in (*indices[turn:], *indices[:turn])[:most]:
        room -= len(index.name.encode())
        if chosen and room < 0:
            break
        chosen.append(index)
    return Remove(indices=tuple(chosen))


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
    `live`, where aliases are attached: who bears them, asked until something is released. Of a swap: who bears the
    names that it touches; once it is done `old`, what was put aside, and `then`, what the restored ones held at that
    moment. In place: `live`, what has the names now; `was`, what was written down of it before the first act; `safety`,
    until then and when it ends badly. `accepted`: the act that was decided last has returned without an error."""

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
    accepted: bool = False


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


def progress(seen: Seen) -> Progress:
    mine = own(seen)
    return Progress(
        done=sum(index.shards_done for index in mine),
        total=sum(move.shards for move in seen.plan.moves),
        bytes_done=sum(index.bytes_done for index in mine),
        bytes_total=seen.plan.bytes,
    )
