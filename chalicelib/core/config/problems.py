"""What pydantic found wrong -> problems with a place, in the words of the file."""

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from chalicelib.core.config.document import Document, Path, dotted
from chalicelib.core.errors import Problem
from chalicelib.core.nearest import nearest, unknown_key
from chalicelib.core.values import shown

KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
BOUNDS = {"greater_than_equal": ("ge", "too small", "at least"), "less_than_equal": ("le", "too large", "at most")}
FREE = frozenset({"settings", "pattern", "body"})
"""Keys whose content is somebody else's vocabulary."""


def translate(document: Document, base: Path, model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    """`base`: where the value that was validated as `model` stands."""
    for item in error.errors(include_url=False):
        if item["type"] == "too_short" and item["input"]:
            continue  # it has items, all of them wrong, and they are told of
        loc = tuple(part for part in item["loc"] if part != "[key]")
        message, expected = _words(model, loc, item)
        line, place = document.place((*base, *loc))
        key = (*base, *loc) if item["type"] == "missing" else place
        yield Problem(message, expected, document.file, line, dotted(key))


def _words(model: type[BaseModel], loc: Path, item: ErrorDetails) -> tuple[str, str | None]:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    field = field_at(model, loc)
    meant = field.description if field else None
    found = "this" if "auth" in loc else shown(value)
    if kind == "snapwarden":
        return "has no value" if value is None else str(context["message"]), context["expected"]
    if kind == "missing":
        return "is missing", meant
    if kind == "extra_forbidden":
        return unknown_key(str(loc[-1]), _keys(model, loc[:-1]))
    if kind == "literal_error":
        return _literal(found, value, str(context["expected"]))
    if kind in KINDS:
        return "has no value" if value is None else f"found {found}", _expected(kind, value, meant)
    if kind in BOUNDS:
        name, wrong, word = BOUNDS[kind]
        percent = isinstance(value, str) and value.endswith("%")
        return f"{found} is {wrong}", "0% to 100%" if percent else f"{word} {context[name]}"
    if kind in ("too_short", "string_too_short"):
        return "is empty", meant or "at least one"
    return f"{found} is not valid here", meant or item["msg"]


def _expected(kind: str, value: object, meant: str | None) -> str:
    expected = KINDS[kind]
    if kind.startswith("bool") and isinstance(value, str):
        return f"{expected}: YAML's other words for them are not taken"
    if kind == "string_type" and isinstance(value, int | float):
        return f"{expected}, so put it in quotes"
    return f"{expected}: {meant}" if meant and re.search(r"[{\[]", meant) else expected


def _literal(found: str, value: object, expected: str) -> tuple[str, str]:
    known = re.findall(r"'([^']*)'", expected)
    hint = nearest(value, known) if isinstance(value, str) else ""
    words = ", ".join(known)
    return f"{found} is not known here{hint}", f"one of {words}" if len(known) > 1 else words or expected.lower()


def field_at(model: type[BaseModel], loc: Path) -> FieldInfo | None:
    """The innermost field on the way to `loc`."""
    found: FieldInfo | None = None
    current: Any = model
    for part in loc:
        models = [kind for kind in _kinds(current) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        field = next((kind.model_fields[str(part)] for kind in models if part in kind.model_fields), None)
        if field is not None:
            found, current = field, field.annotation
        else:
            current = next((_element(kind) for kind in _kinds(current) if get_origin(kind)), None)
    return found


def _keys(model: type[BaseModel], loc: Path) -> list[str]:
    field = field_at(model, loc) if loc else None
    kinds = list(_kinds(field.annotation)) if field else [model]
    kinds = [inner for kind in kinds for inner in (_kinds(_element(kind)) if get_origin(kind) else [kind])]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [name for kind in models for name in kind.model_fields if name != "name"]


def _kinds(annotation: Any) -> Iterator[Any]:
    """Its alternatives, without `Annotated`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _kinds(part)
    else:
        yield annotation


def _element(kind: Any) -> Any:
    """Of a tuple or a mapping."""
    parts = get_args(kind)
    return parts[1] if get_origin(kind) is not tuple and len(parts) > 1 else parts[0]


def empty_values(data: Any, path: Path) -> Iterator[Path]:
    """Keys without a value: pydantic takes some of them for "not written", the file means them as a mistake."""
    if data is None:
        yield path
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if key not in FREE:
                yield from empty_values(value, (*path, key))
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from empty_values(value, (*path, position))
