"""Whether the server can take what a plan restores: shards, disk, allocation, versions. Pure."""

from collections.abc import Iterator, Sequence

from chalicelib.core.model import Finding, IndexRef, Severity
from chalicelib.core.plan_words import conflict
from chalicelib.core.plans import Mode, Move, Wish
from chalicelib.core.prose import counted, size
from chalicelib.core.restores import Surroundings

REPLICAS = "index.number_of_replicas"
ALLOCATION = "cluster.routing.allocation.enable"
ALLOCATION_OF_INDEX = "index.routing.allocation.enable"


def replicas(wish: Wish, source: str, originals: Sequence[IndexRef]) -> int:
    """What an index of the backup gets in the end: as asked for, else as it had when it was backed up."""
    if wish.mode is Mode.DRILL:
        return 0
    if wish.replicas is not None:
        return wish.replicas
    return next((int(index.settings.get(REPLICAS, 0)) for index in originals if index.name == source), 0)


def findings(moves: Sequence[Move], surroundings: Surroundings) -> Iterator[Finding]:
    """With the replicas that they get in the end: refused then, all that was restored would have to go again."""
    yield from _shards(moves, surroundings)
    yield from _room(moves, surroundings)
    yield from _allocation(moves, surroundings)
    yield from _clones(moves)


def spare(surroundings: Surroundings) -> int | None:
    spares = [node.spare for node in surroundings.nodes]
    return None if None in spares else sum(spare for spare in spares if spare is not None)


def versions(backup_id: str, backup: str, server: str) -> Iterator[Finding]:
    if _version(backup) > _version(server):
        message = f"the backup was made by {backup}, and the server is {server}: no server reads what a newer one wrote"
        yield conflict("restore.version", backup_id, message, f"restore into a server of {backup} or later")
    elif _version(server)[0] > _version(backup)[0] + 1:
        message = f"the backup was made by {backup}, and the server {server} reads those of the major before it only"
        yield conflict("restore.version", backup_id, message, "restore into an older server first")


def _shards(moves: Sequence[Move], surroundings: Surroundings) -> Iterator[Finding]:
    """Those of an open index that is replaced are counted among the open ones already."""
    open_now, limit = surroundings.shards, surroundings.shard_limit
    shards = sum(move.shards * (1 + move.replicas) for move in moves)
    for side in (move.live for move in moves if move.live and move.live.cloned):
        shards += side.shards * (1 + int(side.settings.get(REPLICAS, 0)))
    there = {index.name: index for index in surroundings.indices if not index.closed}
    for index in (there[move.name] for move in moves if move.over and move.name in there):
        shards -= index.shards * (1 + index.replicas)
    if open_now + shards > limit:
        message = f"{shards} shards (replicas included) more than the {open_now} that are open: {limit} may be"
        fix = "choose fewer with --indices, or raise cluster.max_shards_per_node"
        yield conflict("restore.shard_limit", "cluster.max_shards_per_node", message, fix)


def _room(moves: Sequence[Move], surroundings: Surroundings) -> Iterator[Finding]:
    """In place it is what is needed at most: segments that are the same on both sides are not written again."""
    spares = [node.spare for node in surroundings.nodes]
    if None in spares or not moves:
        return
    room = [spare for spare in spares if spare is not None]
    needed = sum(move.bytes * (1 + move.replicas) for move in moves)
    biggest = max(moves, key=lambda move: move.bytes / move.shards)
    fix = "free disk, add a node, or choose fewer with --indices"
    if needed > sum(room):
        copies = " with all replicas" if any(move.replicas for move in moves) else ""
        message = f"{size(needed)} are needed{copies}, and {size(sum(room))} are free below the low watermark"
        yield conflict("restore.disk", "cluster.routing.allocation.disk.watermark.low", message, fix)
    elif (part := biggest.bytes // biggest.shards) > max(room, default=0):
        message = f"a shard of {biggest.source} needs {size(part)}, and no node has that free below the low watermark"
        yield conflict("restore.disk", biggest.source, message, fix)


def _allocation(moves: Sequence[Move], surroundings: Surroundings) -> Iterator[Finding]:
    """A shard of a restore is tried once. Only over a copy that is on a node already it is allocated even so: measured
    on 8.19.2 and 9.2.0 for each of the four values."""
    new = [move for move in moves if not (move.over and move.over.whole)]
    if surroundings.allocation == "none" and new:
        message = "no shard is put on a node now: the server would give up all that is restored at once, and for good"
        yield conflict("restore.allocation_off", ALLOCATION, message, f"set {ALLOCATION} back to all")
    elif surroundings.allocation != "all" and (names := [move.name for move in moves if move.replicas]):
        what = counted(len(names), "index", "indices")
        message = f"no replica is put on a node now ({surroundings.allocation}): {what} will have none until it is"
        step = f"set {ALLOCATION} back to all when the work on the nodes is done"
        yield Finding(
            code="restore.allocation_off",
            severity=Severity.WARNING,
            subject=ALLOCATION,
            message=message,
            next_step=step,
        )


def _clones(moves: Sequence[Move]) -> Iterator[Finding]:
    """A clone inherits it, and would be waited for, while the live index refuses writes, until the run gives up."""
    for side in (move.live for move in moves if move.live and move.live.cloned):
        if side.settings.get(ALLOCATION_OF_INDEX, "all").lower() == "none":
            message = f"{side.index} has {ALLOCATION_OF_INDEX}: none, so no clone of it would ever be on a node"
            fix = f"set it to all on {side.index}, or give {side.index} an alias"
            yield conflict("restore.allocation_off", side.index or "", message, fix)


def _version(text: str) -> tuple[int, ...]:
    """Of `8.19.2`, and the older end of `8.19.0-8.19.2`."""
    digits = text.partition("-")[0].split(".")
    return tuple(int(part) for part in digits if part.isdigit())
