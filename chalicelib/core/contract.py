"""Judging a backup against what was promised: is it complete (L1), was it counted and is its contract met (L2).

The terms of the contract block one by one: `core/terms.py`.
"""

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core import promise, terms
from chalicelib.core.model import Finding, IndexCount, IndexRef, Severity, State, Usual
from chalicelib.core.observations import Complete, Sizes
from chalicelib.core.prose import span
from chalicelib.core.spec import Level, Policy, Repository

if TYPE_CHECKING:
    from chalicelib.core.evidence import Evidence

CLOCKS_APART = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a finished snapshot is judged by.

    `expected`: what was asked for, with the counts before the start. `live`: resolved now, asked for only when
    something is missing. `after`: the counts now; `uncounted`: why there are none. `usual`: what good ones held before.
    """

    backup_id: str
    complete: Complete
    expected: "Evidence"
    live: Sequence[IndexRef] = ()
    sizes: Sizes | None = None
    after: Sequence[IndexCount] = ()
    uncounted: str | None = None
    usual: Usual | None = None
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a finished snapshot counts. `reason` is None only for SUCCEEDED. `docs`: held when the counts were taken,
    None unless every index could be counted, but for those that are `closed`. `good`: it counts for the promise of its
    policy."""

    state: State
    level: str
    good: bool
    reason: str | None
    docs: int | None
    closed: int
    findings: tuple[Finding, ...]


def needs_counts(policy: Policy) -> bool:
    """Counting needs privileges on the indices and three requests: only who asks for it pays."""
    block = policy.contract
    return promise.required(policy) > "L1" or block.min_docs is not None or block.max_shrink is not None


def judge(policy: Policy, judged: Judged) -> Verdict:
    """L1: complete, and every index that was asked for is in it. An index that is missing and still there with the same
    uuid is an error; one that went away or was made anew meanwhile is information. What the policy selects and nothing
    matches: a name is an error, a wildcard a warning, because it may match tomorrow. L2: counted before and after, and
    the contract is met. A check that could not run is not a pass: such a backup stays at L1 and is not good."""
    docs, gap, hints = _counted(policy, judged)
    block, sizes, usual, closed = policy.contract, judged.sizes, judged.usual, len(_closed_in(judged))
    unchecked = (*gap, *terms.unchecked(block, sizes, docs, usual, closed=closed))
    state, reason, found = _l1(judged, allow_partial=policy.contract.allow_partial)
    hopeless = unchecked or any(finding.severity is Severity.ERROR for finding in found)
    may_accept = None if hopeless else judged.backup_id
    promises = terms.broken(
        block,
        may_accept,
        judged.complete,
        sizes,
        docs,
        usual,
        closed=closed,
        aliases=judged.expected.aliases,
    )
    findings = (*found, *promises, *unchecked, *hints, *_clock(judged))
    complete = state is State.SUCCEEDED or (state is State.PARTIAL and policy.contract.allow_partial)
    if complete and promises:
        state, reason = State.FAILED, promises[0].message
    level: Level = "L2" if needs_counts(policy) and not unchecked and not promises else "L1"
    good = complete and not promises and not unchecked and level >= promise.required(policy)
    held = level if complete else "L0"
    return Verdict(state=state, level=held, good=good, reason=reason, docs=docs, closed=closed, findings=findings)


def _closed_in(judged: Judged) -> list[str]:
    held = set(judged.complete.indices)
    return [index.name for index in judged.expected.indices if index.closed and index.name in held]


def _l1(judged: Judged, *, allow_partial: bool) -> tuple[State, str | None, tuple[Finding, ...]]:
    complete, unmatched = judged.complete, judged.expected.unmatched
    held = set(complete.indices)
    alive = {index.name: index.uuid for index in judged.live}
    missing = [index for index in judged.expected.indices if index.name not in held]
    lost = [index for index in missing if alive.get(index.name) == index.uuid]
    gone = [index for index in missing if alive.get(index.name) != index.uuid]
    names = [pattern for pattern in unmatched if "*" not in pattern]
    shards = _partial(complete, Severity.WARNING if allow_partial else Severity.ERROR)
    findings = (*_lost(lost), *shards, *_unmatched(unmatched), *_gone(gone))
    if not held or complete.shards_total < len(held) or complete.shards_failed >= complete.shards_total:
        empty = _empty(complete)
        return State.FAILED, empty.message, (empty, *findings)
    if lost:
        return State.FAILED, _names_missing(lost), findings
    if names:
        return State.FAILED, f"{', '.join(names[:3])} selected and not on the server", findings
    if complete.partial or complete.shards_failed:
        reason = f"{complete.shards_failed} of {complete.shards_total} shards are not in the snapshot"
        return State.PARTIAL, reason, findings
    return State.SUCCEEDED, None, findings


