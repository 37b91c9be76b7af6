"""What a command prints: tables for people, one JSON document for programs, errors with what to do next."""

import json as json_text
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import TextIOWrapper
from shutil import get_terminal_size
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.cli.widths import fitted
from chalicelib.core import prose
from chalicelib.core.errors import BadInput, Conflict, Refused, Retryable
from chalicelib.core.model import State

WIDE = 160
"""Columns when nobody looks (a pipe, a log) and $COLUMNS does not say otherwise: nothing is cut off."""

GOOD, BAD, MOVING = "green", "bold red", "cyan"


def console(*, stderr: bool = False) -> Console:
    """Without pictures: a policy may be called apple, and `backup:apple:…` is an id that people copy."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else get_terminal_size((WIDE, 0)).columns
    return Console(file=stream, width=width, highlight=False, emoji=False)


def show_anything() -> None:
    """What the terminal has no letters for is shown by its number instead of ending the command half way."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _json(document: object) -> str:
    """With letters as they are where they can be shown: a number of the terminal's making is no JSON."""
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    return json_text.dumps(document, indent=2, ensure_ascii=plain)


class Failed(Exception):
    """What was asked did not work out; the message says why. Exit code 1."""


@dataclass(frozen=True, slots=True)
class Output:
    """The global options of a call."""

    stage: str | None
    json: bool

    def document(self, document: object) -> None:
        print(_json(document))

    def say(self, text: str) -> None:
        """For people; programs get the document instead. Not broken into lines: the terminal folds what is long, so
        that a command can be copied whole."""
        if not self.json:
            console().print(text, markup=False, soft_wrap=True)

    def command(self, why: str, command: str) -> None:
        """Something to type, on a line of its own, after a line of what it is for."""
        self.say(f"{why}:\n  {command}")

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | Text]],
        *,
        empty: str,
        whole: Sequence[str] = (),
        spare: Sequence[str] = (),
    ) -> None:
        """`columns` are headings; cells of those in `whole` are never broken, because people copy them, all others
        between words. Those in `spare` are left out, in this order, while there is no room for all. Cells are shown as
        they are: a name may look like markup."""
        if not rows:
            self.say(empty)
            return
        shown = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
        out = console()
        widths = fitted(columns, [[cell.plain for cell in row] for row in shown], out.width, whole=whole, spare=spare)
        out.width = max(out.width, sum(widths.values()) + 2 * len(widths))
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column, width in widths.items():
            table.add_column(column, overflow="fold", no_wrap=column in whole, width=width)
        for row in shown:
            cells = dict(zip(columns, row, strict=True))
            table.add_row(*(cells[column] for column in widths))
        out.print(table)


def failed(error: Exception, *, as_json: bool) -> int:
    """Says what went wrong and returns the exit code."""
    code, word = _exit(error)
    if as_json:
        body: dict[str, Any] = {"code": word, "message": str(error)}
        if isinstance(error, BadInput):
            body["problems"] = [
                {"file": p.file, "line": p.line, "key": p.key, "message": p.message, "expected": p.expected}
                for p in error.problems
            ]
        print(_json({"error": body}))
        return code
    lines = [str(problem) for problem in error.problems] if isinstance(error, BadInput) else [str(error)]
    out = console(stderr=True)
    for line in lines:
        out.print(f"error: {line}", style="red", markup=False, soft_wrap=True)
    if isinstance(error, BadInput) and len(lines) > 1:
        out.print(f"{len(lines)} problems, nothing was stored", style="red", markup=False)
    return code


def _exit(error: Exception) -> tuple[int, str]:
    if isinstance(error, BadInput):
        return 2, "bad_input"
    if isinstance(error, Failed):
        return 1, "failed"
    if isinstance(error, Conflict):
        return 1, "conflict"
    if isinstance(error, Refused):
        return 3, "refused"
    assert isinstance(error, Retryable)
    return 3, "no_answer"


def colour(text: str, style: str) -> Text:
    return Text(text, style=style)


def state(value: State) -> Text:
    style = GOOD if value in (State.SUCCEEDED, State.ROLLED_BACK) else MOVING if not value.settled else BAD
    return colour(value.value, style)


def instant(at: datetime | None) -> str:
    return prose.instant(at) if at else "-"


def span(length: timedelta | None) -> str:
    return prose.span(length) if length is not None else "-"


def size(count: int | None) -> str:
    return prose.size(count) if count is not None else "-"
