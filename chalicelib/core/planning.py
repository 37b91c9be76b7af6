"""Planning a restore: from what was asked, what the backup holds and what is on the server to a `Plan`. Pure.

A conflict found here costs a line of text; found by the server it costs a restore that stops half-way, at the worst of
times. Every conflict names its fix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core import (
    attaching,
    elsewhere,
    in_place,
    permissions,
    plan_names,
    plan_notes,
    plan_room,
    plan_time,
    streams,
    swap_names,
    swapping,
)
from chalicelib.core.capsules import Configuration
from chalicelib.core.model import Finding, IndexCount, IndexRef, Run
from chalicelib.core.plan_time import NextSlot
from chalicelib.core.plan_words import conflict, note
from chalicelib.core.plans import Mode, Move, Plan, Wish, named
from chalicelib.core.prose import counted
from chalicelib.core.restores import Contents, HeldIndex, RestoreOrder, Surroundings
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.spec import Policy
from chalicelib.core.streams import stream_of
from chalicelib.core.swaps import Standing
from chalicelib.core.wildcards import matches
from chalicelib.core.wire import dump

SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a plan is made from. `before`: the counts that were taken when the backup started; `counts`: those of the
    live indices now. Either may be empty: nothing was counted. `originals`: what was backed up, with its settings.
    `policies`: those that back up the same target. `history`: restores and drills of the policy; `slots`: the next ones
    of policies whose backups would wait. `standing`: who bears the names of `sources`, but for new names; then it is
    who bears the aliases that are to be attached. `recorded`: the configuration stored with the backup, where they are
    asked for."""

    backup: Backup
    contents: Contents
    surroundings: Surroundings
    originals: tuple[IndexRef, ...] = ()
    before: tuple[IndexCount, ...] = ()
    counts: tuple[IndexCount, ...] = ()
    standing: tuple[Standing, ...] = ()
    policies: tuple[Policy, ...] = ()
    history: tuple[Run, ...] = ()
    slots: tuple[NextSlot, ...] = ()
    recorded: Configuration | None = None

    @property
    def around(self) -> attaching.Around:
        return attaching.Around(recorded=self.recorded, standing=self.standing, surroundings=self.surroundings)


def plan(wish: Wish, spec: Spec, facts: Facts, now: datetime, *, by: str) -> Plan:
    chosen, _ = _chosen(wish.indices, facts.contents)
    moves = _moves(wish, facts, _whole(chosen, facts.contents))
    instead = permissions.NOT_LIVE if wish.mode in (Mode.SWAP, Mode.IN_PLACE) else permissions.BESIDE
    beyond, permission = permissions.permitted(
        spec.target.restore, _claimed(moves), approvable=wish.mode is not Mode.DRILL, instead=instead
    )
    size = sum(move.bytes for move in moves)
    seconds = plan_time.expected(size, len(moves), facts.history)
    waits = plan_time.held_up(seconds or plan_time.assumed(size, len(moves)), facts.slots, now)
    findings = (*_findings(wish, spec, facts, moves), *waits, *permission)
    backup = facts.backup
    made = replace(
        begun(wish, spec, backup, facts.contents.version, facts.surroundings, now, by=by),
        moves=moves,
        findings=findings,
        approval=beyond,
        keep_old=int(spec.target.restore.keep_old.total_seconds()) if wish.mode is Mode.SWAP else None,
        expected_seconds=seconds,
        left_out=sum(not index.whole for index in chosen),
    )
    return named(made, dump(made))


def begun(
    wish: Wish, spec: Spec, backup: Backup, version: str, around: Surroundings, now: datetime, *, by: str
) -> Plan:
    """A plan that says what it is of and for whom, and restores nothing yet. `version`: of the backup. Of another
    target it says so; a drill chooses its registration there itself, when it runs."""
    there = spec.target_gen is not None
    through = there and wish.mode is not Mode.DRILL
    return Plan(
        plan_id="",
        made_at=now,
        made_by=by,
        wish=wish,
        spec_gen=spec.gen,
        target=spec.target.name,
        repository=backup.repository,
        backup_id=backup.backup_id,
        snapshot=backup.snapshot,
        snapshot_uuid=backup.snapshot_uuid,
        taken_at=backup.taken_at,
        ended_at=backup.ended_at,
        level=backup.level,
        version=version,
        server=around.version,
        moves=(),
        spare=plan_room.spare(around),
        source=backup.target if there else None,
        target_gen=spec.target_gen,
        through=elsewhere.name(backup.target, backup.repository) if through else None,
    )


