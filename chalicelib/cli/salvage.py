"""`salvage`: single documents from a restored index back into the live one."""

import sys
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking, plan_lines
from chalicelib.cli.output import Output, instant, size
from chalicelib.cli.runs import started
from chalicelib.core import wire
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.plans import Move, Plan
from chalicelib.service import salvages


def add_to(app: typer.Typer) -> None:
    app.command("salvage", epilog="Example: snapwarden salvage restore:nightly:plan-1f0c… --dry-run")(salvage)


def salvage(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A restore that ended well, beside the live data.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be copied.")] = False,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Leave documents alone that live has otherwise.")
    ] = False,
    indices: Annotated[
        list[str] | None,
        typer.Option("--indices", metavar="PATTERN", help="With --dry-run; may be given again.", show_default=False),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 unless it is good.")] = False,
    every: plan_lines.All = False,
) -> None:
    """Copies single documents back from what a restore made.

    Those that are missing in the live indices, and those that are different; never deletes. First with --dry-run, which
    counts them and writes nothing; then without, within an hour, which copies them."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    if not dry_run:
        if indices:
            raise BadInput(Problem("belongs to the dry run", key="--indices", expected="--dry-run beside it"))
        known = salvages.known(world, run_id, missing_only=missing_only)
        run = salvages.start(world, run_id, missing_only=missing_only)
        if known:
            plan_lines.say_known(known)
        started(out, world, run, wait=wait)
        return
    made = salvages.plan(world, run_id, missing_only=missing_only, indices=tuple(indices or ()))
    if out.json:
        out.document(wire.public_plan(made))
    else:
        _print(out, made, every=every)
    if made.conflicts:
        sys.exit(1)


def summary(out: Output, plan: Plan, *, every: bool) -> None:
    """What would be copied, as far as it matters to whoever approves it."""
    out.say(f"{plan.plan_id}  salvage on {plan.target}")
    out.say(f"  from       what {plan.wish.of_run} restored")
    out.say(f"  made by    {asking.named(plan.made_by)}")
    out.say(f"  data of    {instant(plan.taken_at)}")
    out.say(f"  copies     {size(plan.bytes)}{', only what is missing' if plan.wish.missing_only else ''}")
    plan_lines.beyond(out, plan.approval, every=every)
    columns = ("FROM", "INTO", "MISSING", "DIFFERENT", "SAME", "ONLY LIVE")
    shown, others = plan_lines.biggest(plan.moves, every=every)
    rows = [(move.source, move.name, *_counts(move)) for move in shown]
    out.table(columns, rows, empty="nothing would be copied", whole=("INTO",))
    if others:
        out.say(others)


def _print(out: Output, plan: Plan, *, every: bool) -> None:
    summary(out, plan, every=every)
    option = " --missing-only" if plan.wish.missing_only else ""
    plan_lines.say_what_follows(out, plan, f"snapwarden salvage {plan.wish.of_run}{option} --wait", every=every)


def _counts(move: Move) -> tuple[str, ...]:
    of = move.difference
    if of is None:
        return ("-",) * 4
    return tuple(f"{number:,}" for number in (of.missing, of.different, of.same, of.only_live))
