"""`doctor`: every permission and setting, tried for real."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli.output import BAD, GOOD, MOVING, Output, colour
from chalicelib.core.diagnosis import Result, Status
from chalicelib.service import doctor as examining

STYLES = {Status.OK: GOOD, Status.WARNING: "yellow", Status.MISSING: BAD, Status.UNKNOWN: MOVING}


def add_to(app: typer.Typer) -> None:
    app.command("doctor", epilog="Example: snapwarden doctor shop")(doctor)


def doctor(
    context: typer.Context,
    target: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None,
) -> None:
    """Tries every permission and setting that policies need. Each failure names the one missing statement. Where
    it may delete snapshots, it takes one of nothing and deletes it again. Exit code 1 when something is missing, 3 when
    that can't be told."""
    out: Output = context.obj
    found = examining.doctor(bootstrap.of_terminal(out.stage), target, wait=time.sleep)
    if out.json:
        out.document([_document(result) for result in found])
    else:
        rows = [
            (result.target, colour(result.status.value, STYLES[result.status]), result.check, _what(result))
            for result in found
        ]
        out.table(("TARGET", "", "CHECK", "WHAT"), rows, empty="no policies yet: snapwarden apply FILE")
    sys.exit(_exit(found))


def _what(result: Result) -> str:
    told = f"{result.subject}: {result.message}"
    return told if result.status in (Status.OK, Status.WARNING) else f"{told}\n  next: {result.next_step}"


def _document(result: Result) -> dict[str, str | None]:
    return {
        "target": result.target,
        "check": result.check,
        "status": result.status.value,
        "subject": result.subject,
        "message": result.message,
        "next_step": result.next_step,
    }


def _exit(found: Sequence[Result]) -> int:
    """What is certainly missing outweighs what can't be told."""
    seen = {result.status for result in found}
    return 1 if Status.MISSING in seen else 3 if Status.UNKNOWN in seen else 0