def _findings(wish: Wish, spec: Spec, facts: Facts, moves: Sequence[Move]) -> Iterator[Finding]:
    chosen, missing = _chosen(wish.indices, facts.contents)
    yield from _backup(wish, facts, [index for index in chosen if not index.whole])
    yield from _selection(missing, moves, facts.contents)
    yield from _streams(wish, [index.name for index in chosen], facts.contents)
    if wish.mode is Mode.IN_PLACE:
        yield from in_place.findings(moves, facts.surroundings, spec.policy)
    else:
        yield from plan_names.findings(moves, facts.surroundings)
    yield from plan_room.findings(moves, facts.surroundings)
    yield from plan_room.versions(facts.backup.backup_id, facts.contents.version, facts.surroundings.version)
    if wish.mode is Mode.SWAP:
        yield from swapping.findings(moves, facts.standing, facts.surroundings.streams)
        yield from swap_names.warnings(moves, facts.policies, spec.target.restore.keep_old)
    if wish.attach_aliases:
        yield from attaching.findings(moves, facts.around, facts.backup.backup_id)
    if wish.attach_lifecycle:
        yield from plan_notes.lifecycle(moves, facts.originals)
    if wish.mode is not Mode.DRILL:
        yield from plan_notes.notes([move for move in moves if not move.over], facts.originals, _others(wish, facts))
    yield from streams.notes(plan_names.new_streams(moves), facts.surroundings.templates)


def _claimed(moves: Sequence[Move]) -> tuple[str, ...]:
    """Names that are taken or put aside, and aliases that others may use; of a data stream its own name, and not those
    of its backing indices."""
    aliases = (alias.name for move in moves for alias in move.attach)
    return (*dict.fromkeys(move.known_as for move in moves), *swapping.touched(moves), *aliases)


def _moves(wish: Wish, facts: Facts, usable: Sequence[HeldIndex]) -> tuple[Move, ...]:
    behind = _behind(facts)
    together = _together(wish, facts.contents)
    moves = tuple(
        Move(
            source=index.name,
            name=wish.prefix + index.name if index.name not in together else streams.renamed(index.name, wish.prefix),
            shards=index.shards,
            bytes=index.bytes,
            behind=behind.get(index.name),
            replicas=plan_room.replicas(wish, index.name, facts.originals),
            stream=wish.prefix + together[index.name] if index.name in together else None,
        )
        for index in usable
    )
    match wish.mode:
        case Mode.SWAP:
            return swap_names.marked(swapping.sided(moves, facts.standing))
        case Mode.IN_PLACE:
            return in_place.over(moves, facts.standing, wish.replicas)
        case Mode.RENAME if wish.attach_aliases:
            return attaching.attached(moves, facts.around)
    return moves


def _together(wish: Wish, contents: Contents) -> dict[str, str]:
    """By backing index, the stream that it comes back with."""
    if wish.mode is not Mode.RENAME:
        return {}
    wanted = [stream for stream in contents.streams if streams.meant(stream, wish.indices)]
    return {index.name: stream for index in contents.indices if (stream := stream_of(index.name, wanted))}


def _whole(chosen: Sequence[HeldIndex], contents: Contents) -> list[HeldIndex]:
    """Those that can be restored: of a data stream of which a backing index is torn, none."""
    torn = {stream_of(index.name, contents.streams) for index in chosen if not index.whole} - {None}
    return [index for index in chosen if index.whole and stream_of(index.name, contents.streams) not in torn]


def _others(wish: Wish, facts: Facts) -> tuple[Policy, ...]:
    """Policies whose backups might take what is made by mistake: what comes back in place is theirs anyway."""
    return () if wish.mode is Mode.IN_PLACE else facts.policies


