"""`restore plan`, `restore start`: back from a backup, thought through first."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking, salvage
from chalicelib.cli.output import Output, instant, size
from chalicelib.cli.runs import started
from chalicelib.core import model, wire
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.prose import counted, span
from chalicelib.core.spec import LEVELS
from chalicelib.service import approvals, control, plans, restores

LATEST = "latest"
PREFIXES = {mode: "" if mode in (Mode.IN_PLACE, Mode.DRILL) else "restored-" for mode in Mode}
Policy = Annotated[str, typer.Option("--policy", help="Whose backup.", show_default=False)]
Backup = Annotated[
    str | None, typer.Option("--backup", metavar="latest|ID", help="Default: the newest good one.", show_default=False)
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="The newest that had ended by then.", show_default=False)
]
AtLeast = Annotated[
    str | None, typer.Option("--level-at-least", metavar="LEVEL", help="Proved at least so far.", show_default=False)
]
Indices = Annotated[
    list[str] | None, typer.Option("--indices", metavar="PATTERN", help="May be given again.", show_default=False)
]
Kind = Annotated[
    Mode,
    typer.Option(
        "--mode",
        metavar="rename|swap|in_place",
        help="rename: beside what is live; swap: for it; in_place: over it, after a safety backup.",
    ),
]
Prefix = Annotated[
    str | None, typer.Option("--prefix", help="What new names begin with. Default: restored-", show_default=False)
]
Replicas = Annotated[
    int | None,
    typer.Option("--replicas", min=0, help="Of each index in the end. Default: as it had.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    commands = typer.Typer(help="Back from a backup, thought through first.", no_args_is_help=True)
    commands.command("plan", epilog="Example: snapwarden restore plan --policy nightly --indices orders")(plan)
    commands.command("finish", epilog="Example: snapwarden restore finish restore:nightly:plan-1f0c…")(finish)
    commands.command("rollback", epilog="Example: snapwarden restore rollback restore:nightly:plan-1f0c… --wait")(
        rollback
    )
    commands.command("approve", epilog="Example: snapwarden restore approve plan-1f0c…")(approve)
    commands.command("start", epilog="Example: snapwarden restore start plan-1f0c… --wait")(start)
    app.add_typer(commands, name="restore")


def plan(
    context: typer.Context,
    policy: Policy,
    backup: Backup = None,
    at: At = None,
    level: AtLeast = None,
    indices: Indices = None,
    mode: Kind = Mode.RENAME,
    prefix: Prefix = None,
    replicas: Replicas = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Indices of which shards are missing in the backup are left out.")
    ] = False,
) -> None:
    """Works everything out before anything is touched.

    Which backup, which names, what is in the way, what it takes. Exit code 1 when something is in the way."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    wish = Wish(
        policy=policy,
        backup=None if backup == LATEST else backup,
        at=asking.moment(at, key="--at")[0] if at else None,
        level=_level(level),
        indices=tuple(indices or ()),
        mode=mode,
        prefix=prefix if prefix is not None else PREFIXES[mode],
        replicas=replicas,
        allow_partial=allow_partial,
    )
    made = plans.plan(world, wish)
    if out.json:
        out.document(wire.public_plan(made))
    else:
        _print(out, made)
    if made.conflicts:
        sys.exit(1)


def start(
    context: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN", help="As `restore plan` printed it.")],
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 unless it is good.")] = False,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Without the second person that it needs; everybody is told.")
    ] = False,
    why: Annotated[str | None, typer.Option("--why", help="With --break-glass: why alone.", show_default=False)] = None,
) -> None:
    """Carries out a plan, exactly as it was shown. Refused when it is older than an hour, or when the world has moved
    since. Prints the id of the run; asked twice, it is one run."""
    out: Output = context.obj
    glass = _glass(why, broken=break_glass)
    world = bootstrap.of_terminal(out.stage)
    run = restores.start(world, plan_id, glass=glass)
    started(out, world, run, wait=wait)


