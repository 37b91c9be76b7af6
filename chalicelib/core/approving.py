"""Who may say yes to a plan, and who may start it. Pure.

Two persons: one who made or starts it, and another who approved it. A person is whom AWS calls so; what somebody can
choose himself (the name of a role's session) tells nobody apart.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.core import plans
from chalicelib.core.errors import Problem
from chalicelib.core.plans import Mode, Plan
from chalicelib.core.prose import listed, span
from chalicelib.core.rows import Approval
from chalicelib.core.wire import dump
from chalicelib.core.workflows.restore_ends import few

UNKNOWN = ":user/moto"
"""How the ARN ends that the local stage answers to keys which it did not make: the same for everybody."""


def person(arn: str) -> str:
    """What two ARNs of one person have in common: of an assumed role without the session, whose name is free."""
    head, assumed, rest = arn.partition(":assumed-role/")
    return f"{head}{assumed}{rest.split('/')[0]}" if assumed else arn


def unknown(arn: str) -> bool:
    """Somebody on a local stage who brought no keys of it."""
    return arn.endswith(UNKNOWN)


def unstartable(plan: Plan, now: datetime) -> tuple[Problem, ...]:
    """What forbids to approve it and to start it, whoever asks."""
    if not unchanged(plan):
        message = "the stored plan is not the one that its id stands for: changed since, or made by another release"
        return (Problem(message, expected=anew(plan)),)
    if plan.wish.mode is Mode.DRILL:
        return (Problem("the plan is that of a drill, whose run alone carries it out", expected=anew(plan)),)
    if plan.conflicts:
        return tuple(Problem(found.message, expected=found.next_step) for found in few(plan.conflicts))
    if now - plan.made_at > plans.FRESH:
        age = f"the plan is {span(now - plan.made_at)} old, and an hour is the most"
        return (Problem(age, expected=anew(plan)),)
    return ()


def anew(plan: Plan) -> str:
    salvage = plan.wish.of_run
    return f"a new one: snapwarden {f'salvage {salvage} --dry-run' if salvage else 'restore plan'}"


def unchanged(plan: Plan) -> bool:
    """Whether its id still follows from what is in it; but for the calls, which follow from the rest."""
    bare = replace(plan, plan_id="", calls=())
    return plans.named(bare, dump(bare)).plan_id == plan.plan_id


def approval(plan: Plan, now: datetime, *, by: str, token: str) -> Approval:
    """As old as the plan may get, and no older."""
    return Approval(plan_id=plan.plan_id, by=by, at=now, expires_at=plan.made_at + plans.FRESH, token=token)


def unapprovable(plan: Plan, by: str) -> Problem | None:
    """Why this person's yes is none."""
    if not plan.approval:
        return Problem("the plan needs no approval", expected=f"snapwarden restore start {plan.plan_id}")
    if person(by) == person(plan.made_by):
        return Problem(f"{plan.made_by} made the plan{_nobody(by)}", expected="the approval of somebody else")
    return None


def unpermitted(plan: Plan, given: Approval | None, by: str, now: datetime) -> Problem | None:
    """Why this person may not start the plan, which needs an approval."""
    if given is None:
        message = f"{listed(plan.approval)} beyond `restore.allow`: a second person must approve the plan"
        alone = "alone: --break-glass --why"
        return Problem(message, expected=f"snapwarden restore approve {plan.plan_id}, by another person; {alone}")
    if given.used_by:
        return Problem(f"the approval was for {given.used_by}", expected=anew(plan))
    if now > given.expires_at:
        return Problem("the approval has expired, with its plan", expected=anew(plan))
    if person(by) == person(given.by):
        return Problem(f"{given.by} approved it{_nobody(by)}", expected="a start by somebody else")
    return None


def _nobody(by: str) -> str:
    told = ", which is anybody without keys of this local stage (docs/restore.md)"
    return told if unknown(by) else ""
