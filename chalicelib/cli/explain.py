"""`explain`: the cause of a run in one line, the last similar one, what mended it."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from chalicelib import bootstrap
from chalicelib.cli.output import Output, console, instant, span, state
from chalicelib.cli.plan_lines import OF_A_CODE
from chalicelib.core import wire
from chalicelib.core.explaining import Explanation
from chalicelib.core.model import Run
from chalicelib.core.prose import counted
from chalicelib.core.workflows.restore_ends import few
from chalicelib.service import explain as explaining


def add_to(app: typer.Typer) -> None:
    app.command("explain", epilog="Example: snapwarden explain backup:nightly:2026-11-21T02:00Z")(explain)


def explain(context: typer.Context, run_id: Annotated[str, typer.Argument(metavar="RUN")]) -> None:
    """Why a run ended as it did, or what an open one waits for. Whether that happened before, and what mended it."""
    out: Output = context.obj
    found = explaining.explain(bootstrap.of_terminal(out.stage), run_id)
    if out.json:
        out.document(_document(found))
    else:
        _print(out, found)


def _print(out: Output, found: explaining.Explained) -> None:
    known = found.explanation
    run = known.run
    console().print(Text(f"{run.run_id} ").append(state(run.state)))
    code = f" [{known.code}]" if known.code else ""
    out.say(f"  cause    {known.cause}{code}")
    if known.row > 1:
        out.say(f"  in a row {counted(known.row, 'run')} ended for it, up to this one")
    if known.before:
        earlier = known.before.run
        out.say(f"  before   {earlier.run_id}, {span(run.created_at - earlier.created_at)} earlier")
        _mended(out, "then", known.before.fixed_by, found.mended, "no good run came between the two")
    elif known.row:
        out.say("  before   never, as far as the ledger goes back")
    if known.row:
        before = known.good_before
        last = f"; the last one was {before.run_id} ({instant(before.created_at)})" if before else ", nor one before"
        _mended(out, "since", known.since, found.ended, f"no good run yet{last}")
    _found(out, known)
    steps = (known.next_step or "nothing to do").split("; ")
    for word, step in zip(("next", *("",) * len(steps)), steps, strict=False):
        out.say(f"  {word:<8} {step}")


def _found(out: Output, known: Explanation) -> None:
    """What else was found, also with a run that is good: a warning that nobody reads is none."""
    others = [found for found in known.run.findings if found.message != known.cause]
    for finding in few(others, OF_A_CODE) if known.run.settled else ():
        out.say(f"  {'found':<8} [{finding.severity}] {finding.code}: {finding.message}")


def _mended(out: Output, word: str, good: Run | None, how: Sequence[str], otherwise: str) -> None:
    if good is None:
        out.say(f"  {word:<8} {otherwise}")
        return
    out.say(f"  {word:<8} good with {good.run_id} ({instant(good.created_at)})")
    for line in how:
        out.say(f"           {line}")


def _document(found: explaining.Explained) -> dict[str, Any]:
    known = found.explanation
    earlier = known.before
    return {
        "run_id": known.run.run_id,
        "state": known.run.state.value,
        "good": known.run.good,
        "cause": known.cause,
        "code": known.code,
        "in_a_row": known.row,
        "before": {
            "run_id": earlier.run.run_id,
            "at": wire.seconds(earlier.run.created_at),
            "mended_by": _good(earlier.fixed_by, found.mended),
        }
        if earlier
        else None,
        "since": _good(known.since, found.ended),
        "good_before": known.good_before.run_id if known.good_before else None,
        "findings": [wire.public_finding(finding) for finding in known.run.findings],
        "next_step": known.next_step,
    }


def _good(run: Run | None, how: Sequence[str]) -> dict[str, Any] | None:
    return {"run_id": run.run_id, "at": wire.seconds(run.created_at), "how": list(how)} if run else None
