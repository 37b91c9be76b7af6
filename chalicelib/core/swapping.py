"""What a swap moves: thought through in the plan, asked for in one request, and recognised afterwards. Pure.

Three kinds of live side (`plans.Side`): an index with aliases (they all move, as they are), an index whose own name is
what people use (it is cloned, and an alias takes its name), and none (an alias takes the name that nobody bears).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from chalicelib.core.model import Finding, IndexRef, Severity
from chalicelib.core.plan_words import conflict
from chalicelib.core.plans import PREFIX, Mode, Move, Plan, Side
from chalicelib.core.prose import size
from chalicelib.core.swaps import Alias, CloneOrder, Does, Repoint, Standing

HASH = 16
"""Characters of a plan's hash."""


def clone_name(index: str, plan_id: str) -> str:
    return f"{index}-before-{plan_id.removeprefix(PREFIX)}"


def sided(moves: Sequence[Move], standing: Sequence[Standing]) -> tuple[Move, ...]:
    """Each with what is live under its source's name now."""
    bearers = _bearers(standing)
    return tuple(replace(move, live=_side(bearers.get(move.source, ()))) for move in moves)


def behind(name: str, standing: Sequence[Standing]) -> list[Standing]:
    """The index of that name, or those that it is an alias of."""
    return [one for one in standing if one.name == name or any(alias.name == name for alias in one.aliases)]


def _bearers(standing: Sequence[Standing]) -> Mapping[str, Sequence[Standing]]:
    """`behind`, of each name: asked one by one, five thousand would take minutes."""
    found: dict[str, list[Standing]] = {}
    for one in standing:
        for name in dict.fromkeys((one.name, *(alias.name for alias in one.aliases))):
            found.setdefault(name, []).append(one)
    return found


def _side(found: Sequence[Standing]) -> Side:
    """Of several the plan has a conflict anyway."""
    if not found:
        return Side()
    one = found[0]
    return Side(
        index=one.name,
        uuid=one.uuid,
        shards=one.shards,
        aliases=one.aliases,
        blocked=one.blocked,
        settings=one.settings,
    )


def touched(moves: Sequence[Move]) -> tuple[str, ...]:
    """The live names that a swap takes or moves."""
    names = [name for move in moves if move.live for name in _touched(move, move.live)]
    return tuple(dict.fromkeys(names))


def _touched(move: Move, side: Side) -> Iterator[str]:
    yield side.index or move.source
    yield from (alias.name for alias in side.aliases)


def names(plan: Plan) -> tuple[str, ...]:
    """All that a swap has to look at: live names and aliases, what was restored, clones."""
    clones = [clone_name(side.index, plan.plan_id) for _, side in _sides(plan) if side.cloned and side.index]
    return tuple(dict.fromkeys((*touched(plan.moves), *(move.name for move in plan.moves), *clones)))


def findings(moves: Sequence[Move], standing: Sequence[Standing], streams: Sequence[str]) -> Iterator[Finding]:
    shared = Counter(move.live.index for move in moves if move.live and move.live.index)
    closed = {one.name for one in standing if one.closed}
    bearers = _bearers(standing)
    for move in moves:
        side, found = move.live or Side(), bearers.get(move.source, ())
        if move.source in streams:
            message = f"{move.source} is a data stream, and no index of one can be swapped"
            yield conflict("restore.data_stream", move.source, message, "--mode rename, and copy what you need")
        elif len(found) > 1 or (side.index and shared[side.index] > 1):
            message = f"{move.source} stands for several indices, or for one with another of those to be restored"
            yield conflict("restore.swap_unclear", move.source, message, "--mode rename, or fewer with --indices")
        elif side.cloned and side.index in closed:
            message = f"{side.index} has no alias and is closed: no clone of it could be compared with it"
            yield conflict("restore.swap_closed", move.source, message, f"open {side.index}, or give it an alias")
        elif side.cloned and side.index:
            yield from _cloned(move, side.index)
        elif side.index in closed and any(alias.filter for alias in side.aliases):
            message = (
                f"{side.index} is closed and has an alias with a filter: the server would not give that back to it"
            )
            yield conflict("restore.swap_closed", move.source, message, f"open {side.index} first")
        elif side.index in closed:
            message = (
                f"{side.index} is closed now; what takes its aliases is open, and a rollback brings it back closed"
            )
            yield _finding(
                "restore.was_closed", Severity.WARNING, move.source, message, f"open {side.index}, if it can"
            )


def _cloned(move: Move, index: str) -> Iterator[Finding]:
    if len(clone_name(index, "").encode()) + HASH > 255:
        message = f"the name of a clone of {index} would be longer than 255 bytes"
        yield conflict("restore.bad_name", index, message, f"give {index} an alias that people use")
    message = (
        f"{index} has no alias, so it refuses writes while a clone of it is made and checked, and {index} is an alias "
        f"from then on, rolled back or not; the clone shares its files (hard links on the same node), and where the "
        f"file system has none it takes as much disk as {index}, about {size(move.bytes)}"
    )
    next_step = f"stop what writes to {index} for a moment, or give it an alias first"
    yield _finding("restore.clone", Severity.WARNING, index, message, next_step)


def forth(plan: Plan) -> tuple[Repoint, ...]:
    """What moves the live names onto what was restored."""
    return tuple(action for move, side in _sides(plan) for action in _forth(move, side))


