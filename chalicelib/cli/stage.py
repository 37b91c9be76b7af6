"""`up`, `down`, `tick`: the local stage."""

import json as json_text
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli.output import Output, instant
from chalicelib.core.errors import BadInput, Problem, Refused


def add_to(app: typer.Typer) -> None:
    app.command("up", epilog="Example: snapwarden up --elasticsearch 9.2.0")(up)
    app.command("down", epilog="Example: snapwarden down")(down)
    app.command("tick", epilog="Example: snapwarden tick --at 2026-11-22T02:00Z")(tick)


def tick(
    context: typer.Context,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The time that the tick is told, e.g. 2026-11-22T02:00Z.")
    ] = None,
) -> None:
    """Local stage only: send a tick now, as if it were TIME. What is due by then starts."""
    out: Output = context.obj
    settings = bootstrap.terminal_settings(out.stage)
    time = _time(at)
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
        raise Refused(f"the tick failed: {answer['Payload'].read().decode()}")
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
    except ValueError:
        raise BadInput(Problem(f"{at} can't be read", expected=expected)) from None
    if time.tzinfo is None:
        raise BadInput(Problem(f"{at} names no time zone", expected=expected))
    return time.astimezone(UTC)
