"""What a restore in place replaces: thought through in the plan, saved by a backup first, recognised afterwards. Pure.

A live index keeps its uuid, so it is never one that the run made, and is never deleted by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.core import naming
from chalicelib.core.model import Finding, IndexRef, Kind, State
from chalicelib.core.plan_notes import NEVER_TAKEN
from chalicelib.core.plan_room import REPLICAS
from chalicelib.core.plan_words import conflict, note
from chalicelib.core.plans import PREFIX, Move, Over, Plan
from chalicelib.core.prose import counted
from chalicelib.core.restores import Contents, Surroundings
from chalicelib.core.spec import Policy
from chalicelib.core.swaps import Standing
from chalicelib.core.wildcards import matches

AUTO_EXPAND = "index.auto_expand_replicas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """The backup of what is live, made just before. `backup_id`: None when it came to none. `indices`: those that it
    holds whole, with the uuids that they had when it was asked for. `good`: it met its policy's contract, too."""

    run_id: str
    state: State
    backup_id: str | None = None
    good: bool = False
    indices: tuple[IndexRef, ...] = ()


def request_id(plan_id: str) -> str:
    return f"safety-{plan_id.removeprefix(PREFIX)}"


def safety_run(plan: Plan) -> str:
    return naming.run_id(Kind.BACKUP, plan.wish.policy, request_id(plan.plan_id))


def over(moves: Sequence[Move], standing: Sequence[Standing], replicas: int | None) -> tuple[Move, ...]:
    """Each with the live index of its name, whose replicas it keeps unless others are asked for."""
    there = {one.name: one for one in standing}
    return tuple(_over(move, there.get(move.name), replicas) for move in moves)


def _over(move: Move, one: Standing | None, replicas: int | None) -> Move:
    if one is None:
        return move
    own = int(one.settings.get(REPLICAS, move.replicas)) if one.mark is None else move.replicas
    kept = own if replicas is None else replicas
    return replace(move, over=Over(uuid=one.uuid, closed=one.closed, whole=one.whole), replicas=kept)


def refs(plan: Plan) -> tuple[IndexRef, ...]:
    """What is replaced."""
    return tuple(
        IndexRef(name=move.name, uuid=move.over.uuid, shards=move.shards, closed=move.over.closed)
        for move in plan.moves
        if move.over
    )


def held(contents: Contents, expected: Sequence[IndexRef]) -> tuple[IndexRef, ...]:
    """What a backup holds whole, of what was asked for."""
    whole = {index.name for index in contents.indices if index.whole}
    return tuple(index for index in expected if index.name in whole)


def unsafe(plan: Plan, safety: Safety | None) -> str | None:
    """Why what is live must not be replaced, in words; None: all of it is saved that can be. What was not whole when
    the plan was shown cannot be saved, and people knew it."""
    if safety is None or safety.backup_id is None:
        ended = f"{safety.run_id} ended as {safety.state}, without a backup" if safety else "there is none"
        return f"no safety backup: {ended}"
    saved = {(index.name, index.uuid) for index in safety.indices}
    wanted = [(move.name, move.over.uuid) for move in plan.moves if move.over and move.over.whole]
    lacks = [name for name, uuid in wanted if (name, uuid) not in saved]
    return f"the safety backup {safety.backup_id} lacks {', '.join(lacks[:3])}, or part of it" if lacks else None


def final(
    plan: Plan, move: Move, was: Mapping[str, IndexRef], originals: Mapping[str, Mapping[str, str]]
) -> Mapping[str, str]:
    """The settings that an index gets in the end: those that it had just before, where they were not what an earlier
    restore left behind; else those of what was backed up."""
    before = was.get(move.name)
    return replicated(plan, before.settings if before and before.settings else originals.get(move.source, {}))


def replicated(plan: Plan, settings: Mapping[str, str]) -> Mapping[str, str]:
    """With the number of replicas that was asked for."""
    if plan.wish.replicas is None:
        return settings
    rest = {key: value for key, value in settings.items() if key != AUTO_EXPAND}  # which would have its own way
    return {**rest, REPLICAS: str(plan.wish.replicas)}


def findings(moves: Sequence[Move], surroundings: Surroundings, policy: Policy) -> Iterator[Finding]:
    there = {index.name: index for index in surroundings.indices}
    aliases = {alias: index.name for index in surroundings.indices for alias in index.aliases}
    for move in moves:
        if index := there.get(move.name):
            yield from _replaced(move, index.shards, (move.name, *index.aliases), surroundings, policy)
        elif move.name in aliases:
            message = f"{move.name} is an alias of {aliases[move.name]} now"
            yield conflict("restore.name_is_alias", move.name, message, "--mode swap, or --mode rename")
        elif move.name in surroundings.streams:
            yield conflict("restore.name_is_stream", move.name, f"{move.name} is a data stream", "--mode rename")
    if names := [move.name for move in moves if move.over]:
        what = counted(len(names), "live index is", "live indices are")
        message = (
            f"{what} replaced: closed until all is back, no writes until it is checked; what is written after the "
            f"safety backup began is lost"
        )
        yield note("restore.in_place", names[0], message, "stop what writes to them first, or use --mode swap")


def _replaced(
    move: Move, shards: int, names: Sequence[str], surroundings: Surroundings, policy: Policy
) -> Iterator[Finding]:
    name = move.name
    if stream := next((one for one in surroundings.streams if matches(name, (f".ds-{one}-*",))), None):
        message = f"{name} is part of the data stream {stream}, and no part of one is restored in place"
        yield conflict("restore.data_stream", name, message, "--mode rename, and copy what you need")
        return
    if shards != move.shards:
        message = f"{name} has {counted(shards, 'primary shard')} now, and had {move.shards} when it was backed up"
        yield conflict("restore.other_shards", name, message, "--mode swap, or --mode rename")
    if not _is_saved(names, policy):
        message = f"policy {policy.name} does not back up {name} any more, so there would be no way back"
        yield conflict("restore.not_saved", name, message, f"select it in policy {policy.name}, and apply")
    if move.over and not move.over.whole:
        message = f"primary shards of {name} are missing, so the safety backup can't hold it: there is no way back"
        yield note("restore.not_whole", name, message, "--mode swap keeps what is left of it")
    if move.over and move.over.closed:
        yield note("restore.was_closed", name, f"{name} is closed now, and will be open", "close it again afterwards")


def _is_saved(names: Sequence[str], policy: Policy) -> bool:
    select = policy.select
    taken = any(matches(name, select.indices) for name in names)
    return taken and not matches(names[0], (*select.exclude, *NEVER_TAKEN))
