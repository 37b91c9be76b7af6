"""The two sides of a swap that touch the world."""

from dataclasses import replace

from chalicelib.core import swapping
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexCount, IndexRef, Run, State
from chalicelib.core.plans import Plan
from chalicelib.core.ports import Engine
from chalicelib.core.workflows import swap_ends, swap_seen
from chalicelib.core.workflows.restore_seen import Seen
from chalicelib.service.world import World


def look(run: Run, plan: Plan, world: World, engine: Engine) -> Seen:
    """What has swapped is not looked at until somebody wants something, or its time is over."""
    if run.state is State.SWAPPED and run.ending is None:
        return Seen(plan=plan)
    made = world.store.evidence(run.run_id, "made", 1)
    old = world.store.evidence(run.run_id, "old", 1) if run.state is State.SWAPPED else None
    seen = Seen(
        plan=plan,
        made=made.indices if made else (),
        live=engine.restorer.standing(swapping.names(plan)),
        old=old.indices if old else (),
        then=old.counts if old else (),
    )
    return _counted(seen, run, engine)


def _counted(seen: Seen, run: Run, engine: Engine) -> Seen:
    """With what clones and their sources hold before the names move, and what the restored ones hold around it."""
    restored = [one.ref for one in swap_seen.restored(seen)]
    if run.ending is State.ROLLED_BACK:
        return replace(seen, counts=_patient(engine, restored))
    if run.state is not State.SWAPPING:
        return seen
    around = _patient(engine, restored) if run.repointed_at else ()
    return replace(seen, counts=(*around, *(_of_clones(seen, engine) if run.ending is None else ())))


def _of_clones(seen: Seen, engine: Engine) -> tuple[IndexCount, ...]:
    known = swap_seen.there(seen)
    pairs = [ref for order, one in swap_seen.cloned(seen) for ref in (order.source, one.ref) if ref.name in known]
    if len(pairs) < 2 * len(swapping.clones(seen.plan)):
        return ()  # not all are there yet, or no longer
    return engine.counts(pairs, refresh=True)


def _patient(engine: Engine, refs: list[IndexRef]) -> tuple[IndexCount, ...]:
    try:
        return engine.counts(refs, refresh=False)
    except (Retryable, Refused):
        return ()  # how much was written to them is good to know, and no reason not to go on


def act(act: swap_ends.Act, engine: Engine) -> None:
    match act:
        case swap_seen.Block():
            for index in act.indices:
                engine.restorer.block(index)
        case swap_seen.Clone():
            for order in act.orders:
                engine.restorer.clone(order)
        case swap_seen.Reopen():
            for index in act.indices:
                engine.restorer.reopen(index)
        case swap_seen.Repointing():
            engine.restorer.repoint(act.actions)
