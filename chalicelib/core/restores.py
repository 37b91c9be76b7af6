"""What engines say about restoring: what a backup holds, what is on the server, how far a restore has come. Frozen.

All sizes are bytes. Names are those of indices, backing indices included, unless something else is said.
"""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.model import IndexRef


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldIndex:
    """An index in a backup. `bytes`: what its primaries need on disk. `whole`: no shard of it failed. Of others
    `shards` are those that failed, and `bytes` is 0: more is not known."""

    name: str
    shards: int
    bytes: int
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a complete backup holds. `version`: as this server says it. "9.2.0"; "8.19.0-8.19.2" for all those that
    write alike; "8.19.3-[9039001]" for one that is newer than itself, whichever that is. `streams`: the data streams
    that can be restored as such; their backing indices are among `indices`."""

    uuid: str
    version: str
    ended_at: datetime
    indices: tuple[HeldIndex, ...]
    streams: tuple[str, ...] = ()
    global_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveIndex:
    """An index on the server. `replicas`: as they are set. `mark`: what a restore of ours wrote into it, None: it isn't
    ours."""

    name: str
    uuid: str
    shards: int
    replicas: int
    closed: bool = False
    aliases: tuple[str, ...] = ()
    mark: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataNode:
    """A node that may hold shards. `spare`: what may be written to it before the low watermark stops the allocation of
    new shards, never below 0; None when the watermarks are switched off. `size`: of all its disks."""

    name: str
    spare: int | None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The server that a restore would meet. `version`: of its oldest node. `shards`: open ones, replicas included, of
    at most `shard_limit` (cluster.max_shards_per_node of all data nodes)."""

    version: str
    indices: tuple[LiveIndex, ...]
    streams: tuple[str, ...]
    nodes: tuple[DataNode, ...]
    shards: int
    shard_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """Restore `indices` (exact names, never empty) of the backup, each as `prefix` + its name. What is made carries
    `mark`, has no replicas, no aliases and no lifecycle, stays on its nodes, and refuses writes: see rules of restored
    indices in docs/restore.md. `hidden`: no wildcard of a search finds it. `over`: the indices that are restored over,
    closed and of exactly these uuids, which they keep; the prefix is empty then (None: under new names)."""

    repository: str
    snapshot: str
    indices: tuple[str, ...]
    prefix: str
    mark: int
    hidden: bool = False
    over: tuple[IndexRef, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedShard:
    """`unallocated`: not for what is in the backup, but because no node may take it."""

    index: str
    shard: int
    reason: str
    unallocated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unallocated:
    """A primary that is on no node, as the allocation deciders explain it. `never`: none may take it as things are;
    otherwise it is only waited for something, and the engine goes on by itself. `why`: in the deciders' words."""

    index: str
    shard: int
    never: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """An index of the wanted name that is on the server. `ours`: it carries the mark. `shards_done`: primaries that
    were recovered from the very snapshot, wholly. `failed`: primaries that will never be: the server has given them up,
    or a node restarted meanwhile, and nobody can tell any more what is in them. `waiting`: primaries that are on no
    node yet, and that the server still means to restore."""

    name: str
    uuid: str
    ours: bool
    shards: int
    shards_done: int
    bytes_done: int = 0
    bytes_total: int = 0
    failed: tuple[FailedShard, ...] = ()
    waiting: tuple[int, ...] = ()

    @property
    def done(self) -> bool:
        return self.shards_done == self.shards
