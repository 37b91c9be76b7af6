"""The plan that a run carries out, what it would be now, and what the backup's run counted."""

from dataclasses import replace

from chalicelib.core import attaching
from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.model import IndexRef, Run
from chalicelib.core.plans import Plan
from chalicelib.core.ports import Engine
from chalicelib.core.workflows.restore_seen import Seen
from chalicelib.service import expecting
from chalicelib.service import plans as planner
from chalicelib.service.backups import patiently
from chalicelib.service.elsewhere import spec_now
from chalicelib.service.world import World


def thought_through(world: World, run: Run, engine: Engine) -> Plan:
    """The plan that the run's wish comes to now."""
    found = world.store.evidence(run.run_id, "wish", 1)
    if found is None or found.wish is None:
        raise Retryable(f"what {run.run_id} was asked for could not be read")
    state = world.store.state(run.policy)
    try:
        own = world.spec(run.policy, state.spec_gen if state else run.spec_gen)
        backup = planner.chosen(world, found.wish, own)
    except BadInput as error:
        raise Refused(str(error)) from None
    history = expecting.history(world, run.policy)
    return planner.anew(world, found.wish, spec_now(world, run), engine, backup, by=run.requested_by, history=history)


def planned(world: World, run: Run) -> Plan:
    """Refused when it is lost to a run that has made something: that must not wait for it until its deadline."""
    try:
        return planner.stored(world, run.plan or "")
    except BadInput as error:
        why = f"the plan of {run.run_id} could not be read: {error}"
        raise (Refused(why) if run.attempts else Retryable(why)) from None


def anew(world: World, plan: Plan, engine: Engine, run: Run) -> Plan:
    backup = planner.of_plan(world, plan)
    if backup is None:
        raise Refused(f"the backup {plan.backup_id} is no longer in the catalogue")
    recorded = attaching.as_planned(plan)
    return planner.anew(world, plan.wish, spec_now(world, run), engine, backup, by=run.requested_by, recorded=recorded)


def _with_bearers(engine: Engine, seen: Seen) -> Seen:
    """With who bears the aliases that are to be attached, as long as nothing is released."""
    names = attaching.touched(seen.plan)
    if not names or not all(index.ours for index in seen.restored):
        return seen
    return replace(seen, live=engine.restorer.standing(names))


def checking(run: Run, world: World, engine: Engine, seen: Seen) -> Seen:
    """With what the backup's run wrote down; until it was compared, with what the restored indices hold, too."""
    backup = planner.of_plan(world, seen.plan)
    if backup is None:
        return replace(seen, uncounted="the catalogue has lost the backup")
    kinds = ("expected",) if run.checked else ("expected", "after")
    expected, *rest = planner.evidences(world, backup, *kinds)
    seen = replace(seen, originals=expected.indices if expected else ())
    if run.checked:
        return _with_bearers(engine, seen)
    (after,) = rest
    wanted = [IndexRef(name=index.name, uuid=index.uuid, shards=index.shards) for index in seen.restored]
    counts, why = patiently(run, world.clock.now(), lambda: engine.counts(wanted, refresh=False))
    return replace(
        seen,
        before=expected.counts if expected else (),
        after=after.counts if after else (),
        counts=counts or (),
        uncounted=why,
    )
