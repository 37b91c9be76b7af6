"""`snapwarden`: the same use cases from a terminal.

Exit codes: 0 fine · 1 what was asked failed, or a promise is broken · 2 bad input · 3 it can't be told (unreachable, no
permission).
"""

import logging
import sys
from typing import Annotated

import typer

from chalicelib.cli import config, policies, runs, stage
from chalicelib.cli.output import Failed, Output, failed
from chalicelib.core.errors import BadInput, Refused, Retryable

app = typer.Typer(
    name="snapwarden",
    help="Backups that are proved. Start with: snapwarden up, snapwarden apply FILE, snapwarden policies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (stage, config, policies, runs):
    commands.add_to(app)


@app.callback()
def main(
    context: typer.Context,
    stage_name: Annotated[
        str | None,
        typer.Option("--stage", metavar="NAME", help="Which stage. Default: $SNAPWARDEN_STAGE, else local."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")] = False,
) -> None:
    context.obj = Output(stage=stage_name, json=json)


def run(arguments: list[str] | None = None) -> None:
    """The console script. `--json` is also understood behind the command, where people write it."""
    arguments = _json_first(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    as_json = bool(arguments) and arguments[0] == "--json"
    try:
        app(args=arguments)
    except (BadInput, Failed, Refused, Retryable) as error:
        sys.exit(failed(error, as_json=as_json))
    except KeyboardInterrupt:
        sys.exit(130)


def _json_first(arguments: list[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    before = [argument for argument in arguments[:end] if argument != "--json"]
    flag = ["--json"] if len(before) < end else []
    return [*flag, *before, *arguments[end:]]


if __name__ == "__main__":
    run()
