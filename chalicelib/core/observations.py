"""What an engine says of one backup. Frozen. No answer is none of them: it is an error."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What we write into a backup's metadata. What lacks it, or names another installation, is a stranger's."""

    installation: str
    policy: str
    slot: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFailure:
    index: str
    shard: int
    reason: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The engine itself said that there is no backup of this name (never: a timeout, an unreadable repository)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress:
    """`owner` is None when the answer that was asked does not carry the metadata; compare `uuid` then. `ending`: a
    cheap answer said that it is over, which is worth nothing until the authoritative one says so too."""

    uuid: str
    owner: Owner | None = None
    ending: bool = False
    shards_done: int = 0
    shards_total: int = 0
    bytes_done: int | None = None
    bytes_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The engine finished writing. `partial` or `shards_failed` > 0: not everything asked for is in it."""

    uuid: str
    owner: Owner | None
    partial: bool
    started_at: datetime
    ended_at: datetime
    indices: tuple[str, ...]
    shards_total: int
    shards_failed: int
    failures: tuple[ShardFailure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The engine says that this backup ended badly and cannot be used."""

    uuid: str
    owner: Owner | None
    reason: str


Observation = Absent | InProgress | Complete | Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of a finished backup: all that it needs, and what it added to the repository."""

    total: int
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """An index that an alias stands for."""

    index: str
    alias: str
