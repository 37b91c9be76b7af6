"""`explain`: the cause of a run, and what is known of the last time. Reads only."""

from dataclasses import dataclass

from chalicelib.core import explaining
from chalicelib.core.explaining import Episode, Explanation
from chalicelib.core.model import Run
from chalicelib.service import query
from chalicelib.service.differences import changed_keys
from chalicelib.service.world import World

LOOKED_BACK = 400
"""Runs of the policy, newest first, that are searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`mended`: what was another thing when it went well after the last similar one; `ended`: after this one."""

    explanation: Explanation
    mended: tuple[str, ...]
    ended: tuple[str, ...]


def explain(world: World, run_id: str) -> Explained:
    """BadInput for an unknown run. Runs older than the newest LOOKED_BACK of the policy are not known of. A restore
    that went well says nothing of the backups or of salvages, nor the other way round."""
    run = query.run(world, run_id)
    known = world.store.runs(policy=run.policy, kind=run.kind.value, limit=LOOKED_BACK)
    others = [other for other in known if (other.salvage is None) == (run.salvage is None)]
    found = explaining.explain(run, others, world.clock.now())
    now = Episode(run=run, fixed_by=found.since)
    return Explained(explanation=found, mended=_differences(world, found.before), ended=_differences(world, now))


def _differences(world: World, episode: Episode | None) -> tuple[str, ...]:
    if episode is None or episode.fixed_by is None:
        return ()
    failed, good = episode.run, episode.fixed_by
    accepted = tuple(
        f"{backup.accepted.by} accepted {backup.backup_id}: {backup.accepted.why}"
        for backup in world.store.backups(failed.policy)
        if backup.accepted and failed.created_at <= backup.accepted.at <= good.created_at
    )
    return (*accepted, *explaining.differed(failed, good, _keys(world, failed, good), by_hand=bool(accepted)))


def _keys(world: World, failed: Run, good: Run) -> tuple[str, ...]:
    if failed.spec_gen == good.spec_gen:
        return ()
    after = world.spec(good.policy, good.spec_gen)
    return changed_keys(world.spec(failed.policy, failed.spec_gen), after.policy, after.target)
