"""Comparing documents: nothing that writes do is a false alarm, and damage is found as often as is said."""

from fractions import Fraction
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import drawing, samples
from chalicelib.core.config import load
from chalicelib.core.model import Finding, Severity
from chalicelib.core.proving import Document, IndexFacts, Read
from tests.faults.world import FILE

WRITES = st.lists(st.tuples(st.sampled_from(["put", "same", "delete"]), st.integers(0, 5)), max_size=30)


def document(number: int, *, seq_no: int | None = None, digest: str | None = None) -> Document:
    return Document(
        id=f"anna-{number}", routing=None, seq_no=number if seq_no is None else seq_no, term=1, digest=digest or "d"
    )


def facts(documents: int, *, held: int | None = None, unread: str | None = None) -> IndexFacts:
    return IndexFacts(
        name="orders", uuid="u", documents=tuple(map(document, range(documents))), held=held, unread=unread
    )


def after(stable: int, unread: str | None = None) -> IndexFacts:
    return IndexFacts(name="orders", uuid="u", stable=tuple(range(stable)), unread=unread)


def told(found: tuple[Finding, ...]) -> list[tuple[str, Severity]]:
    return [(each.code, each.severity) for each in found]


NOT_SAMPLED = ("restore.not_sampled", Severity.WARNING)
WRONG = ("restore.sample", Severity.ERROR)


@given(before=WRITES, until=WRITES, afterwards=WRITES)
def test_whenever_the_snapshot_looks_no_write_is_a_false_alarm(
    before: list[tuple[str, int]], until: list[tuple[str, int]], afterwards: list[tuple[str, int]]
) -> None:
    """A model of an index: candidates are read; there are writes, the snapshot, more writes, and the last look."""
    index: dict[str, Document] = {}
    count = 0

    def write(what: list[tuple[str, int]]) -> None:
        nonlocal count
        for kind, number in what:
            known = index.pop(f"anna-{number}", None)
            if kind != "delete":
                same = known.digest if known and kind == "same" else f"source {count}"
                index[f"anna-{number}"] = document(number, seq_no=count, digest=same)
            count += 1

    write(before)
    candidates = IndexFacts(name="orders", uuid="u", documents=tuple(index.values()), held=len(index))
    write(until)
    snapshot = Read(documents=tuple(index.values()))
    write(afterwards)
    stable = IndexFacts(name="orders", uuid="u", stable=samples.stable(candidates, index.values()))
    found = samples.compare("restored-orders", 4, candidates, stable, snapshot)
    assert [each.code for each in found if each.severity is Severity.ERROR] == []
    for gone in samples.chosen(candidates, stable):
        rest = Read(documents=tuple(each for each in snapshot.documents if each != gone))
        assert WRONG in told(samples.compare("restored-orders", 4, candidates, stable, rest))


@pytest.mark.parametrize(
    "damaged",
    [document(3, digest="other"), document(3, seq_no=77), None],
    ids=["another source", "another number", "missing"],
)
def test_one_stable_document_that_came_back_otherwise_is_an_error(damaged: Document | None) -> None:
    kept = [document(number) for number in range(10) if number != 3]
    read = Read(documents=(*kept, *([damaged] if damaged else [])))
    (found,) = samples.compare("restored-orders", 8, facts(10), after(10), read)
    assert (found.code, found.severity, found.subject) == (*WRONG, "restored-orders")
    assert "1 of 10 documents" in found.message
    assert ("1 missing, 0 different" if damaged is None else "0 missing, 1 different") in found.message
    assert "sequence number 3" in found.message
    assert "anna" not in found.message, "an id may be somebody's name"


@pytest.mark.parametrize(
    ("wanted", "before", "stable", "enough"),
    [
        (8, facts(16), 4, True),
        (8, facts(16), 3, False),
        (9, facts(18), 4, False),
        (500, facts(3, held=3), 3, True),
        (500, facts(3, held=3), 2, False),
        (500, facts(3), 3, False),
        (500, facts(0, held=0), 0, True),
        (500, facts(0), 0, False),
    ],
)
def test_too_few_stable_documents_are_no_pass(wanted: int, before: IndexFacts, stable: int, enough: bool) -> None:
    """Half of what is wanted, or all of an index that holds fewer; an empty one passes."""
    read = Read(documents=before.documents)
    found = samples.compare("restored-orders", wanted, before, after(stable), read)
    assert told(found) == ([] if enough else [NOT_SAMPLED])


