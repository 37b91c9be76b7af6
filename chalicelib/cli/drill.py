"""`drill`: a backup is restored, compared and removed again, now."""

import secrets
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking
from chalicelib.cli.output import Output
from chalicelib.cli.runs import started
from chalicelib.service import drills


def add_to(app: typer.Typer) -> None:
    app.command("drill", epilog="Example: snapwarden drill nightly --wait")(drill)


def drill(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="The policy whose backup is to be proved.")],
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 unless it is good.")] = False,
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="The same id again answers the same run.", show_default=False)
    ] = None,
) -> None:
    """A drill now, as `drill` of the policy says. Restores, compares, and removes what it made. Prints its id."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    request_id = request_id or f"now-{world.clock.now():%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"
    run = drills.request(world, policy, request_id=request_id, by=asking.who())
    started(out, world, run, wait=wait)
