"""What people ask: policies, promises, runs, the next slots. Reads only."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from chalicelib.core import drilling, promise, proofs, schedule
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.leases import Hold
from chalicelib.core.model import Kind, Run
from chalicelib.core.rows import Backup, Drilled, LastGood, LastResult, Mute, Pause, PolicyState, Spec
from chalicelib.core.spec import LEVELS, Policy
from chalicelib.service.world import World

LOOKED_BACK = 20
"""Drills, of which the newest may have been held off before they looked at anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """One policy, as a list of tasks shows it. `next_due`: when the next run may start;
    `next_drill`: the same of drills."""

    name: str
    target: str
    repository: str
    schedule: tuple[str, ...]
    timezone: str
    last_good: LastGood | None
    level: str | None
    last_result: LastResult | None
    next_due: datetime | None
    open_run: str | None
    queued_run: str | None
    paused: Pause | None
    active: bool
    held: Hold | None = None
    last_drill: LastResult | None = None
    next_drill: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """`rpo` (None: nothing was promised) against the newest backup that reached `level`.

    `kept` is None without a promise, and while there is no backup that keeps it and its clock still runs. `by`: how
    much is left, or for how long it is broken. `undrilled`: what keeps it from being kept, as of the last drill.
    """

    policy: str
    level: str
    rpo: timedelta | None
    last_good: LastGood | None
    age: timedelta | None
    kept: bool | None
    by: timedelta | None
    muted: Mute | None
    paused: Pause | None
    held: Hold | None = None
    undrilled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSlot:
    policy: str
    slot: datetime
    due_at: datetime
    timezone: str
    kind: Kind = Kind.BACKUP


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedRestore:
    """The last restore of a policy that a drill carried out, and that proved something. `kept`: it took no longer than
    `rto`; None when there is none, or when it was not measured."""

    policy: str
    drill: Drilled
    age: timedelta
    rto: timedelta | None
    kept: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrilledIndex:
    """One index of a drill. `findings`: the codes of what was found with it."""

    name: str
    restored_as: str
    proved: bool
    findings: tuple[str, ...]


def policies(world: World) -> tuple[PolicyRow, ...]:
    specs = [(state, world.spec(state.policy, state.spec_gen)) for state in world.store.states()]
    held = holds(world, (spec for _, spec in specs))
    return tuple(replace(_row(state, spec), held=held.get(spec.target.name)) for state, spec in specs)


def promises(world: World, policy: str | None = None) -> tuple[Promise, ...]:
    """Of all active policies, or of the one that is named (BadInput when there is none of that name)."""
    now = world.clock.now()
    states = [named(world, policy)] if policy else [state for state in world.store.states() if state.active]
    specs = [(state, world.spec(state.policy, state.spec_gen)) for state in states]
    held = holds(world, (spec for _, spec in specs))
    return tuple(
        replace(
            found,
            held=held.get(spec.target.name),
            undrilled=() if found.kept else never_drilled(world, spec, found.level),
        )
        for state, spec in specs
        for found in _promises(state, spec.policy, now)
    )


def never_drilled(world: World, spec: Spec, level: str | None = None) -> tuple[str, ...]:
    """What the newest drill that looked into a backup said that no drill ever restores; nothing of other levels than
    that of drills, nor when the file has changed since what it selects or how it drills. One query, and a read."""
    policy = spec.policy
    if level not in (None, proofs.LEVEL) or proofs.LEVEL not in policy.rpo or policy.drill is None:
        return ()
    runs = world.store.runs(policy=policy.name, kind=Kind.DRILL.value, limit=LOOKED_BACK)
    newest = next((run for run in runs if run.plan), None)
    if newest is None:
        return ()
    then = world.spec(policy.name, newest.spec_gen).policy
    return drilling.undrilled(newest.findings) if (then.select, then.drill) == (policy.select, policy.drill) else ()


def holds(world: World, specs: Iterable[Spec]) -> dict[str, Hold]:
    """By target, those that stand."""
    rows = [world.store.slots(target) for target in sorted({spec.target.name for spec in specs})]
    return {row.target: row.held for row in rows if row and row.held and not row.held.released_by}


def upcoming(world: World, policy: str | None, count: int) -> tuple[NextSlot, ...]:
    """The next `count` slots of each policy (or of the one named), by the instant when they may start."""
    states = [named(world, policy)] if policy else list(world.store.states())
    found: list[NextSlot] = []
    for state in states:
        if not state.active or state.paused:
            continue
        spec = world.spec(state.policy, state.spec_gen)
        found += _next_slots(spec.policy, state.cursor, count, Kind.BACKUP)
        if drill := schedule.of_drill(spec.policy):
            found += _next_slots(drill, state.drill_cursor or world.clock.now(), count, Kind.DRILL)
    return tuple(sorted(found, key=lambda item: (item.due_at, item.policy)))


def _next_slots(policy: Policy, cursor: datetime, count: int, kind: Kind) -> Iterator[NextSlot]:
    for slot in islice(schedule.slots(policy, cursor), count):
        due = schedule.due_at(policy, slot)
        yield NextSlot(policy=policy.name, slot=slot, due_at=due, timezone=policy.timezone, kind=kind)


