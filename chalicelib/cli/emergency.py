"""`emergency`: a backup's restore as curl lines."""

from pathlib import Path
from typing import Annotated

import typer

from chalicelib import bootstrap
from chalicelib.cli.output import Output
from chalicelib.core.errors import BadInput, Problem
from chalicelib.service import capsules, query


def add_to(app: typer.Typer) -> None:
    app.command("emergency", epilog="Example: snapwarden emergency snapwarden-1f0c-nightly-… -o restore.sh")(emergency)


def emergency(
    context: typer.Context,
    backup_id: Annotated[str, typer.Argument(metavar="BACKUP", help="An id that `snapwarden backups` lists.")],
    file: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="Write it there, for you only.", show_default=False)
    ] = None,
) -> None:
    """The whole restore of a backup as a script of curl lines. For the day when Snapwarden itself is gone. Keep one
    outside of this stage."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    script = capsules.emergency_script(world, query.backup(world, backup_id))
    if file:
        _write(file, script)
        out.say(f"{file}: bash {file}, after a look at its head")
    if out.json:
        out.document({"backup_id": backup_id, "file": str(file) if file else None, "script": script})
    elif not file:
        print(script, end="")


def _write(file: Path, script: str) -> None:
    try:
        file.touch(mode=0o600)
        file.write_text(script)
    except OSError as error:
        raise BadInput(Problem(f"-o {file}: {error.strerror}", expected="a file that can be written")) from error
