"""Which proofs a policy keeps, and what the promise at L4 comes to."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import proofs
from chalicelib.core.model import Finding, Severity
from chalicelib.core.rows import Proofs, Proved
from chalicelib.core.spec import Check, QueryCheck
from chalicelib.core.wire import dump
from chalicelib.store import keys
from tests.contract.records import a_backup, a_drilled_backup, at

NONE = Proofs(policy="nightly")
DAY = timedelta(days=1)


def proved(n: int, *names: str, taken: int | None = None) -> Proved:
    """By the drill of day `n`, of the backup of that day or of day `taken`."""
    day = n if taken is None else taken
    return Proved(run_id=f"d{n}", backup_id=f"b{day}", taken_at=at(0) + day * DAY, at=at(3600) + n * DAY, indices=names)


def after(*drills: Proved, selection: set[str]) -> Proofs:
    known = NONE
    for one in drills:
        known = proofs.added(known, one, selection, at(0) + 99 * DAY)
    return known


def test_samples_of_several_drills_add_up_and_the_oldest_data_count() -> None:
    known = after(proved(1, "a"), proved(2, "b"), selection={"a", "b", "c"})
    assert proofs.oldest(known, {"a", "b", "c"}) is None
    known = after(proved(1, "a"), proved(2, "b"), proved(3, "a", "c"), selection={"a", "b", "c"})
    oldest = proofs.oldest(known, {"a", "b", "c"})
    assert oldest is not None
    assert (oldest.backup_id, [one.run_id for one in known.drills]) == ("b2", ["d2", "d3"])


def test_nothing_selected_is_nothing_promised() -> None:
    """What an old backup was to hold may be unknown; that is no proof of everything."""
    assert proofs.oldest(after(proved(1, "a"), selection=set()), set()) is None


def test_a_proof_of_older_data_takes_no_newer_one_away_and_is_the_latest_all_the_same() -> None:
    """Drills of random backups: the promise goes by the data, the choice of the next ones by when."""
    known = after(proved(5, "a"), proved(9, "a", taken=2), selection={"a"})
    assert proofs.newest(known)["a"].backup_id == "b5"
    assert proofs.last(known) == {"a": at(3600) + 9 * DAY}


def test_names_that_left_the_selection_are_forgotten_but_not_by_a_drill_of_an_older_backup() -> None:
    known = after(proved(1, "a", "gone"), selection={"a", "gone"})
    assert set(proofs.newest(proofs.added(known, proved(2, "a"), {"a"}, at(0) + 2 * DAY))) == {"a"}
    newer = proofs.added(NONE, proved(5, "new"), {"new"}, at(0) + 5 * DAY)
    assert set(proofs.newest(proofs.added(newer, proved(6, "old", taken=1), {"old"}, at(0) + DAY))) == {"new", "old"}


def test_a_bad_backup_takes_its_proofs_with_it() -> None:
    known = after(proved(1, "a"), proved(2, "b"), selection={"a", "b"})
    assert set(proofs.newest(proofs.withdrawn(known, "b2"))) == {"a"}


def test_three_thousand_indices_have_room() -> None:
    names = [
        f"logs-of-the-shop-and-everything-around-it-in-region-{n:06d}-with-a-long-name-as-some-have"
        for n in range(3000)
    ]
    known = after(proved(1, *names[:1000]), proved(2, *names[1000:]), selection=set(names))
    assert (len(proofs.newest(known)), known.dropped) == (3000, 0)
    assert len(dump(known)) <= keys.MAX_BODY


def test_what_finds_no_room_is_dropped_oldest_first_and_said() -> None:
    """Whatever it holds, the row is stored: a drill that could not be would never end."""
    names = [f"{n:06d}" + "x" * 240 for n in range(3000)]
    known = after(proved(1, *names[:1500]), proved(2, *names[1500:2000]), selection=set(names))
    assert known.dropped > 0
    assert set(names[1500:2000]) <= set(proofs.newest(known))
    assert known.dropped == 500, "by the last drill"
    assert len(dump(known).encode()) <= proofs.ROOM < keys.MAX_BODY
    assert proofs.oldest(known, set(names[:2000])) is None


@given(
    drills=st.lists(
        st.tuples(st.integers(0, 5), st.sets(st.sampled_from("abcdef"), min_size=1)), min_size=1, max_size=12
    )
)
def test_of_each_name_the_newest_data_and_the_latest_proof_stay(drills: list[tuple[int, set[str]]]) -> None:
    """However drills of older and newer backups alternate, and no more than two of each."""
    made = [proved(n, *sorted(names), taken=taken) for n, (taken, names) in enumerate(drills)]
    known = after(*made, selection=set("abcdef"))
    for name in "abcdef":
        mine = [one for one in made if name in one.indices]
        if mine:
            assert proofs.newest(known)[name].taken_at == max(one.taken_at for one in mine)
            assert proofs.last(known)[name] == max(one.at for one in mine)
        assert sum(name in one.indices for one in known.drills) <= 2


@pytest.mark.parametrize(
    ("code", "severity", "condemns"),
    [
        ("restore.shard_failed", Severity.ERROR, True),
        ("restore.shard_lost", Severity.ERROR, False),
        ("restore.counts", Severity.ERROR, True),
        ("restore.mapping", Severity.ERROR, True),
        ("restore.sample", Severity.ERROR, True),
        ("drill.query", Severity.ERROR, True),
        ("drill.query", Severity.WARNING, False),
        ("restore.not_compared", Severity.WARNING, False),
        ("drill.rto", Severity.ERROR, False),
        ("restore.leftover", Severity.ERROR, False),
        ("engine.refused", Severity.ERROR, False),
        ("run.timed_out", Severity.ERROR, False),
    ],
)
def test_only_what_is_wrong_with_the_data_condemns_a_backup(code: str, severity: Severity, condemns: bool) -> None:
    found = Finding(code=code, severity=severity, subject="s", message="m", next_step="n")
    assert proofs.condemning([found, found]) == ((code,) if condemns else ())


def test_a_backup_is_l4_only_when_all_its_indices_were_proved() -> None:
    fresh = a_backup(indices=4, level="L2", good=True, errors=())
    part = proofs.judged(fresh, "d1", at(9), 3, (), gen=1)
    assert (part.level, part.proved, part.drills, part.reached) == ("L2", 3, ("d1",), None)
    whole = proofs.judged(part, "d2", at(10), 4, (), gen=1)
    assert (whole.level, whole.reached, whole.drills, whole.drilled_at) == ("L4", "L2", ("d1", "d2"), at(10))
    assert proofs.judged(whole, "d3", at(11), 2, (), gen=1).proved == 4


def test_a_backup_that_is_not_good_is_raised_by_no_drill() -> None:
    bad = a_backup(indices=1, level="L2", good=False, errors=("contract.min_docs",))
    assert proofs.judged(bad, "d1", at(9), 1, (), gen=1).level == "L2"


def test_a_failed_drill_brings_a_backup_back_to_what_its_own_run_reached() -> None:
    bad = proofs.judged(a_drilled_backup(errors=()), "d9", at(9), 4, ("restore.counts",), gen=1)
    assert (bad.level, bad.reached, bad.good, bad.errors) == ("L2", None, False, ("restore.counts",))


def test_of_a_row_of_before_it_was_remembered_nobody_knows_how_strict_the_drill_was() -> None:
    """Counts and mappings are compared in one way only; samples and queries are not."""
    old = a_backup(good=False, errors=("restore.counts", "restore.sample", "drill.query"))
    now = [Check(doc_count=True), Check(sample_hash=100_000), Check(query=QueryCheck(index="*", body={}))]
    assert [part.split(",")[0] for part in proofs.left_open(old, {}, now)] == ["restore.sample", "drill.query"]
    assert proofs.left_open(replace(old, errors=("restore.counts",)), {}, now) == ()


def test_each_drill_that_condemned_a_backup_is_remembered_by_what_it_found() -> None:
    backup = a_backup(good=True, errors=())
    for gen, codes in ((3, ("restore.counts",)), (5, ("restore.counts", "drill.query")), (5, ("drill.query",))):
        backup = proofs.judged(backup, f"d{gen}", at(gen), 0, codes, gen=gen)
    assert backup.failed_in == {"restore.counts": (3, 5), "drill.query": (5,)}
    assert proofs.judged(backup, "d6", at(9), 4, (), gen=6).failed_in == backup.failed_in
    back = proofs.judged(backup, "d7", at(9), 4, (), gen=7, cleared=True)
    assert (back.good, back.errors, back.failed_in) == (True, (), {})


def test_a_drill_clears_nothing_of_a_backup_whose_own_run_failed() -> None:
    bad = a_backup(indices=1, good=False, errors=("contract.min_docs", "restore.counts"))
    assert not proofs.judged(bad, "d1", at(9), 1, (), gen=1, cleared=True).good


def test_the_drills_of_a_backup_are_bounded() -> None:
    backup = a_backup()
    for n in range(50):
        backup = proofs.judged(backup, f"d{n}", at(n), 1, (), gen=1)
    assert backup.drills == tuple(f"d{n}" for n in range(50 - proofs.KEPT, 50))
