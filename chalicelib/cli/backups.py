"""`backups`: the catalogue."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from chalicelib import bootstrap
from chalicelib.cli.output import BAD, GOOD, MOVING, Output, colour, instant, size, span
from chalicelib.core import proofs, wire
from chalicelib.core.rows import Backup, BackupState
from chalicelib.service import query

SPARE = ("ADDED", "INDICES", "POLICY", "SIZE", "DOCS", "AGE")
"""What goes first on a narrow terminal. Never TAKEN: `restore plan --at` wants it."""


def add_to(app: typer.Typer) -> None:
    app.command("backups", epilog="Example: snapwarden backups --policy nightly")(backups)


def backups(
    context: typer.Context,
    policy: Annotated[str | None, typer.Option("--policy", help="Only of this policy.")] = None,
) -> None:
    """Every backup, newest first, and how far it is proved. What it holds, and whether it counts for the promise."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    found = query.backups(world, policy)
    if out.json:
        out.document([wire.public_backup(backup) for backup in found])
        return
    now = world.clock.now()
    rows = [tuple(cell(backup, now) for cell in COLUMNS.values()) for backup in found]
    empty = "no backups yet: snapwarden backup POLICY"
    out.table(tuple(COLUMNS), rows, empty=empty, whole=("BACKUP", "TAKEN"), spare=SPARE)


def _worth(backup: Backup) -> Text:
    """Whether it counts, and if not, why."""
    if backup.state is not BackupState.KEPT:
        return colour(backup.state.value, BAD)
    if backup.accepted and backup.good:
        return colour(f"good, accepted by {backup.accepted.by}: {backup.accepted.why}", GOOD)
    if backup.good:
        return colour("good", GOOD)
    return colour(", ".join(backup.errors), BAD) if backup.errors else colour("unproved", MOVING)


def _level(backup: Backup, now: datetime) -> str:
    """With what drills have proved of it, and how long ago the last one was."""
    if backup.drilled_at is None:
        return backup.level
    age = f"{span(now - backup.drilled_at)} ago"
    if backup.level == proofs.LEVEL:
        return f"{backup.level}, {age}"
    return f"{backup.level} ({proofs.LEVEL} {backup.proved}/{backup.indices}, {age})"


COLUMNS: Mapping[str, Callable[[Backup, datetime], str | Text]] = {
    "BACKUP": lambda backup, now: backup.backup_id,
    "POLICY": lambda backup, now: backup.policy,
    "TAKEN": lambda backup, now: instant(backup.taken_at),
    "AGE": lambda backup, now: span(now - backup.taken_at),
    "INDICES": lambda backup, now: str(backup.indices),
    "DOCS": lambda backup, now: f"{backup.docs:,}" if backup.docs is not None else "-",
    "SIZE": lambda backup, now: size(backup.bytes),
    "ADDED": lambda backup, now: size(backup.bytes_added),
    "LEVEL": _level,
    "WORTH": lambda backup, now: _worth(backup),
}
