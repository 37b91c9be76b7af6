"""Which room may import what: the table of the architecture as data, and a walk over every import that judges it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True)
class Room:
    """`ours`: other rooms it may import; `third`: libraries, None = any; `impure`: it may touch the world."""

    ours: frozenset[str]
    third: frozenset[str] | None
    impure: bool = True


def _room(ours: str, third: str | None, *, impure: bool = True) -> Room:
    return Room(frozenset(ours.split()), None if third is None else frozenset(third.split()), impure)


ROOMS = {
    "core": _room("", "cronsim pydantic pydantic_core", impure=False),
    "service": _room("core", "pydantic", impure=False),
    "engines": _room("core", "pydantic"),
    "store": _room("core", "pydantic"),
    "notify": _room("core", "aws_lambda_powertools boto3 botocore"),
    "web": _room("core service", "chalice"),
    "settings": _room("core", "pydantic"),
    "bootstrap": _room(
        "core service engines store notify web settings", "aws_lambda_powertools boto3 botocore pydantic"
    ),
    "handlers": _room("bootstrap core service settings", "aws_lambda_powertools chalice"),
    "app": _room("bootstrap handlers settings web", "aws_lambda_powertools chalice"),
    "cli": _room("bootstrap core infra service settings", "pydantic rich typer yaml"),
    "infra": _room("bootstrap core service settings", None),
}
"""Our top-level modules and the folders of `chalicelib`."""

OWN_LIBRARY = {
    "chalicelib/core/config*.py": "yaml",
    "chalicelib/core/repository*": "zstandard",
    "chalicelib/engines/elasticsearch*.py": "elasticsearch elastic_transport",
    "chalicelib/engines/opensearch*.py": "elasticsearch elastic_transport botocore",
    "chalicelib/store/dynamo*.py": "pynamodb botocore",
}
"""Libraries that one file has to itself, on top of what its room may import."""

ON_DEMAND = {"cli": ("infra", frozenset({"up", "down", "deploy", "destroy"}))}
"""Room -> what it imports only inside functions of these names: the deployed zip and most commands live without it."""

FINDS_BY_NAME = ("chalicelib/engines/__init__.py", "chalicelib/bootstrap.py")
"""The files that may import a module whose name is known only at run time."""

WORLD = frozenset(
    [
        *("asyncio", "http", "multiprocessing", "os", "random", "secrets", "select", "shutil", "signal", "socket"),
        *("sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request"),
    ]
)
"""Standard library that reads the clock, the environment, the network or chance: not for pure rooms."""

OURS = ("chalicelib", "infra", "app", "tests")


class Import(NamedTuple):
    line: int
    module: str
    functions: tuple[str, ...]
    """The functions around it, outermost first."""
    typing_only: bool


def violations(root: Path) -> list[str]:
    """Every wrong arrow below `root`, as `file:line: why`, sorted."""
    return sorted(
        f"{path.relative_to(root)}:{line}: {why}" for path in _files(root) for line, why in _judge(root, path)
    )


def room_of(path: str) -> str:
    """`chalicelib/store/dynamo.py` -> `store`, `chalicelib/settings.py` -> `settings`, `infra/vendor.py` -> `infra`."""
    parts = path.removesuffix(".py").split("/")
    return parts[1] if parts[0] == "chalicelib" and parts[1] != "__init__" else parts[0]


def imports(source: str) -> Iterator[Import]:
    """Import statements and calls of `import_module` wherever they stand. An unknown name is `?`."""
    yield from _walk(ast.parse(source), (), typing_only=False)


def _files(root: Path) -> Iterator[Path]:
    yield from (root / "chalicelib").rglob("*.py")
    yield from (root / "infra").rglob("*.py")
    yield from root.glob("app.py")


def _judge(root: Path, path: Path) -> Iterator[tuple[int, str]]:
    name = path.relative_to(root).as_posix()
    here = room_of(name)
    if here not in ROOMS and name != "chalicelib/__init__.py":
        yield 1, f"{here} is no room of the architecture"
        return
    room = ROOMS.get(here, Room(frozenset(), frozenset()))
    for found in imports(path.read_text()):
        why = _own(here, room, found) if found.module.split(".")[0] in OURS else _foreign(name, here, room, found)
        if why:
            yield found.line, why


def _own(here: str, room: Room, found: Import) -> str | None:
    there = room_of(found.module.replace(".", "/")) if "." in found.module else found.module
    if there in (here, "chalicelib"):
        return None
    if there not in room.ours:
        return f"{here} may not import {there} ({found.module})"
    demanded, functions = ON_DEMAND.get(here, ("", frozenset()))
    if there == demanded and not functions.intersection(found.functions):
        return f"{here} may import {there} only inside {', '.join(sorted(functions))}"
    return None


def _foreign(name: str, here: str, room: Room, found: Import) -> str | None:
    library = found.module.split(".")[0]
    if library == "?":
        return (
            None if room.third is None or name in FINDS_BY_NAME else "imports a module whose name cannot be read here"
        )
    if library == "":
        return "relative import: write the whole name"
    if library in sys.stdlib_module_names:
        bad = next((name for name in WORLD if f"{found.module}.".startswith(f"{name}.")), None)
        return f"{here} is pure: no {bad}" if bad and not room.impure else None
    if room.third is None:
        return None
    own = {lib for pattern, libs in OWN_LIBRARY.items() if fnmatch(name, pattern) for lib in libs.split()}
    allowed = room.third | own
    if library.startswith("mypy_boto3_"):
        return None if found.typing_only and "boto3" in allowed else f"{library} only under TYPE_CHECKING beside boto3"
    return None if library in allowed else f"{here} may not import {library}"


def _walk(node: ast.AST, functions: tuple[str, ...], *, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = (*functions, child.name) if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else functions
        typing = typing_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        for module in _named(child):
            yield Import(getattr(child, "lineno", 0), module, inside, typing)
        yield from _walk(child, inside, typing_only=typing)


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(level=0, module=str() as module):
            yield from (f"{module}.{alias.name}" for alias in node.names)
        case ast.ImportFrom():
            yield ""
        case ast.Call(func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module")):
            yield _constant(node.args[0]) if node.args else "?"


def _constant(argument: ast.expr) -> str:
    """The name, or as much of it as is certain: `f"chalicelib.engines.{name}"` -> `chalicelib.engines.`"""
    match argument:
        case ast.Constant(value=str() as name) | ast.JoinedStr(values=[ast.Constant(value=str() as name), *_]):
            return name if name.split(".")[0] and ("." in name or isinstance(argument, ast.Constant)) else "?"
    return "?"
