"""JSON in which each `_source` stays the text that the server sent: nothing of a document is rounded, sorted or
escaped anew on its way from one index to another."""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # how the library itself reads a key
from typing import Any

from chalicelib.engines.elasticsearch_json import ExactJson, Number

SOURCE = "_source"
SPACE = re.compile(r"[ \t\n\r]*")
WHOLE = json.JSONDecoder(parse_float=Number)
SPAN = json.JSONDecoder(parse_int=len, parse_float=len)  # only its end is of interest; huge numbers are no error


class Sources(ExactJson):
    """All else is read as ever. Slower than that: only for answers that hold documents to be copied."""

    def json_loads(self, data: bytes) -> Any:
        text = data.decode()
        found, end = _value(text, _skip(text, 0))
        if _skip(text, end) != len(text):
            raise ValueError("something follows the answer")
        return found


def in_one_line(source: str) -> str:
    """For a request of lines. Inside of strings JSON has no line breaks: these stand between values."""
    return source.replace("\r", " ").replace("\n", " ")


def _value(text: str, at: int) -> tuple[Any, int]:
    opening = text[at : at + 1]
    if opening == "{":
        return _object(text, _skip(text, at + 1))
    if opening == "[":
        return _list(text, _skip(text, at + 1))
    try:
        return WHOLE.raw_decode(text, at)
    except StopIteration as end:
        raise ValueError(f"no value at {end.value}") from None


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        _expect(text, at, '"')
        key, at = scanstring(text, at + 1, True)
        at = _skip(text, at)
        _expect(text, at, ":")
        at = _skip(text, at + 1)
        if key == SOURCE:
            _, end = SPAN.raw_decode(text, at)
            found[key], at = text[at:end], end
        else:
            found[key], at = _value(text, at)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return found, at + 1
        _expect(text, at, ",")
        at = _skip(text, at + 1)


def _list(text: str, at: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        item, at = _value(text, at)
        found.append(item)
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return found, at + 1
        _expect(text, at, ",")
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, what: str) -> None:
    if text[at : at + 1] != what:
        raise ValueError(f"no {what} at {at}")