def sources(wish: Wish, contents: Contents) -> list[str]:
    """The names of what would be restored, as they were backed up."""
    return [index.name for index in _chosen(wish.indices, contents)[0]]


def order(plan: Plan) -> RestoreOrder:
    return RestoreOrder(
        repository=plan.through or plan.repository,
        snapshot=plan.snapshot,
        indices=tuple(move.source for move in plan.moves),
        prefix=plan.wish.prefix,
        mark=plan.mark,
        over=in_place.refs(plan) if plan.wish.mode is Mode.IN_PLACE else None,
        streams=tuple(stream.removeprefix(plan.wish.prefix) for stream in dict.fromkeys(plan.streams.values())),
    )


def _chosen(patterns: Sequence[str], contents: Contents) -> tuple[list[HeldIndex], list[str]]:
    """The indices that the patterns mean, by their names or those of their data streams, in the order of their names;
    and the patterns that mean none."""
    held = sorted(contents.indices, key=lambda index: index.name)
    if not patterns:
        return held, []
    names = {index.name: {index.name, stream_of(index.name, contents.streams) or index.name} for index in held}
    exact, others = frozenset(patterns), [pattern for pattern in patterns if "*" in pattern]  # of thousands of names
    chosen = [index for index in held if any(name in exact or matches(name, others) for name in names[index.name])]
    known = {*contents.streams, *names}
    unmet = [pattern for pattern in patterns if pattern not in known]
    return chosen, [pattern for pattern in unmet if not any(matches(name, (pattern,)) for name in known)]


def _behind(facts: Facts) -> dict[str, int]:
    """By name of the source. Only of an index that is the same still: one that was made anew counts from 0."""
    then = {count.name: count for count in facts.before}
    return {
        now.name: max(sum(now.max_seq_no) - sum(then[now.name].max_seq_no), 0)
        for now in facts.counts
        if now.name in then and then[now.name].uuid == now.uuid
    }


def _backup(wish: Wish, facts: Facts, torn: Sequence[HeldIndex]) -> Iterator[Finding]:
    backup = facts.backup
    if backup.snapshot_uuid != facts.contents.uuid:
        message = f"the snapshot {backup.snapshot} on the server is another one than the catalogue's: it was replaced"
        yield conflict("restore.replaced", backup.backup_id, message, "choose another backup: snapwarden backups")
    if torn:
        names = ", ".join(index.name for index in torn[:3]) + (" …" if len(torn) > 3 else "")
        message = f"{counted(len(torn), 'index', 'indices')} of which shards are missing in the backup: {names}"
        held = [stream for index in torn if (stream := stream_of(index.name, facts.contents.streams))]
        if held:
            message += f"; so all of the data stream {', '.join(list(dict.fromkeys(held))[:3])}"
        if wish.allow_partial:
            yield note("restore.partial", backup.backup_id, f"left out: {message}", "take them from another backup")
        else:
            fix = "--allow-partial restores the others, or choose another backup"
            yield conflict("restore.partial", backup.backup_id, message, fix)
    if not backup.good:
        why = ", ".join(backup.errors) or f"it is {backup.outcome} at {backup.level}"
        message = f"the backup did not count as good: {why}"
        yield note("restore.not_good", backup.backup_id, message, f"snapwarden show {backup.run_id}")


def _selection(missing: Sequence[str], moves: Sequence[Move], contents: Contents) -> Iterator[Finding]:
    held = f"the backup holds {', '.join(sorted(index.name for index in contents.indices)[:10])}"
    for pattern in missing:
        yield conflict("restore.not_in_backup", pattern, f"nothing in the backup matches {pattern}", held)
    if not moves and not missing:
        yield conflict("restore.nothing", "indices", "nothing of the backup would be restored", held)


def _streams(wish: Wish, chosen: Sequence[str], contents: Contents) -> Iterator[Finding]:
    if wish.mode is Mode.RENAME:
        held = [index.name for index in contents.indices]
        yield from streams.parted(chosen, wish.indices, contents.streams, held)
    else:
        held = [stream for name in chosen if (stream := stream_of(name, contents.streams))]
        yield from streams.no_way(dict.fromkeys(held), wish.mode)
