"""What is asked of a server to bring single documents back: what two indices hold, and what became of a copy. Frozen.

A source is the text of a document exactly as the server keeps it: a number that went through a float is another one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.model import IndexRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A name that documents are copied from or to. `uuid`: None when there is no index of that name; `behind`: the
    indices that it is an alias of. `blocked`: writes are refused. `whole`: documents come back as they were written:
    `_source` is neither switched off nor cut. `pipeline`: one that changes all that is written (None: none does)."""

    name: str
    uuid: str | None = None
    shards: int = 0
    closed: bool = False
    blocked: bool = False
    whole: bool = True
    pipeline: str | None = None
    behind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A document of the restored index."""

    id: str
    routing: str | None
    seq_no: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The document of the same id and routing in the live index; `seq_no` and `term` name this very version of it."""

    seq_no: int
    term: int
    source: str


@dataclass(frozen=True, slots=True)
class Barred:
    """The live index can hold no such document, for example because it asks for a routing."""

    why: str


Live = Held | Barred | None
"""None: the live index lacks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Put the document into the live index, in the place of exactly that version; None: only if there is none yet."""

    found: Found
    over: Held | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """`done`, or, without a `why`, left alone because somebody wrote it meanwhile; `why`: the server refuses it."""

    done: bool
    why: str | None = None


class Copier(Protocol):
    """A port, as those of core/ports.py. Of the same target as its engine, over the same connection: its requests count
    among `Engine.calls`. Names are exact ones of
    indices; a pattern is Refused."""

    def sides(self, names: Sequence[str]) -> tuple[Side, ...]:
        """In the order of the names; each has one, whether there is such an index or not."""

    def count(self, index: str) -> int:
        """Documents that a search finds; nested ones are no documents of their own."""

    def page(self, index: IndexRef, shard: int, after: int, most: int) -> tuple[Found, ...]:
        """Up to `most` documents of one primary, in the order of their sequence numbers, from the first beyond `after`
        on; fewer only when there are no more. All that a search finds."""

    def live(self, index: IndexRef, wanted: Sequence[Found]) -> tuple[Live, ...]:
        """The documents of the same ids and routing, as they are at this moment, in the order of `wanted`. Refused when
        the index is gone or closed."""

    def write(self, source: IndexRef, live: IndexRef, writes: Sequence[Write]) -> tuple[Written, ...]:
        """In the order of `writes`, what became of each; through no default pipeline of the live index. Safe to repeat:
        what is there already is left alone. Refused, with nothing written, when one of the two is gone or was made
        anew. Retryable: any of them may have been written."""

    def spelled(self, source: str, live: str) -> tuple[str, ...]:
        """What will be sent, for people to read; nothing is."""


def same(one: str, other: str) -> bool:
    """Whether two sources say the same, whatever the order of their keys and the space between them. Numbers are
    compared by their letters, because no number type of ours holds all of them."""
    return one == other or _canonical(one) == _canonical(other)


def _canonical(source: str) -> str:
    return json.dumps(json.loads(source, parse_float=_letters, parse_int=_letters), sort_keys=True)


def _letters(number: str) -> dict[str, str]:
    """No text, or `1` and `"1"` would be the same."""
    return {"\x00": number}
