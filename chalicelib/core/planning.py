"""Planning a restore: from what was asked, what the backup holds and what is on the server to a `Plan`. Pure.

A conflict found here costs a line of text; found by the server it costs a restore that stops half-way, at the worst of
times. Every conflict names its fix.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from pydantic_core import PydanticCustomError

from chalicelib.core import in_place, plan_notes, plan_room, swapping
from chalicelib.core.errors import Problem
from chalicelib.core.model import Finding, IndexCount, IndexRef, Severity
from chalicelib.core.permissions import permitted
from chalicelib.core.plans import Mode, Move, Plan, Wish, named
from chalicelib.core.prose import counted
from chalicelib.core.restores import Contents, HeldIndex, RestoreOrder, Surroundings
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.spec import Policy
from chalicelib.core.swaps import Standing
from chalicelib.core.values import check_index_pattern, check_prefix
from chalicelib.core.wire import dump

NAME_BYTES = 255
MOST_REPLICAS = 20
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a plan is made from. `before`: the counts that were taken when the backup started; `counts`: those of the
    live indices now. Either may be empty: nothing was counted. `originals`: what was backed up, with its settings.
    `policies`: those that back up the same target. `standing`: who bears the names of `sources`, but for new names."""

    backup: Backup
    contents: Contents
    surroundings: Surroundings
    originals: tuple[IndexRef, ...] = ()
    before: tuple[IndexCount, ...] = ()
    counts: tuple[IndexCount, ...] = ()
    standing: tuple[Standing, ...] = ()
    policies: tuple[Policy, ...] = ()


def problems(wish: Wish) -> tuple[Problem, ...]:
    """What can't be meant, with the option that says it."""
    inside = wish.mode is Mode.IN_PLACE
    checks = [] if inside else [("--prefix", check_prefix, wish.prefix)]
    checks += [("--indices", check_index_pattern, pattern) for pattern in wish.indices]
    found = []
    for key, check, text in checks:
        try:
            check(text)
        except PydanticCustomError as wrong:
            expected = (wrong.context or {}).get("expected")
            found.append(Problem(wrong.message(), key=key, expected=expected))
    if inside and wish.prefix:
        found.append(Problem("names change in no restore in place", key="--prefix", expected="--mode rename"))
    if wish.replicas is not None and not 0 <= wish.replicas <= MOST_REPLICAS:
        found.append(Problem(f"{wish.replicas} replicas", key="--replicas", expected=f"0 to {MOST_REPLICAS}"))
    if wish.mode is Mode.DRILL:
        found.append(Problem("a drill is no plan of yours", key="--mode", expected="snapwarden drill POLICY"))
    if wish.mode is Mode.SALVAGE:
        wanted = "snapwarden salvage RUN --dry-run, once a restore has brought the indices back"
        found.append(Problem("salvage is no way to restore a backup", key="--mode", expected=wanted))
    if wish.backup and wish.at:
        found.append(Problem("names a backup and a time", key="--at", expected="one of --backup and --at"))
    return tuple(found)


def plan(wish: Wish, spec: Spec, facts: Facts, now: datetime, *, by: str) -> Plan:
    chosen, _ = _chosen(wish.indices, facts.contents)
    moves = _moves(wish, facts, [index for index in chosen if index.whole])
    beyond, permission = permitted(spec.target.restore, _claimed(moves), approvable=wish.mode is not Mode.DRILL)
    findings = (*_findings(wish, spec, facts, moves), *permission)
    backup = facts.backup
    made = Plan(
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
        version=facts.contents.version,
        server=facts.surroundings.version,
        moves=moves,
        findings=findings,
        approval=beyond,
        spare=plan_room.spare(facts.surroundings),
        keep_old=int(spec.target.restore.keep_old.total_seconds()) if wish.mode is Mode.SWAP else None,
    )
    return named(made, dump(made))


def _findings(wish: Wish, spec: Spec, facts: Facts, moves: Sequence[Move]) -> Iterator[Finding]:
    chosen, missing = _chosen(wish.indices, facts.contents)
    yield from _backup(wish, facts, [index for index in chosen if not index.whole])
    yield from _selection(missing, moves, facts.contents)
    if wish.mode is Mode.IN_PLACE:
        yield from in_place.findings(moves, facts.surroundings, spec.policy)
    else:
        yield from _names(moves, facts.surroundings)
    yield from plan_room.findings(moves, facts.surroundings)
    yield from plan_room.versions(facts.backup.backup_id, facts.contents.version, facts.surroundings.version)
    if wish.mode is Mode.SWAP:
        yield from swapping.findings(moves, facts.standing, facts.surroundings.streams)
    if wish.mode is not Mode.DRILL:
        yield from plan_notes.notes([move for move in moves if not move.over], facts.originals, _others(wish, facts))


def _claimed(moves: Sequence[Move]) -> tuple[str, ...]:
    """Names that are taken or put aside."""
    return (*(move.name for move in moves), *swapping.touched(moves))


