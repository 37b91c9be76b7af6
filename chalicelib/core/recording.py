"""Puts together what was read of the indices of a backup, so that it fits into the table. Pure."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.core import wire
from chalicelib.core.model import IndexRef
from chalicelib.core.proving import Facts, IndexFacts

ROOM = 1_500_000
"""Compressed bytes of one reading: it shares a transaction of 4 MB with what the start asked for."""
FULL = "there was no more room for it beside the backup; another one has other indices"


def gathered(
    indices: Sequence[IndexRef],
    sampled: Mapping[str, IndexFacts],
    mappings: Mapping[str, str],
    unmapped: str | None,
    *,
    key: str,
    wanted: int,
) -> Facts:
    """In the order of `indices`. `sampled`: without their mappings. Equal mappings are kept once. What does not fit is
    left out from the end, and said of each index: documents first."""
    texts = tuple(dict.fromkeys(mappings[index.name] for index in indices if index.name in mappings))
    places = {text: place for place, text in enumerate(texts)}
    facts = tuple(
        replace(
            sampled.get(index.name) or IndexFacts(name=index.name, uuid=index.uuid),
            mapping=places[mappings[index.name]] if index.name in mappings else None,
            unmapped=None if index.name in mappings else unmapped or "it was not there",
        )
        for index in indices
    )
    return _fitted(Facts(key=key, wanted=wanted, mappings=texts, indices=facts))


def _fitted(facts: Facts) -> Facts:
    kept = len(facts.indices)
    while (size := len(gzip.compress(wire.dump(facts).encode()))) > ROOM:
        if kept == 0:
            bare = tuple(replace(index, mapping=None, unmapped=FULL) for index in facts.indices)
            return replace(facts, mappings=(), indices=bare)
        kept = kept * ROOM // (size + size // 8)
        facts = replace(
            facts, indices=tuple(index if at < kept else _bare(index) for at, index in enumerate(facts.indices))
        )
    return facts


def _bare(index: IndexFacts) -> IndexFacts:
    return replace(index, documents=(), stable=(), bytes=0, held=None, unread=index.unread or FULL)
