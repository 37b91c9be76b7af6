"""Whether the names that a plan wants are free, and may be names at all. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from chalicelib.core import streams
from chalicelib.core.model import Finding
from chalicelib.core.plan_words import conflict
from chalicelib.core.plans import Move
from chalicelib.core.restores import Surroundings

NAME_BYTES = 255


def findings(moves: Sequence[Move], surroundings: Surroundings) -> Iterator[Finding]:
    there = {index.name: index for index in surroundings.indices}
    aliases = {alias: index.name for index in surroundings.indices for alias in index.aliases}
    another = "another --prefix"
    taken = tuple(streams.findings(new_streams(moves), there, aliases, surroundings.streams))
    yield from taken
    told = {found.subject for found in taken}
    for move in (move for move in moves if move.stream not in told):
        if len(move.name.encode()) > NAME_BYTES:
            message = f"{move.name} would be longer than {NAME_BYTES} bytes"
            yield conflict("restore.bad_name", move.name, message, f"a shorter --prefix, or leave {move.source} out")
        if index := there.get(move.name):
            fix = f"{another}, or delete {move.name}" if not index.closed else f"{another}, or delete the closed index"
            yield conflict("restore.name_taken", move.name, f"there is an index {move.name}", fix)
        elif move.name in aliases:
            message = f"{move.name} is an alias of {aliases[move.name]}"
            yield conflict("restore.name_is_alias", move.name, message, another)
        elif move.name in surroundings.streams:
            yield conflict("restore.name_is_stream", move.name, f"{move.name} is a data stream", another)
    for name, times in Counter(move.name for move in moves).items():
        if times > 1:
            yield conflict("restore.two_of_a_name", name, f"{times} indices would be called {name}", another)


def new_streams(moves: Sequence[Move]) -> tuple[str, ...]:
    """By their new names."""
    return tuple(dict.fromkeys(move.stream for move in moves if move.stream))
