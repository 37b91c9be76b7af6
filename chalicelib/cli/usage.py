"""Words on the command line that make no sense, told as every other mistake is."""

import re
from typing import Any

import typer

from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.nearest import nearest

ERROR: Any = typer.BadParameter.__base__  # Typer has no public name for it since it brings its own click
CHOICES = re.compile(r"'(.*)' is not one of (.+?)\.?", re.DOTALL)
PROGRAM = "snapwarden"


def is_help(error: Any) -> bool:
    """A group of commands without one is no mistake to be told: it is answered by its help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def problem(error: Any) -> BadInput:
    """What the parser found wrong."""
    message = str(getattr(error, "message", "") or "").removeprefix("Value error, ").rstrip(".")
    if type(error).__name__ == "NoSuchOption":
        known = [option for parameter in error.ctx.command.params for option in parameter.opts] if error.ctx else []
        like = nearest(error.option_name, known)
        return BadInput(Problem(f"no such option{like}", key=error.option_name, expected=_help(error)))
    parameter = getattr(error, "param", None)
    if parameter is None:
        return BadInput(Problem(f"{message}{_command_meant(error, message)}", expected=_help(error)))
    key = " / ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.metavar or parameter.name
    if type(error).__name__ == "MissingParameter":
        return BadInput(Problem("is missing", key=key, expected=_usage(error.ctx)))
    return BadInput(_wrong_value(parameter, message, key))


def _wrong_value(parameter: Any, message: str, key: str) -> Problem:
    if found := CHOICES.fullmatch(message):
        choices = re.findall(r"'(.+?)'", found[2])
        if "|" in (parameter.metavar or ""):  # what people may choose; the type has more
            choices = parameter.metavar.split("|")
        return Problem(
            f"{found[1]!r}{nearest(found[1].lower(), choices)}", key=key, expected=f"one of {', '.join(choices)}"
        )
    wanted = message.removeprefix("Input should be ")
    if wanted != message:
        return Problem("makes no sense", key=key, expected=wanted.partition(",")[0])
    return Problem(message, key=key)


def _command_meant(error: Any, message: str) -> str:
    word = re.fullmatch("No such command '(.+)'", message)
    return nearest(word[1], getattr(error.ctx.command, "commands", ())) if word and error.ctx else ""


def _usage(context: Any) -> str:
    """The command with all that it needs."""
    needed = [parameter for parameter in context.command.params if parameter.required]
    words = [
        f"{parameter.opts[0]} {(parameter.metavar or parameter.name).upper()}"
        if parameter.param_type_name == "option"
        else (parameter.metavar or parameter.name).upper()
        for parameter in needed
    ]
    return " ".join([f"`{context.command_path}", *words]) + "`"


def _help(error: Any) -> str:
    return f"what `{error.ctx.command_path if error.ctx else PROGRAM} --help` lists"