def _counted(policy: Policy, judged: Judged) -> tuple[int | None, tuple[Finding, ...], tuple[Finding, ...]]:
    """Documents of whole indices, None unless all that can be counted was; why they were not; what else to know."""
    if not needs_counts(policy):
        return None, (), ()
    expected, held = judged.expected, set(judged.complete.indices)
    closed = _closed_in(judged)
    before = {count.name: count for count in expected.counts}
    missing = [name.name for name in expected.indices if name.name in held - before.keys() - set(closed)]
    why = expected.uncounted or judged.uncounted
    if missing and not why:
        why = f"a primary of {', '.join(missing[:3])} was not assigned when the backup started"
    hints = (*_closed(closed), *terms.shown(_moved(before, judged.after if judged.uncounted is None else None)))
    if why:
        return None, (_not_counted(policy.name, why),), hints
    whole = set(terms.whole(judged.complete))
    return sum(count.docs for count in expected.counts if count.name in whole), (), hints


def _not_counted(policy: str, why: str) -> Finding:
    message = f"the documents could not be counted, so this backup does not reach L2: {why}"
    return _finding("counts.not_possible", Severity.WARNING, policy, message, "snapwarden doctor says what is missing")


def _closed(names: Sequence[str]) -> tuple[Finding, ...]:
    message = "is closed, so its documents can't be counted; it is in the backup"
    return terms.shown(
        _finding("counts.closed", Severity.INFO, name, f"{name} {message}", "nothing, if that was meant")
        for name in names
    )


def _moved(before: Mapping[str, IndexCount], after: Sequence[IndexCount] | None) -> Iterator[Finding]:
    """Sequence numbers only grow: a smaller one means that writes were lost, or that the index was replaced."""
    for count in after or ():
        known = before.get(count.name)
        if known and known.uuid == count.uuid and any(map(operator.lt, count.max_seq_no, known.max_seq_no)):
            message = f"the sequence numbers of {count.name} went back while the snapshot was taken"
            next_step = "look for a failed primary, or a restore in place, then"
            yield _finding("counts.went_back", Severity.WARNING, count.name, message, next_step)


def _clock(judged: Judged) -> tuple[Finding, ...]:
    if judged.claimed_at is None:
        return ()
    apart = abs(judged.complete.started_at - judged.claimed_at)
    if apart <= CLOCKS_APART:
        return ()
    message = f"the server says that the snapshot began {span(apart)} away from when it was asked for"
    next_step = "compare the clocks of the server and of AWS (NTP), or find out why the server began so late"
    return (_finding("clock.differs", Severity.WARNING, judged.complete.uuid, message, next_step),)


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


def _empty(complete: Complete) -> Finding:
    next_step = "check `select`"
    if not complete.indices:
        message = "the snapshot holds no index"
    elif complete.shards_failed >= complete.shards_total:
        message = f"all {complete.shards_total} shards failed: nothing can be restored from the snapshot"
        next_step = "bring the shards back (GET _cluster/allocation/explain), then run it again"
    else:
        message = (
            f"the snapshot holds {len(complete.indices)} indices in {complete.shards_total} shards: some have none"
        )
    return _finding("snapshot.empty", Severity.ERROR, "snapshot", message, next_step)


def _unmatched(unmatched: Sequence[str]) -> tuple[Finding, ...]:
    return terms.shown(
        _finding(
            "select.pattern_unmatched" if "*" in pattern else "select.name_unmatched",
            Severity.WARNING if "*" in pattern else Severity.ERROR,
            pattern,
            f"the policy selects {pattern}, and nothing on the server matches it",
            "correct or remove it in `select.indices`, then apply",
        )
        for pattern in unmatched
    )


def _names_missing(lost: Sequence[IndexRef]) -> str:
    names = ", ".join(index.name for index in lost[:3])
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return f"{names}{more} missing from the snapshot"


def _lost(lost: Sequence[IndexRef]) -> tuple[Finding, ...]:
    return terms.shown(
        _finding(
            "snapshot.index_missing",
            Severity.ERROR,
            index.name,
            f"{index.name} was asked for, is still on the server, and is not in the snapshot",
            "run it again; if it stays, look at the index's health",
        )
        for index in lost
    )


def _partial(complete: Complete, severity: Severity) -> tuple[Finding, ...]:
    return terms.shown(
        _finding(
            "snapshot.shard_failed",
            severity,
            f"{failure.index}[{failure.shard}]",
            f"shard {failure.shard} of {failure.index} is not in the snapshot: {failure.reason}",
            "bring the shard back (GET _cluster/allocation/explain), then run it again",
        )
        for failure in complete.failures
    )


def _gone(gone: Sequence[IndexRef]) -> tuple[Finding, ...]:
    return terms.shown(
        _finding(
            "select.index_gone",
            Severity.INFO,
            index.name,
            f"{index.name} was deleted or made anew while the snapshot was taken",
            "nothing, if that was meant",
        )
        for index in gone
    )


def _finding(code: str, severity: Severity, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=next_step)