Run = Annotated[str, typer.Argument(metavar="RUN", help="One that is SWAPPED.")]
Why = Annotated[str, typer.Option("--why", help="For those who read it later.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 unless it is good.")]


def finish(context: typer.Context, run_id: Run, why: Why = "", wait: Wait = False) -> None:
    """Deletes what a swap put aside, now. At the end of `keep_old` it happens by itself."""
    _decide(context.obj, control.finish, run_id, why, wait=wait)


def rollback(context: typer.Context, run_id: Run, why: Why = "", wait: Wait = False) -> None:
    """Moves all names back to what was live before. What was restored stays, beside it."""
    _decide(context.obj, control.rollback, run_id, why, wait=wait)


def _decide(out: Output, ask: Callable[..., model.Run], run_id: str, why: str, *, wait: bool) -> None:
    world = bootstrap.of_terminal(out.stage)
    reason = asking.reason(why, needed=False)
    run = started(out, world, ask(world, run_id, by=asking.who(), why=reason), wait=wait)
    if wait and not run.settled:
        sys.exit(1)  # it was not done: its findings say why


def _glass(why: str | None, *, broken: bool) -> str | None:
    if broken:
        return asking.reason(why or "")
    if why is not None:
        raise BadInput(Problem("says why it is done alone", key="--why", expected="--break-glass beside it"))
    return None


def approve(
    context: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN", help="As `restore plan` printed it.")],
) -> None:
    """A second person's yes to a plan. For names beyond `restore.allow`; not by whoever made it, and not for whoever
    approved it to start. It expires with the plan, an hour after that was made."""
    out: Output = context.obj
    plan, given = approvals.approve(bootstrap.of_terminal(out.stage), plan_id)
    if out.json:
        out.document(wire.public_approval(given))
        return
    (salvage.summary if plan.wish.mode is Mode.SALVAGE else _summary)(out, plan)
    out.say(f"approved by {given.by} until {instant(given.expires_at)}")
    out.say(f"somebody else starts it: snapwarden restore start {plan_id} --wait")


def _level(text: str | None) -> str | None:
    if text is not None and text not in LEVELS:
        raise BadInput(Problem(f"--level-at-least: {text} is no level", expected=f"one of {', '.join(LEVELS)}"))
    return text


def _summary(out: Output, plan: Plan) -> None:
    out.say(f"{plan.plan_id}  {plan.wish.mode} from {plan.backup_id} ({plan.level}) on {plan.target}")
    out.say(f"  made by    {asking.named(plan.made_by)}")
    out.say(f"  data of    {instant(plan.taken_at)}, made by {plan.version}; the server is {plan.server}")
    room = f", {size(plan.spare)} free below the low watermark" if plan.spare is not None else ""
    out.say(f"  needs      {size(plan.bytes)} of disk{room}")
    if plan.keep_old is not None:
        kept = span(timedelta(seconds=plan.keep_old))
        out.say(f"  keeps      what is live now, for {kept}; people lose what is BEHIND LIVE")
    columns = ("FROM", "TO", "SHARDS", "SIZE", "BEHIND LIVE")
    rows = [(move.source, move.name, str(move.shards), size(move.bytes), _behind(move.behind)) for move in plan.moves]
    out.table(columns, rows, empty="nothing would be restored", whole=("TO",))


def _print(out: Output, plan: Plan) -> None:
    _summary(out, plan)
    for call in plan.calls:
        out.say(f"  {call}")
    for finding in plan.findings:
        out.say(f"  [{finding.severity}] {finding.code}: {finding.message}\n      next: {finding.next_step}")
    if plan.conflicts:
        out.say(f"{counted(len(plan.conflicts), 'conflict')}: it will not be started")
        return
    if plan.approval:
        out.say(f"a second person first, with credentials of their own: snapwarden restore approve {plan.plan_id}")
    out.say(f"start it within an hour: snapwarden restore start {plan.plan_id} --wait")


def _behind(operations: int | None) -> str:
    return "-" if operations is None else counted(operations, "operation")
