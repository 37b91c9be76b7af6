"""Each minute: what is due becomes runs, what was forgotten is woken, and the gauges say that we live.

`now` is the time of the tick's event: it decides what is due, so the same tick delivered twice decides the same. What
is written down as having happened carries the clock's time, and a tick that was sent early makes nothing happen early
but starts: no promise is broken and no run overdue before the clock says so.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from chalicelib.core import naming, results, schedule
from chalicelib.core.messages import Drain, Sweep, Wakeup
from chalicelib.core.model import Run, State
from chalicelib.core.ports import Create, Due, Update
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.traffic import NEVER
from chalicelib.service import promises
from chalicelib.service.create import announce, gap_run, place, slot_run
from chalicelib.service.world import CLAIM, World

log = logging.getLogger(__name__)

OVERDUE = CLAIM
"""A wake time that passed by this much lost its message. Not shorter: until then an actor may still be at work."""
PAGE = 200
"""Candidates a shard and step, oldest first."""
RESERVE = timedelta(seconds=30)
"""Left for the gauges, and for one request of AWS that hangs (24 s)."""


def tick(world: World, now: datetime) -> None:
    """Starts what is due, watches the promises, wakes what is overdue, then publishes the gauges, last of all: a dying
    tick shows by their absence. A policy that fails stops no other; the failures are raised together at the end, to
    alarm as errors. What does not fit into one page of a shard is drained by messages to `work`, in parallel."""
    failures: list[Exception] = []
    waking, overdue = 0, 0
    past = _past(world, now)
    for shard in range(world.store.shards):
        due = world.store.due_policies(shard, now, PAGE)
        if len(due) == PAGE:
            _try(failures, f"shard {shard}", partial(world.queue.send, Drain(shard=shard, now=now)))
        else:
            _each(world, failures, due, lambda name: start_due(world, name, now))
    for shard in range(world.store.shards):
        open_runs = world.store.due_runs(shard, NEVER, PAGE)
        late = tuple(run for run in open_runs if run.at <= now - OVERDUE)  # woken too early it loses a look, no more
        waking, overdue = waking + len(open_runs), overdue + sum(run.at <= past - OVERDUE for run in late)
        _each(world, failures, late, lambda run_id: wake_overdue(world, run_id, now))
    broken, oldest = world.store.broken()
    world.metrics.gauge("PoliciesInBreach", broken)
    world.metrics.gauge("OldestBreachSeconds", max((past - oldest).total_seconds(), 0) if oldest else 0)
    world.metrics.gauge("OpenRuns", waking)
    world.metrics.gauge("OverdueRuns", overdue)
    world.metrics.gauge("TickHeartbeat", 1)
    if failures:
        raise ExceptionGroup("some of what was due could not be handled", failures)


def _past(world: World, now: datetime) -> datetime:
    return min(now, world.clock.now())


def drain(world: World, message: Drain) -> None:
    """One more page of what was due at a tick's time, and a message for the rest. Two at once do nothing twice: each
    policy's row decides."""
    failures: list[Exception] = []
    due = world.store.due_policies(message.shard, message.now, PAGE)
    handled = _each(world, failures, due, lambda name: start_due(world, name, message.now))
    if failures:
        raise ExceptionGroup("some of what was due could not be handled", failures)
    if len(due) == PAGE or handled < len(due):
        world.queue.send(message)


def _each(world: World, failures: list[Exception], due: tuple[Due, ...], act: Callable[[str], None]) -> int:
    """How many were handled before the time ran out: whatever hangs must not take the gauges with it."""
    for number, item in enumerate(due):
        if world.remaining() < RESERVE:
            log.warning("no time left, the next tick goes on", extra={"left": len(due) - number})
            return number
        _try(failures, item.id, partial(act, item.id))
    return len(due)


def _try(failures: list[Exception], what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as error:  # kept and raised at the end of the tick
        log.exception("could not be handled, the next tick tries again", extra={"due": what})
        failures.append(error)


def start_due(world: World, policy: str, now: datetime) -> None:
    """What the clocks of one policy ask for: its leftovers, its promise, then its slots, those of drills last.

    The index only finds candidates: the row decides, and of two ticks at once the transaction lets one win.
    """
    state = world.store.state(policy)
    state = _sweep(world, state, _past(world, now)) if state else None
    if state is None or not state.active:
        return
    spec = world.spec(policy, state.spec_gen)
    watched = promises.watch(world, state, spec, _past(world, now))
    if watched is not None and not watched.paused and watched.due_at is not None and watched.due_at <= now:
        _start_slots(world, watched, spec, now)
        watched = world.store.state(policy) if _is_due(watched.drill_due_at, now) else None
    if watched is not None and not watched.paused and _is_due(watched.drill_due_at, now):
        from chalicelib.service import drill_slots  # of all ticks few start a drill, which takes half of our modules

        drill_slots.start(world, watched, spec, now)


def _is_due(clock: datetime | None, now: datetime) -> bool:
    return clock is not None and clock <= now


def _sweep(world: World, state: PolicyState, now: datetime) -> PolicyState | None:
    """The policy after messages for what is to be swept. None: somebody else wrote first, the next tick goes on."""
    if not _is_due(state.sweep_at, now):
        return state
    from chalicelib.core import leftovers

    after = replace(leftovers.asked(state, now), rev=state.rev + 1, token=world.token())
    if not world.store.commit(Update(after)):
        return None
    for run_id in after.leftovers:
        world.queue.send(Sweep(policy=after.policy, run_id=run_id))
    return after


def _start_slots(world: World, state: PolicyState, spec: Spec, now: datetime) -> None:
    """The run of the newest due slot, and one MISSED row for all the slots that came to nothing."""
    plan = schedule.plan_slots(spec.policy, state.cursor, now)
    missed = [_gap(world, spec, state, plan.missed)] if plan.missed else []

    def handled(before: PolicyState) -> PolicyState:
        after = replace(before, cursor=plan.cursor, due_at=plan.next_due)
        if after.drill_cursor is None and spec.policy.drill:  # stored by a release without drills
            from chalicelib.service import drill_slots

            after = drill_slots.applied(after, None, spec.policy, now)
        return results.noted(after, missed[0]) if missed else after

    if plan.start is not None:
        run = slot_run(world, spec, state, plan.start)
        if place(world, run, spec, state, *missed, change=handled) or world.store.run(run.run_id) is None:
            return
    after = replace(handled(state), rev=state.rev + 1, token=world.token())
    if world.stored(Update(after), *(Create(gap) for gap in missed)):
        announce(world, *missed)


def _gap(world: World, spec: Spec, state: PolicyState, gap: schedule.Gap) -> Run:
    why = {
        "late": "nothing ran within catch_up, or a newer slot took over",
        "blackout": "the policy's blackout outlasted its catch_up",
        "pause": "the policy was paused",
    }[gap.reason]
    span = f"from {naming.slot_name(gap.first)} to " if gap.count > 1 else ""
    row = gap_run(world, spec, state, gap, State.MISSED, lambda many, last: f"missed {many} {span}{last}: {why}")
    return results.judged(state, row)


def wake_overdue(world: World, run_id: str, now: datetime) -> None:
    """Sends the message that was lost. An actor's claim has ended before its row is overdue; and the driver leaves him
    alone in any case."""
    run = world.store.run(run_id)
    if run is None or run.wake_at is None or run.wake_at > now - OVERDUE:
        return
    world.queue.send(Wakeup(run_id=run.run_id, rev=run.rev))
