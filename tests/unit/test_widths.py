"""Which columns a table shows on a terminal of some width, and how wide each of them is."""

from chalicelib.cli.widths import fitted

RUNS = ("RUN", "STATE", "CREATED", "REASON")
ROW = ("restore:nightly:plan-c2e5a1b2c3d4e5f6", "FAILED", "2026-11-22 02:40:42 UTC", "a word or two " * 6)
KEPT = ("RUN", "STATE", "CREATED")


def test_where_there_is_room_nothing_is_cut() -> None:
    widths = fitted(RUNS, [ROW], 200, whole=KEPT, spare=("CREATED",))
    assert widths == {"RUN": 37, "STATE": 6, "CREATED": 23, "REASON": len(ROW[3])}


def test_prose_gives_way_first_and_then_a_column_goes() -> None:
    """A reason of thirteen characters a line is not read by anybody."""
    assert fitted(RUNS, [ROW], 120, whole=KEPT, spare=("CREATED",))["REASON"] == 120 - 37 - 6 - 23 - 6
    assert fitted(RUNS, [ROW], 80, whole=KEPT, spare=("CREATED",)) == {"RUN": 37, "STATE": 6, "REASON": 33}


def test_headings_words_and_ids_are_never_broken() -> None:
    """`PRIORI`, `America/New` and half an id help nobody: the terminal folds what is too wide."""
    columns = ("POLICY", "SCHEDULE", "PRIORITY")
    rows = [("nightly", "0 2 * * * America/New_York", "1")]
    assert fitted(columns, rows, 40) == {"POLICY": 7, "SCHEDULE": 21, "PRIORITY": 8}
    assert fitted(columns, rows, 10, whole=("POLICY",)) == {"POLICY": 7, "SCHEDULE": 16, "PRIORITY": 8}


def test_the_first_of_the_spare_columns_goes_first_and_only_while_it_must() -> None:
    spare = ("B", "A")
    rows = [("a" * 10, "b" * 10, "c" * 10)]
    assert list(fitted(("A", "B", "C"), rows, 34, whole=("A", "B", "C"), spare=spare)) == ["A", "B", "C"]
    assert list(fitted(("A", "B", "C"), rows, 33, whole=("A", "B", "C"), spare=spare)) == ["A", "C"]
    assert list(fitted(("A", "B", "C"), rows, 10, whole=("A", "B", "C"), spare=spare)) == ["C"]


def test_letters_that_are_two_wide_count_as_two() -> None:
    assert fitted(("NAME",), [("目標",)], 80) == {"NAME": 4}
