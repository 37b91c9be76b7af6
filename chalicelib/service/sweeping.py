"""Removes what a run had made and could not remove: by the names and uuids that it wrote down, and nothing else, ever.

An index that no longer carries the mark of its restore was released, and is people's: it is left alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.core import leftovers
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.evidence import Evidence
from chalicelib.core.messages import Sweep
from chalicelib.core.model import IndexRef, Run
from chalicelib.core.ports import Update
from chalicelib.core.restore_ports import Restorer
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.streams import StreamRef, groups
from chalicelib.service import plans as planner
from chalicelib.service.backups import ACT_TIMEOUT
from chalicelib.service.elsewhere import spec_now
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World

log = logging.getLogger(__name__)


def sweep(world: World, message: Sweep) -> None:
    """One try. What stays is tried again by the tick, hourly. Its end is told once: nothing is left, or three days were
    in vain. Told before the row forgets it: a crash in between tells again, under the same key.

    Raises Retryable when the store or the topic gives no answer; the message comes again."""
    state = world.store.state(message.policy)
    since = state.leftovers.get(message.run_id) if state else None
    run = world.store.run(message.run_id)
    if state is None or since is None or run is None or not run.settled:
        return
    made = world.store.evidence(run.run_id, "made", 1)
    if made is None:
        _end(world, run, state, "what it made was never written down")
        return
    try:
        left, kept = _removed(world, run, state, made)
        why = f"{left[0].name} is still there" if left else None
        if kept and not left:
            why = f"{kept[0].name} was released, so people may use it: it stays"
    except (Retryable, Refused) as error:
        log.warning("leftovers stay for now", extra={"run_id": run.run_id, "error": str(error)})
        left, why = made.indices, str(error)
    if not left or world.clock.now() - since >= leftovers.PATIENCE:
        _end(world, run, state, why)


def _removed(
    world: World, run: Run, state: PolicyState, made: Evidence
) -> tuple[Sequence[IndexRef], Sequence[IndexRef]]:
    """Removes what there is, one by one; answers what is left, and what was released and is people's. Retryable when
    the time of this invocation does not do: another message goes on."""
    restorer = world.engine(_spec(world, run, state)).restorer
    found, kept = _there(run, restorer, made)
    for each in _groups(world, run, found):
        if world.remaining() <= ACT_TIMEOUT:
            world.queue.send(Sweep(policy=run.policy, run_id=run.run_id))
            raise Retryable(f"too little time to remove {each.name} and those after it")
        if isinstance(each, StreamRef):
            restorer.remove_stream(each)
        else:
            restorer.remove(each)
    return _there(run, restorer, made) if found else (found, kept)


def _groups(world: World, run: Run, found: Sequence[IndexRef]) -> Sequence[IndexRef | StreamRef]:
    """Its plan may be lost: then nobody knows which were made with a data stream, and each is removed by itself."""
    stored = world.store.evidence(run.plan or "", planner.KIND, 1)
    return groups(found, stored.plan.streams, stored.plan.names) if stored and stored.plan else found


def _there(run: Run, restorer: Restorer, made: Evidence) -> tuple[list[IndexRef], list[IndexRef]]:
    """Of what the run wrote down, what is there and was never released, and what was. Its plan may be lost."""
    wanted = leftovers.order(run, made.indices)
    there = {(index.name, index.uuid): index.ours for index in restorer.restored(wanted)}
    known = [(index, there.get((index.name, index.uuid))) for index in made.indices]
    return [index for index, ours in known if ours], [index for index, ours in known if ours is False]


def _spec(world: World, run: Run, state: PolicyState) -> Spec:
    """The file that is in force, where it still has that target: an address may have been corrected since."""
    if run.source is not None:
        return spec_now(world, run)
    spec = world.spec(run.policy, state.spec_gen)
    return spec if spec.target.name == run.target else world.spec(run.policy, run.spec_gen)


def _end(world: World, run: Run, state: PolicyState, why: str | None) -> None:
    spec = world.spec(run.policy, state.spec_gen)
    told = leftovers.report(run, spec.policy, why, stage=world.stage, now=world.clock.now())
    if told:
        world.notifier.report(told)

    def forgotten() -> PolicyState | None:
        known = world.store.state(run.policy)
        if known is None or run.run_id not in known.leftovers:
            return state
        after = replace(leftovers.dropped(known, run.run_id), rev=known.rev + 1, token=world.token())
        return after if world.store.commit(Update(after)) else None

    in_turn(f"policy {run.policy}", forgotten)