def proved_restores(world: World, policy: str | None = None) -> tuple[ProvedRestore, ...]:
    """Of those active policies that have one, or of the one that is named."""
    states = [named(world, policy)] if policy else world.store.states()
    found, now = [], world.clock.now()
    for state in states:
        if not state.active or state.drilled is None:
            continue
        drill = world.spec(state.policy, state.spec_gen).policy.drill
        rto, took = drill.rto if drill else None, state.drilled.seconds
        kept = None if rto is None or took is None else took <= rto.total_seconds()
        age = now - state.drilled.at
        found.append(ProvedRestore(policy=state.policy, drill=state.drilled, age=age, rto=rto, kept=kept))
    return tuple(found)


def drilled(world: World, run: Run) -> tuple[DrilledIndex, ...]:
    """What a drill restored, in the order of its plan; nothing of one that had no plan."""
    planned = world.store.evidence(run.plan, "plan", 1) if run.kind is Kind.DRILL and run.plan else None
    if planned is None or planned.plan is None:
        return ()
    evidence = world.store.evidence(run.run_id, "proved", 1)
    proved = {index.name for index in evidence.indices} if evidence else set()
    return tuple(
        DrilledIndex(
            name=move.source,
            restored_as=move.name,
            proved=move.source in proved,
            findings=tuple(
                dict.fromkeys(
                    found.code for found in run.findings if found.subject.partition("[")[0] in (move.source, move.name)
                )
            ),
        )
        for move in planned.plan.moves
    )


def run(world: World, run_id: str) -> Run:
    """BadInput with the nearest known id when there is none."""
    found = world.store.run(run_id)
    if found is None:
        known = [known.run_id for known in world.store.runs(limit=50)]
        raise unknown(f"there is no run {run_id}", run_id, known, "an id that `snapwarden runs` lists")
    return found


def run_or_newest(world: World, name: str) -> Run:
    """The run of this id, or the newest one of the policy of this name. BadInput when there is neither."""
    newest = () if ":" in name else world.store.runs(policy=name, limit=1)
    return newest[0] if newest else run(world, name)


def backups(world: World, policy: str | None = None) -> tuple[Backup, ...]:
    """The catalogue, newest first; of all policies, or of the one that is named."""
    states = [named(world, policy)] if policy else world.store.states()
    found = [backup for state in states for backup in world.store.backups(state.policy)]
    return tuple(sorted(found, key=lambda backup: (backup.taken_at, backup.run_id), reverse=True))


def backup(world: World, backup_id: str, *, near: Iterable[str] | None = None) -> Backup:
    """BadInput with the nearest known id when there is none; `near`: those that could be meant, None: any."""
    known = {item.backup_id: item for item in backups(world)}
    if backup_id not in known:
        meant = known if near is None else near
        raise unknown(f"there is no backup {backup_id}", backup_id, meant, "an id that `snapwarden backups` lists")
    return known[backup_id]


def no_such_policy(world: World, policy: str) -> BadInput:
    names = [state.policy for state in world.store.states()]
    return unknown(f"there is no policy {policy}", policy, names)


def unknown(message: str, word: str, known: Iterable[str], otherwise: str | None = None) -> BadInput:
    """With the nearest known name; when none is near, with `otherwise`, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    listed = otherwise or (f"one of {', '.join(names)}" if names else "one: apply a file first")
    return BadInput(Problem(message, expected=f"perhaps {near[0]}" if near else listed))


def named(world: World, policy: str) -> PolicyState:
    state = world.store.state(policy)
    if state is None:
        raise no_such_policy(world, policy)
    return state


def _row(state: PolicyState, spec: Spec) -> PolicyRow:
    proved = [level for level in LEVELS if level in state.last_good and level <= promise.PROVABLE]
    level = proved[-1] if proved else None
    return PolicyRow(
        name=state.policy,
        target=spec.policy.target,
        repository=spec.policy.repository,
        schedule=spec.policy.schedule,
        timezone=spec.policy.timezone,
        last_good=state.last_good[level] if level else None,
        level=level,
        last_result=state.last_result,
        next_due=state.due_at,
        open_run=state.open_run,
        queued_run=state.queued_run,
        paused=state.paused,
        active=state.active,
        last_drill=state.last_drill,
        next_drill=state.drill_due_at,
    )


def _promises(state: PolicyState, policy: Policy, now: datetime) -> Iterator[Promise]:
    """By level; a policy that promises nothing, as a retired one does, is listed all the same."""
    terms = promise.promised(policy) if state.active else {}
    held = promise.standing(state, policy, now)
    muted = state.muted if state.muted and state.muted.until > now else None
    for level in terms or (promise.required(policy),):
        last_good = state.last_good.get(level)
        yield Promise(
            policy=state.policy,
            level=level,
            rpo=terms.get(level),
            last_good=last_good,
            age=now - last_good.taken_at if last_good else None,
            kept=held[level].kept if level in terms else None,
            by=abs(held[level].breaks - now) if level in terms else None,
            muted=muted,
            paused=state.paused,
        )
