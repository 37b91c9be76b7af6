"""What the guards of a drill are told: how the cluster is, who waits, and which backups are due."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core import traffic
from chalicelib.core.guards import Around
from chalicelib.core.model import Kind, Run
from chalicelib.core.ports import Engine
from chalicelib.core.restores import Restored, Surroundings
from chalicelib.core.rows import Spec
from chalicelib.core.traffic import PRIORITY, Traffic
from chalicelib.service import expecting
from chalicelib.service.queueing import HEAD
from chalicelib.service.world import World

DUE = 100
"""Policies that are due soon and looked at one by one; with more of them a drill waits for a quieter time."""


def around(
    world: World, run: Run, spec: Spec, surroundings: Surroundings, engine: Engine, mine: tuple[Restored, ...]
) -> Around:
    now, expected = world.clock.now(), timedelta(seconds=run.expected_seconds or 0)
    begun = run.attempts > 0
    found = Around(
        vitals=engine.prover.vitals(),
        surroundings=surroundings,
        begun=begun,
        done=sum(index.shards_done for index in mine),
        bytes_done=sum(index.bytes_done for index in mine),
    )
    if begun and now < (run.claimed_at or run.created_at) + expected:
        return found
    found = replace(found, waiting=waiting(world, run, spec))
    if begun:
        return found
    due, unknown = _due(world, run, now + expected)
    return replace(found, due=due, unknown=unknown)


def waiting(world: World, run: Run, spec: Spec) -> str | None:
    """Who waits for the lease or the slot that this drill holds, and goes before drills."""
    others = [each for each in world.store.waiters(run.target, HEAD) if each.priority < PRIORITY[Kind.DRILL]]
    beside = world.store.waiters(run.source, HEAD) if run.source else ()
    for other in (*others, *(each for each in beside if each.priority < PRIORITY[Kind.DRILL])):
        if other.lease == run.lease:
            return other.run_id
    if others:
        _, slots = world.store.traffic(run.lease, run.target)
        full = Traffic(lease=None, slots=slots)
        if traffic.busy(full, others[0].run_id, spec.target.max_concurrent, world.clock.now()):
            return others[0].run_id
    return None


def _due(world: World, run: Run, until: datetime) -> tuple[tuple[str, datetime] | None, int]:
    """The first backup that is due by then and would wait for this drill; and more than how many policies are due, when
    they are too many to be looked at."""
    names = [due.id for shard in range(world.store.shards) for due in world.store.due_policies(shard, until, DUE)]
    if len(names) >= DUE:
        return None, DUE
    return min(_those_due(world, run, names, until), key=lambda found: found[1], default=None), 0


def _those_due(world: World, run: Run, names: list[str], until: datetime) -> Iterator[tuple[str, datetime]]:
    states = (state for name in names if (state := world.store.state(name)))
    for state, _ in expecting.would_wait(world, states, run.lease, run.target, until):
        assert state.due_at is not None
        yield state.policy, state.due_at
