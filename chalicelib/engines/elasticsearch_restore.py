"""Restores by Elasticsearch 8 and 9.

Requests: contents 1, surroundings 3, restore 2, restored 2 (1 when there is nothing), unallocated 1, remove 2, release
2; restore and restored one more for each further portion of very long lists of names.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from chalicelib.core.errors import NameTaken, Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.restores import Contents, Restored, RestoreOrder, Surroundings, Unallocated
from chalicelib.engines import elasticsearch_allocation as allocation
from chalicelib.engines import elasticsearch_restore_read as read
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection
from chalicelib.engines.elasticsearch_read import Body, is_closed, known
from chalicelib.engines.elasticsearch_restored import HIDDEN, LEFT_OUT, LIFECYCLE, MARK, PUT_ON
from chalicelib.engines.elasticsearch_select import is_pattern, portions

READY = ("cluster_uuid", "blocks.global")
UUIDS = (*READY, "metadata.indices.*.settings.index.uuid")
CLOSED = (*UUIDS, "metadata.indices.*.state")
SURROUNDINGS = (
    *UUIDS,
    "nodes.*.name",
    "nodes.*.version",
    "nodes.*.roles",
    "metadata.indices.*.state",
    "metadata.indices.*.aliases",
    "metadata.indices.*.settings.index.number_of_shards",
    "metadata.indices.*.settings.index.number_of_replicas",
    "metadata.indices.*.settings.index.shard_limit.group",
    f"metadata.indices.*.settings.{MARK}",
    "metadata.data_stream.data_stream.*.indices.index_name",
    "metadata.data_stream.data_stream_aliases.*.data_streams",
)
RESTORED = (
    *UUIDS,
    "metadata.indices.*.settings.index.number_of_shards",
    f"metadata.indices.*.settings.{MARK}",
    "routing_table.indices.*.shards.*.primary",
    "routing_table.indices.*.shards.*.state",
    "routing_table.indices.*.shards.*.recovery_source.type",
    "routing_table.indices.*.shards.*.unassigned_info",
    "restore.snapshots.shards",
)
RECOVERY = tuple(
    f"*.shards.{key}"
    for key in ("id", "type", "stage", "primary", "source.repository", "source.snapshot", "index.size")
)
DISK = ("_nodes", "nodes.*.fs.total.available_in_bytes", "nodes.*.fs.total.total_in_bytes")
SETTINGS = ("*.cluster.max_shards_per_node", "*.cluster.routing.allocation.disk")
"""Nested: in flat names a filter matches nothing."""


class ElasticsearchRestorer:
    """The `Restorer` port of one target."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def contents(self, repository: str, snapshot: str) -> Contents | None:
        question = self._question("contents", repository=repository, snapshot=snapshot)
        body = self._connection.ask(
            question,
            lambda client: client.snapshot.get(
                repository=repository, snapshot=snapshot, index_details=True, master_timeout=self._patience
            ),
        )
        return None if body is None else read.contents(question, body)

    def surroundings(self) -> Surroundings:
        state = self._state(None, ("nodes", "metadata", "blocks"), SURROUNDINGS)
        disk = self._connection.must(
            self._question("nodes"),
            lambda client: client.nodes.stats(metric="fs", timeout=self._patience, filter_path=DISK),
        )
        settings = self._connection.must(
            self._question("settings"),
            lambda client: client.cluster.get_settings(
                include_defaults=True, master_timeout=self._patience, filter_path=SETTINGS
            ),
        )
        return read.surroundings(state, disk, settings)

    def restore(self, order: RestoreOrder) -> None:
        """The server restores over a closed index, keeping its uuid. Only a look a moment before tells."""
        question = self._question("restore", repository=order.repository, snapshot=order.snapshot)
        if not order.indices or any(map(is_pattern, (*order.indices, order.prefix))):
            raise Refused(f"{question}: needs exact names of indices")  # an empty list would mean every index
        if order.over is None and (not order.prefix or set(order.prefix) & set("$\\")):
            raise Refused(f"{question}: {order.prefix!r} cannot be a prefix")
        for part in portions(_names(order)):
            self._check_free(question, order, part)
        body = self._connection.must(question, lambda client: self._send(client, order))
        if not body.flag("accepted"):
            raise Retryable(f"{question}: the answer does not say that it was accepted")

    def _check_free(self, question: Question, order: RestoreOrder, names: Sequence[str]) -> None:
        """Of what is restored over, each is there, closed, and still the one that was meant."""
        over = {index.name: index.uuid for index in order.over or () if index.name in names}
        there = dict(known(self._state(names, ("metadata", "blocks"), CLOSED)).items("indices"))
        meant = [name for name, index in there.items() if read.uuid_of(index) == over.get(name)]
        if taken := sorted(set(there) - set(meant)):
            raise NameTaken(f"{question}: {_taken(taken, names)}")
        if lost := sorted(set(over) - set(meant)):
            raise Refused(f"{question}: {lost[0]} is gone")
        if still := [name for name in meant if not is_closed(there[name])]:
            raise Refused(f"{question}: {still[0]} is open")

    def restored(self, order: RestoreOrder) -> tuple[Restored, ...]:
        found: list[Restored] = []
        for part in portions(_names(order)):
            state = self._state(part, ("metadata", "routing_table", "customs", "blocks"), RESTORED)
            ours = read.ours(state, part, order.mark)
            found.extend(read.restored(order, part, state, self._recovery(ours)))
        return tuple(sorted(found, key=lambda each: each.name))

    def unallocated(self, index: str, shard: int) -> Unallocated | None:
        body = self._connection.ask(
            self._question("explain", index=index),
            lambda client: client.cluster.allocation_explain(
                index=index, shard=shard, primary=True, master_timeout=self._patience, filter_path=allocation.ASKED
            ),
        )
        return None if body is None else allocation.unallocated(index, shard, body)

    def remove(self, index: IndexRef) -> bool:
        question = self._question("remove", index=index.name)
        there = self._uuid(index.name)
        if there != index.uuid:
            return there is None
        body = self._connection.ask(
            question,
            lambda client: client.indices.delete(
                index=index.name, master_timeout=self._patience, timeout=self._patience
            ),
        )
        if body is not None and not body.flag("acknowledged"):
            raise Retryable(f"{question}: not every node has taken it over in time")
        return True

    def release(self, index: IndexRef, settings: Mapping[str, object], *, lifecycle: bool = False) -> None:
        question = self._question("release", index=index.name)
        if self._uuid(index.name) != index.uuid:
            raise Refused(f"{question}: it is gone, or was made anew")
        body = self._connection.must(
            question,
            lambda client: client.indices.put_settings(
                index=index.name,
                settings=_put_back(settings, lifecycle=lifecycle),
                master_timeout=self._patience,
                timeout=self._patience,
            ),
        )
        if not body.flag("acknowledged"):
            raise Retryable(f"{question}: not every node has taken it over in time")

    def spelled(self, order: RestoreOrder) -> tuple[str, ...]:
        restore = f"POST /_snapshot/{order.repository}/{order.snapshot}/_restore?wait_for_completion=false"
        each = "PUT /NAME/_settings, for each of them: the settings that the original had"
        if order.over:
            each += ", and those of before where it was replaced"
        closing = tuple(f"POST /{index.name}/_close" for index in order.over or ())
        return (*closing, f"{restore} {json.dumps(_body(order))}", each)

    def _send(self, client: Elasticsearch, order: RestoreOrder) -> Any:
        return client.snapshot.restore(
            repository=order.repository,
            snapshot=order.snapshot,
            **_body(order),
            wait_for_completion=False,
            master_timeout=self._patience,
        )

    def _recovery(self, names: Sequence[str]) -> Body | None:
        """Asked strictly: leniently, what the key may not see would be left out without a word."""
        if not names:
            return None
        return self._connection.must(
            self._question("recovery"),
            lambda client: client.indices.recovery(index=list(names), filter_path=RECOVERY),
        )

    def _uuid(self, name: str) -> str | None:
        return read.uuids(self._state((name,), ("metadata", "blocks"), UUIDS)).get(name)

    def _state(self, names: Sequence[str] | None, metrics: Iterable[str], wanted: Sequence[str]) -> Body:
        """None: of the whole cluster. Of names that are aliases it holds the indices behind them."""
        return self._connection.must(
            self._question("state"),
            lambda client: client.cluster.state(
                metric=list(metrics),
                index=None if names is None else list(names),
                ignore_unavailable=True,
                allow_no_indices=True,
                filter_path=list(wanted),
                master_timeout=self._patience,
            ),
        )

    @property
    def _patience(self) -> str:
        return self._connection.master_timeout

    def _question(self, method: str, *, repository: str = "", snapshot: str = "", index: str = "") -> Question:
        question = Question(
            method=method, target=self._connection.target, repository=repository, snapshot=snapshot, index=index
        )
        if any(map(is_pattern, (repository, snapshot, index))):
            raise Refused(f"{question}: needs an exact name")
        return question


