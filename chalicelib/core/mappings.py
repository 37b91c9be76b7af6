"""Whether a restored index has the mapping that was backed up. Pure.

A mapping grows by itself while documents come in, so it is read before the start and after the end of the backup.
Where both are equal, the restored one must be the same; otherwise each field must be as it was in one of the two, or on
its way from one to the other: a type never changes, a parameter may.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.model import Finding, Severity
from chalicelib.core.spec import Policy

SHOWN = 5
INNER = ("properties", "fields", "runtime")


def wanted(policy: Policy) -> bool:
    return policy.drill is not None and any(check.mapping for check in policy.drill.checks)


def compare(name: str, before: str | None, after: str | None, restored: str | None, why: str | None) -> list[Finding]:
    """`name`: of the restored index. `why`: there is no `before` or no `after`."""
    if restored is None:
        return [not_compared(name, "it is not there")]
    if before is None or after is None:
        return [not_compared(name, why or "no mapping was read when it was backed up")]
    wrong = list(_differences(_fields(before), _fields(after), _fields(restored)))
    return [_wrong(name, wrong)] if wrong else []


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], restored: Mapping[str, Any]) -> Iterator[str]:
    for field in sorted({*before, *after, *restored}):
        was, became, now = before.get(field), after.get(field), restored.get(field)
        if now in (was, became):
            continue
        if now is None:
            yield f"{field} is missing"
        elif was is None and became is None:
            yield f"{field} was added"
        elif _type(now) not in (types := [_type(each) for each in (was, became) if each is not None]):
            yield f"{field} is of type {_type(now)}, and was {types[0]}"
        elif was == became:
            yield f"{field} has other parameters"


def _fields(mapping: str) -> dict[str, Any]:
    """Each field by its whole name, and what stands beside the fields as `(dynamic)`."""
    return dict(_flat("", json.loads(mapping)))


def _flat(path: str, level: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for group in INNER:
        for name, inner in level.get(group, {}).items():
            yield from _flat(f"{path}.{name}" if path else name, inner)
    own = {key: value for key, value in level.items() if key not in INNER}
    if path:
        yield path, own
    else:
        yield from ((f"({key})", {"type": key, "value": value}) for key, value in own.items())


def _type(field: Mapping[str, Any]) -> str:
    """One without is an object."""
    return str(field.get("type", "object"))


def _wrong(name: str, wrong: list[str]) -> Finding:
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return Finding(
        code="restore.mapping",
        severity=Severity.ERROR,
        subject=name,
        message=f"the mapping of {name} is not the one that was backed up: {', '.join(wrong[:SHOWN])}{more}",
        next_step="restore from another backup, and have this one looked at",
    )


def not_compared(name: str, why: str) -> Finding:
    return Finding(
        code="restore.mapping_not_compared",
        severity=Severity.WARNING,
        subject=name,
        message=f"the mapping of {name} could not be compared: {why}",
        next_step="look at it before it is used",
    )
