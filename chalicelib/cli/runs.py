"""`backup`, `show`: a run now, and what is known of one."""

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from chalicelib import bootstrap
from chalicelib.cli import asking, following
from chalicelib.cli.capsules import print_capsule
from chalicelib.cli.output import Output, console, instant, size, span, state
from chalicelib.core import wire
from chalicelib.core.explaining import waits_for_people
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.prose import counted
from chalicelib.service import capsules, query, rebuild_view, request
from chalicelib.service.world import World

POLL = 0.5
INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    app.command("backup", epilog="Example: snapwarden backup nightly --wait")(backup)
    app.command("show", epilog="Example: snapwarden show backup:nightly:2026-11-21T02:00Z")(show)


def backup(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="The policy to run.")],
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end; exit code 1 unless it is good.")] = False,
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="The same id again answers the same run.", show_default=False)
    ] = None,
) -> None:
    """A run now. Prints its id."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    stamp = world.clock.now()
    request_id = request_id or f"now-{stamp:%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"
    run = request.backup_now(world, policy, request_id=request_id, requested_by=asking.who())
    started(out, world, run, wait=wait)


def started(out: Output, world: World, run: Run, *, wait: bool) -> Run:
    """Says its id, and with `wait` how it goes and ends, or has swapped; the run as it was then. Exit code 1 unless
    that is well."""
    out.say(run.run_id)
    if wait:
        run = _followed(out, world, run)
    if out.json:
        out.document(wire.public_run(run))
    elif wait:
        _print_end(out, run)
    else:
        _say_watch(run)
    if wait and not (run.good or waits_for_people(run)):
        sys.exit(1)
    return run


def _say_watch(run: Run) -> None:
    """On stderr: stdout has its id, for scripts."""
    console(stderr=True).print(f"watch it: snapwarden show {run.run_id} --follow", markup=False, soft_wrap=True)


def _followed(out: Output, world: World, run: Run) -> Run:
    """Ctrl-C ends the watching only."""
    try:
        return follow(world, run, quiet=out.json)
    except KeyboardInterrupt:
        print(f"\nthe run goes on: snapwarden show {run.run_id} --follow", file=sys.stderr)
        if out.json:
            out.document(wire.public_run(query.run(world, run.run_id)))
        sys.exit(INTERRUPTED)


def follow(world: World, run: Run, *, quiet: bool = False) -> Run:
    """Looks at the row until the run has settled; progress on stderr: a bar on a terminal, else a line a change and
    a sign of life."""
    lines = following.Lines()
    bar = _Bar() if sys.stderr.isatty() and not quiet else None
    try:
        while True:
            if bar:
                bar.show(run)
            elif not quiet and (line := lines.next(_moved(run), datetime.now(UTC))):
                print(line, file=sys.stderr)
            if run.settled or waits_for_people(run):
                return run
            time.sleep(POLL)
            run = query.run(world, run.run_id)
    finally:
        if bar:
            bar.stop()


def _moved(run: Run) -> str:
    seen = run.progress
    if run.settled:
        return run.state.value
    shown = f" {seen.done}/{seen.total} {seen.unit}" if seen else ""
    return f"{run.state.value}{shown}{_beside(run)}"


def _beside(run: Run) -> str:
    """What is worth knowing while one waits: bytes, or why nothing moves."""
    seen = run.progress
    if run.last_error:
        return f"  {run.last_error}{following.trying(run)}"
    if run.state is State.QUEUED:
        return "  waits for the open run of its policy"
    return f", {size(seen.bytes_done)} of {size(seen.bytes_total)}" if seen and seen.bytes_total else ""


class _Bar:
    """Shards and bytes of a run that moves."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[state]:<10}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}  {task.fields[moved]}", markup=False),
            TimeElapsedColumn(),
            console=console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=1, state="", unit="", moved="")
        self._progress.start()

    def show(self, run: Run) -> None:
        seen = run.progress
        self._progress.update(
            self._task,
            total=max(seen.total, 1) if seen else 1,
            completed=seen.done if seen else 0,
            state=run.state.value,
            unit=seen.unit if seen else "",
            moved=_beside(run).lstrip(", "),
        )

    def stop(self) -> None:
        self._progress.stop()


