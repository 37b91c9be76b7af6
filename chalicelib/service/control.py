"""What people do to runs and policies: cancel, pause, resume. Each with who and why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.core import results, schedule
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Asked, Run, State
from chalicelib.core.ports import Create, Update
from chalicelib.core.rows import Pause, PolicyState, Spec
from chalicelib.core.workflows import driver
from chalicelib.service import drill_slots, query
from chalicelib.service.create import announce, gap_run
from chalicelib.service.request import check_active
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World


def cancel(world: World, run_id: str, *, by: str, why: str) -> Run:
    """Asks an open run to end, on the engine too; its next step does it. While an actor may still be acting, that step
    waits for him. Asked twice is asked once.

    Raises BadInput for an unknown run, one that has ended, and one that has swapped; Conflict when its row is written
    all the time.
    """

    def check(run: Run) -> None:
        if run.state is State.SWAPPED:
            ways = f"snapwarden restore rollback {run_id}, or snapwarden restore finish {run_id}"
            raise BadInput(Problem(f"{run_id} has swapped already", expected=ways))

    return _wish(world, run_id, "cancel", check, by=by, why=why)


def finish(world: World, run_id: str, *, by: str, why: str) -> Run:
    """Asks a run that has swapped to delete what was live before, now and not at the end of `keep_old`. Raises as
    `cancel`, and BadInput when it is being rolled back."""
    return _wish(world, run_id, "finish", lambda run: _check_swapped(run, "rollback"), by=by, why=why)


def rollback(world: World, run_id: str, *, by: str, why: str) -> Run:
    """Asks a run that has swapped to move all names back. Raises as `finish`."""
    return _wish(world, run_id, "rollback", lambda run: _check_swapped(run, "finish"), by=by, why=why)


def _check_swapped(run: Run, other: str) -> None:
    if run.state is not State.SWAPPED:
        raise BadInput(Problem(f"{run.run_id} is {run.state}", expected="a run that is SWAPPED"))
    if getattr(run, other) or run.ending is not None:
        raise BadInput(Problem(f"{run.run_id} is at its {other} already", expected="its end"))


def _wish(world: World, run_id: str, wish: str, check: Callable[[Run], None], *, by: str, why: str) -> Run:
    def asked() -> Run | None:
        run, now = query.run(world, run_id), world.clock.now()
        if run.settled:
            raise BadInput(Problem(f"{run_id} has ended already as {run.state}", expected="an open run"))
        if getattr(run, wish):
            return run
        check(run)
        after = driver.asked_to(wish, run, Asked(by=by, why=why, at=now), token=world.token())
        if not world.store.commit(Update(after)):
            return None
        waits = (after.wake_at - now).total_seconds() if after.wake_at else 0
        world.queue.send(Wakeup(run_id=run_id, rev=after.rev), delay=int(waits) + 1 if waits else 0)
        return after

    return in_turn(f"run {run_id}", asked)


def pause(world: World, policy: str, *, by: str, why: str) -> PolicyState:
    """The tick starts nothing of it until it is resumed. What runs goes on, a backup can still be asked for, and the
    promise's clock does not stop."""

    def paused(state: PolicyState, now: datetime) -> PolicyState:
        if state.paused:
            raise BadInput(Problem(f"{policy} is paused by {state.paused.by} already: {state.paused.why}"))
        return replace(state, paused=Pause(by=by, why=why, at=now), due_at=None, drill_due_at=None)

    return _change(world, policy, paused)


def resume(world: World, policy: str, *, by: str) -> PolicyState:
    """Slots count again; those that were to start during the pause are one SKIPPED row, which says whose pause it was.
    One that passed and whose jitter or blackout is not over yet still starts."""
    return in_turn(f"policy {policy}", lambda: _resumed(world, _active(world, policy), by))


def _resumed(world: World, state: PolicyState, by: str) -> PolicyState | None:
    if state.paused is None:
        raise BadInput(Problem(f"{state.policy} is not paused", expected="a paused policy"))
    spec = world.spec(state.policy, state.spec_gen)
    passed = schedule.passed(spec.policy, state.cursor, world.clock.now())
    skipped = [_skipped(world, spec, state, passed, state.paused, by)] if passed else []
    # Not the time of now: a slot that passed may have its start, by its jitter, still to come.
    cursor = passed.last if passed else state.cursor
    following = schedule.next_slot(spec.policy, cursor)
    after = replace(
        state,
        paused=None,
        cursor=cursor,
        due_at=None if following is None else schedule.due_at(spec.policy, following),
        rev=state.rev + 1,
        token=world.token(),
    )
    after = results.noted(after, skipped[0]) if skipped else after
    after, drills = drill_slots.resumed(world, after, spec, state.paused, by)
    skipped += drills
    if not world.stored(Update(after), *map(Create, skipped)):
        return None
    announce(world, *skipped)
    return after


def _skipped(world: World, spec: Spec, state: PolicyState, gap: schedule.Gap, pause: Pause, by: str) -> Run:
    def reason(many: str, last: str) -> str:
        return f"skipped {many} up to {last}: paused by {pause.by} ({pause.why}), resumed by {by}"

    return gap_run(world, spec, state, gap, State.SKIPPED, reason)


def _change(world: World, policy: str, change: Callable[[PolicyState, datetime], PolicyState]) -> PolicyState:
    def changed() -> PolicyState | None:
        state = _active(world, policy)
        after = replace(change(state, world.clock.now()), rev=state.rev + 1, token=world.token())
        return after if world.store.commit(Update(after)) else None

    return in_turn(f"policy {policy}", changed)


def _active(world: World, policy: str) -> PolicyState:
    state = query.named(world, policy)
    check_active(state)
    return state
