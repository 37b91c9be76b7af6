"""Data streams in restores: which indices are theirs, what they are called afterwards, and what is in the way. Pure.

The server restores a stream as such only when it is named itself, and then all of it; a backing index that is named
alone comes back as a mere index. A template is not applied by a restore, but the next rollover needs one.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.model import Finding, IndexRef
from chalicelib.core.plan_words import conflict, note
from chalicelib.core.wildcards import matches

BACKING, FAILURES = ".ds-", ".fs-"
"""How the names of backing indices begin; and of those that keep what a stream could not take (since 8.18)."""
OF = re.compile(r"(?:[^.]+-)?\.[df]s-(?P<stream>.+?)(?P<day>-\d{4}\.\d\d\.\d\d)?-\d{6,}")
"""With the day since Elasticsearch 7.11. Lifecycles put something before it: `shrink-x1y2-.ds-…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An index template. `streams`: what it catches is made as a data stream. Of those that match the one with the
    highest `priority` counts."""

    name: str
    patterns: tuple[str, ...]
    priority: int = 0
    streams: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRef:
    """A data stream that a restore made, and of its backing indices those that are known to be there."""

    name: str
    indices: tuple[IndexRef, ...]


def stream_of(index: str, streams: Container[str]) -> str | None:
    """The stream whose backing index it is, by the names that servers give."""
    found = OF.fullmatch(index)
    if found is None:
        return None
    return next((name for name in (found["stream"], found["stream"] + (found["day"] or "")) if name in streams), None)


def renamed(index: str, prefix: str) -> str:
    """What the server calls a backing index that is restored with its stream."""
    for start in (BACKING, FAILURES):
        if index.startswith(start):
            return start + prefix + index.removeprefix(start)
    return prefix + index


def findings(
    names: Sequence[str], indices: Iterable[str], aliases: Mapping[str, str], streams: Sequence[str]
) -> Iterator[Finding]:
    """Of new names of data streams, those that are taken. `aliases`: the index of each."""
    there, another = frozenset(indices), "another --prefix"
    for name in names:
        if name in streams:
            yield conflict("restore.name_is_stream", name, f"there is a data stream {name}", another)
        elif name in there:
            yield conflict("restore.name_taken", name, f"there is an index {name}", f"{another}, or delete {name}")
        elif name in aliases:
            yield conflict("restore.name_is_alias", name, f"{name} is an alias of {aliases[name]}", another)


def notes(names: Sequence[str], templates: Sequence[Template]) -> Iterator[Finding]:
    """Without a template that makes streams the server refuses the next rollover; writes to what is there go on."""
    for name in names:
        caught = [one for one in templates if matches(name, one.patterns)]
        first = max(caught, key=lambda one: one.priority, default=None)
        if first is None or not first.streams:
            what = "no index template matches it" if first is None else f"template {first.name} makes no data streams"
            message = f"{name} can't be rolled over: {what}, and a restore brings none"
            yield note("restore.stream_template", name, message, f"an index template with data_stream for {name}")
        else:
            message = f"what is restored as {name} keeps its mappings; from its next rollover on those of {first.name}"
            yield note("restore.stream_template", name, message, f"look at the index template {first.name} first")


def parted(
    chosen: Iterable[str], patterns: Sequence[str], streams: Sequence[str], held: Iterable[str]
) -> Iterator[Finding]:
    """Patterns that mean a part of a stream only, or a stream of which nobody can tell what its indices are."""
    of = {index: stream for index in held if (stream := stream_of(index, streams))}
    for stream in dict.fromkeys(of[index] for index in chosen if index in of):
        if not meant(stream, patterns):
            message = f"the patterns mean backing indices of the data stream {stream}, which come back with it only"
            yield conflict("restore.data_stream", stream, message, f"--indices {stream}")
    for stream in streams:
        if meant(stream, patterns) and stream not in of.values():
            message = f"the backing indices of the data stream {stream} have names of their own, and can't be told"
            yield conflict("restore.data_stream", stream, message, "snapwarden emergency BACKUP -o restore.sh")


def meant(stream: str, patterns: Sequence[str]) -> bool:
    return not patterns or matches(stream, patterns)


def no_way(streams: Iterable[str], mode: str) -> Iterator[Finding]:
    """In the other modes."""
    for stream in streams:
        message = f"{stream} is a data stream, which mode {mode} can't restore"
        fix = "--mode rename, then let readers use the restored one, or reindex what you need into the live one"
        yield conflict("restore.data_stream", stream, message, fix)


def groups(refs: Iterable[IndexRef], streams: Mapping[str, str], planned: Container[str]) -> list[IndexRef | StreamRef]:
    """What is removed at once: each index by itself, and then each stream with all its own. `streams`: by the names of
    their indices. What was not `planned` came with one of the streams, nobody knows with which."""
    plain: list[IndexRef] = []
    more: list[IndexRef] = []
    of: dict[str, list[IndexRef]] = {}
    for ref in refs:
        if stream := streams.get(ref.name):
            of.setdefault(stream, []).append(ref)
        else:
            (plain if ref.name in planned else more).append(ref)
    if not of:
        return [*plain, *more]
    return [*plain, *(StreamRef(name=name, indices=(*held, *more)) for name, held in of.items())]
