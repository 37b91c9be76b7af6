"""Everything back: what is put back, in which phases, from which backups. Pure.

What the server has is never touched: an index, a template or an alias of a wanted name is left as it is, and said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core import plan_time, rebuild_findings
from chalicelib.core.errors import Problem
from chalicelib.core.model import IndexRef
from chalicelib.core.permissions import permitted
from chalicelib.core.planning import begun
from chalicelib.core.plans import Mode, Plan, Wish, named
from chalicelib.core.rebuild_findings import Known
from chalicelib.core.rebuild_pieces import FIRST, LIFECYCLE, Rows, aliases_of, digest, missing, portioned
from chalicelib.core.rebuilds import Does, Phase, Piece
from chalicelib.core.restores import Contents, Surroundings
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.streams import stream_of
from chalicelib.core.wire import dump

PRIORITY = "index.priority"
USUAL = 1
"""The priority of an index that says none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One policy's part: the backup that was chosen of it, what that holds, and the settings its indices had."""

    spec: Spec
    backup: Backup
    contents: Contents
    originals: tuple[IndexRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Indices and data streams of one backup that are of one priority: `names` as they were backed up."""

    source: Source
    priority: int
    names: tuple[str, ...]


def groups(sources: Sequence[Source], surroundings: Surroundings) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The most important first, and within a priority the newest data first; and the names that are there already. What
    several backups hold is of the newest of them that holds all of its shards."""
    taken = {name for index in surroundings.indices for name in (index.name, *index.aliases)}
    taken |= set(surroundings.streams)
    ordered = sorted(sources, key=lambda source: source.backup.taken_at, reverse=True)
    best: dict[str, tuple[bool, int, int]] = {}
    for place, source in enumerate(ordered):
        for name, (torn, priority) in _units(source).items():
            best[name] = min(best.get(name, (True, len(ordered), 0)), (torn, place, -priority))
    found: dict[tuple[int, int], list[str]] = {}
    for name in sorted(best.keys() - taken):
        _, place, rank = best[name]
        found.setdefault((rank, place), []).append(name)
    made = tuple(
        Group(source=ordered[place], priority=-rank, names=tuple(names))
        for (rank, place), names in sorted(found.items())
    )
    return made, tuple(sorted(best.keys() & taken))


def _units(source: Source) -> dict[str, tuple[bool, int]]:
    """What comes back as one, by name: an index, or a data stream with all its own; whether a shard of it is missing,
    and its priority, which is the highest of them."""
    priorities = {index.name: _priority(index) for index in source.originals}
    found: dict[str, tuple[bool, int]] = {}
    for index in source.contents.indices:
        name = stream_of(index.name, source.contents.streams) or index.name
        torn, priority = found.get(name, (False, 0))
        found[name] = (torn or not index.whole, max(priority, priorities.get(index.name, USUAL)))
    return found


def _priority(index: IndexRef) -> int:
    told = str(index.settings.get(PRIORITY, USUAL))
    return int(told) if told.isdigit() else USUAL


def part(wish: Wish, group: Group) -> Wish:
    """What the restore of a group is asked for: under their own names, with all that the indices had; but for their
    lifecycle, when that phase is skipped."""
    return Wish(
        policy=group.source.backup.policy,
        backup=group.source.backup.backup_id,
        indices=group.names,
        mode=Mode.RENAME,
        prefix="",
        allow_partial=wish.allow_partial,
        replicas=wish.replicas,
        attach_lifecycle=LIFECYCLE not in wish.skip,
        into=wish.into,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan, and by the number of its phase what is put back of the configuration, in portions that fit into a row."""

    plan: Plan
    pieces: Mapping[int, Rows]


def plan(
    wish: Wish, newest: Source, parts: Sequence[tuple[Group, Plan]], known: Known, now: datetime, *, by: str
) -> Made:
    """What a plan says of its backup is said of the newest one; of the others their phases do."""
    backup, target = newest.backup, newest.spec.target
    pieces, too_big = _pieces(parts, known)
    phases = _phases(wish, parts, pieces)
    done = {phase.plan for phase in phases if not phase.skipped}
    inner = [made for _, made in parts if made.plan_id in done]
    names = dict.fromkeys(move.known_as for made in inner for move in made.moves)
    more = _claimed(phases, pieces)
    beyond, permission = permitted(target.restore, (*names, *more), instead="a target that allows these names")
    asked = replace(wish, policy=backup.policy)
    made = replace(
        begun(asked, newest.spec, backup, newest.contents.version, known.surroundings, now, by=by),
        findings=(*rebuild_findings.findings(phases, inner, known, too_big), *permission),
        approval=beyond,
        expected_seconds=_seconds(phases),
        phases=phases,
        capsule=known.recorded.key,
    )
    numbered = {phase.number: pieces[phase.does] for phase in phases if phase.does in pieces}
    return Made(plan=named(made, dump(made)), pieces=numbered)


def _claimed(phases: Sequence[Phase], pieces: Mapping[Does, Rows]) -> list[str]:
    """As `restore.allow` speaks of it: an alias is a name that people use, everything else stands below its kind."""
    rows = [row for phase in phases if not phase.skipped for row in pieces.get(phase.does, ())]
    return [piece.name if piece.part == "aliases" else piece.path[1:] for row in rows for piece in row]


def _pieces(parts: Sequence[tuple[Group, Plan]], known: Known) -> tuple[Mapping[Does, Rows], tuple[Piece, ...]]:
    """And what is too big for a row."""
    names = [move.known_as for _, made in parts for move in made.moves]
    found = {does: missing(known.capsule, known.there, does) for does in FIRST}
    found[Does.ALIASES] = aliases_of(known.capsule, names)
    rows = {does: portioned(pieces) for does, pieces in found.items()}
    return {does: fits for does, (fits, _) in rows.items()}, tuple(piece for _, more in rows.values() for piece in more)


def problems(plan: Plan) -> tuple[Problem, ...]:
    """Numbers of phases that there are not."""
    numbers = {phase.number for phase in plan.phases}
    wrong = [number for number in plan.wish.skip if number not in numbers]
    return tuple(
        Problem(f"there is no phase {number}", key="--skip", expected=f"1 to {len(plan.phases)}") for number in wrong
    )


def _phases(wish: Wish, parts: Sequence[tuple[Group, Plan]], pieces: Mapping[Does, Rows]) -> tuple[Phase, ...]:
    *first, last = (
        Phase(number=0, does=does, names=sum(map(len, rows)), rows=len(rows), digest=digest(rows))
        for does, rows in pieces.items()
    )
    indices = [
        Phase(
            number=0,
            does=Does.INDICES,
            names=len(made.moves),
            plan=made.plan_id,
            policy=made.wish.policy,
            backup_id=made.backup_id,
            priority=group.priority,
            bytes=made.bytes,
            shards=sum(move.shards for move in made.moves),
            seconds=made.expected_seconds or plan_time.assumed(made.bytes, len(made.moves)),
        )
        for group, made in parts
    ]
    phases = [*first, *indices, last]
    return tuple(
        replace(phase, number=number, skipped=number in wish.skip) for number, phase in enumerate(phases, start=1)
    )


def _seconds(phases: Sequence[Phase]) -> float:
    """One after the other."""
    return sum(phase.seconds or 0 for phase in phases if not phase.skipped)
