from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.prose import ascii_line, counted, shortened, size, span


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("Kundenübersicht größer – „jetzt“", 'Kundenubersicht grosser - "jetzt"'),
        ("Øresund Łódź café", "Oresund Lodz cafe"),
        ("two\nlines\tand\x07 more", "two lines and more"),
        ("顧客 index", "? index"),
        ("", ""),
    ],
)
def test_ascii_line(text: str, line: str) -> None:
    assert ascii_line(text) == line


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("fits", 4, "fits"),
        ("customers missing from the snapshot", 30, "customers missing from the..."),
        ("customers missing", 16, "customers..."),
        ("averyveryverylongname", 10, "averyve..."),
        ("abc", 2, "ab"),
        ("abc", 0, ""),
    ],
)
def test_shortened(text: str, room: int, short: str) -> None:
    assert shortened(text, room) == short


@given(st.text(), st.integers(0, 120))
def test_lines_are_ascii_and_never_too_long(text: str, room: int) -> None:
    line = shortened(ascii_line(text), room)
    assert len(line) <= room
    assert all(32 <= ord(char) < 127 for char in line)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=14, seconds=37), "14 min 37 s"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=26, minutes=14), "26 h 14 min"),
        (timedelta(days=9, hours=3, minutes=59), "9 d 3 h"),
    ],
)
def test_span(duration: timedelta, words: str) -> None:
    assert span(duration) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (73400320, "70.0 MiB"), (2**60, "1024.0 PiB")],
)
def test_size(count: int, words: str) -> None:
    assert size(count) == words


def test_counted() -> None:
    assert [counted(1, "slot"), counted(2000, "slot"), counted(2, "index", "indices")] == [
        "1 slot",
        "2,000 slots",
        "2 indices",
    ]
