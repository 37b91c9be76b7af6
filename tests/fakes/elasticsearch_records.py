"""What the Elasticsearch in memory (elasticsearch.py) holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.model import Observation, Owner
from chalicelib.core.spec import Repository


@dataclass(slots=True, kw_only=True)
class FakeIndex:
    """`documents` and `operations` (writes and deletions, which are spread over the shards in turn) are what was
    acknowledged; `countable` are the documents that the last refresh saw."""

    uuid: str
    system: bool = False
    red: bool = False
    closed: bool = False
    shards: int = 1
    stream: str | None = None
    aliases: tuple[str, ...] = ()
    documents: int = 0
    operations: int = 0
    countable: int = 0

    def max_seq_no(self) -> tuple[int, ...]:
        """Of each shard, -1 where nothing was written."""
        each, more = divmod(self.operations, self.shards)
        return tuple(each - 1 + (shard < more) for shard in range(self.shards))


@dataclass(slots=True, kw_only=True)
class FakeSnapshot:
    """`indices`: how many shards each of them has. `deleting`: it is being removed, after as many more looks."""

    uuid: str
    owner: Owner | None
    indices: Mapping[str, int]
    started_at: datetime
    ends_at: datetime | None = None
    looks_left: int | None = None
    done: Observation | None = None
    deleting: int | None = None


@dataclass(slots=True)
class FakeRepository:
    definition: Repository
    snapshots: dict[str, FakeSnapshot] = field(default_factory=dict)
    readable: bool = True
