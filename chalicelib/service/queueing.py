"""A run that waits: for the open run of its policy, for the lease of its repository, for a slot of its target."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core import traffic
from chalicelib.core.errors import Retryable
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.ports import Create, Delete
from chalicelib.core.rows import PolicyState
from chalicelib.core.traffic import Traffic
from chalicelib.core.workflows import FIRST_STATE, Decision, cancel, ends
from chalicelib.service.world import World

SOONEST, LATEST = timedelta(seconds=15), timedelta(minutes=5)
"""Between two looks of a run that nobody woke: whoever ends wakes the next one, so these only mend lost messages."""
SOON = timedelta(seconds=30)
"""The same of a run that waits for another one, which wakes nobody."""
LOST_RACE = 2
"""Seconds until a run that lost the place to another one looks again."""
HEAD = 10
"""Waiters that are read to find the next one."""


def decide(world: World, run: Run, token: str) -> tuple[Decision, Run]:
    """What follows, and the row that it follows for. It starts when it holds lease and slot, a backup only when it is
    the open run of its policy; past `start_by` it was MISSED. What it waited does not count among what it may take."""
    now = world.clock.now()
    if run.cancel:
        return cancel.cancelled(run), run
    if run.after is not None and (why := _behind(world, run, run.after)):
        return _stays(run, now, why), run
    policy = world.store.state(run.policy)
    backup = run.kind is Kind.BACKUP
    if backup and policy is not None and not policy.active:
        return Decision(state=State.MISSED, changes={"reason": "the policy was retired while it waited"}), run
    if policy is None:
        return _stays(run, now, "another run was still running"), run
    if backup and policy.open_run != run.run_id:
        _, slots = world.store.traffic(run.lease, run.target)
        return _stays(run, now, traffic.held(slots, run.kind) or f"{policy.open_run} was still running"), run
    try:
        spec = world.spec(run.policy, run.spec_gen)
    except Retryable as error:
        return _stays(run, now, str(error)), run
    roads = Traffic(*world.store.traffic(run.lease, run.target))
    held = traffic.held(roads.slots, run.kind)
    if why := held or traffic.busy(roads, run.run_id, spec.target.max_concurrent, now):
        return _in_line(run, policy, now, why), run
    first = traffic.goes_first(world.store.waiters(run.target, HEAD), run)
    if first is not None and now < run.start_by:
        return replace(_in_line(run, policy, now, f"{first} goes first"), wake=first), run
    if now >= run.start_by:
        return _stays(run, now, "others were served first"), run
    place = [Delete(run.waiting)] if run.waiting else []
    deadline = now + (run.deadline_at - run.created_at)
    mine, rows = traffic.take(roads, replace(run, deadline_at=deadline), now, token)
    changes = {"last_error": None}
    state = FIRST_STATE[run.kind]
    return Decision(state=state, changes=changes, again=timedelta(0), beside=(*rows, *place)), mine


def _behind(world: World, run: Run, after: str) -> str | None:
    """What keeps it out of the line, where it would go before the very run that it waits for; None: that has ended,
    however it did."""
    before = world.store.run(after)
    if before is None:
        from chalicelib.service.replacing import ask

        return ask(world, run) or f"{after} goes first"
    return None if before.settled else f"{after} goes first, and is {before.state}"


def _in_line(run: Run, policy: PolicyState, now: datetime, why: str) -> Decision:
    decision = _stays(run, now, why)
    if run.waiting or decision.state is not State.QUEUED:
        return decision
    place = traffic.waiter(run, policy)
    return replace(decision, changes={**decision.changes, "waiting": place}, beside=(Create(place),))


def _stays(run: Run, now: datetime, why: str) -> Decision:
    if now >= run.start_by:
        reason = f"{why} when its time to start ended at {ends.too_late(run)}"
        return Decision(state=State.MISSED, changes={"reason": reason})
    again = min(max((now - run.created_at) / 10, SOONEST), SOON if run.after else LATEST)
    changes = {"last_error": f"waits: {why}"}
    return Decision(state=State.QUEUED, changes=changes, again=min(run.start_by - now, again))


def next_ones(world: World, ended: Run) -> tuple[str, ...]:
    """The first of those who wait for what `ended` gave back, the repository and the slot."""
    waiting = world.store.waiters(ended.target, HEAD)
    first = next((waiter for waiter in waiting if waiter.lease == ended.lease), None)
    return tuple(waiter.run_id for waiter in (first, waiting[0] if waiting else None) if waiter)