def _forth(move: Move, side: Side) -> Iterator[Repoint]:
    if side.cloned and side.index:
        yield Repoint(does=Does.REMOVE_INDEX, index=side.index)
    for alias in side.aliases:
        yield Repoint(does=Does.REMOVE, index=side.index or "", alias=alias)
    for alias in moving(move, side):
        yield Repoint(does=Does.ADD, index=move.name, alias=alias)


def back(plan: Plan) -> tuple[Repoint, ...]:
    """What undoes `forth`; an index that was deleted comes back as an alias of its clone."""
    return tuple(action for move, side in _sides(plan) for action in _back(plan, move, side))


def _back(plan: Plan, move: Move, side: Side) -> Iterator[Repoint]:
    for alias in moving(move, side):
        yield Repoint(does=Does.REMOVE, index=move.name, alias=alias)
        if side.index:
            yield Repoint(does=Does.ADD, index=put_aside(plan, side) or "", alias=alias)


def moving(move: Move, side: Side) -> tuple[Alias, ...]:
    """What the restored index gets."""
    return side.aliases or (Alias(name=side.index or move.source),)


def put_aside(plan: Plan, side: Side) -> str | None:
    """The name under which the live data stay."""
    return clone_name(side.index, plan.plan_id) if side.index and side.cloned else side.index


def clones(plan: Plan) -> tuple[CloneOrder, ...]:
    return tuple(
        CloneOrder(
            source=IndexRef(name=side.index, uuid=side.uuid, shards=side.shards, settings=side.settings),
            name=clone_name(side.index, plan.plan_id),
            mark=plan.mark,
        )
        for _, side in _sides(plan)
        if side.cloned and side.index and side.uuid
    )


def _sides(plan: Plan) -> list[tuple[Move, Side]]:
    if plan.wish.mode is not Mode.SWAP:
        return []
    return [(move, move.live) for move in plan.moves if move.live]


def is_before(plan: Plan, made: Mapping[str, str], live: Sequence[Standing]) -> bool:
    """Everything is as the plan has it, and what was restored (`made`: its uuids by name) bears no name of anybody."""
    there = {one.name: one for one in live}
    return all(
        _bears(there.get(move.name), made.get(move.name), ()) and _as_planned(move, side, live)
        for move, side in _sides(plan)
    )


def _as_planned(move: Move, side: Side, live: Sequence[Standing]) -> bool:
    if side.index is None:
        return not behind(move.source, live)
    return _bears(next((one for one in live if one.name == side.index), None), side.uuid, side.aliases)


def is_live(plan: Plan, made: Mapping[str, str], live: Sequence[Standing]) -> bool:
    """What was restored (`made`: its uuids by name) is there, and bears all the live names."""
    there = {one.name: one for one in live}
    return all(_holds(there.get(move.name), made.get(move.name), moving(move, side)) for move, side in _sides(plan))


def is_after(plan: Plan, made: Mapping[str, str], old: Mapping[str, str], live: Sequence[Standing]) -> bool:
    """The same, and what was put aside (`old`: its uuids by name) is there too, without any of those names."""
    there = {one.name: one for one in live}
    return is_live(plan, made, live) and all(
        _holds(kept := there.get(name), old.get(name), ()) and not _named(kept, moving(move, side))
        for move, side in _sides(plan)
        if (name := put_aside(plan, side))
    )


def is_back(plan: Plan, made: Mapping[str, str], old: Mapping[str, str], live: Sequence[Standing]) -> bool:
    """The live names are those of what was put aside again, and of nothing that was restored."""
    there = {one.name: one for one in live}
    return all(
        not (_holds(new := there.get(move.name), made.get(move.name), ()) and _named(new, moving(move, side)))
        and (not (name := put_aside(plan, side)) or _holds(there.get(name), old.get(name), moving(move, side)))
        for move, side in _sides(plan)
    )


def unable(plan: Plan, live: Sequence[Standing]) -> str | None:
    """What was put aside and is closed now, so that the server would not give it back an alias with a filter."""
    closed = {one.name for one in live if one.closed}
    return next(
        (
            name
            for move, side in _sides(plan)
            if (name := put_aside(plan, side)) in closed and any(alias.filter for alias in moving(move, side))
        ),
        None,
    )


def put_aside_refs(plan: Plan, live: Sequence[Standing]) -> tuple[IndexRef, ...]:
    """What stays of what was live; of clones those that carry the mark."""
    there = {one.name: one for one in live}
    found = ((side, there.get(put_aside(plan, side) or "")) for _, side in _sides(plan))
    return tuple(
        one.ref for side, one in found if one and (one.mark == plan.mark if side.cloned else one.uuid == side.uuid)
    )


def _holds(one: Standing | None, uuid: str | None, aliases: tuple[Alias, ...]) -> bool:
    return one is not None and one.uuid == uuid and set(aliases) <= set(one.aliases)


def _named(one: Standing | None, aliases: tuple[Alias, ...]) -> bool:
    return one is not None and bool({alias.name for alias in aliases} & {alias.name for alias in one.aliases})


def _bears(one: Standing | None, uuid: str | None, aliases: tuple[Alias, ...]) -> bool:
    return one is not None and one.uuid == uuid and one.aliases == aliases


def _finding(code: str, severity: Severity, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=next_step)
