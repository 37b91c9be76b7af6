"""What a restore of everything puts back of the configuration, piece by piece. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.capsules import Configuration
from chalicelib.core.rebuilds import PARTS, Does, Piece
from chalicelib.core.restores import Surroundings

ROW = 200_000
"""Bytes of pieces that one row takes."""

FIRST = (Does.TEMPLATES, Does.PIPELINES, Does.LIFECYCLE)


def digest(rows: Sequence[Sequence[Piece]]) -> str:
    """Of what a phase puts back."""
    told = [[piece.part, piece.name, piece.body] for row in rows for piece in row]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def missing(capsule: Configuration, there: Configuration, does: Does) -> tuple[Piece, ...]:
    """What the server lacks of templates, pipelines or policies, in the order in which they are put back. Without its
    own, which come with it, and without those of which a secret was taken out."""
    return tuple(
        Piece(part=part, name=name, body=body)
        for part in PARTS[does]
        for name, body in sorted(capsule.parts.get(part, {}).items())
        if name not in there.parts.get(part, {}) and not built_in(body) and not _redacted(capsule, part, name)
    )


def aliases_of(capsule: Configuration, restored: Sequence[str]) -> tuple[Piece, ...]:
    """The aliases that what is restored had: each with all of its indices and data streams at once, so that it never
    has two that are written to."""
    wanted, found = set(restored), dict[str, dict[str, Any]]()
    for holder, held in sorted(capsule.parts.get("aliases", {}).items()):
        for alias, body in held.items() if holder in wanted else ():
            found.setdefault(alias, {})[holder] = body
    return tuple(Piece(part="aliases", name=alias, body=body) for alias, body in sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """`pieces`: what is still to be put back; `elsewhere`: aliases that somebody has given to others since."""

    pieces: tuple[Piece, ...]
    elsewhere: tuple[str, ...] = ()


def left(pieces: Sequence[Piece], there: Configuration) -> tuple[Piece, ...]:
    """Of templates, pipelines and policies."""
    return tuple(piece for piece in pieces if piece.name not in there.parts.get(piece.part, {}))


def aliases_left(wanted: Sequence[Piece], there: Configuration, around: Surroundings) -> Aliases:
    """Of those indices that are there: what did not come back has none."""
    standing = {index.name for index in around.indices} | set(around.streams)
    held = there.parts.get("aliases", {})
    pieces, elsewhere = [], []
    for piece in wanted:
        if any(piece.name in theirs for holder, theirs in held.items() if holder not in piece.body):
            elsewhere.append(piece.name)
            continue
        lacking = {
            holder: body
            for holder, body in piece.body.items()
            if holder in standing and piece.name not in held.get(holder, {})
        }
        if lacking:
            pieces.append(replace(piece, body=lacking))
    return Aliases(pieces=tuple(pieces), elsewhere=tuple(elsewhere))


def built_in(body: Mapping[str, Any]) -> bool:
    meta = body.get("_meta")
    return isinstance(meta, Mapping) and meta.get("managed") is True


def _redacted(capsule: Configuration, part: str, name: str) -> bool:
    return any(path.startswith(f"/{part}/{name}/") for path in capsule.redacted)
