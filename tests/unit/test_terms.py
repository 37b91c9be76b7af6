"""Each term of a contract, met and broken to the last unit; what could not be checked is said."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import terms
from chalicelib.core.model import Finding, Severity, Usual
from chalicelib.core.observations import Sizes
from chalicelib.core.spec import Contract
from tests.unit.judging import BACKUP_ID, USUAL, WHOLE

STREAM = replace(
    WHOLE, indices=("customers", ".ds-logs-shop-2026.11.21-000001", ".ds-metrics-000012", "a[1]", ".ds-b[1]-000001")
)
SIZES = Sizes(total=1000, added=10)


def broken(docs: int | None = 100, sizes: Sizes | None = SIZES, usual: Usual | None = None, **of: Any) -> list[Finding]:
    return list(terms.broken(Contract(**of), BACKUP_ID, STREAM, sizes, docs, usual))


@pytest.mark.parametrize(
    ("term", "met", "not_met"),
    [
        ("must_include", ("customers",), ("orders",)),
        ("must_include", ("cust*",), ("cust",)),
        ("must_include", ("logs-*",), ("log",)),
        ("must_include", ("logs-shop",), ("logs-sho",)),
        ("must_include", ("logs-shop",), ("logs",)),
        ("must_include", ("*-shop",), ("shop",)),
        ("must_include", ("metrics",), ("metric",)),
        ("must_include", ("a[1]",), ("a1",)),
        ("must_include", ("b[1]",), ("b1",)),
        ("min_indices", 5, 6),
        ("min_docs", 100, 101),
        ("min_bytes", 1000, 1001),
    ],
)
def test_a_term_is_met_and_broken(term: str, met: Any, not_met: Any) -> None:
    assert broken(**{term: met}) == []
    (finding,) = broken(**{term: not_met})
    assert (finding.code, finding.severity) == (f"contract.{term}", Severity.ERROR)
    assert finding.next_step


def test_each_pattern_that_must_be_included_is_told_by_its_name() -> None:
    found = broken(must_include=("customers", "orders", "returns-*"))
    assert [finding.subject for finding in found] == ["orders", "returns-*"]
    assert found[0].message == "orders missing from the snapshot"


def test_no_term_no_finding() -> None:
    assert broken(docs=0, sizes=Sizes(total=0, added=0), usual=USUAL) == []


@pytest.mark.parametrize(("docs", "shrunken"), [(100, False), (80, False), (79, True), (0, True), (10_000, False)])
def test_shrinking_is_judged_by_documents(docs: int, shrunken: bool) -> None:
    found = broken(docs, Sizes(total=1, added=1), USUAL, max_shrink="20%")
    assert [(finding.code, finding.subject) for finding in found] == [("contract.max_shrink", "documents")] * shrunken


@pytest.mark.parametrize(
    ("docs", "usual"), [(None, USUAL), (50, replace(USUAL, docs=None))], ids=["not counted now", "nor then"]
)
@pytest.mark.parametrize(("total", "shrunken"), [(800, False), (799, True)])
def test_without_counts_on_both_sides_it_is_judged_by_bytes(
    docs: int | None, usual: Usual, total: int, shrunken: bool
) -> None:
    found = broken(docs, Sizes(total=total, added=1), usual, max_shrink="20%")
    assert [(finding.code, finding.subject) for finding in found] == [("contract.max_shrink", "bytes")] * shrunken


@pytest.mark.parametrize(("total", "shrunken"), [(800, False), (799, True)])
def test_what_is_closed_is_no_shrinkage_and_hides_none(total: int, shrunken: bool) -> None:
    """Its documents can't be counted, and are in the backup all the same: bytes are compared, as they hold both."""
    found = terms.broken(
        Contract(max_shrink="20%"), BACKUP_ID, STREAM, Sizes(total=total, added=1), 10, USUAL, closed=1
    )
    assert [(finding.code, finding.subject) for finding in found] == [("contract.max_shrink", "bytes")] * shrunken


@pytest.mark.parametrize(("docs", "gaps"), [(100, []), (99, ["min_docs"])])
def test_how_much_there_is_beside_what_is_closed_is_certain_only_where_it_is_enough(docs: int, gaps: list[str]) -> None:
    asked = Contract(min_docs=100)
    assert terms.broken(asked, BACKUP_ID, STREAM, SIZES, docs, None, closed=2) == ()
    found = terms.unchecked(asked, SIZES, docs, None, closed=2)
    assert [finding.subject for finding in found] == gaps
    assert all("2 closed indices can't be counted" in finding.message for finding in found)


def test_shrinking_that_neither_documents_nor_bytes_can_tell_is_not_checked() -> None:
    (finding,) = terms.unchecked(Contract(max_shrink="20%"), None, 100, USUAL, closed=1)
    assert (finding.code, finding.subject) == ("contract.not_checked", "max_shrink")


def test_without_a_history_nothing_shrinks() -> None:
    assert broken(0, Sizes(total=0, added=0), None, max_shrink="0%") == []
    assert broken(0, Sizes(total=0, added=0), replace(USUAL, docs=None, bytes=None), max_shrink="0%") == []


def test_a_shrunken_backup_says_by_how_much_and_how_to_accept_it() -> None:
    (finding,) = broken(60, usual=USUAL, max_shrink="20%")
    assert finding.message == (
        "60 documents instead of the usual 100 (median of 3 good backups): 40 % less, "
        "the contract allows 20% (max_shrink)"
    )
    assert f"snapwarden accept {BACKUP_ID} --why" in finding.next_step


def test_several_broken_terms_come_in_the_order_of_the_file() -> None:
    found = broken(
        60, usual=USUAL, max_shrink="20%", min_bytes=2000, min_docs=70, min_indices=9, must_include=("orders",)
    )
    assert [finding.code for finding in found] == [
        f"contract.{term}" for term in ("must_include", "min_indices", "min_docs", "min_bytes", "max_shrink")
    ]


@pytest.mark.parametrize(
    ("of", "sizes", "docs", "gaps"),
    [
        ({"min_docs": 1, "min_bytes": 1, "max_shrink": "20%"}, SIZES, 1, []),
        ({"min_docs": 1, "min_bytes": 1, "max_shrink": "20%"}, None, None, ["min_docs", "min_bytes", "max_shrink"]),
        ({"min_docs": 1, "min_bytes": 1, "max_shrink": "20%"}, SIZES, None, ["min_docs"]),
        ({"min_docs": 1, "min_bytes": 1, "max_shrink": "20%"}, None, 1, ["min_bytes"]),
        ({"must_include": ("customers",), "min_indices": 1}, None, None, []),
        ({}, None, None, []),
    ],
)
def test_what_could_not_be_checked_is_warned_of(
    of: dict[str, Any], sizes: Sizes | None, docs: int | None, gaps: list[str]
) -> None:
    found = terms.unchecked(Contract(**of), sizes, docs, USUAL)
    assert [finding.subject for finding in found] == gaps
    assert {(finding.code, finding.severity) for finding in found} <= {("contract.not_checked", Severity.WARNING)}
    assert not broken(docs, sizes, **of)
