"""`runs`: the ledger."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from rich.text import Text

from chalicelib import bootstrap
from chalicelib.cli.output import Output, instant, size, state
from chalicelib.cli.runs import took
from chalicelib.core import wire
from chalicelib.core.model import Kind, Run, State
from chalicelib.service import query

SPARE = ("ADDED", "INDICES", "LEVEL", "SIZE", "CREATED", "TOOK")
"""What goes first on a narrow terminal."""


def add_to(app: typer.Typer) -> None:
    app.command("runs", epilog="Example: snapwarden runs --policy nightly --state FAILED")(runs)


def runs(
    context: typer.Context,
    policy: Annotated[str | None, typer.Option("--policy", help="Only of this policy.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only of this kind.")] = None,
    state_is: Annotated[State | None, typer.Option("--state", case_sensitive=False, help="Only in this state.")] = None,
    count: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="How many.")] = 20,
) -> None:
    """The ledger, newest first."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    if policy:
        query.named(world, policy)
    found = world.store.runs(policy=policy, kind=kind, state=state_is, limit=count)
    if out.json:
        out.document([wire.public_run(run) for run in found])
        return
    rows = [tuple(cell(run) for cell in RUNS.values()) for run in found]
    filtered = policy or kind or state_is
    empty = "no such run" if filtered else "no runs yet: snapwarden backup POLICY"
    out.table(tuple(RUNS), rows, empty=empty, whole=("RUN", "STATE", "CREATED"), spare=SPARE)


RUNS: Mapping[str, Callable[[Run], str | Text]] = {
    "RUN": lambda run: run.run_id,
    "STATE": lambda run: state(run.state),
    "LEVEL": lambda run: run.level or "-",
    "CREATED": lambda run: instant(run.created_at),
    "TOOK": took,
    "INDICES": lambda run: str(run.indices) if run.indices is not None else "-",
    "SIZE": lambda run: size(run.bytes),
    "ADDED": lambda run: size(run.bytes_added),
    "REASON": lambda run: run.reason or "",
}
