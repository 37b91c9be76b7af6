"""Everything back: what is put back, in which phases, from which backups. Pure.

What the server has is never touched: an index, a template or an alias of a wanted name is left as it is, and said.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core import plan_room, plan_time
from chalicelib.core.capsules import Configuration
from chalicelib.core.errors import Problem
from chalicelib.core.model import Finding, IndexRef, Severity
from chalicelib.core.permissions import permitted
from chalicelib.core.planning import elsewhere_of
from chalicelib.core.plans import Mode, Plan, Wish, named
from chalicelib.core.prose import counted
from chalicelib.core.rebuild_pieces import FIRST, ROW, aliases_of, built_in, digest, missing
from chalicelib.core.rebuilds import PARTS, Does, Phase, Piece
from chalicelib.core.restores import Contents, Surroundings
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.streams import stream_of
from chalicelib.core.wire import dump

PRIORITY = "index.priority"
USUAL = 1
"""The priority of an index that says none."""
NOTHING = Configuration(parts={})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`capsule`: how the cluster was configured; `there`: how it is now. `left_out`: names of indices that are there
    already. `without`: policies that have no backup that would do, and why."""

    surroundings: Surroundings
    there: Configuration
    capsule: Configuration = NOTHING
    key: str | None = None
    left_out: tuple[str, ...] = ()
    without: Mapping[str, str]


def groups(sources: Sequence[Source], surroundings: Surroundings) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The most important first, and within a priority the newest data first; and the names that are there already. What
    several backups hold is of the newest of them."""
    taken = {name for index in surroundings.indices for name in (index.name, *index.aliases)}
    taken |= set(surroundings.streams)
    seen: set[str] = set()
    left_out: set[str] = set()
    found: dict[tuple[int, int], list[str]] = {}
    ordered = sorted(sources, key=lambda source: source.backup.taken_at, reverse=True)
    for place, source in enumerate(ordered):
        for name, priority in sorted(_units(source).items()):
            if name in taken:
                left_out.add(name)
            elif name not in seen:
                seen.add(name)
                found.setdefault((-priority, place), []).append(name)
    made = tuple(
        Group(source=ordered[place], priority=-rank, names=tuple(names))
        for (rank, place), names in sorted(found.items())
    )
    return made, tuple(sorted(left_out))


def _units(source: Source) -> dict[str, int]:
    """What comes back as one, by name: an index, or a data stream with all its own, of which the first one counts."""
    priorities = {index.name: _priority(index) for index in source.originals}
    found: dict[str, int] = {}
    for index in source.contents.indices:
        name = stream_of(index.name, source.contents.streams) or index.name
        found[name] = max(found.get(name, 0), priorities.get(index.name, USUAL))
    return found


def _priority(index: IndexRef) -> int:
    told = str(index.settings.get(PRIORITY, USUAL))
    return int(told) if told.isdigit() else USUAL


def part(wish: Wish, group: Group) -> Wish:
    """What the restore of a group is asked for: under their own names, with all that the indices had."""
    return Wish(
        policy=group.source.backup.policy,
        backup=group.source.backup.backup_id,
        indices=group.names,
        mode=Mode.RENAME,
        prefix="",
        allow_partial=wish.allow_partial,
        replicas=wish.replicas,
        attach_lifecycle=True,
        into=wish.into,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan, and by the number of its phase what is put back of the configuration, in portions that fit into a row."""

    plan: Plan
    pieces: Mapping[int, tuple[tuple[Piece, ...], ...]]


def plan(
    wish: Wish, newest: Source, parts: Sequence[tuple[Group, Plan]], known: Known, now: datetime, *, by: str
) -> Made:
    """What a plan says of its backup is said of the newest one; of the others their phases do."""
    backup, target = newest.backup, newest.spec.target
    pieces, too_big = _portioned(parts, known)
    phases = _phases(wish, parts, pieces)
    done = {phase.plan for phase in phases if not phase.skipped}
    inner = [made for _, made in parts if made.plan_id in done]
    names = dict.fromkeys(move.known_as for made in inner for move in made.moves)
    aliases = [piece.name for row in pieces[Does.ALIASES] for piece in row] if _done(phases, Does.ALIASES) else []
    beyond, permission = permitted(target.restore, (*names, *aliases), instead="a target that allows these names")
    made = Plan(
        plan_id="",
        made_at=now,
        made_by=by,
        wish=replace(wish, policy=backup.policy),
        spec_gen=newest.spec.gen,
        target=target.name,
        repository=backup.repository,
        backup_id=backup.backup_id,
        snapshot=backup.snapshot,
        snapshot_uuid=backup.snapshot_uuid,
        taken_at=backup.taken_at,
        ended_at=backup.ended_at,
        level=backup.level,
        version=newest.contents.version,
        server=known.surroundings.version,
        moves=(),
        findings=(*_findings(phases, inner, known), *map(_too_big, too_big), *permission),
        approval=beyond,
        spare=plan_room.spare(known.surroundings),
        expected_seconds=_seconds(phases),
        phases=phases,
        capsule=known.key,
        **elsewhere_of(wish, newest.spec, backup),
    )
    numbered = {phase.number: pieces[phase.does] for phase in phases if phase.does in pieces}
    return Made(plan=named(made, dump(made)), pieces=numbered)


