"""What forbids a drill on a cluster that has other work: asked before it starts, and at each look. Pure.

The lease of the repository, which the drill holds, says that no backup and no retention of it runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.model import Finding, Severity
from chalicelib.core.plans import Plan
from chalicelib.core.prose import counted, instant, size
from chalicelib.core.proving import Vitals
from chalicelib.core.restores import Surroundings

CODE = "drill.guard"
HEAP = 75
"""Percent in use from which no drill starts or goes on."""
SHARDS = 80
"""Percent of the shards that the cluster may have."""
DISK = 10
"""Percent of a node's disks that stay free above what the low watermark keeps free, whatever the drill writes to it."""
FLICKER = frozenset({"status", "moving", "heap"})
"""These may say no for a moment: a shard that moves, a garbage collection that is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The cluster and those who want the same place, as they are now. `done`, `bytes_done`: primaries of the drill that
    are there, and their bytes. `due`: the next backup that would have to wait for it, and when; asked before the start
    only. `waiting`: a run that waits for what the drill holds; asked while it has not begun, and past its time."""

    vitals: Vitals
    surroundings: Surroundings
    begun: bool = False
    done: int = 0
    bytes_done: int = 0
    due: tuple[str, datetime] | None = None
    unknown: int = 0
    waiting: str | None = None


def says_no(plan: Plan, around: Around) -> Finding | None:
    """The first guard that forbids it, with its numbers."""
    return next(_guards(plan, around), None)


def flickers(found: Finding) -> bool:
    """Whether it may be over in a moment."""
    return found.subject in FLICKER


def makes_way(waiting: str) -> Finding:
    return _no("waiting", f"{waiting} waits for what the drill holds")


def _guards(plan: Plan, around: Around) -> Iterator[Finding]:
    yield from _others(around)
    yield from _shards(plan, around)
    yield from _disk(plan, around)
    yield from _allocation(plan, around)
    yield from _health(plan, around)
    for node, used in sorted(around.vitals.heap):
        if used >= HEAP:
            yield _no("heap", f"the heap of {node} is in use to {used} %, and below {HEAP} % is needed")


def _others(around: Around) -> Iterator[Finding]:
    if around.waiting:
        yield makes_way(around.waiting)
    if around.due:
        policy, at = around.due
        yield _no("due", f"a backup of {policy} is due at {instant(at)}, before the drill is expected to be done")
    if around.unknown:
        many = counted(around.unknown, "policy", "policies")
        yield _no("due", f"more than {many} are due before the drill is expected to be done: too many to look at")


def _allocation(plan: Plan, around: Around) -> Iterator[Finding]:
    """Who switches it off, or to primaries only, works on the nodes: one that restarts takes along what was restored to
    it, and the backup would be blamed. When all primaries are there, no more are to be put on a node."""
    allocation = around.surroundings.allocation
    if allocation != "all" and around.done < sum(move.shards for move in plan.moves):
        message = f"cluster.routing.allocation.enable is {allocation}: somebody works on the nodes"
        yield _no("allocation", message)


def _health(plan: Plan, around: Around) -> Iterator[Finding]:
    """Primaries that the drill itself restores are being initialized, too; replicas that are not there are usual."""
    vitals = around.vitals
    if vitals.status not in ("green", "yellow"):
        yield _no("status", f"the cluster is {vitals.status}")
    own = sum(move.shards for move in plan.moves) - around.done if around.begun else 0
    if vitals.relocating or vitals.initializing > own:
        moving = f"{vitals.relocating} relocating, {max(vitals.initializing - own, 0)} initializing"
        yield _no("moving", f"shards of others are on the move: {moving}")


def _shards(plan: Plan, around: Around) -> Iterator[Finding]:
    there, limit = around.surroundings.shards, around.surroundings.shard_limit
    after = there if around.begun else there + sum(move.shards for move in plan.moves)
    if after * 100 > limit * SHARDS:
        yield _no("shards", f"{after} shards would be open, and {SHARDS} % of {limit} is the most")


def _disk(plan: Plan, around: Around) -> Iterator[Finding]:
    """What has yet to come may all come to one node. `spare` is what is free above what the low watermark keeps free,
    so a drill must leave a share of the disks of it; without watermarks there is none, and nothing is forbidden."""
    needed = max(plan.bytes - around.bytes_done, 0)
    for node in around.surroundings.nodes:
        if node.spare is not None and node.spare - needed < node.size * DISK // 100:
            left = f"{size(node.spare)} are free on {node.name} below the low watermark, and the drill writes"
            yield _no("disk", f"{left} {size(needed)}: {DISK} % of its {size(node.size)} must stay free beside")


def _no(guard: str, message: str) -> Finding:
    next_step = "it is tried again at its next slot; or drill at a quieter time, or less (`drill.max_bytes`)"
    return Finding(code=CODE, severity=Severity.WARNING, subject=guard, message=message, next_step=next_step)
