"""What the Elasticsearch in memory (elasticsearch.py) holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.observations import Observation, Owner
from chalicelib.core.spec import Repository


@dataclass(slots=True, kw_only=True)
class FakeOrigin:
    """What an index is, or was, restored from. `looks_left`: how many still find it under way; `lost`: shards that
    cannot be read, and why."""

    repository: str
    snapshot: str
    looks_left: int
    lost: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDocument:
    source: str
    shard: int
    seq_no: int


@dataclass(slots=True, kw_only=True)
class FakeIndex:
    """`documents` and `operations` (writes and deletions, which are spread over the shards in turn) are what was
    acknowledged; `countable` are the documents that the last refresh saw. `settings`: those that a
    restore does not take over. `contents`: by id and routing, those documents that are more than counted. `unwelcome`:
    ids that the mapping takes no document of; `routed`: it takes none without a routing."""

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
    replicas: int = 0
    mark: int | None = None
    writable: bool = True
    origin: FakeOrigin | None = None
    settings: dict[str, object] = field(default_factory=dict)
    contents: dict[tuple[str, str | None], FakeDocument] = field(default_factory=dict)
    unwelcome: frozenset[str] = frozenset()
    routed: bool = False
    whole: bool = True
    pipeline: str | None = None

    def max_seq_no(self) -> tuple[int, ...]:
        """Of each shard, -1 where nothing was written."""
        each, more = divmod(self.operations, self.shards)
        return tuple(each - 1 + (shard < more) for shard in range(self.shards))


@dataclass(slots=True, kw_only=True)
class FakeSnapshot:
    """`indices`: how many shards each of them has. `held`: as they were then. `binds`: those that may
    not be removed while it runs. `deleting`: it is being removed, after as many more looks."""

    uuid: str
    owner: Owner | None
    indices: Mapping[str, int]
    held: Mapping[str, FakeIndex]
    started_at: datetime
    ends_at: datetime | None = None
    looks_left: int | None = None
    done: Observation | None = None
    binds: frozenset[str] = frozenset()
    deleting: int | None = None


@dataclass(slots=True)
class FakeRepository:
    definition: Repository
    snapshots: dict[str, FakeSnapshot] = field(default_factory=dict)
    readable: bool = True