def _portioned(
    parts: Sequence[tuple[Group, Plan]], known: Known
) -> tuple[Mapping[Does, tuple[tuple[Piece, ...], ...]], list[Piece]]:
    """And what is too big for a row."""
    names = [move.known_as for _, made in parts for move in made.moves]
    found = {does: missing(known.capsule, known.there, does) for does in FIRST}
    found[Does.ALIASES] = aliases_of(known.capsule, names)
    size = {piece.path: len(json.dumps(piece.body)) + len(piece.path) for each in found.values() for piece in each}
    rows: dict[Does, tuple[tuple[Piece, ...], ...]] = {}
    for does, pieces in found.items():
        filled: list[list[Piece]] = []
        room = 0
        for piece in pieces:
            if size[piece.path] > ROW:
                continue
            if size[piece.path] > room:
                filled.append([])
                room = ROW
            filled[-1].append(piece)
            room -= size[piece.path]
        rows[does] = tuple(map(tuple, filled))
    return rows, [piece for each in found.values() for piece in each if size[piece.path] > ROW]


def problems(plan: Plan) -> tuple[Problem, ...]:
    """Numbers of phases that there are not."""
    numbers = {phase.number for phase in plan.phases}
    wrong = [number for number in plan.wish.skip if number not in numbers]
    return tuple(
        Problem(f"there is no phase {number}", key="--skip", expected=f"1 to {len(plan.phases)}") for number in wrong
    )


def _phases(
    wish: Wish, parts: Sequence[tuple[Group, Plan]], pieces: Mapping[Does, tuple[tuple[Piece, ...], ...]]
) -> tuple[Phase, ...]:
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


def _done(phases: Sequence[Phase], does: Does) -> bool:
    return any(phase.does is does and not phase.skipped for phase in phases)


def _findings(phases: Sequence[Phase], inner: Sequence[Plan], known: Known) -> tuple[Finding, ...]:
    moves = [move for made in inner for move in made.moves]
    found = [*_notes(known), *plan_room.findings(moves, known.surroundings)]
    if any(_done(phases, does) for does in FIRST):
        found += _configured(known)
    if not any(phase.names for phase in phases if not phase.skipped):
        message = "nothing is left to be put back"
        found.append(_finding("restore.nothing", "everything", message, "--skip fewer phases", Severity.ERROR))
    found += [each for made in inner for each in made.findings if each.code != "restore.approval"]
    unique = {(each.code, each.subject): each for each in reversed(found)}
    return tuple(reversed(unique.values()))


def _notes(known: Known) -> Iterator[Finding]:
    for policy, why in sorted(known.without.items()):
        message = f"nothing of policy {policy} comes back: {why}"
        yield _finding("rebuild.no_backup", policy, message, f"snapwarden backups {policy}")
    if known.left_out:
        which = ", ".join(known.left_out[:3]) + (" …" if len(known.left_out) > 3 else "")
        message = (
            f"{counted(len(known.left_out), 'index', 'indices')} of the backups are there, and left alone: {which}"
        )
        yield _finding("rebuild.there", "indices", message, "to replace one: restore plan --mode swap, or in_place")


def _configured(known: Known) -> Iterator[Finding]:
    """What of the configuration does not come back, and why."""
    if known.key is None:
        message = "no backup has the cluster's configuration beside it: only data come back"
        yield _finding(
            "rebuild.no_capsule", "configuration", message, "put templates, pipelines and policies back yourself"
        )
    for path in sorted({"/".join(path.split("/")[:3]) for path in known.capsule.redacted}):
        if path.split("/")[1] in {part for does in FIRST for part in PARTS[does]}:
            message = f"{path[1:]} held a secret, which no backup keeps"
            yield _finding("rebuild.redacted", path, message, "put it back yourself")
    for does in FIRST:
        for part in PARTS[does]:
            mine, theirs = known.capsule.parts.get(part, {}), known.there.parts.get(part, {})
            other = [
                name for name in mine if name in theirs and mine[name] != theirs[name] and not built_in(mine[name])
            ]
            if other:
                message = f"{', '.join(sorted(other)[:3])}: there already, otherwise than in the backup, and left alone"
                yield _finding("rebuild.differs", part, message, "compare them: snapwarden show RUN")
    if settings := known.capsule.parts.get("cluster_settings"):
        message = f"{counted(len(settings), 'setting')} of the cluster never come back by themselves"
        yield _finding(
            "rebuild.settings", "cluster_settings", message, f"read them in {known.key}, and set what you want"
        )


def _too_big(piece: Piece) -> Finding:
    return _finding(
        "rebuild.too_big", piece.path, f"{piece.path[1:]} is too big to be put back", "put it back yourself"
    )


def _finding(code: str, subject: str, message: str, fix: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=fix)
