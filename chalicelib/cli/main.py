"""`snapwarden`: the same use cases from a terminal.

Exit codes: 0 fine · 1 what was asked failed, or a promise is broken · 2 bad input · 3 it can't be told (unreachable, no
permission).
"""

import logging
import sys
from importlib import metadata
from typing import Annotated

import typer

from chalicelib.cli import (
    backups,
    config,
    control,
    doctor,
    drill,
    emergency,
    explain,
    incident,
    ledger,
    policies,
    restore,
    runs,
    salvage,
    stage,
    usage,
)
from chalicelib.cli.output import Failed, Output, failed, show_anything
from chalicelib.core.errors import BadInput, Problem, Refused, Retryable

app = typer.Typer(
    name="snapwarden",
    help="Backups that are proved. Start with: snapwarden up, snapwarden apply FILE, snapwarden policies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (
    *(stage, config, policies, ledger, runs, backups, explain, control, incident, doctor),
    *(restore, salvage, drill, emergency),
):
    commands.add_to(app)


def _version(asked: bool) -> None:
    if asked:
        print(f"snapwarden {metadata.version('snapwarden')}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    stage_name: Annotated[
        str | None,
        typer.Option("--stage", metavar="NAME", help="Which stage. Default: $SNAPWARDEN_STAGE, else local."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and end.")
    ] = False,
) -> None:
    context.obj = Output(stage=stage_name, json=json)


def run(arguments: list[str] | None = None) -> None:
    """The console script. `--json` is also understood behind the command, where people write it."""
    arguments = _json_first(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    as_json = bool(arguments) and arguments[0] == "--json"
    show_anything()
    try:
        _check(arguments)
        sys.exit(_done(arguments))
    except (BadInput, Failed, Refused, Retryable) as error:
        sys.exit(failed(error, as_json=as_json))
    except KeyboardInterrupt:
        sys.exit(130)


def _check(arguments: list[str]) -> None:
    """Names and reasons are kept, sent and shown: bytes that are no text can't be, and control characters would write
    into the terminals of those who read them. Line breaks and the like are as good as spaces."""
    for argument in arguments:
        if bad := next((letter for letter in argument if not (letter.isprintable() or letter.isspace())), None):
            message = f"{argument[:80]!a} holds {bad!a}, which can't be kept or shown"
            raise BadInput(Problem(message, expected="text in UTF-8 without control characters"))


def _done(arguments: list[str]) -> int:
    """The exit code. Arguments that make no sense are BadInput, as whatever else makes none."""
    try:
        return app(args=arguments, prog_name=usage.PROGRAM, standalone_mode=False) or 0
    except usage.ERROR as error:
        if not usage.is_help(error):
            raise usage.problem(error) from None
        if arguments[0:1] == ["--json"]:
            raise BadInput(Problem("no command", expected=f"one that `{usage.PROGRAM} --help` lists")) from None
        print(error.format_message(), file=sys.stderr)
        return 2


def _json_first(arguments: list[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    before = [argument for argument in arguments[:end] if argument != "--json"]
    flag = ["--json"] if len(before) < end else []
    return [*flag, *before, *arguments[end:]]


if __name__ == "__main__":
    run()
