"""JSON that loses nothing on the way: numbers with a point or an exponent stay as they were written.

A float would round them, and two documents that differ in the 18th digit would be the same. Nothing of what an engine
reads of an answer itself is such a number.
"""

import json
from typing import Any

from elastic_transport import JsonSerializer, SerializationError


class Number:
    """A number with a point or an exponent, by its letters."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class ExactJson(JsonSerializer):
    """What is sent is written as ever."""

    def json_loads(self, data: bytes) -> Any:
        return json.loads(data, parse_float=Number)


def canonical(value: object) -> bytes:
    """Equal for equal documents, whatever the order of their keys. Only to be hashed: no reader gets a number back."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_tagged).encode()


def readable(value: object) -> str:
    """Equal texts for equal values, for people and programs to read."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_rounded)


def _tagged(value: object) -> object:
    return {"\x00": _letters(value)}


def _rounded(value: object) -> object:
    return float(_letters(value))


def _letters(value: object) -> str:
    if not isinstance(value, Number):
        raise SerializationError(f"{type(value).__name__} is nothing that JSON holds")
    return value.text
