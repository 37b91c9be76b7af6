"""Which sequence numbers are asked for to read documents at random. Pure.

Each number that a primary ever gave out is that of at most one document. Numbers drawn from all of them alike hit each
document with the same chance, and those of replaced or deleted ones hit nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from chalicelib.core import drawing
from chalicelib.core.model import IndexCount
from chalicelib.core.proving import Read

MORE = 1.25
"""So many numbers for each document that is wanted, were every number one."""
SPARE = 8
FEW = 0.75
MOST = 10_000
"""Numbers in one search, which is also what a server answers at most."""


@dataclass(frozen=True, slots=True)
class Search:
    """None: on all shards."""

    shard: int | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Of one index. `whole`: every number was drawn, so every document is found."""

    wanted: int
    docs: int
    searches: tuple[Search, ...]
    whole: bool
    scored: bool = False

    def is_poor(self, found: Read) -> bool:
        """It brought far less than there is."""
        there = min(self.wanted, self.docs)
        return not (self.whole or self.scored or found.why) and len(found.documents) < FEW * there

    def by_score(self) -> "Draw":
        body = {"size": self.wanted, "query": {"function_score": {"random_score": {}}}, "track_total_hits": False}
        return replace(self, searches=(Search(None, body),), scored=True)

    def cut(self, found: Read, seed: bytes) -> Read:
        """What was wanted of what was found."""
        if found.why:
            return replace(found, documents=())
        if len(found.documents) > self.wanted:
            return replace(found, documents=tuple(drawing.chosen(seed, found.documents, self.wanted)))
        return replace(found, complete=self.whole or (self.scored and len(found.documents) < self.wanted))


def draw(count: IndexCount, wanted: int, seed: bytes) -> Draw:
    """Nested documents count as documents and have no numbers of their own: with them it is drawn too few, and seen to
    be poor."""
    ends = list(accumulate(top + 1 for top in count.max_seq_no))
    total, wanted = ends[-1] if ends else 0, min(wanted, MOST)
    plan = Draw(wanted=wanted, docs=count.docs, searches=(), whole=True)
    if not total or not count.docs:
        return plan
    many = min(total, math.ceil(wanted * MORE * max(1.0, total / count.docs)) + SPARE)
    if many > MOST:
        return replace(plan, whole=False).by_score()
    by_shard: dict[int, list[int]] = {}
    for number in sorted(drawing.numbers(seed, total, many)):
        shard = next(at for at, end in enumerate(ends) if number < end)
        by_shard.setdefault(shard, []).append(number - (ends[shard] - count.max_seq_no[shard] - 1))
    searches = tuple(Search(shard, _numbered(numbers)) for shard, numbers in by_shard.items())
    return replace(plan, searches=searches, whole=many == total)


def _numbered(numbers: list[int]) -> dict[str, Any]:
    query = {"constant_score": {"filter": {"terms": {"_seq_no": numbers}}}}
    return {"size": len(numbers), "query": query, "track_total_hits": False}
