"""How runs come into being: the row, the policy's cursor and the fleet's list in one transaction, so that a slot has
exactly one run however many ask."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.core import naming, promise, results, schedule, traffic
from chalicelib.core.errors import Conflict
from chalicelib.core.leases import Slots
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Kind, Run, State, Step
from chalicelib.core.ports import Change, Create, Update
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.schedule import Gap
from chalicelib.core.traffic import Traffic
from chalicelib.service import settle
from chalicelib.service.queueing import HEAD
from chalicelib.service.world import World

SCHEDULE = "schedule"
"""`requested_by` of what no person asked for."""


def new_run(
    spec: Spec,
    slot: str,
    now: datetime,
    state: PolicyState,
    *,
    installation: str,
    requested_by: str,
    start_by: datetime,
    token: str,
) -> Run:
    """A backup run of the slot, about to start; not started by `start_by`, it is MISSED. `state` knows its history."""
    policy = spec.policy
    return Run(
        run_id=naming.run_id(Kind.BACKUP, policy.name, slot),
        kind=Kind.BACKUP,
        policy=policy.name,
        target=policy.target,
        repository=policy.repository,
        slot=slot,
        requested_by=requested_by,
        spec_gen=spec.gen,
        state=State.STARTING,
        snapshot=naming.snapshot_name(installation, policy.name, slot, requested=requested_by != SCHEDULE),
        created_at=now,
        deadline_at=now + policy.timeout,
        start_by=start_by,
        wake_at=now,
        token=token,
        lease=traffic.lease_name(spec.target, policy.repository),
        usual=promise.usual(state.recent),
        steps=(Step(state=State.STARTING, at=now, rev=1),),
    )


def slot_run(world: World, spec: Spec, state: PolicyState, slot: datetime) -> Run:
    return new_run(
        spec,
        naming.slot_name(slot),
        world.clock.now(),
        state,
        installation=world.installation(),
        requested_by=SCHEDULE,
        start_by=schedule.start_by(spec.policy, slot),
        token=world.token(),
    )


def gap_run(
    world: World, spec: Spec, state: PolicyState, gap: Gap, outcome: State, reason: Callable[[str, str], str]
) -> Run:
    """One row for all slots of a gap, under the name of its newest. `reason` is given how many, in words, and that
    name."""
    run = slot_run(world, spec, state, gap.last)
    return ended_run(run, outcome, reason=reason(gap.words, run.slot), count=gap.count, since=gap.first)


def ended_run(run: Run, state: State, *, reason: str, count: int = 1, since: datetime | None = None) -> Run:
    """`run` as one that never started, MISSED or SKIPPED: one row for all `count` slots from `since` on."""
    return replace(
        run,
        state=state,
        reason=reason,
        finished_at=run.created_at,
        missed=count,
        missed_from=since,
        steps=(Step(state=state, at=run.created_at, rev=run.rev),),
    )


def place(
    world: World, run: Run, spec: Spec, state: PolicyState, *others: Run, change: Callable[[PolicyState], PolicyState]
) -> Run | None:
    """Stores `run`, settled rows `others`, and the policy after `change`; then wakes them. The run is STARTING and
    holds lease and slot, or QUEUED: behind the policy's open run, where an older waiting one makes room (it is MISSED),
    or behind whoever is at work on its repository. None: somebody else was first. Conflict: the target is held, and
    no slot asks.
    """
    changed = replace(change(state), rev=state.rev + 1, token=world.token())
    rows: list[Change] = []
    displaced: list[Run] = []
    if state.open_run is not None:
        if run.requested_by != SCHEDULE:
            _held(run, world.store.traffic(run.lease, run.target)[1])
        run = _queued(run)
        if state.queued_run and (waiting := world.store.run(state.queued_run)) and not waiting.settled:
            displaced.append(results.judged(changed, _displaced(waiting, run, world.token())))
            changed = results.noted(changed, displaced[0])
        changed = replace(changed, queued_run=run.run_id)
    else:
        run, rows = _enter(world, run, spec, state)
        changed = replace(changed, open_run=run.run_id)
    if not world.stored(Create(run), Update(changed), *rows, *map(Update, displaced), *map(Create, others)):
        return None
    world.queue.send(Wakeup(run_id=run.run_id, rev=run.rev))
    announce(world, *others, *displaced)
    return run


def place_beside(
    world: World, run: Run, spec: Spec, state: PolicyState, *beside: Change, tell: Callable[[Run], bool] | None = None
) -> Run | None:
    """Stores a run that does not take turns with the backups of its policy, and wakes it: it holds lease and slot, or
    stands in line for them; behind another run it does not even stand in line yet. `tell` comes between, and the
    message says how it ended. None: somebody else was first, perhaps with this very run, or at what is stored
    `beside`."""
    run, rows = (_queued(run), []) if run.after else _enter(world, run, spec, state)
    if not world.stored(Create(run), *rows, *beside):
        return None
    told = tell(run) if tell else False
    world.queue.send(Wakeup(run_id=run.run_id, rev=run.rev, glass_told=told))
    return run


def announce(world: World, *ended: Run) -> None:
    """Rows that were stored as ended: counted, and woken to be told."""
    for row in ended:
        settle.measure(world, row)
        world.queue.send(Wakeup(run_id=row.run_id, rev=row.rev))


def _enter(world: World, run: Run, spec: Spec, state: PolicyState) -> tuple[Run, list[Change]]:
    """As the holder of lease and slot when they are free and nobody waits for them, else in line."""
    roads, now = Traffic(*world.store.traffic(run.lease, run.target)), run.created_at
    held = _held(run, roads.slots)
    free = not held and traffic.busy(roads, run.run_id, spec.target.max_concurrent, now) is None
    if free and traffic.may_be_awaited(roads, now):
        free = traffic.goes_first(world.store.waiters(run.target, HEAD), run) is None
    if free:
        mine, rows = traffic.take(roads, run, now, run.token)
        return mine, list(rows)
    waiter = traffic.waiter(run, state)
    return _queued(replace(run, waiting=waiter)), [Create(waiter)]


def _held(run: Run, slots: Slots | None) -> bool:
    """A slot waits for the end of a hold; whoever asks by hand is told at once."""
    why = traffic.held(slots, run.kind)
    if why and run.requested_by != SCHEDULE:
        raise Conflict(f"{why}: no {run.kind} until `snapwarden release {run.target}`")
    return why is not None


def _queued(run: Run) -> Run:
    return replace(run, state=State.QUEUED, steps=(Step(state=State.QUEUED, at=run.created_at, rev=1),))


def _waited(waiting: Run) -> str:
    """For what: as its last look said."""
    return (waiting.last_error or "waited for another run").removeprefix("waits: ")


def _displaced(waiting: Run, by: Run, token: str) -> Run:
    now = by.created_at
    return replace(
        waiting,
        state=State.MISSED,
        previous_state=waiting.state,
        reason=f"{_waited(waiting)} until a newer one was asked for: {by.run_id} waits in its place",
        finished_at=now,
        wake_at=now,
        rev=waiting.rev + 1,
        token=token,
        steps=(*waiting.steps, Step(state=State.MISSED, at=now, rev=waiting.rev + 1)),
    )
