"""`apply`, `schema`: the file is the truth, the table is made to agree with it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from chalicelib import bootstrap
from chalicelib.cli import asking, reaching
from chalicelib.cli.output import BAD, GOOD, MOVING, Output, console
from chalicelib.core.config import not_active_yet, schema
from chalicelib.core.config.load import Config
from chalicelib.core.errors import NotRunning
from chalicelib.service import apply as applying
from chalicelib.service import triggers
from chalicelib.service.config_file import read_config
from chalicelib.service.differences import Changes, Difference
from chalicelib.service.triggers import RuleChanges
from chalicelib.settings import DEFAULT_STAGE


def add_to(app: typer.Typer) -> None:
    app.command("apply", epilog="Example: snapwarden apply snapwarden.yaml --dry-run")(apply)
    app.command("schema", epilog="Example: snapwarden schema > snapwarden.schema.json")(print_schema)


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Usually snapwarden.yaml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change; needs no stage.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Retire the policies that left the file.")] = False,
) -> None:
    """Validates the file, shows the difference, stores it. Nothing is stored when anything is wrong."""
    out: Output = context.obj
    config = read_config(file)
    if dry_run:
        changes, rules, compared = _preview(out, config, prune=prune)
    else:
        world = bootstrap.of_terminal(out.stage)
        compared = None
        changes = applying.apply(config, world.store, world.clock, asking.who(), prune=prune, new_token=world.token)
        rules = triggers.agree(world.store, bootstrap.rules_of_terminal(out.stage), world.stage)
        config = replace(config, warnings=(*config.warnings, *reaching.warnings(config.targets.values())))
    if out.json:
        out.document(_document(changes, rules, config, dry_run=dry_run))
    else:
        _print(out, changes, rules, config, dry_run=dry_run, compared=compared)


def _preview(out: Output, config: Config, *, prune: bool) -> tuple[Changes, RuleChanges, str | None]:
    """Against the stage where one runs, else against nothing."""
    try:
        world = bootstrap.of_terminal(out.stage)
    except NotRunning as reason:
        wanted = triggers.wanted(config, {}, DEFAULT_STAGE)
        return applying.diff(config, {}, {}), RuleChanges(put=wanted), f"compared with nothing: {reason}"
    current = applying.read_current(world.store)
    changes = applying.diff(config, current, applying.read_targets(world.store, config))
    changes = replace(changes, retired=changes.policies.removed if prune else ())
    left = {name: active for name, active in current.items() if name not in changes.retired}
    rules = triggers.compare(triggers.wanted(config, left, world.stage), bootstrap.rules_of_terminal(out.stage))
    return changes, rules, None


def _print(
    out: Output, changes: Changes, rules: RuleChanges, config: Config, *, dry_run: bool, compared: str | None
) -> None:
    for warning in config.warnings:
        console().print(f"warning: {warning}", style="yellow", markup=False)
    if compared:
        out.say(compared)
    _difference("target", changes.targets, ())
    _difference("policy", changes.policies, changes.retired)
    for rule in rules.put:
        console().print(f"+ rule {rule.name}", style=GOOD, markup=False)
    for rule in rules.removed:
        console().print(f"- rule {rule.name}", style=BAD, markup=False)
    for sentence in not_active_yet(config):
        out.say(f"not active yet: {sentence}")
    if dry_run:
        out.say("nothing was stored (--dry-run)")
    elif changes.generation is None and not (rules.put or rules.removed):
        out.say("nothing to do: the file is in force")
    elif changes.generation is None:
        out.say("the file was in force already; its rules were put right")
    else:
        out.say(f"stored as generation {changes.generation}")


def _difference(kind: str, difference: Difference, retired: tuple[str, ...]) -> None:
    show = console()
    for name in difference.added:
        show.print(f"+ {kind} {name}", style=GOOD, markup=False)
    for name, keys in difference.changed.items():
        show.print(f"~ {kind} {name}: {', '.join(keys)}", style=MOVING, markup=False)
    for name in difference.removed:
        what = "retired, its backups stay" if name in retired else "left the file, still active: --prune retires it"
        show.print(f"- {kind} {name}" + (f" ({what})" if kind == "policy" else ""), style=BAD, markup=False)
    if difference.unchanged:
        show.print(f"= {len(difference.unchanged)} unchanged: {kind} {', '.join(difference.unchanged)}", markup=False)


def _document(changes: Changes, rules: RuleChanges, config: Config, *, dry_run: bool) -> Mapping[str, Any]:
    def plain(difference: Difference) -> Mapping[str, Any]:
        return {
            "added": list(difference.added),
            "changed": {name: list(keys) for name, keys in difference.changed.items()},
            "removed": list(difference.removed),
            "unchanged": list(difference.unchanged),
        }

    return {
        "stored": not dry_run and changes.generation is not None,
        "generation": changes.generation,
        "targets": plain(changes.targets),
        "policies": plain(changes.policies),
        "retired": list(changes.retired),
        "rules": {
            "put": [rule.name for rule in rules.put],
            "removed": [rule.name for rule in rules.removed],
        },
        "warnings": [str(warning) for warning in config.warnings],
        "not_active_yet": not_active_yet(config),
    }


def print_schema(context: typer.Context) -> None:
    """The JSON Schema of the file, for editors that check it."""
    out: Output = context.obj
    out.document(schema())
