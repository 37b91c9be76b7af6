"""`hold`, `release`: an incident on a target."""

from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking
from chalicelib.cli.output import Output, instant
from chalicelib.core import wire
from chalicelib.core.model import Run
from chalicelib.service import holds

Target = Annotated[str, typer.Argument(metavar="TARGET")]
Why = Annotated[str, typer.Option("--why", help="For those who read it later.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    app.command("hold", epilog='Example: snapwarden hold shop --why "index deleted, we are looking"')(hold)
    app.command("release", epilog="Example: snapwarden release shop")(release)


def hold(context: typer.Context, target: Target, why: Why) -> None:
    """No backup, drill or retention begins on a target. Until it is released; restores may. Says what is open there."""
    out: Output = context.obj
    reason = asking.reason(why)
    world = bootstrap.of_terminal(out.stage)
    held, running = holds.hold(world, target, by=world.identity(), why=reason)
    if out.json:
        runs = [{"run_id": run.run_id, "kind": run.kind.value, "state": run.state.value} for run in running]
        out.document({"target": target, "hold": wire.public_asked(held), "open_runs": runs})
        return
    out.say(
        f"{target} is held since {instant(held.at)}: nothing but restores begins until `snapwarden release {target}`"
    )
    out.say("promises go on, and can break: snapwarden status")
    for line in _open(running):
        out.say(line)


def _open(running: tuple[Run, ...]) -> list[str]:
    if not running:
        return ["no run is open there"]
    lines = [
        f"  {run.run_id} {run.state}, since {instant(run.created_at)}\n      snapwarden cancel {run.run_id} --why …"
        for run in running
    ]
    return ["open there now:", *lines]


def release(context: typer.Context, target: Target) -> None:
    """What was held goes on. Slots whose time is not over start late."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    held = holds.release(world, target, by=world.identity())
    if out.json:
        out.document({"target": target, "hold": None, "was": wire.public_asked(held)})
        return
    out.say(f"{target} goes on; it was held by {held.by} since {instant(held.at)}: {held.why}")
