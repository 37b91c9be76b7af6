"""How runs come into being: the row, the policy's cursor and the fleet's list in one transaction, so that a slot has
exactly one run however many ask."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.core import naming
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Kind, Run, State, Step
from chalicelib.core.ports import Create, Update
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.service.world import World


def new_run(
    spec: Spec, slot: str, now: datetime, *, installation: str, requested_by: str, start_by: datetime, token: str
) -> Run:
    """A backup run of the slot, about to start; not started by `start_by`, it is MISSED."""
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
        snapshot=naming.snapshot_name(installation, policy.name, slot, requested=requested_by != "schedule"),
        created_at=now,
        deadline_at=now + policy.timeout,
        start_by=start_by,
        wake_at=now,
        token=token,
        steps=(Step(state=State.STARTING, at=now, rev=1),),
    )


def missed_run(run: Run, *, reason: str, count: int = 1, since: datetime | None = None) -> Run:
    """`run` as one that never started: one row for all `count` slots from `since` on."""
    return replace(
        run,
        state=State.MISSED,
        reason=reason,
        finished_at=run.created_at,
        missed=count,
        missed_from=since,
        steps=(Step(state=State.MISSED, at=run.created_at, rev=run.rev),),
    )


def place(
    world: World, run: Run, state: PolicyState, *others: Run, change: Callable[[PolicyState], PolicyState]
) -> Run | None:
    """Stores `run` (STARTING, or QUEUED behind the policy's open run), settled rows `others`, and the policy after
    `change`; then wakes them. An older waiting run makes room: it is MISSED. None: somebody else was first.
    """
    displaced: list[Run] = []
    if state.open_run is not None:
        run = replace(run, state=State.QUEUED, steps=(Step(state=State.QUEUED, at=run.created_at, rev=1),))
        if state.queued_run and (waiting := world.store.run(state.queued_run)) and not waiting.settled:
            displaced.append(_displaced(waiting, run, world.token()))
        after = replace(change(state), queued_run=run.run_id)
    else:
        after = replace(change(state), open_run=run.run_id)
    after = replace(after, rev=state.rev + 1, token=world.token())
    if not world.store.commit(Create(run), Update(after), *map(Update, displaced), *map(Create, others)):
        return None
    for row in (run, *others, *displaced):
        world.queue.send(Wakeup(run_id=row.run_id, rev=row.rev))
    return run


def _displaced(waiting: Run, by: Run, token: str) -> Run:
    now = by.created_at
    return replace(
        waiting,
        state=State.MISSED,
        previous_state=waiting.state,
        reason=f"waited for another run until a newer one was asked for: {by.run_id} waits in its place",
        finished_at=now,
        wake_at=now,
        rev=waiting.rev + 1,
        token=token,
        steps=(*waiting.steps, Step(state=State.MISSED, at=now, rev=waiting.rev + 1)),
    )
