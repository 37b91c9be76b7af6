"""The terms of a contract, one by one: which of them a finished backup breaks, and which could not be checked. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from chalicelib.core.model import Finding, Severity, Usual
from chalicelib.core.observations import Bearing, Complete, Sizes
from chalicelib.core.prose import counted, size
from chalicelib.core.spec import Contract
from chalicelib.core.values import format_percent
from chalicelib.core.wildcards import matches

BACKING = re.compile(r"\.ds-(?P<stream>.+?)(?P<day>-[0-9]{4}\.[0-9]{2}\.[0-9]{2})?-[0-9]{6,}")
"""A data stream is in a backup by its backing indices: with the day since Elasticsearch 7.11, without it before."""
SHOWN = 20
"""Findings of one kind that are listed one by one; the rest is counted."""


def shown(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Of one kind; the last one that is listed says how many more there are."""
    every = tuple(findings)
    if len(every) <= SHOWN:
        return every
    last = every[SHOWN - 1]
    return (*every[: SHOWN - 1], replace(last, message=f"{last.message}; and {len(every) - SHOWN} more like it"))


def broken(
    terms: Contract,
    backup_id: str | None,
    complete: Complete,
    sizes: Sizes | None,
    docs: int | None,
    usual: Usual | None,
    *,
    closed: int = 0,
    aliases: Sequence[Bearing] = (),
) -> tuple[Finding, ...]:
    """`backup_id`: None where nobody could accept that it shrank, because of what else is wrong. `docs`: of all
    that can be counted, before the start; None: not counted. `closed`: how many indices of the backup can't be, so that
    it holds more than that. `aliases`: as `not_included` has them. In the order of the contract's keys."""
    others = (
        *shown(not_included(terms, whole(complete), aliases)),
        *_too_few("min_indices", terms.min_indices, len(whole(complete)), "index", "indices"),
        *_too_few("min_docs", terms.min_docs, _certain(terms, docs, closed), "document", "documents"),
        *_too_small(terms, sizes),
    )
    return (*others, *_shrunken(terms, None if others else backup_id, sizes, None if closed else docs, usual))


def unchecked(
    terms: Contract, sizes: Sizes | None, docs: int | None, usual: Usual | None, *, closed: int = 0
) -> tuple[Finding, ...]:
    """A check that could not run is not a pass. Without a history there is nothing to shrink from."""
    whole_docs = None if closed else docs
    asked = {
        "min_docs": terms.min_docs is not None and _certain(terms, docs, closed) is None,
        "min_bytes": terms.min_bytes is not None and sizes is None,
        "max_shrink": terms.max_shrink is not None
        and usual is not None
        and _compared(sizes, whole_docs, usual) is None,
    }
    why = f"; {counted(closed, 'closed index', 'closed indices')} can't be counted" if closed else ""
    return tuple(
        Finding(
            code="contract.not_checked",
            severity=Severity.WARNING,
            subject=term,
            message=f"{term} could not be checked: the server did not say how much the backup holds{why}",
            next_step="snapwarden doctor says what is missing",
        )
        for term, gap in asked.items()
        if gap
    )


def _certain(terms: Contract, docs: int | None, closed: int) -> int | None:
    """Nobody knows what closed indices hold: what was counted beside them is certain only where it is enough."""
    enough = docs is not None and docs >= (terms.min_docs or 0)
    return docs if enough or not closed else None


def whole(complete: Complete) -> list[str]:
    """An index of which a shard failed is not held."""
    torn = {failure.index for failure in complete.failures}
    return [name for name in complete.indices if name not in torn]


def not_included(terms: Contract, held: Sequence[str], aliases: Sequence[Bearing]) -> Iterator[Finding]:
    """`held`: names of indices; `aliases`: of those. A name may have become an alias, by a swap say: it means the index
    that it stands for, and is met when that one is held."""
    there = set(held)
    names = {*held, *(one.alias for one in aliases if one.index in there)}
    for pattern in terms.must_include:
        if not any(matches(known_as, (pattern,)) for name in names for known_as in _known_as(name)):
            next_step = "is it selected, and there, as an index or as an alias of one?"
            yield _finding("must_include", pattern, f"{pattern} missing from the snapshot", next_step)


def meant(terms: Contract, aliases: Mapping[str, Sequence[str]]) -> tuple[Bearing, ...]:
    """Those of the aliases, by index, that `not_included` may need: there may be thousands of others."""
    return tuple(
        Bearing(index=name, alias=alias)
        for name, own in aliases.items()
        for alias in own
        if matches(alias, terms.must_include)
    )


def _known_as(index: str) -> tuple[str, ...]:
    """Its name, and those of the data stream that it may belong to."""
    found = BACKING.fullmatch(index)
    return (index,) if found is None else (index, found["stream"], found["stream"] + (found["day"] or ""))


def _too_few(term: str, least: int | None, found: int | None, noun: str, nouns: str) -> Iterator[Finding]:
    if least is not None and found is not None and found < least:
        message = f"the snapshot holds {counted(found, noun, nouns)}, the contract wants {least:,} ({term})"
        yield _finding(term, nouns, message, "find out what was deleted, or lower the contract, then apply")


def _too_small(terms: Contract, sizes: Sizes | None) -> Iterator[Finding]:
    if terms.min_bytes is not None and sizes is not None and sizes.total < terms.min_bytes:
        message = f"the snapshot holds {size(sizes.total)}, the contract wants {size(terms.min_bytes)} (min_bytes)"
        yield _finding("min_bytes", "bytes", message, "find out what was deleted, or lower the contract, then apply")


def _compared(sizes: Sizes | None, docs: int | None, usual: Usual) -> tuple[str, int, int] | None:
    """What, how much now, how much usually: documents where both sides were counted, and wholly; else bytes, which also
    shrink when the server merges segments."""
    if docs is not None and usual.docs is not None:
        return "documents", docs, usual.docs
    if sizes is not None and usual.bytes is not None:
        return "bytes", sizes.total, usual.bytes
    return None


def _shrunken(
    terms: Contract, backup_id: str | None, sizes: Sizes | None, docs: int | None, usual: Usual | None
) -> Iterator[Finding]:
    if terms.max_shrink is None or usual is None or (compared := _compared(sizes, docs, usual)) is None:
        return
    subject, now, before = compared
    told = (counted(now, "document"), f"{before:,}") if subject == "documents" else (size(now), size(before))
    if now >= before * (1 - terms.max_shrink):
        return
    lost = 100 * (before - now) / before
    message = (
        f"{told[0]} instead of the usual {told[1]} (median of {counted(usual.backups, 'good backup')}): "
        f"{lost:.0f} % less, the contract allows {format_percent(terms.max_shrink)} (max_shrink)"
    )
    accept = f"if that was meant: snapwarden accept {backup_id} --why …; else " if backup_id else ""
    next_step = f"{accept}find out what was deleted"
    yield _finding("max_shrink", subject, message, next_step)


def _finding(term: str, subject: str, message: str, next_step: str) -> Finding:
    code = f"contract.{term}"
    return Finding(code=code, severity=Severity.ERROR, subject=subject, message=message, next_step=next_step)
