"""Hold and release: an incident on a target, during which nothing but restores begins there. The row that every start
writes holds it, so that none slips in beside; people are told once it is stored."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.core import incident_reports
from chalicelib.core.errors import BadInput, Problem, Refused, Retryable
from chalicelib.core.leases import Hold, Slots
from chalicelib.core.messages import Report
from chalicelib.core.model import Run
from chalicelib.core.ports import Create, Update
from chalicelib.service import audience, elsewhere, query
from chalicelib.service.queueing import HEAD
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World


def hold(world: World, target: str, *, by: str, why: str) -> tuple[Hold, tuple[Run, ...]]:
    """From now on no backup, drill or retention begins on the target; the runs that are open there go on, and are
    answered. Asked twice by one person, it is one hold.

    BadInput for a target that no policy uses, and one that somebody else holds; Conflict when its row is written all
    the time; Retryable when it is held, and people could not be told: asked again, they are.
    """
    _check_used(world, target)

    def held() -> Hold | None:
        slots = world.store.slots(target)
        if standing := _standing(slots):
            if standing.by != by:
                raise BadInput(Problem(f"{target} is held by {standing.by} already: {standing.why}"))
            return standing
        made = Hold(by=by, why=why, at=world.clock.now())
        return made if _stored(world, target, slots, made) else None

    made = in_turn(f"target {target}", held)
    running = open_runs(world, target)
    if not made.told:
        _tell(
            world,
            target,
            f"{target} is held",
            lambda topic: incident_reports.held(target, made, running, topic, stage=world.stage),
        )
        _noted(world, target, made, replace(made, told=True))
    return made, running


def release(world: World, target: str, *, by: str) -> Hold:
    """What was held, and goes on now. Errors as of `hold`."""

    def released() -> Hold | None:
        slots = world.store.slots(target)
        if slots is None or slots.held is None:
            raise BadInput(Problem(f"{target} is not held", expected="a target that is"))
        if slots.held.released_by:
            return slots.held  # and nobody heard of it
        after = replace(slots.held, released_by=by)
        return after if _stored(world, target, slots, after) else None

    made = in_turn(f"target {target}", released)
    for waiter in world.store.waiters(target, HEAD):
        world.wake(waiter.run_id)
    now = world.clock.now()
    _tell(
        world,
        target,
        f"{target} is released",
        lambda topic: incident_reports.released(target, made, topic, now, stage=world.stage),
    )
    _noted(world, target, made, None)
    return made


def open_runs(world: World, target: str) -> tuple[Run, ...]:
    """At work on the target, in line for it, or behind the open run of their policy; oldest first."""
    slots = world.store.slots(target)
    ids = [*(slots.holders if slots else ()), *(waiter.run_id for waiter in world.store.waiters(target, HEAD))]
    for state in world.store.states():
        ids += [run_id for run_id in (state.open_run, state.queued_run) if run_id]
    found = [world.store.run(run_id) for run_id in dict.fromkeys(ids)]
    here = [run for run in found if run and not run.settled and run.target == target]
    return tuple(sorted(here, key=lambda run: run.created_at))


def _check_used(world: World, target: str) -> None:
    states = [state for state in world.store.states() if state.active]
    used = {world.spec(state.policy, state.spec_gen).target.name for state in states}
    if target not in used and elsewhere.in_force(world, target) is None:
        raise query.unknown(f"no policy uses a target {target}", target, used)


def _standing(slots: Slots | None) -> Hold | None:
    return slots.held if slots and slots.held and not slots.held.released_by else None


def _stored(world: World, target: str, slots: Slots | None, held: Hold | None) -> bool:
    before = slots or Slots(target=target, rev=0)
    after = replace(before, held=held, rev=before.rev + 1, token=world.token())
    return world.stored(Update(after) if slots else Create(after))


def _tell(world: World, target: str, what: str, report: Callable[[str], Report]) -> None:
    try:
        for topic in audience.topics(world, target):
            world.notifier.report(report(topic))
    except (Retryable, Refused) as error:
        raise Retryable(f"{what}, and people could not be told: {error}; the same command again tells them") from error


def _noted(world: World, target: str, told: Hold, after: Hold | None) -> None:
    """That people heard of it; nothing when it is another hold by now."""

    def noted() -> bool | None:
        slots = world.store.slots(target)
        if slots is None or slots.held != told:
            return True
        return _stored(world, target, slots, after) or None

    in_turn(f"target {target}", noted)
