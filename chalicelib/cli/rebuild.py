"""`restore plan --everything`: a whole cluster, in numbered phases."""

from datetime import timedelta

from chalicelib import bootstrap
from chalicelib.cli import asking, plan_lines
from chalicelib.cli.output import Output, instant, size
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.prose import span
from chalicelib.service import rebuilds


def plan(out: Output, wish: Wish, target: str | None, *wrong: Problem) -> Plan:
    """BadInput for options that mean one policy, with those that are known to be `wrong`."""
    of_one = {
        "--policy": bool(wish.policy),
        "--indices": bool(wish.indices),
        "--prefix": bool(wish.prefix),
    }
    given = [key for key, value in of_one.items() if value]
    wrong += tuple(Problem("is not of everything", key=key, expected="--everything without it") for key in given)
    if wrong:
        raise BadInput(*wrong)
    return rebuilds.plan(bootstrap.of_terminal(out.stage), wish, target)


def summary(out: Output, plan: Plan, *, every: bool) -> None:
    """What would be put back, as far as it matters to whoever approves it."""
    where = f"from {plan.source} to {plan.target}" if plan.source else f"on {plan.target}"
    out.say(f"{plan.plan_id}  everything {where}")
    out.say(f"  made by    {asking.named(plan.made_by)}")
    out.say(f"  data of    {instant(plan.taken_at)} at the latest, made by {plan.version}; the server is {plan.server}")
    room = f", {size(plan.spare)} free below the low watermark" if plan.spare is not None else ""
    seconds = timedelta(seconds=plan.expected_seconds or 0)
    if any(phase.names for phase in plan.phases if not phase.skipped):
        out.say(f"  needs      {size(plan.bytes)} of disk{room}")
        out.say(f"  takes      about {span(seconds)}, one phase after the other")
    plan_lines.beyond(out, plan.approval, every=every)
    rows = [
        (
            str(phase.number),
            f"{phase.does}, skipped" if phase.skipped else phase.does.value,
            str(phase.names),
            "-" if phase.priority is None else str(phase.priority),
            size(phase.bytes) if phase.plan else "-",
            phase.backup_id or "-",
        )
        for phase in plan.phases
    ]
    out.table(
        ("PHASE", "PUTS BACK", "NAMES", "PRIORITY", "SIZE", "FROM"), rows, empty="", whole=("FROM",), spare=("SIZE",)
    )
