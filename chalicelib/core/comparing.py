"""Whether what was restored is what was backed up, as far as counts can tell. Pure.

Equal counts alone prove nothing, and different ones need not be wrong: an index that is written to while it is backed
up holds something in between. So the counts before and after the backup bound what it may hold (docs/restore.md).
"""

from collections.abc import Iterator, Sequence

from chalicelib.core.model import Finding, IndexCount, Run, Severity
from chalicelib.core.plans import Plan
from chalicelib.core.prose import counted
from chalicelib.core.spec import QueryCheck

NOT_COMPARED = "restore.not_compared"


def counts(
    plan: Plan,
    before: Sequence[IndexCount],
    after: Sequence[IndexCount],
    restored: Sequence[IndexCount],
    uncounted: str | None,
) -> tuple[Finding, ...]:
    """An error for each index that holds other than it may; a warning for each that could not be compared, which is no
    pass. In the order of the plan."""
    then, later, now = ({count.name: count for count in found} for found in (before, after, restored))
    return tuple(
        found
        for move in plan.moves
        for found in _compared(move.source, move.name, then, later, now.get(move.name), uncounted)
    )


def gaps(plan: Plan, findings: Sequence[Finding]) -> tuple[int, ...]:
    """The places in the plan of those that could not be compared."""
    unknown = {found.subject for found in findings if found.code == NOT_COMPARED}
    return tuple(n for n, move in enumerate(plan.moves) if move.name in unknown)


def incomplete(run: Run, plan: Plan) -> str | None:
    """What somebody must know of a restore that succeeded before they rely on it. None: all came back, and all was
    compared."""
    parts = []
    if plan.left_out:
        parts.append(f"{counted(plan.left_out, 'index', 'indices')} left out (PARTIAL)")
    if gaps := len(run.unproved):
        of = "" if parts else f" of {counted(len(plan.moves), 'index', 'indices')}"
        parts.append(f"{gaps:,}{of} not compared")
    return ", ".join(parts) or None


def _compared(
    source: str,
    name: str,
    then: dict[str, IndexCount],
    later: dict[str, IndexCount],
    now: IndexCount | None,
    uncounted: str | None,
) -> Iterator[Finding]:
    old, new = then.get(source), later.get(source)
    if now is None:
        yield _unknown(name, uncounted or "the server did not count it")
    elif old is None:
        yield _unknown(name, f"{source} was not counted when it was backed up (a policy with `prove: L2` counts)")
    elif len(now.max_seq_no) != len(old.max_seq_no):
        yield _wrong(name, f"{name} has {len(now.max_seq_no)} shards, {source} had {len(old.max_seq_no)}")
    elif new is None or new.uuid != old.uuid:
        yield from _at_least(source, name, old, now)
    elif any(c < a for a, c in zip(old.max_seq_no, new.max_seq_no, strict=True)):
        # It keeps its uuid when it is restored in place, through another repository or by hand.
        yield _unknown(name, f"the sequence numbers of {source} went back during the backup: replaced, or writes lost")
    else:
        yield from _between(source, name, old, new, now)


def _between(source: str, name: str, old: IndexCount, new: IndexCount, now: IndexCount) -> Iterator[Finding]:
    operations = sum(new.max_seq_no) - sum(old.max_seq_no)
    if abs(now.docs - old.docs) > operations:
        held = f"{source} held {old.docs} documents and saw {operations} operations during the backup"
        yield _wrong(name, f"{name} holds {now.docs} documents; {held}")
    elif not all(a <= b <= c for a, b, c in zip(old.max_seq_no, now.max_seq_no, new.max_seq_no, strict=True)):
        yield _wrong(name, f"{name} ends at another operation than {source} did when it was backed up")


def _at_least(source: str, name: str, old: IndexCount, now: IndexCount) -> Iterator[Finding]:
    """Not counted after the backup, or made anew since: what it held at most is not known."""
    if not all(a <= b for a, b in zip(old.max_seq_no, now.max_seq_no, strict=True)):
        yield _wrong(name, f"{name} lacks operations that {source} had seen before the backup started")
    else:
        yield _unknown(name, f"{source} could not be counted after the backup")


def unchecked(name: str, source: str) -> Finding:
    """No check of the file looks at this index: that it came back says nothing of what is in it."""
    return Finding(
        code="drill.unchecked",
        severity=Severity.WARNING,
        subject=name,
        message=f"none of `drill.checks` looks at {source}: it is not proved",
        next_step="doc_count, mapping or sample_hash in `drill.checks`, or a query of this index",
    )


def hits(name: str, query: QueryCheck, found: int | None, why: str | None) -> Finding | None:
    """What a query of the file says of a restored index. `found`: None when it was not answered, and `why`."""
    if found is None:
        return Finding(
            code="drill.query_not_answered",
            severity=Severity.WARNING,
            subject=name,
            message=f"a query of {name} was not answered: {why}",
            next_step="correct the query in `drill.checks`, or ask for less",
        )
    if query.expect is not None and found != query.expect:
        held = f"more than {query.expect}" if found > query.expect else str(found)
        message = f"a query finds {held} in {name}, and {query.expect} are expected"
    elif found < query.min_hits:
        message = f"a query finds {found} in {name}, and at least {query.min_hits} are expected"
    else:
        return None
    next_step = "look whether the live index has them; if so, restore from another backup"
    return Finding(code="drill.query", severity=Severity.ERROR, subject=name, message=message, next_step=next_step)


def _wrong(name: str, message: str) -> Finding:
    return Finding(
        code="restore.counts",
        severity=Severity.ERROR,
        subject=name,
        message=message,
        next_step="restore from another backup, and have this one looked at",
    )


def _unknown(name: str, why: str) -> Finding:
    return Finding(
        code=NOT_COMPARED,
        severity=Severity.WARNING,
        subject=name,
        message=f"the documents of {name} could not be compared: {why}",
        next_step="look at it before it is used",
    )
