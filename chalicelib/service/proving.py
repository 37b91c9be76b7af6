"""Compares what was restored with what was written down when it was backed up, a bounded part at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core import mappings, samples
from chalicelib.core.errors import Refused
from chalicelib.core.model import Finding, IndexRef
from chalicelib.core.plans import Move
from chalicelib.core.ports import Engine
from chalicelib.core.proving import Document, Facts, IndexFacts, Read
from chalicelib.core.rows import Backup
from chalicelib.service import plans
from chalicelib.service.world import World

AT_ONCE = 20
"""Indices that one invocation compares."""
ANSWER = 8_000_000
"""Bytes of sources in one answer."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What was read with a backup, by names of its indices; empty where the policy had no drill then."""

    wanted: int = 0
    key: str = ""
    before: Mapping[str, IndexFacts] = field(default_factory=dict)
    after: Mapping[str, IndexFacts] = field(default_factory=dict)
    mappings_before: tuple[str, ...] = ()
    mappings_after: tuple[str, ...] = ()

    def must(self, name: str) -> tuple[Document, ...]:
        before = self.before.get(name)
        return samples.chosen(before, self.after.get(name)) if before else ()


def recorded(world: World, backup: Backup) -> Recorded:
    before, after = _facts(world, backup)
    return Recorded(
        wanted=before.wanted,
        key=before.key,
        before={index.name: index for index in before.indices},
        after={index.name: index for index in after.indices},
        mappings_before=before.mappings,
        mappings_after=after.mappings,
    )


def check_mappings(known: Recorded, moves: Sequence[Move], engine: Engine) -> tuple[Finding, ...]:
    """Of at most AT_ONCE indices, in their order. Retryable: ask again."""
    _check_bounded(moves)
    try:
        there, refused = engine.prover.mappings([move.name for move in moves]), None
    except Refused as error:
        there, refused = {}, str(error)
    return tuple(found for move in moves for found in _mapping(known, move, there.get(move.name), refused))


def check_samples(
    known: Recorded, moves: Sequence[Move], made: Sequence[IndexRef], engine: Engine, documents: int
) -> tuple[Finding, ...]:
    """Of at most AT_ONCE indices, in their order. `made`: what the restore made of them, `documents`: how many of each
    are to be compared. Retryable: ask again."""
    _check_bounded(moves)
    refs = {index.name: index for index in made}
    read = {move.name: Read() for move in moves if move.name in refs}
    key = known.key.encode()
    for part in _portions(known, [move for move in moves if move.name in refs]):
        asked = {refs[name]: must for name, must in part.items()}
        try:
            found = engine.prover.documents(asked, key)
        except Refused as error:
            found = dict.fromkeys(part, Read(why=str(error)))
        read |= {name: _together(read[name], found[name]) for name in part}
    gone = Read(why="it is not there")
    return tuple(
        found
        for move in moves
        for found in samples.compare(
            move.name,
            documents,
            known.before.get(move.source),
            known.after.get(move.source),
            read.get(move.name, gone),
        )
    )


def _facts(world: World, backup: Backup) -> list[Facts]:
    """Before the backup and after it."""
    found = plans.evidences(world, backup, "facts", "stable")
    return [each.facts if each and each.facts else Facts() for each in found]


def _mapping(known: Recorded, move: Move, restored: str | None, refused: str | None) -> list[Finding]:
    before, after = known.before.get(move.source), known.after.get(move.source)
    if refused:
        return [mappings.not_compared(move.name, refused)]
    why = next((each.unmapped for each in (before, after) if each and each.unmapped), None)
    return mappings.compare(
        move.name, _text(before, known.mappings_before), _text(after, known.mappings_after), restored, why
    )


def _text(index: IndexFacts | None, texts: Sequence[str]) -> str | None:
    return None if index is None or index.mapping is None else texts[index.mapping]


def _portions(known: Recorded, moves: Sequence[Move]) -> Iterator[dict[str, list[Document]]]:
    """What fits into one answer, by the new name; one index may need several."""
    part: dict[str, list[Document]] = {}
    room = ANSWER
    for move in moves:
        before = known.before.get(move.source)
        size = before.bytes // max(len(before.documents), 1) + 1 if before else 0
        for document in known.must(move.source):
            if part and size > room:
                yield part
                part, room = {}, ANSWER
            part.setdefault(move.name, []).append(document)
            room -= size
    if part:
        yield part


def _together(one: Read, other: Read) -> Read:
    return Read(documents=(*one.documents, *other.documents), why=one.why or other.why)


def _check_bounded(moves: Sequence[Move]) -> None:
    if len(moves) > AT_ONCE:
        raise ValueError(f"{len(moves)} indices at once, {AT_ONCE} are possible")
