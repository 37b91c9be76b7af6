"""The clock of a promise, and people being told of it: broken once, then daily while it stays so, kept again once.

Written before it is told; what was told moves `remind_at` on. A crash in between tells again under the same key.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core import promise, promise_reports
from chalicelib.core.errors import BadInput, Problem, Refused, Retryable
from chalicelib.core.ports import Update
from chalicelib.core.prose import instant
from chalicelib.core.rows import Mute, PolicyState, Spec
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World

log = logging.getLogger(__name__)

AGAIN = timedelta(hours=24)
RETRY = timedelta(minutes=5)


def watch(world: World, state: PolicyState, spec: Spec, now: datetime) -> PolicyState | None:
    """The policy after what its clocks ask for by `now`. None: somebody else wrote first, the next tick goes on."""
    broken = promise.broken(state, now)
    if broken is not state:
        state = _next(world, broken)
        if not world.store.commit(Update(state)):
            return None
    if state.remind_at is None or state.remind_at > now:
        return state
    return _tell(world, state, spec, now)


def _tell(world: World, state: PolicyState, spec: Spec, now: datetime) -> PolicyState | None:
    """What could not be told is tried again a little later: were it due all the time, many of them would fill the pages
    of the tick, and slots would starve behind them."""
    if state.muted is not None and state.muted.until > now:
        after = replace(state, remind_at=state.muted.until)
    else:
        again = now + AGAIN if state.broken_since else None
        after = replace(state, remind_at=again, reminders=state.reminders + 1, was_broken_since=None, muted=None)
        try:
            from chalicelib.service.query import never_drilled  # seldom needed, and of drills

            undrilled = never_drilled(world, spec) if state.broken_since else ()
            if state.reminders == 0:
                world.bus.emit([promise_reports.event(state, spec.policy, now, undrilled=undrilled)])
            report = promise_reports.report(state, spec.policy, stage=world.stage, now=now, undrilled=undrilled)
            if report:
                world.notifier.report(report)
        except (Retryable, Refused) as error:
            log.error("a promise could not be told of yet", extra={"policy": state.policy, "error": str(error)})
            after = replace(state, remind_at=now + RETRY, muted=None)
    after = _next(world, after)
    return after if world.store.commit(Update(after)) else None


def mute(world: World, policy: str, until: datetime, *, by: str, why: str) -> PolicyState:
    """Acknowledges a broken promise: nobody is reminded and no gauge counts it until then, or until it is kept again.

    Raises BadInput when the promise is not broken or `until` has passed, Conflict when the row is written all the time.
    """
    from chalicelib.service.query import named

    def muted() -> PolicyState | None:
        now = world.clock.now()
        state = promise.broken(named(world, policy), now)
        if until <= now:
            raise BadInput(Problem(f"{instant(until)} has passed", key="--until", expected="a time to come"))
        if state.broken_since is None:
            breaks = f"; without a good backup it breaks at {instant(state.breach_at)}" if state.breach_at else ""
            raise BadInput(Problem(f"the promise of {policy} is not broken{breaks}", expected="a broken one"))
        after = replace(state, muted=Mute(by=by, why=why, at=now, until=until), remind_at=until)
        return after if world.store.commit(Update(after := _next(world, after))) else None

    return in_turn(f"policy {policy}", muted)


def _next(world: World, state: PolicyState) -> PolicyState:
    return replace(state, rev=state.rev + 1, token=world.token())
