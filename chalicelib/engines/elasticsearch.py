"""Elasticsearch 8 and 9 through their own client.

Requests: resolve 1 (see `resolve` for more), look 1 (running: 1, and 2 when it seems over), sizes 1,
repository 1, register 1, start 1 (2 when nothing was resolved by this object before).
"""

import json
from collections.abc import Iterable, Mapping

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Absent, IndexRef, Observation, Selection, Sizes
from chalicelib.core.ports import Engine, StartOrder
from chalicelib.core.spec import Repository, Select, Target
from chalicelib.engines import elasticsearch_read as read
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection, Silence
from chalicelib.engines.elasticsearch_select import matches, portions, unmatched, unseen

TIMEOUT = 10.0
"""Seconds a request: the three of a look and the two of a start fit into one invocation of `work`."""
METADATA_BYTES = 1024
ALWAYS_EXCLUDED = ("drill-*", "restored-*", ".ds-drill-*", ".ds-restored-*")
"""What drills and restores make. A backup of it would be restored again, and so on."""
READY = ("cluster_uuid", "blocks.global")
NAMES = (
    *READY,
    "metadata.indices.*.system",
    "metadata.indices.*.aliases",
    "metadata.indices.*.settings.index.uuid",
    "metadata.data_stream.data_stream.*.indices.index_name",
)
STREAM_ALIASES = (*READY, "metadata.data_stream.data_stream_aliases.*.data_streams")
PROGRESS = tuple(f"snapshots.{key}" for key in ("snapshot", "uuid", "state", "shards_stats", "stats"))


def connect(
    target: Target, secret: Mapping[str, str] | None, *, ca: str | None = None, timeout: float = TIMEOUT
) -> Engine:
    return ElasticsearchEngine(Connection(target, secret, ca, timeout))


