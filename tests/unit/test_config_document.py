"""YAML as text: what is read how, and what is refused with its line."""

import pytest

from chalicelib.core.config.document import MAX_BYTES, MAX_DEPTH, read_document
from chalicelib.core.errors import BadInput


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read_document(text, "f")
    return [str(problem) for problem in caught.value.problems]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "the file is empty"),
        ("# only a comment\n", None, "the file is empty"),
        ("---\n", None, "the file is empty"),
        (b"\xff\xfe\x00", None, "not a text file"),
        (b"PK\x03\x04\x00\x00", None, "not a text file"),
        ("a\0b", None, "not a text file"),
        ("a: \ud800", None, "not a text file"),
        ("a: 1\n\tb: 2\n", 2, "a tab where YAML wants spaces"),
        ("a:\n  - 1\n \t- 2\n", 3, "a tab where YAML wants spaces"),
        ("a: [1\nb: 2\n", 2, "not readable as YAML"),
        ("a: b: c\n", 1, "not readable as YAML"),
        ("a: 1\nb: '\n", None, "not readable as YAML"),
        ("a: \x1b[31m", 1, "not readable as YAML: a character that YAML does not allow"),
        ('a: "\\ud800"', 1, "an escape that is no character"),
        ('a: "\\UFFFFFFFF"', None, "not readable as YAML"),
        ("a: 1\n---\nb: 2\n", 2, "a second document starts here"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tags like tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !secret x\n", 1, "tags like !secret"),
        ("a: *b\n", 1, "*b stands for nothing before it"),
        ("a: &a\n  b: *a\n", 2, "*a stands for nothing before it, or for itself"),
        ("a: 123456789012345678901234567890\n", 1, "this number is too large"),
        ("a: 1e999\n", 1, "this number is too large"),
        ("a: " + "[" * 100_000, 1, "nested deeper than"),
        (BOMB, 6, "more than 200,000 values"),
        ("#" * (MAX_BYTES + 1), None, "the file has 1,000,001 bytes (expected at most 1,000,000)"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str | bytes, line: int | None, words: str) -> None:
    (told,) = refused(text)
    assert words in told
    assert told.startswith(f"f:{line}: " if line else "f:")


def test_aliases_may_not_nest_deeper_either() -> None:
    half = MAX_DEPTH // 2 + 1
    text = f"a: &a {'[' * half}{']' * half}\nb: {'[' * half}*a{']' * half}\n"
    assert "nested deeper" in refused(text)[0]


def test_plain_words_mean_what_they_mean_in_yaml_1_2() -> None:
    text = (
        "{on: off, no: NO, a: 12:30, b: 2026-01-01, c: 010, d: 1_000, e: 0x10, f: .inf, g: ~, h: True, i: 1.5, j: '1'}"
    )
    assert read_document(text, "f").data == {
        "on": "off",
        "no": "NO",
        "a": "12:30",
        "b": "2026-01-01",
        "c": 10,
        "d": "1_000",
        "e": "0x10",
        "f": ".inf",
        "g": None,
        "h": True,
        "i": 1.5,
        "j": "1",
    }


def test_merge_keys_bring_in_what_is_not_written() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 9}\ntwo:\n  <<: [*m, *b]\n  w: 0\n"
    document = read_document(text, "f")
    assert document.data["one"] == {"x": 1, "y": 9}
    assert document.data["two"] == {"w": 0, "x": 1, "y": 3, "z": 4}
    assert document.place(("two", "z")) == (2, ("two", "z"))


def test_merging_anything_but_a_mapping_is_told() -> None:
    assert "<< takes a mapping" in str(read_document("a: {<<: [1], b: 2}", "f").problems[0])


@pytest.mark.parametrize("key", ["8", "true", "null", "1.5", "[a]", "{a: 1}", '"\\e[31m"', "? - a\n"])
def test_keys_are_words(key: str) -> None:
    text = f"a: 1\n{key}: 2\n" if key[0] != "?" else f"a: 1\n{key}"
    document = read_document(text, "f")
    assert document.data == {"a": 1}
    assert document.problems[0].line == 2
    assert "is not a word" in document.problems[0].message


def test_repeated_keys_are_told_with_both_lines() -> None:
    (problem,) = read_document("a:\n  b: 1\n  c: 2\n  b: 3\n", "f").problems
    assert str(problem) == "f:4: a.b: this key is already there in line 2 (expected each key once)"


def test_a_mark_of_byte_order_is_taken() -> None:
    assert read_document(b"\xef\xbb\xbfa: 1", "f").data == {"a": 1}
    assert read_document("\ufeffa: 1", "f").data == {"a": 1}


def test_lines_are_those_of_editors() -> None:
    document = read_document("a: 1\r\nb:\r\n  - x\r\n  - y: 2\r\n", "f")
    assert document.lines[("b", 1, "y")] == 4
