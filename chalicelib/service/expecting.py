"""What a plan is told of time: how long earlier restores took, and when the next backups are due."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from chalicelib.core import traffic
from chalicelib.core.model import Kind, Run
from chalicelib.core.plan_time import NextSlot
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.spec import Target
from chalicelib.service.world import World

REMEMBERED = 10
"""Runs of a kind that are looked through for how long they took."""


def history(world: World, policy: str) -> tuple[Run, ...]:
    """Its last restores and drills, whatever became of them."""
    kinds = (Kind.DRILL, Kind.RESTORE)
    return tuple(
        run for kind in kinds for run in world.store.runs(policy=policy, kind=kind.value, limit=REMEMBERED) if run.plan
    )


def next_slots(
    world: World, states: Iterable[PolicyState], spec: Spec, repository: str, to: Target
) -> tuple[NextSlot, ...]:
    """Of all policies whose backups would wait for a restore from that repository of the target of `spec`, `to` a
    target, which may be another one."""
    lease = traffic.lease_name(spec.target, repository)
    return tuple(
        NextSlot(policy=state.policy, at=state.due_at, until=state.due_at + other.policy.catch_up)
        for state, other in would_wait(world, states, lease, to.name)
        if state.due_at is not None
    )


def would_wait(
    world: World, states: Iterable[PolicyState], lease: str, target: str, until: datetime | None = None
) -> Iterator[tuple[PolicyState, Spec]]:
    """The policies that have a slot coming (by then, if that is given) and need what a run with that lease on that
    target holds: the repository, or the only slot."""
    for state in states:
        if not state.active or state.paused or state.due_at is None or (until and state.due_at > until):
            continue
        spec = world.spec(state.policy, state.spec_gen)
        alone = spec.target.name == target and spec.target.max_concurrent == 1
        if alone or traffic.lease_name(spec.target, spec.policy.repository) == lease:
            yield state, spec
