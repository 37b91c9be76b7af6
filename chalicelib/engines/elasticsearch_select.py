"""What the patterns of a selection match, judged on our side with the server's own semantics (core/wildcards.py): names
of indices, aliases and data streams are matched alike.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from chalicelib.core.spec import Select
from chalicelib.core.wildcards import matches
from chalicelib.engines.elasticsearch_read import Names

ALWAYS_EXCLUDED = ("drill-*", "restored-*", ".ds-drill-*", ".ds-restored-*")
"""What drills and restores make. A backup of it would be restored again, and so on."""
PATH_BYTES = 2500
"""Of patterns in one request line; servers refuse lines over 4096 bytes."""
FOREIGN = re.compile(r"[<_+-]|.*:")
"""`<date-math>`, `_all`, `-not`, `cluster:index`, `index::selector`: only the server knows what they match. The
file may not hold them, and a row of another release that does is not blamed for it."""


def is_pattern(name: str) -> bool:
    """Or the server may take it for one."""
    return name.startswith(("_", "-")) or any(special in name for special in "*,<")


def portions(patterns: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """As few portions as fit into a request line."""
    portion: list[str] = []
    room = PATH_BYTES
    for pattern in patterns:
        size = len(quote(pattern, safe="")) + 3
        if portion and size > room:
            yield tuple(portion)
            portion, room = [], PATH_BYTES
        portion.append(pattern)
        room -= size
    if portion:
        yield tuple(portion)


def left_out(name: str, select: Select) -> bool:
    """By its name, that of an index or of a data stream."""
    return matches(name, (*select.exclude, *ALWAYS_EXCLUDED))


def meant(name: str, aliases: Iterable[str], select: Select) -> bool:
    """Whether an index that the patterns brought is to be backed up: see `resolve`."""
    if matches(name, select.exclude):
        return False
    return not left_out(name, select) or any(matches(alias, select.indices) for alias in aliases)


def unseen(patterns: Iterable[str], labels: Iterable[str]) -> tuple[str, ...]:
    """The patterns that match none of the labels."""
    known = frozenset(labels)
    return tuple(
        pattern
        for pattern in patterns
        if not (pattern in known or FOREIGN.match(pattern))
        and not ("*" in pattern and any(matches(label, (pattern,)) for label in known))
    )


def unmatched(patterns: tuple[str, ...], names: Names) -> tuple[tuple[str, ...], bool]:
    """The patterns that match nothing in the answer to them, and whether that is certain.

    The server follows aliases of data streams and does not name them when it is asked for certain indices. So without
    any stream in the answer it is certain; and an index that no pattern explains was brought by the only one left.
    """
    labels = {index.name: {index.name, *names.aliases[index.name]} for index in names.indices}
    streamed = False
    for stream, members in names.streams.items():
        for member in members & labels.keys():
            labels[member].add(stream)
            streamed = True
    left = unseen(patterns, (label for own in labels.values() for label in own))
    if not left or not streamed:
        return left, True
    if len(left) > 1 or any(FOREIGN.match(pattern) for pattern in patterns):
        return left, False
    explained = all(any(matches(label, patterns) for label in own) for own in labels.values())
    return (left, False) if explained else ((), True)
