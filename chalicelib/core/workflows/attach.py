"""The step of a restore that puts aliases on what it brought back (`restore plan --attach-aliases`)."""

from datetime import datetime

from chalicelib.core import attaching, pace
from chalicelib.core.model import Run, State
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.restore_ends import give_up
from chalicelib.core.workflows.restore_seen import Seen, own
from chalicelib.core.workflows.swap_seen import Repointing


def is_due(seen: Seen) -> bool:
    """Aliases are asked for, and they are not there. Never once something is released: before that all of it can still
    be removed when the server refuses, or somebody else took an alias."""
    if not attaching.actions(seen.plan) or not all(index.ours for index in own(seen)):
        return False
    return not attaching.is_done(seen.plan, seen.live)


def attach(run: Run, seen: Seen, now: datetime) -> Decision:
    wanted = attaching.actions(seen.plan)
    if why := attaching.unfit(seen.plan, seen.live):
        found = finding("restore.world_moved", seen.plan.plan_id, why, "make a new plan")
        return give_up(run, seen, now, State.FAILED, why, found)
    return Decision(state=State.CHECKING, act=Repointing(actions=wanted), again=pace.once_answered(run))
