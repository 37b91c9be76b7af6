"""L1: complete, and everything that was asked for is in it. L2: counted, and the contract is met."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import contract, terms
from chalicelib.core.model import IndexCount, IndexRef, Severity, State
from chalicelib.core.observations import Complete, ShardFailure
from chalicelib.core.spec import Level, Repository
from tests.unit.judging import COUNT_A, COUNT_B, NOW, USUAL, WHOLE, A, B, codes, expected, judge, policy

SHARD = ShardFailure(index="a", shard=1, reason="primary shard is not allocated")
TORN = replace(WHOLE, partial=True, shards_failed=1, failures=(SHARD,))
LESS = replace(WHOLE, indices=("a",))
CLOSED = replace(B, closed=True)


def test_complete_and_nothing_missing_is_l1_and_good_for_who_asks_no_more() -> None:
    verdict = judge()
    assert (verdict.state, verdict.level, verdict.good) == (State.SUCCEEDED, "L1", True)
    assert (verdict.reason, verdict.findings, verdict.docs) == (None, (), None)


def test_an_index_that_is_still_there_and_not_in_the_snapshot_is_an_error() -> None:
    verdict = judge(LESS)
    assert (verdict.state, verdict.level, verdict.good) == (State.FAILED, "L0", False)
    assert verdict.reason == "b missing from the snapshot"
    assert codes(verdict) == ["snapshot.index_missing"]


@pytest.mark.parametrize("live", [(A,), (A, IndexRef(name="b", uuid="made-anew"))])
def test_an_index_that_went_away_meanwhile_is_information(live: tuple[IndexRef, ...]) -> None:
    verdict = judge(LESS, live=live)
    assert (verdict.state, verdict.good) == (State.SUCCEEDED, True)
    assert codes(verdict) == ["select.index_gone"]


def test_an_index_that_went_away_fails_the_run_that_must_include_it() -> None:
    verdict = judge(LESS, live=(A,), terms={"must_include": ("b",)})
    assert (verdict.state, verdict.reason) == (State.FAILED, "b missing from the snapshot")
    assert codes(verdict) == ["select.index_gone", "contract.must_include"]


@pytest.mark.parametrize("held", [replace(TORN, shards_failed=0), replace(TORN, partial=False)])
def test_partial_is_never_called_success(held: Complete) -> None:
    verdict = judge(held)
    assert (verdict.state, verdict.level, verdict.good) == (State.PARTIAL, "L0", False)
    assert (verdict.findings[0].subject, verdict.findings[0].severity) == ("a[1]", Severity.ERROR)


@pytest.mark.parametrize("prove", ["L1", "L2"])
def test_a_contract_may_allow_partial(prove: str) -> None:
    """It stays PARTIAL, with its reason; what failed is a warning, so it is no error of the backup."""
    verdict = judge(TORN, prove, {"allow_partial": True})
    assert (verdict.state, verdict.level, verdict.good) == (State.PARTIAL, prove, True)
    assert verdict.reason == "1 of 3 shards are not in the snapshot"
    assert [(finding.code, finding.severity) for finding in verdict.findings] == [
        ("snapshot.shard_failed", Severity.WARNING)
    ]


def test_an_allowed_partial_still_has_to_meet_the_other_terms() -> None:
    verdict = judge(TORN, terms={"allow_partial": True, "min_indices": 3})
    assert (verdict.state, verdict.good) == (State.FAILED, False)


def test_a_snapshot_of_nothing_is_never_good() -> None:
    verdict = judge(replace(WHOLE, indices=(), shards_total=0), expected=expected(indices=(), counts=()))
    assert (verdict.state, verdict.level, verdict.good) == (State.FAILED, "L0", False)


def test_what_to_do_about_a_snapshot_of_nothing_depends_on_what_is_wrong() -> None:
    """`select` is right where every shard of what it selects was unassigned."""
    lost = judge(replace(WHOLE, partial=True, shards_failed=3))
    assert lost.findings[0].code == "snapshot.empty"
    assert "GET _cluster/allocation/explain" in lost.findings[0].next_step
    assert judge(replace(WHOLE, indices=(), shards_total=0)).findings[0].next_step == "check `select`"


def test_indices_without_shards_are_not_in_the_snapshot() -> None:
    assert judge(replace(WHOLE, shards_total=0)).state is State.FAILED


def test_many_missing_are_counted_not_listed() -> None:
    many = tuple(IndexRef(name=f"i{n:03}", uuid=str(n)) for n in range(500))
    verdict = judge(expected=expected(*many), live=many)
    assert verdict.reason == "i000, i001, i002 and 497 more missing from the snapshot"
    assert len(verdict.findings) == terms.SHOWN
    assert verdict.findings[-1].message.endswith("; and 480 more like it")


@pytest.mark.parametrize(
    ("written", "registered", "difference"),
    [
        ({"location": "main"}, {"location": "main", "compress": "true"}, None),
        ({"compress": True}, {"compress": "true"}, None),
        ({"chunk_size": 5}, {"chunk_size": "5"}, None),
        ({"location": "main"}, {"location": "other"}, "location is 'other', the file says 'main'"),
        ({"location": "main"}, {}, "location is None, the file says 'main'"),
    ],
)
def test_a_registration_is_compared_as_the_server_writes_it(
    written: dict[str, object], registered: dict[str, object], difference: str | None
) -> None:
    mine, theirs = Repository(type="fs", settings=written), Repository(type="fs", settings=registered)
    assert contract.repository_difference(mine, theirs) == difference


def test_another_repository_type_differs() -> None:
    assert contract.repository_difference(Repository(type="fs"), Repository(type="s3")) is not None


def test_a_name_that_is_not_there_fails_the_run_and_a_wildcard_warns() -> None:
    """Otherwise a misspelt name stays unseen as long as another one matches."""
    named = judge(expected=expected(unmatched=("custmers",)))
    assert (named.state, named.reason) == (State.FAILED, "custmers selected and not on the server")
    wild = judge(expected=expected(unmatched=("logs-*",)))
    assert (wild.state, wild.good) == (State.SUCCEEDED, True)
    assert [(finding.code, finding.severity) for finding in wild.findings] == [
        ("select.pattern_unmatched", Severity.WARNING)
    ]


# --- L2


@pytest.mark.parametrize(
    ("prove", "terms", "counts"),
    [
        ("L1", {}, False),
        ("L1", {"must_include": ("a",), "min_indices": 1, "min_bytes": 1, "allow_partial": True}, False),
        ("L1", {"min_docs": 0}, True),
        ("L1", {"max_shrink": "20%"}, True),
        *((prove, {}, True) for prove in ("L2", "L3", "L4")),
    ],
)
def test_only_who_asks_for_it_pays_for_counting(prove: str, terms: dict[str, Any], counts: bool) -> None:
    assert contract.needs_counts(policy(prove, **terms)) is counts
    assert judge(prove=prove, terms=terms).docs == (100 if counts else None)


@pytest.mark.parametrize("prove", ["L2", "L3", "L4"])
def test_counted_before_and_after_with_the_contract_met_is_l2(prove: Level) -> None:
    """What asks for more is judged at L2, the highest level that this release proves."""
    verdict = judge(prove=prove, terms={"min_docs": 100, "max_shrink": "20%"}, usual=USUAL)
    assert (verdict.state, verdict.level, verdict.good) == (State.SUCCEEDED, "L2", True)
    assert (verdict.docs, verdict.findings) == (100, ())


def test_documents_of_indices_that_are_not_in_the_snapshot_are_not_counted() -> None:
    assert judge(LESS, "L2", live=(A,)).docs == 60


@pytest.mark.parametrize("terms", [{"min_indices": 3}, {"must_include": ("c",)}, {"min_docs": 101}])
@pytest.mark.parametrize("prove", ["L1", "L2"])
def test_a_backup_that_breaks_its_contract_fails_at_l1(prove: str, terms: dict[str, Any]) -> None:
    """The first broken term is the reason. It is complete all the same, so it can be accepted, or restored from."""
    verdict = judge(prove=prove, terms=terms)
    assert (verdict.state, verdict.level, verdict.good) == (State.FAILED, "L1", False)
    assert verdict.reason == verdict.findings[0].message
    assert verdict.findings[0].severity is Severity.ERROR


def test_information_beside_a_broken_contract_takes_no_level_away() -> None:
    verdict = judge(LESS, terms={"min_indices": 3}, live=(A,), expected=expected(unmatched=("logs-*",)))
    assert (verdict.state, verdict.level) == (State.FAILED, "L1")
    assert codes(verdict) == ["select.pattern_unmatched", "select.index_gone", "contract.min_indices"]


def test_an_incomplete_backup_is_called_incomplete_whatever_else_it_breaks() -> None:
    verdict = judge(LESS, "L2", {"min_indices": 2})
    assert (verdict.state, verdict.level, verdict.reason) == (State.FAILED, "L0", "b missing from the snapshot")
    assert codes(verdict) == ["snapshot.index_missing", "contract.min_indices"]


def test_an_incomplete_backup_is_not_said_to_be_proved_to_l1() -> None:
    verdict = judge(LESS, "L2", uncounted="403 forbidden")
    (gap,) = [finding for finding in verdict.findings if finding.code == "counts.not_possible"]
    assert (verdict.level, gap.message) == (
        "L0",
        "the documents could not be counted, so this backup does not reach L2: 403 forbidden",
    )


@pytest.mark.parametrize(
    ("complete", "terms", "facts", "offered"),
    [
        (WHOLE, {}, {}, True),
        (WHOLE, {"min_docs": 101}, {}, False),
        (WHOLE, {"min_bytes": 1}, {"sizes": None}, False),
        (WHOLE, {}, {"uncounted": "403 forbidden"}, False),
        (WHOLE, {}, {"expected": expected(unmatched=("a name",))}, False),
        (LESS, {}, {}, False),
    ],
)
def test_accept_is_offered_only_where_it_would_not_be_refused(
    complete: Complete, terms: dict[str, Any], facts: dict[str, Any], offered: bool
) -> None:
    usual = replace(USUAL, docs=1000, bytes=10000)
    verdict = judge(complete, terms={"max_shrink": "20%", **terms}, usual=usual, **facts)
    (shrunken,) = [finding for finding in verdict.findings if finding.code == "contract.max_shrink"]
    assert ("snapwarden accept" in shrunken.next_step) is offered
    assert "find out what was deleted" in shrunken.next_step


@pytest.mark.parametrize("when", ["before", "after"])
def test_counts_that_were_refused_leave_a_backup_at_l1_and_not_good(when: str) -> None:
    """Complete, so it SUCCEEDED; a check that could not run is not a pass."""
    facts: dict[str, Any] = {"uncounted": "403 forbidden", "after": ()}
    if when == "before":
        facts = {"expected": expected(counts=(), uncounted="403 forbidden")}
    verdict = judge(prove="L2", **facts)
    assert (verdict.state, verdict.level, verdict.good, verdict.docs) == (State.SUCCEEDED, "L1", False, None)
    assert [(finding.code, finding.severity) for finding in verdict.findings] == [
        ("counts.not_possible", Severity.WARNING)
    ]
    assert "403 forbidden" in verdict.findings[0].message


def test_a_primary_that_was_red_at_the_start_leaves_the_backup_unproved() -> None:
    verdict = judge(prove="L2", expected=expected(counts=(COUNT_A,)))
    assert (verdict.level, verdict.good, verdict.docs) == ("L1", False, None)
    assert "a primary of b was not assigned" in verdict.findings[0].message


def test_what_asks_for_counts_and_gets_none_is_not_good_at_l1_either() -> None:
    verdict = judge(terms={"min_docs": 1}, uncounted="403 forbidden")
    assert (verdict.state, verdict.level, verdict.good) == (State.SUCCEEDED, "L1", False)
    assert codes(verdict) == ["counts.not_possible", "contract.not_checked"]


def test_a_closed_index_can_not_be_counted_and_that_is_information() -> None:
    verdict = judge(prove="L2", expected=expected(A, CLOSED, counts=(COUNT_A,)), after=(COUNT_A,))
    assert (verdict.state, verdict.level, verdict.good, verdict.docs) == (State.SUCCEEDED, "L2", True, 60)
    assert [(finding.code, finding.severity, finding.subject) for finding in verdict.findings] == [
        ("counts.closed", Severity.INFO, "b")
    ]


@pytest.mark.parametrize(
    ("after", "warned"),
    [
        (replace(COUNT_A, docs=10), []),
        (replace(COUNT_A, max_seq_no=(41, 31)), []),
        (replace(COUNT_A, max_seq_no=(41, 29)), ["counts.went_back"]),
        (replace(COUNT_A, uuid="made-anew", max_seq_no=(0, 0)), []),
        (IndexCount(name="new", uuid="u9", docs=0, max_seq_no=(-1,)), []),
    ],
)
def test_sequence_numbers_that_went_back_are_warned_of(after: IndexCount, warned: list[str]) -> None:
    """They only grow: a shard with a smaller one lost writes. It says nothing about the backup, which stays good."""
    verdict = judge(prove="L2", after=(after, COUNT_B))
    assert codes(verdict) == warned
    assert (verdict.level, verdict.good) == ("L2", True)


def test_many_that_went_back_or_are_missing_from_the_contract_are_counted_too() -> None:
    many = tuple(IndexCount(name=f"i{n:03}", uuid=str(n), docs=1, max_seq_no=(5,)) for n in range(500))
    back = tuple(replace(count, max_seq_no=(4,)) for count in many)
    asked = {"must_include": tuple(f"c{n:03}" for n in range(30))}
    verdict = judge(prove="L2", terms=asked, expected=expected(counts=(COUNT_A, COUNT_B, *many)), after=back)
    assert Counter(codes(verdict)) == {"counts.went_back": 20, "contract.must_include": 20}
    assert [finding.message[-21:] for finding in verdict.findings if "more like it" in finding.message] == [
        "; and 10 more like it",
        " and 480 more like it",
    ]


@pytest.mark.parametrize(("apart", "warned"), [(60, False), (-60, False), (61, True), (-61, True)])
def test_clocks_more_than_a_minute_apart_are_warned_of(apart: int, warned: bool) -> None:
    verdict = judge(claimed_at=NOW + timedelta(seconds=apart))
    assert codes(verdict) == ["clock.differs"] * warned
    assert verdict.good
    assert all(finding.severity is Severity.WARNING for finding in verdict.findings)
