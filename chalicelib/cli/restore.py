"""`restore plan`, `restore start`: back from a backup, thought through first."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking, plan_lines, rebuild, salvage
from chalicelib.cli import restore_options as options
from chalicelib.cli.output import Output, console, instant, size
from chalicelib.cli.runs import started
from chalicelib.core import model, plan_time, wire
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.prose import counted, span
from chalicelib.core.spec import LEVELS
from chalicelib.service import approvals, control, plans, restores

LATEST = "latest"
PREFIXES = {mode: "" if mode in (Mode.IN_PLACE, Mode.DRILL) else "restored-" for mode in Mode}


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
    policy: options.Policy = None,
    backup: options.Backup = None,
    at: options.At = None,
    level: options.AtLeast = None,
    indices: options.Indices = None,
    mode: options.Kind = Mode.RENAME,
    prefix: options.Prefix = None,
    into: options.Into = None,
    replicas: options.Replicas = None,
    attach_lifecycle: options.AttachLifecycle = False,
    attach_aliases: options.AttachAliases = False,
    allow_partial: options.AllowPartial = False,
    everything: options.Everything = False,
    target: options.Target = None,
    skip: options.Skip = None,
    configuration: options.ConfigurationOf = None,
    every: plan_lines.All = False,
) -> None:
    """Works everything out before anything is touched.

    Which backup, which names, what is in the way, what it takes. Exit code 1 when something is in the way."""
    out: Output = context.obj
    wish = Wish(
        policy=policy or "",
        backup=None if backup == LATEST else backup,
        at=asking.moment(at, key="--at")[0] if at else None,
        level=_level(level),
        indices=tuple(indices or ()),
        mode=mode,
        prefix=prefix if prefix is not None else PREFIXES[mode],
        replicas=replicas,
        allow_partial=allow_partial,
        attach_lifecycle=attach_lifecycle,
        attach_aliases=attach_aliases,
        skip=tuple(skip or ()),
        into=into,
    )
    whole = everything or configuration is not None
    made = _everything(out, wish, target, prefix, configuration) if whole else _of_policy(out, wish, target)
    _tell(out, made, every=every)


def _tell(out: Output, made: Plan, *, every: bool) -> None:
    if out.json:
        out.document(wire.public_plan(made))
    else:
        _print(out, made, every=every)
    if made.conflicts:
        sys.exit(1)


def _everything(out: Output, wish: Wish, target: str | None, prefix: str | None, of: str | None) -> Plan:
    wrong = []
    if wish.mode is not Mode.RENAME:
        wrong.append(Problem("everything comes back in one way only", key="--mode", expected="no --mode"))
    for key, given in (("--attach-aliases", wish.attach_aliases), ("--attach-lifecycle", wish.attach_lifecycle)):
        if given:
            wrong.append(Problem("everything brings them back anyway", key=key, expected="--everything without it"))
    if wish.backup is not None:
        expected = "--at TIME, or --configuration BACKUP"
        wrong.append(Problem("everything is of many backups", key="--backup", expected=expected))
    whole = replace(wish, mode=Mode.EVERYTHING, prefix=prefix or "", backup=of)
    return rebuild.plan(out, whole, target, *wrong)


def _of_policy(out: Output, wish: Wish, target: str | None) -> Plan:
    wrong = [] if wish.policy else [Problem("whose backup?", key="--policy", expected="--policy, or --everything")]
    for key, given in (("--target", target), ("--skip", wish.skip)):
        wrong += [Problem("belongs to --everything", key=key, expected="--everything beside it")] if given else []
    if wrong:
        raise BadInput(*wrong)
    return plans.plan(bootstrap.of_terminal(out.stage), wish)


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
    known = restores.known(world, plans.stored(world, plan_id))
    run = restores.start(world, plan_id, glass=glass)
    if known:
        plan_lines.say_known(known)
    elif not out.json:
        _say_time(plans.stored(world, plan_id))
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
    run = started(out, world, ask(world, run_id, by=world.identity(), why=reason), wait=wait)
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
    every: plan_lines.All = False,
) -> None:
    """A second person's yes to a plan. For names beyond `restore.allow`; not by whoever made it, and not for whoever
    approved it to start. It expires with the plan, an hour after that was made."""
    out: Output = context.obj
    plan, given = approvals.approve(bootstrap.of_terminal(out.stage), plan_id)
    if out.json:
        out.document(wire.public_approval(given))
        return
    SUMMARIES.get(plan.wish.mode, _summary)(out, plan, every=every)
    out.say(f"approved by {given.by} until {instant(given.expires_at)}")
    out.command("somebody else starts it", f"snapwarden restore start {plan_id} --wait")


def _level(text: str | None) -> str | None:
    if text is not None and text not in LEVELS:
        raise BadInput(Problem(f"--level-at-least: {text} is no level", expected=f"one of {', '.join(LEVELS)}"))
    return text


def _say_time(plan: Plan) -> None:
    """On stderr, as what is seen of the run is: stdout has its id."""
    if plan.wish.mode in SUMMARIES:
        return
    err = console(stderr=True)
    err.print(f"takes {plan_time.words(plan)}", markup=False, soft_wrap=True)
    for finding in plan.findings:
        if finding.code == plan_time.HOLDS_UP:
            err.print(f"[{finding.severity}] {finding.code}: {finding.message}", markup=False, soft_wrap=True)


def _summary(out: Output, plan: Plan, *, every: bool) -> None:
    where = f"from {plan.source} to {plan.target}" if plan.source else f"on {plan.target}"
    out.say(f"{plan.plan_id}  {plan.wish.mode} from {plan.backup_id} ({plan.level}) {where}")
    out.say(f"  made by    {asking.named(plan.made_by)}")
    out.say(f"  data of    {instant(plan.taken_at)}, made by {plan.version}; the server is {plan.server}")
    room = f", {size(plan.spare)} free below the low watermark" if plan.spare is not None else ""
    if plan.moves:
        out.say(f"  needs      {size(plan.bytes)} of disk{room}")
        out.say(f"  takes      {plan_time.words(plan)}")
    if plan.keep_old is not None:
        kept = span(timedelta(seconds=plan.keep_old))
        out.say(f"  keeps      what is live now, for {kept}; people lose what is BEHIND LIVE")
    plan_lines.beyond(out, plan.approval, every=every)
    columns = ("FROM", "TO", "SHARDS", "SIZE", "BEHIND LIVE")
    shown, others = plan_lines.biggest(plan.moves, every=every)
    rows = [(move.source, move.name, str(move.shards), size(move.bytes), _behind(move.behind)) for move in shown]
    out.table(columns, rows, empty="nothing would be restored", whole=("TO",))
    if others:
        out.say(others)


SUMMARIES = {Mode.SALVAGE: salvage.summary, Mode.EVERYTHING: rebuild.summary}


def _print(out: Output, plan: Plan, *, every: bool) -> None:
    SUMMARIES.get(plan.wish.mode, _summary)(out, plan, every=every)
    plan_lines.say_what_follows(out, plan, f"snapwarden restore start {plan.plan_id} --wait", every=every)


def _behind(operations: int | None) -> str:
    return "-" if operations is None else counted(operations, "operation")