def _body(order: RestoreOrder) -> dict[str, Any]:
    return {
        "indices": list(order.indices),
        **(_renamed(order.prefix) if order.over is None else {}),
        "include_aliases": False,
        "include_global_state": False,
        "feature_states": ["none"],
        "index_settings": {**PUT_ON, MARK: f"{order.mark}ms", **(HIDDEN if order.hidden else {})},
        "ignore_index_settings": list(LEFT_OUT),
    }


def _renamed(prefix: str) -> dict[str, str]:
    """`(.*)` would match twice."""
    return {"rename_pattern": "(.+)", "rename_replacement": f"{prefix}$1"}


def _put_back(settings: Mapping[str, object], *, lifecycle: bool) -> dict[str, object]:
    """All that a restore put on is taken off, so that the index has the defaults where nothing was written down."""
    own = {key: value for key, value in settings.items() if lifecycle or not key.startswith(LIFECYCLE)}
    return {**dict.fromkeys((*PUT_ON, MARK)), **own}


def _names(order: RestoreOrder) -> Iterator[str]:
    return (order.prefix + name for name in order.indices)


def _taken(found: Sequence[str], names: Sequence[str]) -> str:
    own = [name for name in found if name in names]
    kind = "there is already" if own else "a name is an alias or a data stream already, of"
    return f"{kind} {', '.join((own or found)[:3])}"