class ElasticsearchEngine:
    """The `Engine` port of one target."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._streams: dict[str, frozenset[str]] | None = None

    def __repr__(self) -> str:
        return f"ElasticsearchEngine({self._connection.target})"

    @property
    def calls(self) -> int:
        return self._connection.calls

    def resolve(self, select: Select) -> Selection:
        """By the cluster state, which privileges on indices cannot narrow: an index that the key may not see must not
        silently become one that is not to be backed up. `exclude` matches names of indices and of data streams, never
        aliases: an alias that somebody adds must not take its index out of the backup.

        One request; more for very long lists of patterns, and one more when only the aliases of data streams can tell
        whether a pattern matched."""
        found: dict[str, IndexRef] = {}
        missing: set[str] = set()
        doubtful: list[str] = []
        for patterns in portions(select.indices):
            names = self._names(patterns)
            found.update((index.name, index) for index in names.indices)
            self._streams = {**(self._streams or {}), **names.streams}
            left, certain = unmatched(patterns, names)
            missing.update(left if certain else ())
            doubtful.extend(() if certain else left)
        if doubtful:
            missing.update(unseen(doubtful, self._stream_aliases()))
        excluded = (*select.exclude, *ALWAYS_EXCLUDED)
        for stream, members in (self._streams or {}).items():
            if matches(stream, excluded):
                found = {name: index for name, index in found.items() if name not in members}
        return Selection(
            indices=tuple(found[name] for name in sorted(found) if not matches(name, excluded)),
            unmatched=tuple(pattern for pattern in select.indices if pattern in missing),
        )

    def look(self, repository: str, snapshot: str, *, running: bool = False) -> Observation:
        question = self._question("look", repository, snapshot)
        if running and (seen := self._progress(repository, snapshot)) is not None:
            return seen
        body = self._connection.ask(
            question,
            lambda client: client.snapshot.get(
                repository=repository, snapshot=snapshot, master_timeout=self._connection.master_timeout
            ),
        )
        return Absent() if body is None else read.observation(body, snapshot)

    def sizes(self, repository: str, snapshot: str) -> Sizes:
        return read.sizes(self._status("sizes", repository, snapshot), snapshot)

    def repository(self, name: str) -> Repository | None:
        body = self._connection.ask(
            self._question("repository", name),
            lambda client: client.snapshot.get_repository(name=name, master_timeout=self._connection.master_timeout),
        )
        return None if body is None else read.repository(body, name)

    def register(self, name: str, repository: Repository) -> None:
        question = self._question("register", name)
        body = self._connection.must(
            question,
            lambda client: client.snapshot.create_repository(
                name=name,
                repository={"type": repository.type, "settings": dict(repository.settings)},
                master_timeout=self._connection.master_timeout,
            ),
        )
        if not body.flag("acknowledged"):
            raise Retryable(f"{question}: not every node has taken it over in time")

    def start(self, order: StartOrder) -> None:
        question = self._question("start", order.repository, order.snapshot)
        metadata = read.owner_metadata(order.owner)
        if len(json.dumps(metadata, ensure_ascii=False).encode()) > METADATA_BYTES:
            raise Refused(
                f"{question}: what is to be written into the snapshot's metadata is over {METADATA_BYTES} bytes"
            )
        if not order.indices or any(_is_pattern(name) for name in order.indices):
            raise Refused(f"{question}: needs exact names of indices")  # an empty list would mean every index
        if self._streams is None:
            self._streams = dict(self._names(("*",)).streams)
        indices = [*order.indices, *self._streams_of(order.indices)]
        body = self._connection.must(
            question,
            lambda client: client.snapshot.create(
                repository=order.repository,
                snapshot=order.snapshot,
                indices=indices,
                ignore_unavailable=True,  # what was deleted since it was resolved is judged afterwards
                partial=True,  # so is a red index: it must not leave the others without a backup
                include_global_state=order.global_state,
                feature_states=list(order.feature_states) or ["none"],
                metadata=metadata,
                wait_for_completion=False,
                master_timeout=self._connection.master_timeout,
            ),
        )
        if not body.flag("accepted"):
            raise Retryable(f"{question}: the answer does not say that it was accepted")

    def _status(self, purpose: str, repository: str, snapshot: str) -> read.Body:
        return self._connection.must(
            self._question(purpose, repository, snapshot),
            lambda client: client.snapshot.status(
                repository=repository,
                snapshot=snapshot,
                filter_path=PROGRESS,
                master_timeout=self._connection.master_timeout,
            ),
        )

    def _progress(self, repository: str, snapshot: str) -> Observation | None:
        """None: ask the authoritative question. Only silence is an error here: asking on would be silence twice."""
        try:
            return read.in_progress(self._status("status", repository, snapshot), snapshot)
        except Silence:
            raise
        except (Retryable, Refused):
            return None

    def _names(self, patterns: tuple[str, ...]) -> read.Names:
        body = self._connection.must(
            self._question("resolve"),
            lambda client: client.cluster.state(
                metric=["metadata", "blocks"],
                index=list(patterns),
                expand_wildcards=["open", "closed", "hidden"],
                ignore_unavailable=True,
                allow_no_indices=True,
                filter_path=NAMES,
                master_timeout=self._connection.master_timeout,
            ),
        )
        return read.names(body)

    def _stream_aliases(self) -> frozenset[str]:
        """All of the cluster: they are left out as soon as indices are named, even by `*`."""
        body = self._connection.must(
            self._question("resolve"),
            lambda client: client.cluster.state(
                metric=["metadata", "blocks"],
                filter_path=STREAM_ALIASES,
                master_timeout=self._connection.master_timeout,
            ),
        )
        return read.stream_aliases(body)

    def _streams_of(self, indices: Iterable[str]) -> tuple[str, ...]:
        """Data streams are restored as such only when they were named themselves; their indices alone come back as
        indices. A stream is named as soon as one of its indices is wanted."""
        wanted = frozenset(indices)
        return tuple(sorted(stream for stream, members in (self._streams or {}).items() if members & wanted))

    def _question(self, method: str, repository: str = "", snapshot: str = "") -> Question:
        question = Question(method=method, target=self._connection.target, repository=repository, snapshot=snapshot)
        if _is_pattern(repository) or _is_pattern(snapshot):
            raise Refused(f"{question}: needs an exact name")
        return question


def _is_pattern(name: str) -> bool:
    return name.startswith(("_", "-")) or any(special in name for special in "*,<")
