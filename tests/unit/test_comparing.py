"""What may be in a restored index is bounded by what was counted before and after its backup; equal counts prove
nothing."""

from chalicelib.core import comparing
from chalicelib.core.model import IndexCount, Severity
from chalicelib.core.plans import Wish
from tests.unit.planned import count, plan

PLAN = plan(Wish(policy="nightly", indices=("orders-1",)))


def _compared(before: IndexCount | None, after: IndexCount | None, restored: IndexCount | None) -> list[str]:
    found = comparing.counts(
        PLAN, [before] if before else [], [after] if after else [], [restored] if restored else [], None
    )
    return [one.code for one in found]


def _restored(docs: int, *max_seq_no: int) -> IndexCount:
    return count("restored-orders-1", docs, *max_seq_no)


def test_an_index_that_nobody_wrote_to_is_equal_or_wrong() -> None:
    quiet = count("orders-1", 101, 50, 50)
    assert _compared(quiet, quiet, _restored(101, 50, 50)) == []
    assert _compared(quiet, quiet, _restored(100, 50, 50)) == ["restore.counts"]
    assert _compared(quiet, quiet, _restored(101, 50, 49)) == ["restore.counts"]


def test_equal_counts_do_not_mean_unchanged() -> None:
    """Count 101, 50 added, snapshot, 50 deleted, count 101: the restore rightly holds 151."""
    before, after = count("orders-1", 101, 50, 50), count("orders-1", 101, 100, 100)
    assert _compared(before, after, _restored(151, 75, 75)) == []
    assert _compared(before, after, _restored(202, 75, 75)) == ["restore.counts"]
    assert _compared(before, after, _restored(151, 101, 75)) == ["restore.counts"]


def test_one_shard_must_not_make_up_for_another() -> None:
    before, after = count("orders-1", 10, 5, 5), count("orders-1", 12, 6, 6)
    assert _compared(before, after, _restored(11, 7, 4)) == ["restore.counts"]


def test_another_number_of_shards_is_another_index() -> None:
    quiet = count("orders-1", 10, 5, 5)
    assert _compared(quiet, quiet, _restored(10, 5)) == ["restore.counts"]


def test_what_could_not_be_compared_is_said_and_no_pass() -> None:
    quiet = count("orders-1", 10, 5, 5)
    assert _compared(None, quiet, _restored(10, 5, 5)) == ["restore.not_compared"]
    assert _compared(quiet, quiet, None) == ["restore.not_compared"]
    anew = count("orders-1", 10, 5, 5, uuid="anew")
    assert _compared(quiet, anew, _restored(12, 6, 5)) == ["restore.not_compared"]
    assert _compared(quiet, None, _restored(12, 6, 5)) == ["restore.not_compared"]
    assert _compared(quiet, None, _restored(9, 4, 5)) == ["restore.counts"], "what was there before must be in it"


def test_an_index_that_was_replaced_during_its_backup_is_no_error() -> None:
    """Restored in place through another repository it keeps its uuid, and its sequence numbers go back."""
    before, after = count("orders-1", 10, 9, 8), count("orders-1", 8, 4, 3)
    for restored in (_restored(10, 9, 8), _restored(8, 4, 3), _restored(9, 12, 8)):
        assert _compared(before, after, restored) == ["restore.not_compared"]
    assert _compared(before, count("orders-1", 12, 12, 3), _restored(10, 9, 8)) == ["restore.not_compared"]


def test_a_difference_is_an_error_and_a_gap_is_not() -> None:
    quiet = count("orders-1", 10, 5, 5)
    (wrong,) = comparing.counts(PLAN, [quiet], [quiet], [_restored(9, 5, 5)], None)
    (gap,) = comparing.counts(PLAN, [quiet], [quiet], [], "403 not allowed")
    assert (wrong.severity, gap.severity) == (Severity.ERROR, Severity.WARNING)
    assert "403 not allowed" in gap.message
