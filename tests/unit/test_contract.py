"""L1: complete, and everything that was asked for is in it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib.core import contract
from chalicelib.core.model import Complete, IndexRef, Severity, ShardFailure, State
from chalicelib.core.spec import Repository

NOW = datetime(2026, 11, 21, tzinfo=UTC)
A, B = IndexRef(name="a", uuid="u1"), IndexRef(name="b", uuid="u2")
WHOLE = Complete(
    uuid="s",
    owner=None,
    partial=False,
    started_at=NOW,
    ended_at=NOW,
    indices=("a", "b"),
    shards_total=4,
    shards_failed=0,
)


def test_complete_and_nothing_missing_is_l1() -> None:
    verdict = contract.judge(WHOLE, expected=(A, B), live=(A, B))
    assert (verdict.state, verdict.level, verdict.reason, verdict.findings) == (State.SUCCEEDED, "L1", None, ())


def test_an_index_that_is_still_there_and_not_in_the_snapshot_is_an_error() -> None:
    verdict = contract.judge(replace(WHOLE, indices=("a",)), expected=(A, B), live=(A, B))
    assert (verdict.state, verdict.level) == (State.FAILED, "L0")
    assert verdict.reason == "b missing from the snapshot"
    assert [finding.code for finding in verdict.findings] == ["snapshot.index_missing"]


@pytest.mark.parametrize("live", [(A,), (A, IndexRef(name="b", uuid="made-anew"))])
def test_an_index_that_went_away_meanwhile_is_information(live: tuple[IndexRef, ...]) -> None:
    verdict = contract.judge(replace(WHOLE, indices=("a",)), expected=(A, B), live=live)
    assert verdict.state is State.SUCCEEDED
    assert [finding.code for finding in verdict.findings] == ["select.index_gone"]


@pytest.mark.parametrize("held", [replace(WHOLE, partial=True), replace(WHOLE, shards_failed=1)])
def test_partial_is_never_called_success(held: Complete) -> None:
    failed = replace(held, failures=(ShardFailure(index="a", shard=1, reason="primary shard is not allocated"),))
    verdict = contract.judge(failed, expected=(A, B), live=(A, B))
    assert (verdict.state, verdict.level) == (State.PARTIAL, "L0")
    assert verdict.findings[0].subject == "a[1]"


def test_a_snapshot_of_nothing_is_never_good() -> None:
    assert contract.judge(replace(WHOLE, indices=()), expected=(), live=()).state is State.FAILED


def test_many_missing_are_counted_not_listed() -> None:
    many = tuple(IndexRef(name=f"i{n:03}", uuid=str(n)) for n in range(500))
    verdict = contract.judge(WHOLE, expected=many, live=many)
    assert verdict.reason == "i000, i001, i002 and 497 more missing from the snapshot"
    assert len(verdict.findings) == contract.SHOWN


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
    named = contract.judge(WHOLE, expected=(A, B), live=(A, B), unmatched=("custmers",))
    assert (named.state, named.reason) == (State.FAILED, "custmers selected and not on the server")
    wild = contract.judge(WHOLE, expected=(A, B), live=(A, B), unmatched=("logs-*",))
    assert wild.state is State.SUCCEEDED
    assert [(finding.code, finding.severity) for finding in wild.findings] == [
        ("select.pattern_unmatched", Severity.WARNING)
    ]


def test_indices_without_shards_are_not_in_the_snapshot() -> None:
    assert contract.judge(replace(WHOLE, shards_total=0), expected=(A, B), live=(A, B)).state is State.FAILED