def _moves(wish: Wish, facts: Facts, usable: Sequence[HeldIndex]) -> tuple[Move, ...]:
    behind = _behind(facts)
    moves = tuple(
        Move(
            source=index.name,
            name=wish.prefix + index.name,
            shards=index.shards,
            bytes=index.bytes,
            behind=behind.get(index.name),
            replicas=plan_room.replicas(wish, index.name, facts.originals),
        )
        for index in usable
    )
    match wish.mode:
        case Mode.SWAP:
            return swapping.sided(moves, facts.standing)
        case Mode.IN_PLACE:
            return in_place.over(moves, facts.standing, wish.replicas)
    return moves


def _others(wish: Wish, facts: Facts) -> tuple[Policy, ...]:
    """Policies whose backups might take what is made by mistake: what comes back in place is theirs anyway."""
    return () if wish.mode is Mode.IN_PLACE else facts.policies


def sources(wish: Wish, contents: Contents) -> list[str]:
    """The names of what would be restored, as they were backed up."""
    return [index.name for index in _chosen(wish.indices, contents)[0]]


def order(plan: Plan) -> RestoreOrder:
    return RestoreOrder(
        repository=plan.repository,
        snapshot=plan.snapshot,
        indices=tuple(move.source for move in plan.moves),
        prefix=plan.wish.prefix,
        mark=plan.mark,
        over=in_place.refs(plan) if plan.wish.mode is Mode.IN_PLACE else None,
    )


def _chosen(patterns: Sequence[str], contents: Contents) -> tuple[list[HeldIndex], list[str]]:
    """The indices that the patterns mean, in the order of their names, and the patterns that mean none."""
    held = sorted(contents.indices, key=lambda index: index.name)
    if not patterns:
        return held, []
    chosen = [index for index in held if _any(patterns, index.name)]
    return chosen, [pattern for pattern in patterns if not any(fnmatchcase(index.name, pattern) for index in held)]


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
        yield _conflict("restore.replaced", backup.backup_id, message, "choose another backup: snapwarden backups")
    if torn:
        names = ", ".join(index.name for index in torn[:3]) + (" …" if len(torn) > 3 else "")
        message = f"{counted(len(torn), 'index', 'indices')} of which shards are missing in the backup: {names}"
        if wish.allow_partial:
            yield _note("restore.partial", backup.backup_id, f"left out: {message}", "take them from another backup")
        else:
            fix = "--allow-partial restores the others, or choose another backup"
            yield _conflict("restore.partial", backup.backup_id, message, fix)
    if not backup.good:
        why = ", ".join(backup.errors) or f"it is {backup.outcome} at {backup.level}"
        message = f"the backup did not count as good: {why}"
        yield _note("restore.not_good", backup.backup_id, message, f"snapwarden show {backup.run_id}")


def _selection(missing: Sequence[str], moves: Sequence[Move], contents: Contents) -> Iterator[Finding]:
    held = f"the backup holds {', '.join(sorted(index.name for index in contents.indices)[:10])}"
    for pattern in missing:
        yield _conflict("restore.not_in_backup", pattern, f"nothing in the backup matches {pattern}", held)
    if not moves and not missing:
        yield _conflict("restore.nothing", "indices", "nothing of the backup would be restored", held)
    streams = [name for move in moves if (name := stream_of(move.source, contents))]
    for name in dict.fromkeys(streams):
        message = f"{name} is a data stream; its backing indices would be restored without it"
        yield _conflict("restore.data_stream", name, message, "choose others with --indices")


def stream_of(index: str, contents: Contents) -> str | None:
    """The data stream whose backing index it is."""
    return next((stream for stream in contents.streams if fnmatchcase(index, f".ds-{stream}-*")), None)


def _names(moves: Sequence[Move], surroundings: Surroundings) -> Iterator[Finding]:
    there = {index.name: index for index in surroundings.indices}
    aliases = {alias: index.name for index in surroundings.indices for alias in index.aliases}
    another = "another --prefix"
    for move in moves:
        if len(move.name.encode()) > NAME_BYTES:
            message = f"{move.name} would be longer than {NAME_BYTES} bytes"
            yield _conflict("restore.bad_name", move.name, message, f"a shorter --prefix, or leave {move.source} out")
        if index := there.get(move.name):
            fix = f"{another}, or delete {move.name}" if not index.closed else f"{another}, or delete the closed index"
            yield _conflict("restore.name_taken", move.name, f"there is an index {move.name}", fix)
        elif move.name in aliases:
            message = f"{move.name} is an alias of {aliases[move.name]}"
            yield _conflict("restore.name_is_alias", move.name, message, another)
        elif move.name in surroundings.streams:
            yield _conflict("restore.name_is_stream", move.name, f"{move.name} is a data stream", another)
    for name, times in Counter(move.name for move in moves).items():
        if times > 1:
            yield _conflict("restore.two_of_a_name", name, f"{times} indices would be called {name}", another)


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _conflict(code: str, subject: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, subject=subject, message=message, next_step=fix)


def _note(code: str, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject=subject, message=message, next_step=next_step)
