"""`up`, `down`, `tick`: the local stage."""

import json as json_text
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from chalicelib import bootstrap
from chalicelib.cli.output import Failed, Output, console, instant
from chalicelib.core.errors import BadInput, Problem
from chalicelib.settings import DEFAULT_STAGE, local_folder

FURTHEST = timedelta(days=40)


def add_to(app: typer.Typer) -> None:
    app.command("up", epilog="Example: snapwarden up --elasticsearch 9.2.0")(up)
    app.command("down", epilog="Example: snapwarden down")(down)
    app.command("tick", epilog="Example: snapwarden tick --at 2026-11-22T02:00Z")(tick)


def up(
    context: typer.Context,
    elasticsearch: Annotated[
        str | None, typer.Option("--elasticsearch", metavar="VERSION", help="8.19.2 (default) or 9.2.0.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Wipe its table, indices and backups first.")] = False,
) -> None:
    """Start the local stage: embedded AWS and a real Elasticsearch. Functions run from the deployed zip, and the table
    is in DynamoDB Local."""
    from infra.local import errors, stage  # the deployed functions must never need it
    from infra.local.elasticsearch import health

    out: Output = context.obj
    _only_local(out)
    show = console(stderr=True)
    started = time.monotonic()
    with show.status("starting", spinner="dots") as status:

        def progress(said: str) -> None:
            status.update(said)
            if not show.is_terminal:
                show.print(said, markup=False)

        version, folder = elasticsearch or stage.DEFAULT_VERSION, local_folder(bootstrap.CHECKOUT)
        try:
            state = stage.up(version, fresh=fresh, progress=progress, folder=folder)
        except errors.UnknownVersion as error:
            raise BadInput(Problem(str(error))) from None
        except errors.CannotStart as error:
            raise Failed(str(error)) from None
    if out.json:
        out.document(state)
        return
    out.say(f"up in {time.monotonic() - started:.0f} s")
    print_addresses(out, state)
    if health(state["elasticsearch"]["url"]).get("status") == "red":
        out.say("Elasticsearch is red, shards of some indices are lost: GET _cluster/allocation/explain says which")


def print_addresses(out: Output, state: Mapping[str, Any]) -> None:
    search = state["elasticsearch"]
    addresses = {
        f"Elasticsearch {search['version'] or 'of yours'}": search["url"],
        "AWS (moto)": state["endpoint_url"],
        "DynamoDB Local": state["dynamodb_endpoint_url"],
        "functions": state["invoke_endpoint_url"],
        "logs": state["logs"],
    }
    for name, address in addresses.items():
        out.say(f"  {name:<24}{address}")


def down(context: typer.Context) -> None:
    """Stop the local stage. Its table, indices and backups stay for the next `up`."""
    from infra.local import errors, stage  # the deployed functions must never need it

    out: Output = context.obj
    _only_local(out)
    try:
        stopped = stage.down(local_folder(bootstrap.CHECKOUT))
    except errors.CannotStart as error:
        raise Failed(str(error)) from None
    if out.json:
        out.document({"stopped": stopped})
    else:
        out.say("stopped" if stopped else "nothing was running")


def _only_local(out: Output) -> None:
    if out.stage not in (None, DEFAULT_STAGE):
        raise BadInput(Problem(f"stage {out.stage} is not a local one", expected="no --stage, or --stage local"))


def tick(
    context: typer.Context,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The time that the tick is told, e.g. 2026-11-22T02:00Z.")
    ] = None,
) -> None:
    """Local stage only: send a tick now, as if it were TIME. What is due by then starts."""
    out: Output = context.obj
    time = _time(at)
    if abs(time - datetime.now(UTC)) > FURTHEST:
        message = f"{at} is more than {FURTHEST.days} days away; every slot until then would count as dealt with"
        raise BadInput(Problem(message, expected="the instant of a slot that comes soon, see `snapwarden next`"))
    settings = bootstrap.terminal_settings(out.stage)
    event = {
        "version": "0",
        "id": "sent-early",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": settings.account,
        "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "region": settings.region,
        "resources": [],
        "detail": {},
    }
    answer = bootstrap.client(settings, "lambda").invoke(
        FunctionName=settings.function("tick"), Payload=json_text.dumps(event).encode()
    )
    if "FunctionError" in answer:
        raise Failed(f"the tick failed: {answer['Payload'].read().decode()}")
    if out.json:
        out.document({"time": event["time"]})
    else:
        out.say(f"sent a tick that says it is {instant(time)}")


def _time(at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    expected = "an instant with its zone, like 2026-11-22T02:00Z"
    try:
        time = datetime.fromisoformat(at)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(Problem(f"{at} can't be read", expected=expected)) from None
    raise BadInput(Problem(f"{at} names no time zone", expected=expected))
