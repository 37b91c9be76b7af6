"""The plan that a run carries out, what it would be now, and what the backup's run counted."""

from dataclasses import replace

from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.model import IndexRef, Run
from chalicelib.core.plans import Plan
from chalicelib.core.ports import Engine
from chalicelib.core.rows import Spec
from chalicelib.core.workflows.restore_seen import Seen
from chalicelib.service import plans as planner
from chalicelib.service.backups import patiently
from chalicelib.service.world import World


def thought_through(world: World, run: Run, engine: Engine) -> Plan:
    """The plan that the run's wish comes to now."""
    found = world.store.evidence(run.run_id, "wish", 1)
    if found is None or found.wish is None:
        raise Retryable(f"what {run.run_id} was asked for could not be read")
    spec = spec_now(world, run)
    try:
        backup = planner.chosen(world, found.wish, spec)
    except BadInput as error:
        raise Refused(str(error)) from None
    return planner.anew(world, found.wish, spec, engine, backup, by=run.requested_by)


def planned(world: World, run: Run) -> Plan:
    try:
        return planner.stored(world, run.plan or "")
    except BadInput as error:
        raise Retryable(f"the plan of {run.run_id} could not be read: {error}") from None


def anew(world: World, plan: Plan, engine: Engine, run: Run) -> Plan:
    backup = planner.of_plan(world, plan)
    if backup is None:
        raise Refused(f"the backup {plan.backup_id} is no longer in the catalogue")
    return planner.anew(world, plan.wish, spec_now(world, run), engine, backup, by=run.requested_by)


def spec_now(world: World, run: Run) -> Spec:
    """What the file says that is in force now: it may no longer allow what it did."""
    state = world.store.state(run.policy)
    return world.spec(run.policy, state.spec_gen if state else run.spec_gen)


def checking(run: Run, world: World, engine: Engine, seen: Seen) -> Seen:
    """With what the backup's run wrote down; until it was compared, with what the restored indices hold, too."""
    backup = planner.of_plan(world, seen.plan)
    if backup is None:
        return replace(seen, uncounted="the catalogue has lost the backup")
    kinds = ("expected",) if run.checked else ("expected", "after")
    expected, *rest = planner.evidences(world, backup, *kinds)
    seen = replace(seen, originals=expected.indices if expected else ())
    if run.checked:
        return seen
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
