"""Whether documents that were read when they were backed up came back unchanged. Pure.

Documents change while they are backed up, and a snapshot holds each as it was at some instant in between. So candidates
are read before the start, and only those that are *stable* count: live after the end, in the same index, with the same
sequence number. They were never touched in between, so whatever instant the snapshot took, it must hold exactly them.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import comb

from chalicelib.core.model import Finding, Severity
from chalicelib.core.proving import Document, IndexFacts, Read
from chalicelib.core.spec import Policy

MOST = 10_000
"""Candidates of one index: what a server answers at most to one search."""


def wanted(policy: Policy) -> int:
    """How many documents of each index a drill of the policy compares; 0: none."""
    checks = policy.drill.checks if policy.drill else ()
    return max((check.sample_hash for check in checks if check.sample_hash), default=0)


def candidates(documents: int) -> int:
    """Twice as many are read as are to be compared, because some of them will change."""
    return min(2 * documents, MOST)


def least(documents: int, held: int | None) -> int:
    """So many must be stable for the comparison to count: half of what is wanted, or all that there are."""
    half = (documents + 1) // 2
    return half if held is None else min(half, held)


def stable(before: IndexFacts, live: Iterable[Document]) -> tuple[int, ...]:
    """The places of those that are still as they were. `live`: read after the end from the index of the same uuid."""
    now = {(each.id, each.routing): (each.seq_no, each.term) for each in live}
    return tuple(
        place
        for place, each in enumerate(before.documents)
        if now.get((each.id, each.routing)) == (each.seq_no, each.term)
    )


def chosen(before: IndexFacts, after: IndexFacts | None) -> tuple[Document, ...]:
    """What must be in the restored index."""
    return tuple(before.documents[place] for place in after.stable) if after else ()


def compare(
    name: str, documents: int, before: IndexFacts | None, after: IndexFacts | None, restored: Read
) -> tuple[Finding, ...]:
    """`name`: of the restored index, `restored`: what it holds of those chosen, `documents`: how many were wanted. An
    error when one of them is missing or different; a warning when too few could be compared, which is no pass."""
    if before is None or (after is None and not before.unread):
        return (not_sampled(name, "no documents were read when it was backed up"),)
    must = chosen(before, after)
    wrong = _differ(must, restored)
    found = (_wrong(name, wrong, len(must)),) if wrong and not restored.why else ()
    too_few = restored.why or before.unread or (after.unread if after else None)
    if too_few is None and len(must) < least(documents, before.held):
        too_few = f"only {len(must)} of {len(before.documents)} documents stayed unchanged during the backup"
    return (*found, not_sampled(name, too_few)) if too_few else found


def not_sampled(name: str, why: str) -> Finding:
    return Finding(
        code="restore.not_sampled",
        severity=Severity.WARNING,
        subject=name,
        message=f"the documents of {name} could not be compared one by one: {why}",
        next_step="look at it before it is used; the next backup reads other documents",
    )


def miss_probability(stable: int, altered: int, documents: int) -> Fraction:
    """That none of `altered` documents, out of `documents`, is among `stable` ones drawn at random. Exact. ValueError
    when there are not so many."""
    if not (0 <= stable <= documents and 0 <= altered <= documents):
        raise ValueError(f"{stable} and {altered} of {documents} documents")
    return Fraction(comb(documents - altered, stable), comb(documents, stable))


def _differ(must: Iterable[Document], restored: Read) -> list[tuple[Document, bool]]:
    """Those that are not as they were, each with whether it is missing."""
    now = {(each.id, each.routing): each for each in restored.documents}
    return [(each, (each.id, each.routing) not in now) for each in must if now.get((each.id, each.routing)) != each]


def _wrong(name: str, wrong: list[tuple[Document, bool]], compared: int) -> Finding:
    """One of them is named by its number, by which it is found again: an id may be somebody's name."""
    missing = sum(is_missing for _, is_missing in wrong)
    one = f"the original of one of them has the sequence number {wrong[0][0].seq_no}"
    of = f"{len(wrong)} of {compared} documents that did not change during the backup"
    return Finding(
        code="restore.sample",
        severity=Severity.ERROR,
        subject=name,
        message=f"{of} came back otherwise in {name}: {missing} missing, {len(wrong) - missing} different; {one}",
        next_step="restore from another backup, and have this one looked at",
    )
