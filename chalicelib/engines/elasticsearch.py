"""Elasticsearch 8 and 9 through their own client.

Requests: resolve 1 or 2 (see `resolve` for more), counts 1 (with a refresh 2; see `counts` for more), look 1 (running:
2 when the cheap question fails), sizes 1, configuration 3, repository 1, register 1, delete 1, try_out 1, start 1 (2
when nothing was resolved by this object before).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexCount, IndexRef, Selection
from chalicelib.core.observations import Absent, Observation, Owner, Sizes
from chalicelib.core.ports import Engine, StartOrder
from chalicelib.core.restore_ports import Prover, Restorer
from chalicelib.core.spec import Repository, Select, Target
from chalicelib.engines import elasticsearch_counts as counting
from chalicelib.engines import elasticsearch_read as read
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection, Silence
from chalicelib.engines.elasticsearch_restored import CHANGED
from chalicelib.engines.elasticsearch_select import FOREIGN, is_pattern, left_out, meant, portions, unmatched, unseen
from chalicelib.engines.elasticsearch_streams import ElasticsearchStreams

if TYPE_CHECKING:
    from chalicelib.core.capsules import Configuration
    from chalicelib.core.copying import Copier

TIMEOUT = 10.0
"""Seconds a request: the three of a look and the two of a start fit into one invocation of `work`."""
METADATA_BYTES = 1024
NO_INDEX = "-*"
"""No name begins with a dash; and after an `everything but` it would be nothing, too."""
READY = ("cluster_uuid", "blocks.global")
NAMES = (
    *READY,
    "metadata.indices.*.system",
    "metadata.indices.*.state",
    "metadata.indices.*.aliases",
    "metadata.indices.*.settings.index.uuid",
    "metadata.indices.*.settings.index.number_of_shards",
    *(f"metadata.indices.*.settings.{name}" for name in CHANGED),
    "metadata.data_stream.data_stream.*.indices.index_name",
    "routing_table.indices.*.shards.*.primary",
    "routing_table.indices.*.shards.*.state",
)
STREAM_ALIASES = "metadata.data_stream.data_stream_aliases.*.data_streams"
REPOSITORIES = "metadata.repositories"
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
        self._red: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"ElasticsearchEngine({self._connection.target})"

    @property
    def calls(self) -> int:
        return self._connection.calls

    @property
    def restorer(self) -> Restorer:
        return ElasticsearchStreams(self._connection)

    @property
    def prover(self) -> Prover:
        from chalicelib.engines.elasticsearch_prove import ElasticsearchProver  # few runs prove anything

        return ElasticsearchProver(self._connection)

    @property
    def copier(self) -> "Copier":
        from chalicelib.engines.elasticsearch_copy import ElasticsearchCopier  # few runs copy documents

        return ElasticsearchCopier(self._connection)

    def resolve(self, select: Select, *, repository: str | None = None) -> Selection:
        """By the cluster state, which privileges on indices cannot narrow: an index that the key may not see must not
        silently become one that is not to be backed up. `exclude` matches names of indices and of data streams, never
        aliases: an alias that somebody adds must not take its index out of the backup. And a selected alias puts one
        that a restore made into it: whoever gave it that alias works with it.

        One request when `*` is among the patterns. Otherwise one more for the repository, and one more when only the
        aliases of data streams can tell whether a pattern matched, because the server leaves both out as soon as
        indices are named; and more for very long lists of patterns."""
        named = "*" not in select.indices or any(FOREIGN.match(pattern) for pattern in select.indices)
        whole = None if named else self._state(None, (*NAMES, STREAM_ALIASES, REPOSITORIES))
        answers = (
            ((select.indices, whole),) if whole else ((part, self._state(part)) for part in portions(select.indices))
        )
        found: dict[str, IndexRef] = {}
        aliases: dict[str, tuple[str, ...]] = {}
        missing: set[str] = set()
        doubtful: list[str] = []
        for patterns, body in answers:
            names = read.names(body)
            found.update((index.name, index) for index in names.indices)
            self._streams = {**(self._streams or {}), **names.streams}
            aliases.update(names.aliases)
            self._red.update((index.name, index.name in names.red) for index in names.indices)
            left, certain = unmatched(patterns, names)
            missing.update(left if certain else ())
            doubtful.extend(() if certain else left)
        if doubtful:
            missing.update(unseen(doubtful, read.stream_aliases(whole or self._state(None, (*READY, STREAM_ALIASES)))))
        for stream, members in (self._streams or {}).items():
            if left_out(stream, select):
                found = {name: index for name, index in found.items() if name not in members}
        wanted = [name for name in sorted(found) if meant(name, aliases[name], select)]
        return Selection(
            indices=tuple(found[name] for name in wanted),
            aliases={name: aliases[name] for name in wanted if aliases[name]},
            unmatched=tuple(pattern for pattern in select.indices if pattern in missing),
            registered=self._registered(repository, whole),
        )

    def counts(self, indices: Sequence[IndexRef], *, refresh: bool) -> tuple[IndexCount, ...]:
        """A refresh leaves out what lacked a primary when this object resolved it, because the server would wait a
        minute for it. What it never resolved is asked for by `_stats` first: one request more. Two more when the server
        says that an index is gone or was closed meanwhile; and more for very long lists."""
        wanted = {index.name: index for index in sorted(indices, key=lambda index: index.name) if not index.closed}
        if any(is_pattern(name) for name in wanted):
            raise Refused(f"{self._question('stats')}: needs exact names of indices")
        found: list[IndexCount] = []
        for names in portions(wanted):
            part = {name: wanted[name] for name in names}
            if refresh:
                counting.refresh(self._connection, self._with_primaries(part))
            found.extend(counting.stats(self._connection, part))
        return tuple(sorted(found, key=lambda count: count.name))

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

    def configuration(self) -> "Configuration":
        from chalicelib.engines.elasticsearch_configuration import configuration

        return configuration(self._connection)

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

    def delete(self, repository: str, snapshot: str) -> None:
        question = self._question("delete", repository, snapshot)
        body = self._connection.ask(
            question,
            lambda client: client.snapshot.delete(
                repository=repository,
                snapshot=snapshot,
                wait_for_completion=False,  # it would wait for other snapshots of the repository
                master_timeout=self._connection.master_timeout,
            ),
        )
        if body is not None and not body.flag("acknowledged"):
            raise Retryable(f"{question}: the answer does not say that it was accepted")

    def try_out(self, repository: str, snapshot: str, owner: Owner) -> None:
        order = StartOrder(
            repository=repository, snapshot=snapshot, indices=(), global_state=False, feature_states=(), owner=owner
        )
        self._create(self._question("try_out", repository, snapshot), order, [NO_INDEX])

    def start(self, order: StartOrder) -> None:
        question = self._question("start", order.repository, order.snapshot)
        if not order.indices or any(is_pattern(name) for name in order.indices):
            raise Refused(f"{question}: needs exact names of indices")  # an empty list would mean every index
        _metadata(question, order.owner)
        if self._streams is None:
            self._streams = dict(read.names(self._state(("*",))).streams)
        self._create(question, order, [*order.indices, *self._streams_of(order.indices)])

    def _create(self, question: Question, order: StartOrder, indices: list[str]) -> None:
        metadata = _metadata(question, order.owner)
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

    def _state(self, patterns: tuple[str, ...] | None, wanted: tuple[str, ...] = NAMES) -> read.Body:
        """None: of the whole cluster. Only this tells of repositories and of aliases of data streams, which are left
        out as soon as indices are named, even by `*`."""
        return self._connection.must(
            self._question("resolve"),
            lambda client: client.cluster.state(
                metric=["metadata", "blocks", "routing_table"],
                index=None if patterns is None else list(patterns),
                expand_wildcards=["open", "closed", "hidden"],
                ignore_unavailable=True,
                allow_no_indices=True,
                filter_path=wanted,
                master_timeout=self._connection.master_timeout,
            ),
        )

    def _registered(self, name: str | None, whole: read.Body | None) -> Repository | None:
        if name is None:
            return None
        return read.registered(whole, name) if whole else self.repository(name)

    def _with_primaries(self, part: Mapping[str, IndexRef]) -> tuple[str, ...]:
        if part.keys() <= self._red.keys():
            return tuple(name for name in part if not self._red[name])
        return tuple(count.name for count in counting.stats(self._connection, part))

    def _streams_of(self, indices: Iterable[str]) -> tuple[str, ...]:
        """Data streams are restored as such only when they were named themselves; their indices alone come back as
        indices. A stream is named as soon as one of its indices is wanted."""
        wanted = frozenset(indices)
        return tuple(sorted(stream for stream, members in (self._streams or {}).items() if members & wanted))

    def _question(self, method: str, repository: str = "", snapshot: str = "") -> Question:
        question = Question(method=method, target=self._connection.target, repository=repository, snapshot=snapshot)
        if is_pattern(repository) or is_pattern(snapshot):
            raise Refused(f"{question}: needs an exact name")
        return question


def _metadata(question: Question, owner: Owner) -> dict[str, dict[str, str]]:
    metadata = read.owner_metadata(owner)
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > METADATA_BYTES:
        raise Refused(f"{question}: what is to be written into the snapshot's metadata is over {METADATA_BYTES} bytes")
    return metadata
