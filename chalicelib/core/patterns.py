"""EventBridge patterns, as far as one question goes: could this pattern match an event of our own?"""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.wildcards import matches

OURS = "snapwarden"
LONGEST = 2048
"""EventBridge's own limit for a pattern, in characters of JSON."""


def matches_source(pattern: Mapping[str, Any], source: str = OURS) -> bool:
    """Whether an event from `source` may match. A pattern that does not name its sources matches any; a filter that
    we don't know is taken for one that matches."""
    wanted = pattern.get("source")
    if "$or" in pattern or not isinstance(wanted, list | tuple):
        return True
    return any(_accepts(item, source) for item in wanted)


def _accepts(item: object, source: str) -> bool:
    if not isinstance(item, Mapping):
        return item == source
    if len(item) != 1:
        return True
    (operator, value), *_ = item.items()
    if operator == "exists":
        return value is not False
    if operator == "anything-but":
        return not _anything(value, source)
    return _compares(str(operator), value, source)


def _anything(value: object, source: str) -> bool:
    """Whether `anything-but: value` surely leaves `source` out."""
    if isinstance(value, Mapping):
        return len(value) == 1 and any(
            _surely(str(operator), text, source) for operator, texts in value.items() for text in _each(texts)
        )
    return source in _each(value)


def _each(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _surely(operator: str, value: object, source: str) -> bool:
    known = operator in ("prefix", "suffix", "wildcard", "equals-ignore-case") and isinstance(value, str)
    return known and _compares(operator, value, source)


def _compares(operator: str, value: object, source: str) -> bool:
    if isinstance(value, Mapping) and operator in ("prefix", "suffix") and set(value) == {"equals-ignore-case"}:
        value, source = str(value["equals-ignore-case"]).lower(), source.lower()
    if not isinstance(value, str):
        return True
    match operator:
        case "prefix":
            return source.startswith(value)
        case "suffix":
            return source.endswith(value)
        case "equals-ignore-case":
            return source.lower() == value.lower()
        case "wildcard":
            return matches(source, (value,))
    return True


def shape(pattern: Mapping[str, Any]) -> str | None:
    """What is wrong with the form, None when nothing is: every leaf is a list, and none is empty."""
    if not pattern:
        return "the pattern is empty and would match every event"
    for key, value in pattern.items():
        if isinstance(value, Mapping):
            if wrong := shape(value):
                return wrong
        elif not isinstance(value, list | tuple) or not value:
            return f"{key} must be a list that is not empty, like [{value if isinstance(value, str) else '…'}]"
    return None