def show(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="An id, or a policy: its newest run.")],
    follow_it: Annotated[
        bool, typer.Option("--follow", help="Wait for its end, with progress; exit code 1 unless it is good.")
    ] = False,
) -> None:
    """One run with its steps and findings."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    run = query.run_or_newest(world, run_id)
    if follow_it:
        run = _followed(out, world, run)
    compared, drilled, phases = (
        capsules.compared(world, run),
        query.drilled(world, run),
        rebuild_view.phases(world, run),
    )
    if out.json:
        more: dict[str, Any] = {"capsule": capsules.public(compared)} if compared else {}
        more |= {"drilled": [asdict(index) for index in drilled]} if drilled else {}
        more |= {"phases": [asdict(phase) for phase in phases]} if phases else {}
        out.document({**wire.public_run(run), **more})
    else:
        _print_all(out, run)
        _print_phases(out, phases)
        _print_drilled(out, drilled)
        if compared:
            print_capsule(out, compared)
    if follow_it and not (run.good or waits_for_people(run)):
        sys.exit(1)


def _print_places(out: Output, run: Run) -> None:
    out.say(f"  snapshot   {run.snapshot} in {run.repository} on {run.source or run.target}")
    if run.source:
        out.say(f"  restores   from {run.source} to {run.target}")


def _print_all(out: Output, run: Run) -> None:
    _print_end(out, run)
    _print_places(out, run)
    if run.plan:
        out.say(f"  plan       {run.plan}")
    out.say(f"  asked by   {run.requested_by}, spec generation {run.spec_gen}, attempts {run.attempts}")
    out.say(f"  deadline   {instant(run.deadline_at)}")
    if run.approved_by:
        out.say(f"  approved   by {run.approved_by}")
    if run.glass:
        out.say(f"  one person {run.glass.by} broke the glass: {run.glass.why}")
    if run.cancel:
        why = f": {run.cancel.why}" if run.cancel.why else ""
        out.say(f"  cancel     asked for by {run.cancel.by} {instant(run.cancel.at)}{why}")
    for wish in ("finish", "rollback"):
        if asked := getattr(run, wish):
            out.say(f"  {wish:<10} asked for by {asked.by} {instant(asked.at)}{f': {asked.why}' if asked.why else ''}")
    if run.state is State.QUEUED:
        out.say(f"  waits for  {(run.last_error or 'the open run of its policy').removeprefix('waits: ')}")
    elif run.last_error:
        out.say(f"  last error {run.last_error}")
    for step in run.steps:
        out.say(f"  {instant(step.at)} {step.state}")
    spent = run.calls
    out.say(
        f"  cost       {spent.engine} engine calls, {spent.store_reads} store reads, "
        f"{spent.store_writes} store writes, {spent.messages} messages"
    )


def _print_drilled(out: Output, drilled: Sequence[query.DrilledIndex]) -> None:
    """Index by index: only what was compared and found right is proved."""
    rows = [
        (index.name, index.restored_as, "proved" if index.proved else "not proved", ", ".join(index.findings))
        for index in drilled
    ]
    if rows:
        out.table(("INDEX", "RESTORED AS", "PROVED", "FOUND"), rows, empty="", whole=("INDEX",))


def _print_phases(out: Output, phases: Sequence[rebuild_view.PhaseSeen]) -> None:
    """Of a restore of everything: which run has the details of which phase."""
    rows = [
        (str(phase.number), phase.does.value, str(phase.names), phase.state, phase.run or "-", _run_state(phase))
        for phase in phases
    ]
    if rows:
        columns = ("PHASE", "PUTS BACK", "NAMES", "STATE", "RUN", "RUN IS")
        out.table(columns, rows, empty="", whole=("STATE", "RUN"), spare=("RUN IS",))


def _run_state(phase: rebuild_view.PhaseSeen) -> str | Text:
    return state(phase.run_state) if phase.run_state else "-"


def _print_end(out: Output, run: Run) -> None:
    parts = (run.run_id, state(run.state), run.level or "", _verdict(run), took(run) if run.settled else "")
    console().print(Text(" ").join(Text(part) if isinstance(part, str) else part for part in parts if part))
    if run.reason and run.reason not in {finding.message for finding in run.findings}:
        out.say(f"  {run.reason}")
    if run.shards:
        whole, held = run.shards.total - run.shards.failed, counted(run.indices or 0, "index", "indices")
        added = f", of it new {size(run.bytes_added)}" if run.kind is Kind.BACKUP else ""
        out.say(f"  {held}, {_docs(run)}{whole}/{run.shards.total} shards, {size(run.bytes)}{added}")
    if run.restore_seconds is not None:
        out.say(f"  restored in {span(timedelta(seconds=run.restore_seconds))}")
    if waits_for_people(run) and run.kept_until:
        out.say(f"  what was live before stays until {instant(run.kept_until)}, then it is deleted; or say so now:")
        out.command("  it is good, delete the old one", f"  snapwarden restore finish {run.run_id} --wait")
        out.command("  it is not, the old one is live again", f"  snapwarden restore rollback {run.run_id} --wait")
    for finding in run.findings:
        out.say(f"  [{finding.severity}] {finding.code}: {finding.message}\n      next: {finding.next_step}")


def _verdict(run: Run) -> str:
    """Whether it counts for the promise, where the state alone does not tell."""
    if run.state is State.PARTIAL:
        return "good: the contract allows it" if run.good else ""
    return "" if run.state is not State.SUCCEEDED else "good" if run.good else "unproved"


def _docs(run: Run) -> str:
    return f"{run.docs:,} documents, " if run.docs is not None else ""


def took(run: Run) -> str:
    """From its start, or from when it was asked for if it never began; `-` while it is open."""
    started = run.started_at or run.created_at
    return span(run.finished_at - started) if run.finished_at else span(None)
