"""A second person's yes: asked for, given, and used up by the start of the one run that it was for."""

from dataclasses import replace

from chalicelib.core import approving
from chalicelib.core.errors import BadInput, Conflict, Problem, Refused
from chalicelib.core.model import Run
from chalicelib.core.plans import Plan
from chalicelib.core.ports import Create, Update
from chalicelib.core.rows import Approval
from chalicelib.service import plans as planner
from chalicelib.service.world import World


def approve(world: World, plan_id: str) -> tuple[Plan, Approval]:
    """Whoever calls says yes to this plan. Asked twice by one person, it is one approval.

    BadInput for a plan that is unknown, needs none, can't be started, or was made by the same person; Conflict when
    somebody else approved it before; Refused on a deployed stage; Retryable when AWS does not say who calls."""
    check_local(world)
    plan, now = planner.stored(world, plan_id), world.clock.now()
    if wrong := approving.unstartable(plan, now):
        raise BadInput(*wrong)
    by = world.identity()
    if problem := approving.unapprovable(plan, by):
        raise BadInput(problem)
    given = approving.approval(plan, now, by=by, token=world.token())
    if world.stored(Create(given)):
        return plan, given
    known = world.store.approval(plan_id)
    if known is None:
        raise Conflict(f"the approval of {plan_id} is being written by others; try again")
    if approving.person(known.by) != approving.person(by):
        raise Conflict(f"{plan_id} was approved by {known.by} already")
    return plan, known


def check_local(world: World) -> None:
    """On a deployed stage people do not write the table, so nobody there could vouch for who they are."""
    if not world.local:
        raise Refused("approvals of a deployed stage come with its API: until then no plan that needs one is started")


def consumed(world: World, plan: Plan, run: Run) -> tuple[Run, tuple[Update, ...]]:
    """The run with the second person's name, and the approval as used up by it: to be stored together. BadInput when
    there is none that will do."""
    given = world.store.approval(plan.plan_id)
    if problem := approving.unpermitted(plan, given, run.requested_by, run.created_at):
        raise BadInput(problem)
    assert given is not None
    used = replace(given, used_by=run.run_id, rev=given.rev + 1, token=run.token)
    return replace(run, approved_by=given.by), (Update(used),)


def check_glass(plan: Plan) -> None:
    """BadInput where nobody needs to break it."""
    if not plan.approval:
        message = "the plan needs no approval, so there is no glass to break"
        raise BadInput(Problem(message, key="--break-glass", expected="the start without it"))
