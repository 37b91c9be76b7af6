"""Evidence that is kept in memory: not more of it than a function can hold."""

from chalicelib.core.evidence import Evidence
from chalicelib.store.keys import Key
from chalicelib.store.known import MOST, KnownEvidence


def evidence(n: int) -> tuple[Key, Evidence]:
    return Key("R#run", f"X#made#{n}"), Evidence(run_id="run", kind="made", n=n)


def test_what_was_not_asked_for_longest_goes_first() -> None:
    known = KnownEvidence()
    rows = dict(map(evidence, range(3)))
    first, second, third = rows
    known.keep(first, rows[first], MOST // 2)
    known.keep(second, rows[second], MOST // 2)
    assert known.get(first) == rows[first]
    known.keep(third, rows[third], 1)
    assert [known.get(key) for key in rows] == [rows[first], None, rows[third]]


def test_what_is_too_big_is_not_kept_and_pushes_nothing_out() -> None:
    known = KnownEvidence()
    (small, kept), (big, other) = evidence(1), evidence(2)
    known.keep(small, kept, 1)
    assert known.keep(big, other, MOST + 1) == other
    assert (known.get(small), known.get(big)) == (kept, None)


def test_what_is_kept_again_counts_once() -> None:
    known = KnownEvidence()
    (first, one), (second, two) = evidence(1), evidence(2)
    for _ in range(3):
        known.keep(first, one, MOST // 2)
    known.keep(second, two, MOST // 2)
    assert (known.get(first), known.get(second)) == (one, two)
