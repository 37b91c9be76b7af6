"""The slots of drills: the newest due one becomes a run, the others one row that says why not.

They follow the rules of the slots of backups, by a cursor and a clock of their own.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.core import naming, schedule
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.ports import Create, Update
from chalicelib.core.rows import LastResult, Pause, PolicyState, Spec
from chalicelib.core.schedule import Gap
from chalicelib.core.spec import Policy
from chalicelib.service import drills
from chalicelib.service.create import announce, ended_run, place_beside
from chalicelib.service.restores import unplanned
from chalicelib.service.world import World

SLOTS = ("schedule", "timezone")
"""What says which slots there are."""
WHY = {
    "late": "nothing ran within catch_up, or a newer slot took over",
    "blackout": "the policy's blackout outlasted its catch_up",
}


def start(world: World, state: PolicyState, spec: Spec, now: datetime) -> None:
    """The run of the newest due slot, and one MISSED row for those that came to nothing, in the transaction that moves
    the cursor: a slot has one run however many ticks see it. Where the file names no drill any more nothing is due."""
    drill = schedule.of_drill(spec.policy)
    if drill is None or state.drill_cursor is None:
        world.stored(Update(_next(world, replace(state, drill_due_at=None))))
        return
    plan = schedule.plan_slots(drill, state.drill_cursor, now)
    missed = [_missed(world, spec, plan.missed)] if plan.missed else []
    after = _next(world, replace(state, drill_cursor=plan.cursor, drill_due_at=plan.next_due))
    after = noted(after, missed[0]) if missed else after
    if plan.start is not None:
        by = schedule.start_by(drill, plan.start)
        run = drills.new(world, spec, naming.slot_name(plan.start), by="schedule", start_by=by)
        if place_beside(world, run, spec, state, Update(after), *map(Create, missed)):
            announce(world, *missed)
            return
        if world.store.run(run.run_id) is None:
            return
    if world.stored(Update(after), *map(Create, missed)):
        announce(world, *missed)


def resumed(world: World, state: PolicyState, spec: Spec, pause: Pause, by: str) -> tuple[PolicyState, list[Run]]:
    """The policy as its drills go on after a pause, and one SKIPPED row for those that were to start in it."""
    drill, now = schedule.of_drill(spec.policy), world.clock.now()
    if drill is None or state.drill_cursor is None:
        return state, []
    passed = schedule.passed(drill, state.drill_cursor, now)
    cursor = passed.last if passed else state.drill_cursor
    after = replace(state, drill_cursor=cursor, drill_due_at=next_due(drill, cursor))
    if passed is None:
        return after, []

    def reason(many: str, last: str) -> str:
        return f"skipped {many} up to {last}: paused by {pause.by} ({pause.why}), resumed by {by}"

    skipped = gap_run(spec, passed, State.SKIPPED, now, world.token(), reason)
    return noted(after, skipped), [skipped]


def applied(state: PolicyState, old: Policy | None, policy: Policy, now: datetime) -> PolicyState:
    """The clocks of drills by a new file, as `apply` sets those of backups: other times count from now on; where they
    stayed, what waits goes on waiting and what is due stays due. `old`: None when the policy was not in force."""
    drill, before = schedule.of_drill(policy), schedule.of_drill(old) if old else None
    if drill is None:
        return replace(state, drill_cursor=None, drill_due_at=None)
    cursor, due_at = state.drill_cursor, state.drill_due_at
    if before is None or cursor is None or changed(before, drill):
        cursor = max(cursor or now, now)
        due_at = next_due(drill, cursor)
    elif due_at is None or due_at > now:
        due_at = next_due(drill, cursor)
    return replace(state, drill_cursor=cursor, drill_due_at=None if state.paused else due_at)


def left(state: PolicyState, old: Spec, policy: Policy | None, now: datetime, token: str) -> list[Run]:
    """One row for the slots that had come and that the new file (`policy`, None: the policy is retired) knows nothing
    of."""
    before, drill = schedule.of_drill(old.policy), schedule.of_drill(policy) if policy else None
    if before is None or state.drill_cursor is None or (drill and not changed(before, drill)):
        return []
    gap = schedule.reached(before, state.drill_cursor, now)
    if gap is None:
        return []
    paused = f"paused by {state.paused.by} ({state.paused.why}), and " if state.paused else ""
    why = "the drill's times were changed in the file" if policy else "the policy was retired"

    def reason(many: str, last: str) -> str:
        return f"{many} up to {last} did not start: {paused}{why}"

    return [gap_run(old, gap, State.SKIPPED if paused else State.MISSED, now, token, reason)]


def changed(before: Policy, after: Policy) -> bool:
    return any(getattr(before, key) != getattr(after, key) for key in SLOTS)


def next_due(drill: Policy, cursor: datetime) -> datetime | None:
    slot = schedule.next_slot(drill, cursor)
    return None if slot is None else schedule.due_at(drill, slot)


def noted(state: PolicyState, run: Run) -> PolicyState:
    """How the last drill ended."""
    return replace(
        state, last_drill=LastResult(run_id=run.run_id, state=run.state, at=run.finished_at or run.created_at)
    )


def gap_run(spec: Spec, gap: Gap, outcome: State, now: datetime, token: str, reason: Callable[[str, str], str]) -> Run:
    """One row for all slots of a gap, under the name of its newest. `reason` is given how many, in words, and that
    name."""
    slot = naming.slot_name(gap.last)
    run = unplanned(Kind.DRILL, spec, spec.policy.repository, slot, now, by="schedule", token=token)
    return ended_run(run, outcome, reason=reason(gap.words, slot), count=gap.count, since=gap.first)


def _missed(world: World, spec: Spec, gap: Gap) -> Run:
    span = f"from {naming.slot_name(gap.first)} to " if gap.count > 1 else ""
    why = WHY[gap.reason]
    now, token = world.clock.now(), world.token()
    return gap_run(spec, gap, State.MISSED, now, token, lambda many, last: f"missed {many} {span}{last}: {why}")


def _next(world: World, state: PolicyState) -> PolicyState:
    return replace(state, rev=state.rev + 1, token=world.token())
