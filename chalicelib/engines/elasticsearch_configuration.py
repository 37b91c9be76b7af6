"""How a cluster of Elasticsearch 8 or 9 is configured.

Requests: 3. The cluster's state, which holds nearly all of it and needs no other privilege than finding the indices
does; the settings; the aliases, of whose filters the state knows nothing.

Templates, pipelines and policies stand in the state nearly as their own APIs take them; what differs was measured on
8.19.2 and 9.2.0 (tests/contract/test_engine_configuration.py puts them back).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.core import capsules
from chalicelib.core.capsules import Configuration
from chalicelib.core.errors import Refused, Unauthenticated
from chalicelib.engines import elasticsearch_read as read
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection
from chalicelib.engines.elasticsearch_read import Body

STATE = (
    "cluster_uuid",
    "blocks.global",
    "metadata.templates",
    "metadata.component_template",
    "metadata.index_template",
    "metadata.ingest",
    "metadata.index_lifecycle.policies.*.policy",  # beside it stand the headers of whoever made it
    "metadata.repositories.*.type",
    "metadata.repositories.*.settings",
    "metadata.data_stream.data_stream.*.indices.index_name",
    "metadata.data_stream.data_stream_aliases.*.data_streams",
    "metadata.indices.*.aliases",
    "metadata.indices.*.system",
)
NOT_TAKEN = ("created_date", "created_date_millis", "modified_date", "modified_date_millis")
"""Written by 9.2 into what it keeps, and refused by it when it is put back."""
NAMED = 3
"""Aliases that a message names."""

Named = Mapping[str, Any]


def configuration(connection: Connection) -> Configuration:
    state = _state(connection)
    parts: dict[str, Named] = dict(_of_state(state))
    incomplete: dict[str, str] = {}
    for part, ask in _others(connection, state).items():
        try:
            parts[part], why = ask()
        except Unauthenticated:
            raise
        except Refused as error:
            why = str(error)
        if why:
            incomplete[part] = why
    return capsules.without_secrets({part: parts[part] for part in capsules.PARTS if part in parts}, incomplete)


def _others(connection: Connection, state: Body) -> Mapping[str, Callable[[], tuple[Named, str | None]]]:
    """What may be refused by itself. The second value: why it is not whole."""
    return {
        "cluster_settings": lambda: (_settings(connection), None),
        "aliases": lambda: _aliases(connection, state),
    }


def _state(connection: Connection) -> Body:
    return read.known(
        connection.must(
            _question(connection, "resolve"),
            lambda client: client.cluster.state(
                metric=["metadata", "blocks"], filter_path=list(STATE), master_timeout=connection.master_timeout
            ),
        )
    )


def _settings(connection: Connection) -> Named:
    body = connection.must(
        _question(connection, "settings"),
        lambda client: client.cluster.get_settings(flat_settings=True, master_timeout=connection.master_timeout),
    )
    return dict(body.body("persistent").value)


def _aliases(connection: Connection, state: Body) -> tuple[Named, str | None]:
    """What a key may not see the server leaves out without a word; the state names it."""
    body = connection.must(
        _question(connection, "aliases"),
        lambda client: client.indices.get_alias(expand_wildcards="all", ignore_unavailable=True),
    )
    shown: dict[str, dict[str, Any]] = {}
    unseen: list[str] = []
    for holder, alias in sorted(set(_names_of_aliases(state))):
        there = read.part(read.part(body, holder), "aliases")
        if alias in there.value:
            shown.setdefault(holder, {})[alias] = dict(there.body(alias).value)
        else:
            unseen.append(alias)
    if not unseen:
        return shown, None
    names = ", ".join(unseen[:NAMED]) + (f" and {len(unseen) - NAMED} more" if len(unseen) > NAMED else "")
    return shown, f"the server left out {names}: the action indices:admin/aliases/get is needed on all indices"


def _names_of_aliases(state: Body) -> Iterator[tuple[str, str]]:
    """Of each index, and of each data stream, without the server's own."""
    for name, index in state.items("indices"):
        if not index.flag("system"):
            yield from ((name, alias) for alias in index.texts("aliases"))
    for alias, of in read.part(state, "data_stream").items("data_stream_aliases"):
        yield from ((stream, alias) for stream in of.texts("data_streams"))


def _of_state(state: Body) -> Iterator[tuple[str, Named]]:
    yield (
        "lifecycle_policies",
        {
            name: {"policy": dict(of.body("policy").value)}
            for name, of in read.part(state, "index_lifecycle").items("policies")
        },
    )
    pipelines = read.part(state, "ingest")
    listed = pipelines.bodies("pipeline") if "pipeline" in pipelines.value else ()
    yield "pipelines", {of.text("id"): _taken(of.body("config")) for of in listed}
    for part, kind in (("component_templates", "component_template"), ("index_templates", "index_template")):
        yield part, {name: _taken(of) for name, of in read.part(state, kind).items(kind)}
    yield "legacy_templates", {name: _legacy(of) for name, of in state.items("templates")}
    yield (
        "repositories",
        {
            name: {"type": of.text("type"), "settings": dict(read.flat(read.part(of, "settings").value))}
            for name, of in state.items("repositories")
        },
    )
    yield (
        "data_streams",
        {
            name: [member.text("index_name") for member in of.bodies("indices")]
            for name, of in read.part(state, "data_stream").items("data_stream")
        },
    )


def _taken(body: Body) -> Named:
    return {key: value for key, value in body.value.items() if key not in NOT_TAKEN}


def _legacy(body: Body) -> Named:
    """The state still wraps their mappings in the name of a type."""
    mappings = read.part(body, "mappings").value
    return {**_taken(body), "mappings": dict(mappings.get("_doc", mappings))}


def _question(connection: Connection, method: str) -> Question:
    return Question(method=method, target=connection.target)
