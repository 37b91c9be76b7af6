"""`cancel`, `pause`, `resume`, `mute`, `accept`: what people decide, each with who and why."""

from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking
from chalicelib.cli.output import Output, instant, size
from chalicelib.cli.policies import mute_json
from chalicelib.core import wire
from chalicelib.core.rows import PolicyState
from chalicelib.service import accept as accepting
from chalicelib.service import control, promises

Why = Annotated[str, typer.Option("--why", help="For those who read it later.", show_default=False)]
Policy = Annotated[str, typer.Argument(metavar="POLICY")]


def add_to(app: typer.Typer) -> None:
    add = app.command
    add("cancel", epilog='Example: snapwarden cancel backup:nightly:2026-11-21T02:00Z --why "wrong day"')(cancel)
    add("pause", epilog='Example: snapwarden pause nightly --why "cluster is being moved"')(pause)
    add("resume", epilog="Example: snapwarden resume nightly")(resume)
    add("mute", epilog='Example: snapwarden mute nightly --until 2026-11-23 --why "disk comes on Monday"')(mute)
    add(
        "accept", epilog='Example: snapwarden accept snapwarden-k3f9-nightly-20261121t0200z --why "old orders removed"'
    )(accept)


def cancel(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    why: Why = "",
) -> None:
    """Stops an open run, on the engine too. Its snapshot is removed first; what was complete before stays a backup."""
    out: Output = context.obj
    reason = asking.reason(why, needed=False)
    run = control.cancel(bootstrap.of_terminal(out.stage), run_id, by=asking.who(), why=reason)
    if out.json:
        out.document(wire.public_run(run))
    else:
        out.say(f"asked for; watch it end: snapwarden show {run.run_id} --follow")


def pause(context: typer.Context, policy: Policy, why: Why) -> None:
    """No slot of it starts until it is resumed. Its promise goes on; `backup` still works."""
    out: Output = context.obj
    reason = asking.reason(why)
    state = control.pause(bootstrap.of_terminal(out.stage), policy, by=asking.who(), why=reason)
    if out.json:
        out.document(_paused_json(state))
        return
    out.say(f"{policy} is paused: no slot starts until `snapwarden resume {policy}`")
    if state.breach_at:
        out.say(f"its promise is not: without a good backup it breaks at {instant(state.breach_at)}")


def resume(context: typer.Context, policy: Policy) -> None:
    """Slots start again. Those that passed meanwhile become one SKIPPED run."""
    out: Output = context.obj
    state = control.resume(bootstrap.of_terminal(out.stage), policy, by=asking.who())
    if out.json:
        out.document(_paused_json(state))
        return
    following = f"the next slot starts at {instant(state.due_at)}" if state.due_at else "it has no schedule"
    out.say(f"{policy} goes on: {following}")


def _paused_json(state: PolicyState) -> dict[str, object]:
    return {
        "policy": state.policy,
        "paused": state.paused is not None,
        "pause": wire.public_asked(state.paused) if state.paused else None,
        "next_due": wire.seconds(state.due_at) if state.due_at else None,
    }


def mute(
    context: typer.Context,
    policy: Policy,
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="TIME", help=f"{asking.EXPECTED}. Without a zone it is UTC.", show_default=False
        ),
    ],
    why: Why,
) -> None:
    """Acknowledges a broken promise: nobody is reminded until TIME. Or until it is kept; `status` still says it."""
    out: Output = context.obj
    reason = asking.reason(why)
    world = bootstrap.of_terminal(out.stage)
    time, remark = asking.until(until, world.clock.now())
    state = promises.mute(world, policy, time, by=asking.who(), why=reason)
    if out.json:
        out.document({"policy": policy, "muted": mute_json(state.muted) if state.muted else None})
        return
    if remark:
        out.say(remark)
    out.say(f"nobody is reminded of {policy} until {instant(time)}")


def accept(
    context: typer.Context,
    backup_id: Annotated[str, typer.Argument(metavar="BACKUP", help="An id that `snapwarden backups` lists.")],
    why: Why,
) -> None:
    """Makes a backup the measure of those to come. For after a legitimate change: one that failed only because it
    holds far less than usual (contract.max_shrink) is good from now on."""
    out: Output = context.obj
    reason = asking.reason(why)
    backup = accepting.accept(bootstrap.of_terminal(out.stage), backup_id, by=asking.who(), why=reason)
    if out.json:
        out.document(wire.public_backup(backup))
        return
    docs = f"{backup.docs:,} documents, " if backup.docs is not None else ""
    out.say(f"{backup_id} is good ({backup.level}), and what comes is measured by it: {docs}{size(backup.bytes)}")
