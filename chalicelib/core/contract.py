"""Judging a backup against what was promised. Level L1: complete, and every index that was asked for is in it.

What the contract block of a policy adds (L2) comes on top of this.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.model import Complete, Finding, IndexRef, Severity, State
from chalicelib.core.spec import Repository

SHOWN = 20
"""Findings of one kind that are listed one by one; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a finished snapshot counts. `reason` is None only for SUCCEEDED."""

    state: State
    level: str
    reason: str | None
    findings: tuple[Finding, ...]


def judge(
    complete: Complete, *, expected: Sequence[IndexRef], live: Sequence[IndexRef], unmatched: Sequence[str] = ()
) -> Verdict:
    """`expected`: resolved just before the start; `live`: resolved now. An index that is missing from the snapshot and
    still there with the same uuid is an error; one that went away or was made anew meanwhile is information.
    `unmatched`: what the policy selects and nothing matches: a name is an error, a wildcard a warning, because it may
    match tomorrow."""
    held = set(complete.indices)
    alive = {index.name: index.uuid for index in live}
    missing = [index for index in expected if index.name not in held]
    lost = [index for index in missing if alive.get(index.name) == index.uuid]
    gone = [index for index in missing if alive.get(index.name) != index.uuid]
    names = [pattern for pattern in unmatched if "*" not in pattern]
    findings = (*_lost(lost), *_partial(complete), *_unmatched(unmatched), *_gone(gone))
    if not held or complete.shards_total < len(held):
        empty = _finding("snapshot.empty", Severity.ERROR, "snapshot", _nothing(complete), "check `select`")
        return Verdict(state=State.FAILED, level="L0", reason=empty.message, findings=(empty, *findings))
    if lost:
        return Verdict(state=State.FAILED, level="L0", reason=_names_missing(lost), findings=findings)
    if names:
        reason = f"{', '.join(names[:3])} selected and not on the server"
        return Verdict(state=State.FAILED, level="L0", reason=reason, findings=findings)
    if complete.partial or complete.shards_failed:
        reason = f"{complete.shards_failed} of {complete.shards_total} shards are not in the snapshot"
        return Verdict(state=State.PARTIAL, level="L0", reason=reason, findings=findings)
    return Verdict(state=State.SUCCEEDED, level="L1", reason=None, findings=findings)


def repository_difference(written: Repository, registered: Repository) -> str | None:
    """In words, where the server's registration contradicts the file; None when it agrees. Settings that the file does
    not name are the server's own business. Servers answer every value as a string."""
    if written.type != registered.type:
        return f"type is {registered.type}, the file says {written.type}"
    for key, value in written.settings.items():
        there = registered.settings.get(key)
        if there is None or _as_server(there) != _as_server(value):
            return f"{key} is {there!r}, the file says {value!r}"
    return None


def _as_server(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _nothing(complete: Complete) -> str:
    if not complete.indices:
        return "the snapshot holds no index"
    return f"the snapshot holds {len(complete.indices)} indices in {complete.shards_total} shards: some have none"


def _unmatched(unmatched: Sequence[str]) -> tuple[Finding, ...]:
    return tuple(
        _finding(
            "select.pattern_unmatched" if "*" in pattern else "select.name_unmatched",
            Severity.WARNING if "*" in pattern else Severity.ERROR,
            pattern,
            f"the policy selects {pattern}, and nothing on the server matches it",
            "correct or remove it in `select.indices`, then apply",
        )
        for pattern in unmatched[:SHOWN]
    )


def _names_missing(lost: Sequence[IndexRef]) -> str:
    names = ", ".join(index.name for index in lost[:3])
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return f"{names}{more} missing from the snapshot"


def _lost(lost: Sequence[IndexRef]) -> tuple[Finding, ...]:
    return tuple(
        _finding(
            "snapshot.index_missing",
            Severity.ERROR,
            index.name,
            f"{index.name} was asked for, is still on the server, and is not in the snapshot",
            "run it again; if it stays, look at the index's health",
        )
        for index in lost[:SHOWN]
    )


def _partial(complete: Complete) -> tuple[Finding, ...]:
    return tuple(
        _finding(
            "snapshot.shard_failed",
            Severity.ERROR,
            f"{failure.index}[{failure.shard}]",
            f"shard {failure.shard} of {failure.index} is not in the snapshot: {failure.reason}",
            "bring the shard back (GET _cluster/allocation/explain), then run it again",
        )
        for failure in complete.failures[:SHOWN]
    )


def _gone(gone: Sequence[IndexRef]) -> tuple[Finding, ...]:
    return tuple(
        _finding(
            "select.index_gone",
            Severity.INFO,
            index.name,
            f"{index.name} was deleted or made anew while the snapshot was taken",
            "nothing, if that was meant",
        )
        for index in gone[:SHOWN]
    )


def _finding(code: str, severity: Severity, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=next_step)