@pytest.mark.parametrize(
    ("before", "later", "read"),
    [
        (None, None, Read()),
        (facts(10), None, Read()),
        (facts(0, unread="403"), None, Read()),
        (facts(10), after(0, "no answer"), Read()),
        (facts(10), after(10), Read(why="an error on one item")),
    ],
    ids=["nothing recorded", "nothing afterwards", "refused before", "unread afterwards", "unread now"],
)
def test_what_could_not_be_read_is_no_pass_and_no_damage(
    before: IndexFacts | None, later: IndexFacts | None, read: Read
) -> None:
    assert told(samples.compare("restored-orders", 8, before, later, read)) == [NOT_SAMPLED]


def test_damage_is_told_even_when_too_few_were_stable() -> None:
    assert told(samples.compare("restored-orders", 100, facts(10), after(10), Read())) == [WRONG, NOT_SAMPLED]


def test_a_policy_says_how_many_documents_are_compared() -> None:
    policies = "\n    drill: {schedule: '0 4 * * 0', checks: [doc_count, {sample_hash: 20}, {sample_hash: 300}]}"
    with_drill = load((FILE.rstrip() + policies + "\n").encode(), "f.yaml").policies["nightly"]
    without = load(FILE.encode(), "f.yaml").policies["nightly"]
    assert (samples.wanted(with_drill), samples.wanted(without)) == (300, 0)
    assert (samples.candidates(300), samples.candidates(90_000)) == (600, 10_000)


@pytest.mark.parametrize(("stable", "altered", "documents"), [(50, 1, 500), (30, 5, 200), (10, 3, 20), (5, 20, 100)])
def test_the_probability_that_damage_is_missed_is_what_happens(stable: int, altered: int, documents: int) -> None:
    """10,000 trials; further than 4.5 standard deviations away it is wrong (by chance once in 100,000)."""
    said, trials = float(samples.miss_probability(stable, altered, documents)), 10_000
    missed = sum(min(drawing.numbers(b"trial %d" % trial, documents, stable)) >= altered for trial in range(trials))
    assert abs(missed / trials - said) <= 4.5 * sqrt(said * (1 - said) / trials)


def test_the_ends_of_the_probability() -> None:
    assert samples.miss_probability(0, 5, 10) == 1
    assert samples.miss_probability(10, 1, 10) == 0
    assert samples.miss_probability(7, 0, 10) == 1
    assert samples.miss_probability(500, 1, 10_000) == Fraction(19, 20)
    for bad in ((11, 1, 10), (1, 11, 10), (-1, 1, 10)):
        with pytest.raises(ValueError, match="of 10 documents"):
            samples.miss_probability(*bad)


@given(below=st.integers(0, 200), data=st.data())
def test_draws_are_different_numbers_and_the_same_again(below: int, data: st.DataObject) -> None:
    many = data.draw(st.integers(0, below))
    drawn = drawing.numbers(b"seed", below, many)
    assert len(set(drawn)) == many
    assert all(0 <= number < below for number in drawn)
    assert drawn == drawing.numbers(b"seed", below, many)


def test_more_than_there_is_can_not_be_drawn() -> None:
    with pytest.raises(ValueError, match="3 numbers below 2"):
        drawing.numbers(b"seed", 2, 3)


def test_the_page_says_these_probabilities() -> None:
    text = (Path(__file__).parents[2] / "docs" / "drills.md").read_text()
    table = text.split("| compared | 1 altered |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(table) == 4
    for line in table:
        compared, *said = [cell.strip() for cell in line.strip("|").split("|")]
        stable = int(compared.replace(",", ""))
        odds = [samples.miss_probability(stable, altered, 10_000) for altered in (1, 10, 100, 1000)]
        assert said == [f"{float(each):.1%}" if each > Fraction(1, 2000) else "< 0.1%" for each in odds]
