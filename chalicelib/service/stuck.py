"""Shards of a restore that are on no node: the engine is asked why, when it is worth a question."""

from dataclasses import replace

from chalicelib.core.model import Run
from chalicelib.core.ports import Engine
from chalicelib.core.restores import Unallocated
from chalicelib.core.workflows.restore_seen import Seen, own
from chalicelib.core.workflows.restore_stuck import to_explain
from chalicelib.service.backups import patiently
from chalicelib.service.world import World


def explained(run: Run, seen: Seen, world: World, engine: Engine) -> Seen:
    """With what the deciders say, where they are to be asked. That they could not be asked ends nothing, and is said in
    their place; Retryable for the first two minutes."""
    asked = to_explain(run, own(seen), world.clock.now())
    if asked is None:
        return seen
    said, why = patiently(run, world.clock.now(), lambda: engine.restorer.unallocated(*asked))
    if why:
        said = Unallocated(index=asked[0], shard=asked[1], never=False, why=f"why is not known: {why}")
    return replace(seen, unallocated=said)
