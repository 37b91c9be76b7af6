"""What a restore of everything puts back of the configuration, piece by piece. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.capsules import Configuration
from chalicelib.core.rebuilds import PARTS, Does, Piece
from chalicelib.core.restores import Surroundings

ROW = 200_000
"""Bytes of pieces that one row takes."""
FIRST = (Does.TEMPLATES, Does.PIPELINES, Does.LIFECYCLE)
LIFECYCLE = FIRST.index(Does.LIFECYCLE) + 1
"""The number of that phase."""
WRITES = "is_write_index"

Rows = tuple[tuple[Piece, ...], ...]
"""Pieces, in portions that fit into a row each."""


def digest(rows: Sequence[Sequence[Piece]]) -> str:
    """Of what a phase puts back."""
    told = [[piece.part, piece.name, piece.body] for row in rows for piece in row]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def missing(capsule: Configuration, there: Configuration, does: Does) -> tuple[Piece, ...]:
    """What the server lacks of templates, pipelines or policies, in the order in which they are put back. Without those
    that somebody else manages, and without those of which a secret was taken out."""
    return tuple(
        Piece(part=part, name=name, body=body)
        for part in PARTS[does]
        for name, body in sorted(capsule.parts.get(part, {}).items())
        if name not in there.parts.get(part, {}) and not managed(body) and not redacted(capsule, part, name)
    )


def aliases_of(capsule: Configuration, restored: Sequence[str]) -> tuple[Piece, ...]:
    """The aliases that what is restored had, each with all that bore it: those that are not restored now say whose it
    is. Without those of which a secret was taken out: a filter that is none shows what nobody was to see."""
    wanted, found = set(restored), dict[str, dict[str, Any]]()
    for holder, held in sorted(capsule.parts.get("aliases", {}).items()):
        for alias, body in held.items():
            found.setdefault(alias, {})[holder] = body
    return tuple(
        Piece(part="aliases", name=alias, body=body)
        for alias, body in sorted(found.items())
        if wanted & body.keys() and not any(redacted(capsule, "aliases", f"{holder}/{alias}") for holder in body)
    )


def portioned(pieces: Sequence[Piece]) -> tuple[Rows, tuple[Piece, ...]]:
    """And what is too big for a row."""
    filled: list[list[Piece]] = []
    too_big: list[Piece] = []
    room = 0
    for piece in pieces:
        size = len(json.dumps(piece.body)) + len(piece.path)
        if size > ROW:
            too_big.append(piece)
            continue
        if size > room:
            filled.append([])
            room = ROW
        filled[-1].append(piece)
        room -= size
    return tuple(map(tuple, filled)), tuple(too_big)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is still to be put back, each with its place among all that was planned. Of aliases, `elsewhere`: those that
    somebody has given to others since; `silent`: those that nobody writes through, because what was written to is not
    back."""

    pieces: tuple[tuple[int, Piece], ...]
    elsewhere: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def left(wanted: Sequence[Piece], there: Configuration, after: int) -> Left:
    """Of templates, pipelines and policies, from the place `after` on."""
    found = (
        (place, piece)
        for place, piece in enumerate(wanted)
        if place >= after and piece.name not in there.parts.get(piece.part, {})
    )
    return Left(pieces=tuple(found))


def aliases_left(
    wanted: Sequence[Piece], there: Configuration, around: Surroundings, back: Mapping[str, str | None], after: int
) -> Left:
    """`back`: what came back by this restore, with the uuids that it had then (None: a data stream). Nothing else gets
    an alias, whoever bears that name. As long as not all that bore an alias do, the others get no writes by being the
    only one."""
    standing = {index.name: index.uuid for index in around.indices}
    held = there.parts.get("aliases", {})
    pieces, elsewhere, silent = [], [], []
    for place, piece in enumerate(wanted):
        if any(piece.name in theirs for holder, theirs in held.items() if holder not in piece.body):
            elsewhere.append(piece.name)
            continue
        ours = {name for name in piece.body if name in back and standing.get(name) == back[name]}
        ours |= {name for name in piece.body if name in back and back[name] is None and name in around.streams}
        bearing = {holder for holder in piece.body if piece.name in held.get(holder, {})}
        body = {holder: piece.body[holder] for holder in sorted(ours - bearing)}
        absent = piece.body.keys() - bearing - ours
        if any(piece.body[holder].get(WRITES) for holder in absent):
            silent.append(piece.name)
        if body and place >= after:
            pieces.append((place, replace(piece, body=dict(_read_only(body)) if absent else body)))
    return Left(pieces=tuple(pieces), elsewhere=tuple(elsewhere), silent=tuple(silent))


def _read_only(body: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """But for the one that is written to by its own word."""
    for holder, how in body.items():
        yield holder, {**how, WRITES: bool(how.get(WRITES))}


def lost(before: Configuration, now: Configuration) -> tuple[str, ...]:
    """Paths of what only the one before has: somebody has deleted it since, or it was lost with the cluster."""
    known, still = _names(before), _names(now)
    return tuple(path for path in known if path not in still and path.split("/")[1] not in now.incomplete)


def _names(capsule: Configuration) -> tuple[str, ...]:
    """Paths of all that is put back; of an alias whoever bears it."""
    pieces = [
        f"/{part}/{name}"
        for does in FIRST
        for part in PARTS[does]
        for name, body in sorted(capsule.parts.get(part, {}).items())
        if not managed(body)
    ]
    aliases = {alias for held in capsule.parts.get("aliases", {}).values() for alias in held}
    return (*pieces, *(f"/aliases/{alias}" for alias in sorted(aliases)))


def managed(body: Mapping[str, Any]) -> bool:
    """By the server itself, or by what stands on it (Kibana, Fleet), which brings its own."""
    meta = body.get("_meta")
    return isinstance(meta, Mapping) and meta.get("managed") is True


def redacted(capsule: Configuration, part: str, name: str) -> bool:
    return any(path.startswith(f"/{part}/{name}/") for path in capsule.redacted)
