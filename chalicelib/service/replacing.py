"""Restores in place: the safety backup before them, and the two sides of them that touch the world."""

from dataclasses import replace

from chalicelib.core import in_place, planning, traffic
from chalicelib.core.errors import BadInput, Conflict, Refused
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.plans import Plan
from chalicelib.core.ports import Engine
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.traffic import GRACE
from chalicelib.core.workflows.restore_seen import Close, Open, Seen
from chalicelib.service import plans as planner
from chalicelib.service import stuck
from chalicelib.service.planned import anew, checking
from chalicelib.service.world import World


def check_free(world: World, plan: Plan) -> None:
    """Conflict when a hold would keep the safety backup waiting."""
    spec = world.spec(plan.wish.policy, plan.spec_gen)
    _, slots = world.store.traffic(traffic.lease_name(spec.target, plan.repository), plan.target)
    if why := traffic.held(slots, Kind.BACKUP):
        raise Conflict(f"{why}, and a restore in place needs a backup first: snapwarden release {plan.target}")


def placed(run: Run, plan: Plan, spec: Spec) -> Run:
    """Behind its safety backup, which may take its time; its own hour to start in comes on top."""
    if not plan.saves:
        return replace(run, in_place=True)
    longest = 2 * spec.policy.timeout + GRACE
    return replace(run, in_place=True, after=in_place.safety_run(plan), start_by=run.start_by + longest)


def look(run: Run, plan: Plan, world: World, engine: Engine) -> Seen:
    names = [move.name for move in plan.moves]
    if run.attempts == 0:
        seen = Seen(plan=plan, anew=anew(world, plan, engine, run), live=engine.restorer.standing(names))
        return replace(seen, safety=_safety(world, plan, engine) if plan.saves else None)
    made, before = world.store.evidence(run.run_id, "made", 1), world.store.evidence(run.run_id, "before", 1)
    seen = Seen(
        plan=plan,
        restored=engine.restorer.restored(planning.order(plan)),
        made=made.indices if made else (),
        was=before.indices if before else (),
    )
    waits = run.state is State.RESTORING and not any(index.ours for index in seen.restored)
    if waits or run.ending is not None:
        saved = _saved(world, plan) if run.ending else None
        return replace(seen, live=engine.restorer.standing(names), safety=saved[0] if saved else None)
    if run.state is State.CHECKING:
        if run.checked:  # another restore in place, from elsewhere, may come between, and keeps the uuid
            seen = replace(seen, live=engine.restorer.standing(names))
        return checking(run, world, engine, seen)
    return stuck.explained(run, seen, world, engine)


def _safety(world: World, plan: Plan, engine: Engine) -> in_place.Safety | None:
    """What the safety backup holds is asked of the server: its outcome tells of all that the policy selects."""
    safety, backup = _saved(world, plan) or (None, None)
    if safety is None or backup is None:
        return safety
    contents = engine.restorer.contents(backup.repository, backup.snapshot)
    if contents is None or contents.uuid != backup.snapshot_uuid:
        raise Refused(f"the safety backup {backup.backup_id} is in the catalogue, and no longer in the repository")
    expected = planner.evidence(world, backup, "expected")
    held = in_place.held(contents, expected.indices if expected else ())
    return replace(safety, indices=held)


def _saved(world: World, plan: Plan) -> tuple[in_place.Safety, Backup | None] | None:
    """As the table has it; None: it was never asked for."""
    run = world.store.run(in_place.safety_run(plan))
    if run is None:
        return None
    safety = in_place.Safety(run_id=run.run_id, state=run.state)
    backup = next((one for one in world.store.backups(run.policy) if one.run_id == run.run_id), None)
    return (replace(safety, backup_id=backup.backup_id, good=backup.good), backup) if backup else (safety, None)


def act(act: Close | Open, engine: Engine) -> None:
    for index in act.indices:
        if isinstance(act, Close):
            engine.restorer.close(index)
        else:
            engine.restorer.open(index)


def ask(world: World, run: Run) -> str | None:
    """The safety backup, asked for by the run that waits for it, so that no crash forgets it: it is one, however often.
    Why it can't be, in words; None: it is asked for."""
    from chalicelib.service.request import backup_now

    slot = (run.after or "").rpartition(":")[2]
    try:
        backup_now(world, run.policy, request_id=slot, requested_by=run.requested_by)
    except (BadInput, Conflict, Refused) as error:  # of the queue, say: what is stored is found by the next step
        return f"the safety backup was not accepted: {error}"
    return None
