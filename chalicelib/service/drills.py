"""Drills: how the run of one comes into being."""

from datetime import datetime

from chalicelib.core.model import Kind, Run
from chalicelib.core.rows import Spec
from chalicelib.service.restores import unplanned
from chalicelib.service.world import World


def new(world: World, spec: Spec, slot: str, *, by: str, start_by: datetime) -> Run:
    """A drill of the policy, about to be thought through; not started by `start_by`, it is MISSED."""
    from dataclasses import replace

    run = unplanned(Kind.DRILL, spec, spec.policy.repository, slot, world.clock.now(), by=by, token=world.token())
    return replace(run, start_by=start_by)
