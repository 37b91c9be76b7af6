"""What the Elasticsearch in memory (elasticsearch.py) holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.core.observations import Observation, Owner
from chalicelib.core.spec import Repository
from chalicelib.core.swaps import Alias

DISABLED = "enable: no allocations are allowed due to cluster setting [cluster.routing.allocation.enable=none]"
NODE_LEFT = "what was back of it is gone: did a node leave, or restart? (NODE_LEFT, no_valid_shard_copy)"


@dataclass(slots=True, kw_only=True)
class FakeOrigin:
    """What an index is, or was, restored from. `looks_left`: how many still find it under way; `lost`: shards that
    cannot be read, and why. `no_node`: it was given up, because none may take it; `no_turn`: what it waits for."""

    repository: str
    snapshot: str
    looks_left: int
    lost: Mapping[int, str]
    no_node: str | None = None
    no_turn: str | None = None


Address = tuple[str, str | None]
"""An id and a routing: the same id with another one is another document."""


class FakeDocument(NamedTuple):
    """`source`: JSON, None where the index keeps none."""

    operation: int
    source: str | None


@dataclass(slots=True, kw_only=True)
class FakeIndex:
    """`documents` and `operations` (writes and deletions, which are spread over the shards in turn) are what was
    acknowledged; `countable` are the documents that the last refresh saw. `settings`: those that a
    restore does not take over. `sources`: documents, each with the number of the operation that wrote it; `searchable`:
    as the last refresh saw them. `details`: of aliases that have any. `whole`: it keeps sources; `routed`: it takes no
    document without a routing; `unwelcome`: ids that the mapping takes no document of."""

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
    details: Mapping[str, Alias] = field(default_factory=dict)
    sources: dict[Address, FakeDocument] = field(default_factory=dict)
    searchable: dict[Address, FakeDocument] = field(default_factory=dict)
    mapping: dict[str, object] = field(default_factory=lambda: {"properties": {"n": {"type": "long"}}})
    whole: bool = True
    routed: bool = False
    unwelcome: frozenset[str] = frozenset()
    pipeline: str | None = None

    def copy(self, **changes: Any) -> "FakeIndex":
        """Of its own: what is written to one is not in the other."""
        own = {"sources": dict(self.sources), "searchable": dict(self.searchable), "mapping": dict(self.mapping)}
        return replace(self, **{**own, **changes})

    def place(self, document: FakeDocument) -> tuple[int, int]:
        """Its shard, and its sequence number there."""
        seq_no, shard = divmod(document.operation, self.shards)
        return shard, seq_no

    def put(self, name: str, source: str, *, routing: str | None = None) -> None:
        """A document, new or in place of the one of that id and routing."""
        self.documents += (name, routing) not in self.sources
        self.sources[name, routing] = FakeDocument(self.operations, source if self.whole else None)
        self.operations += 1

    def erase(self, name: str, *, routing: str | None = None) -> None:
        del self.sources[name, routing]
        self.documents -= 1
        self.operations += 1

    def add(self, documents: int) -> None:
        for number in range(self.operations, self.operations + documents):
            self.put(str(number), f'{{"n":{number}}}')

    def remove(self, documents: int) -> None:
        """Of those that came last."""
        for address in list(self.sources)[max(len(self.sources) - documents, 0) :]:
            del self.sources[address]
        self.documents -= documents
        self.operations += documents

    def damage(self, name: str, source: str | None) -> None:
        """Behind the server's back: one without routing has another source, or (None) is gone, and no operation
        tells."""
        known = self.sources.pop((name, None))
        if source is not None:
            self.sources[name, None] = known._replace(source=source)

    def refresh(self) -> None:
        self.countable = self.documents
        self.searchable = dict(self.sources)

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
