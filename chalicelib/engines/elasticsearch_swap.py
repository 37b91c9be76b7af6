"""Swaps by Elasticsearch 8 and 9.

Requests: standing 2 (1 when there is nothing), block, clone and reopen 2 each, repoint 1 and one for each uuid;
standing two more for each further portion of very long lists of names.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.swaps import Alias, CloneOrder, Repoint, Standing
from chalicelib.engines import elasticsearch_restore_read as read
from chalicelib.engines.elasticsearch_read import Body, flat, is_closed, known
from chalicelib.engines.elasticsearch_restore import UUIDS, ElasticsearchRestorer
from chalicelib.engines.elasticsearch_restored import CHANGED as RESTORE_CHANGES
from chalicelib.engines.elasticsearch_restored import LIFECYCLE, MARK
from chalicelib.engines.elasticsearch_select import is_pattern, portions

BLOCK = "index.blocks.write"
NOT_COPIED = ("index.number_of_replicas", "index.auto_expand_replicas")
"""Measured: a clone gets the defaults, whatever its source has."""
CHANGED = (BLOCK, LIFECYCLE)
"""What `block` and `clone` change; the mark goes in any case."""
STANDING = (
    *UUIDS,
    "metadata.indices.*.state",
    "metadata.indices.*.aliases",
    "metadata.indices.*.settings.index.number_of_shards",
    *(f"metadata.indices.*.settings.{key}" for key in RESTORE_CHANGES),
    "routing_table.indices.*.shards.*.primary",
    "routing_table.indices.*.shards.*.state",
)
DETAILS = ("filter", "index_routing", "search_routing", "is_hidden", "is_write_index")


class ElasticsearchSwapper(ElasticsearchRestorer):
    """The `Restorer` port of one target, but for what is done in place."""

    def standing(self, names: Sequence[str]) -> tuple[Standing, ...]:
        found: dict[str, Standing] = {}
        for part in portions(names):
            state = self._state(part, ("metadata", "routing_table", "blocks"), STANDING)
            indices = dict(known(state).items("indices"))
            if not indices:
                continue
            aliases = self._aliases(tuple(indices))
            for name, index in indices.items():
                told = _told(index, aliases, name)
                found[name] = _standing(name, index, told, whole=read.is_whole(state, name))
        return tuple(sorted(found.values(), key=lambda each: each.name))

    def block(self, index: IndexRef) -> None:
        self._check(index, "block")
        self._acknowledged(
            "block", index.name, lambda client: client.indices.add_block(index=index.name, block="write")
        )

    def clone(self, order: CloneOrder) -> None:
        self._check(order.source, "clone")
        self._acknowledged(
            "clone",
            order.name,
            lambda client: client.indices.clone(
                index=order.source.name,
                target=order.name,
                settings=_of_clone(order),
                wait_for_active_shards=0,
                master_timeout=self._patience,
                timeout=self._patience,
            ),
        )

    def reopen(self, index: IndexRef) -> None:
        self._check(index, "reopen")
        self._acknowledged(
            "reopen",
            index.name,
            lambda client: client.indices.put_settings(
                index=index.name,
                settings=_as_before(index.settings),
                master_timeout=self._patience,
                timeout=self._patience,
            ),
        )

    def repoint(self, actions: Sequence[Repoint]) -> None:
        wanted = _actions(actions)
        for action in actions:
            if action.uuid is not None:
                self._check(IndexRef(name=action.index, uuid=action.uuid), "repoint")
        body = self._acknowledged(
            "repoint",
            "",
            lambda client: client.indices.update_aliases(
                actions=wanted, master_timeout=self._patience, timeout=self._patience
            ),
        )
        if body.flag("errors"):
            raise Retryable(f"{self._question('repoint')}: the answer speaks of errors")

    def spelled_swap(self, clones: Sequence[CloneOrder], actions: Sequence[Repoint]) -> tuple[str, ...]:
        made = [
            line
            for order in clones
            for line in (
                f"PUT /{order.source.name}/_block/write",
                f"POST /{order.source.name}/_clone/{order.name} {json.dumps({'settings': _of_clone(order)})}",
            )
        ]
        return (*made, f"POST /_aliases {json.dumps({'actions': _actions(actions)})}")

    def _check(self, index: IndexRef, method: str) -> None:
        question = self._question(method, index=index.name)
        if self._uuid(index.name) != index.uuid:
            raise Refused(f"{question}: it is gone, or was made anew")

    def _acknowledged(self, method: str, index: str, send: Any) -> Body:
        question = self._question(method, index=index)
        body = self._connection.must(question, send)
        if not body.flag("acknowledged"):
            raise Retryable(f"{question}: not every node has taken it over in time")
        return body

    def _aliases(self, names: Sequence[str]) -> Body:
        """Asked strictly: one that is gone, or that the key may not see, is an error."""

        def send(client: Elasticsearch) -> Any:
            return client.indices.get_alias(index=list(names), expand_wildcards="all")

        return self._connection.must(self._question("standing"), send)


def _told(index: Body, aliases: Body, name: str) -> Body:
    """Of a backing index of a data stream the server says nothing there: only its stream can have aliases."""
    if name not in aliases.value and not index.texts("aliases"):
        return Body({}, aliases.where)
    return aliases.body(name)


def _standing(name: str, index: Body, told: Body, *, whole: bool) -> Standing:
    aliases = tuple(sorted((_alias(name, one) for name, one in told.items("aliases")), key=lambda each: each.name))
    if sorted(index.texts("aliases")) != [alias.name for alias in aliases]:
        raise Retryable(f"{told.where}: the aliases of {name} changed while they were read")
    inner = index.body("settings").body("index")
    settings = {
        key: str(value) for key, value in flat(index.body("settings").value) if value is not None and _is_kept(key)
    }
    return Standing(
        name=name,
        uuid=inner.text("uuid"),
        shards=inner.digits("number_of_shards"),
        closed=is_closed(index),
        aliases=aliases,
        blocked=settings.get(BLOCK) == "true",
        settings=settings,
        mark=read.mark_of(index),
        whole=whole,
    )


def _is_kept(key: str) -> bool:
    return key != MARK and _is_of(key, RESTORE_CHANGES)


def _is_of(key: str, groups: Sequence[str]) -> bool:
    return any(key == group or key.startswith(f"{group}.") for group in groups)


def _alias(name: str, body: Body) -> Alias:
    told = body.value
    return Alias(
        name=name,
        filter=json.dumps(told["filter"], sort_keys=True) if "filter" in told else None,
        index_routing=body.text("index_routing") if "index_routing" in told else None,
        search_routing=body.text("search_routing") if "search_routing" in told else None,
        is_hidden=body.flag("is_hidden") if "is_hidden" in told else None,
        is_write_index=body.flag("is_write_index") if "is_write_index" in told else None,
    )


def _of_clone(order: CloneOrder) -> dict[str, str | None]:
    settings = order.source.settings
    kept: dict[str, str | None] = {key: value for key, value in settings.items() if key in NOT_COPIED}
    gone: dict[str, str | None] = {key: None for key in settings if key.startswith(LIFECYCLE)}
    return {**kept, **gone, MARK: f"{order.mark}ms"}


def _as_before(settings: Mapping[str, object]) -> dict[str, object]:
    """A lifecycle is set when it was there, and not taken off otherwise: not every server knows the setting."""
    return {BLOCK: None, MARK: None, **{key: value for key, value in settings.items() if _is_of(key, CHANGED)}}


def _actions(actions: Iterable[Repoint]) -> list[dict[str, Any]]:
    return [{action.does.value: _action(action)} for action in actions]


def _action(action: Repoint) -> dict[str, Any]:
    if is_pattern(action.index) or (action.alias and is_pattern(action.alias.name)):
        raise Refused(f"repoint {action.index}: needs exact names")
    if action.alias is None:
        return {"index": action.index}
    named = {"index": action.index, "alias": action.alias.name}
    if action.does == "remove":
        return {**named, "must_exist": True}
    told = {key: value for key in DETAILS if (value := getattr(action.alias, key)) is not None}
    return {**named, **told, **({"filter": json.loads(told["filter"])} if "filter" in told else {})}
