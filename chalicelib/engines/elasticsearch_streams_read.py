"""Reads what the cluster's state tells of data streams and templates."""

from collections.abc import Iterator

from chalicelib.core.streams import Template
from chalicelib.engines.elasticsearch_read import Body


def templates(body: Body) -> Iterator[Template]:
    """Composable ones, from that part of the cluster's state."""
    for name, found in body.items("index_template"):
        priority = found.number("priority") if "priority" in found.value else 0
        patterns, streams = tuple(found.texts("index_patterns")), "data_stream" in found.value
        yield Template(name=name, patterns=patterns, priority=priority, streams=streams)


def aliases_by_index(streams: Body) -> dict[str, list[str]]:
    """Of data streams, by backing index."""
    members = {
        name: [member.text("index_name") for member in stream.bodies("indices")]
        for name, stream in streams.items("data_stream")
    }
    found: dict[str, list[str]] = {}
    for alias, body in streams.items("data_stream_aliases"):
        for stream in body.texts("data_streams"):
            for index in members.get(stream, ()):
                found.setdefault(index, []).append(alias)
    return found
