"""Answers in which each document stays the text that the server sent."""

import json
from typing import Any

import pytest
from elastic_transport import SerializationError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.copying import same
from chalicelib.engines.elasticsearch_json import ExactJson, canonical
from chalicelib.engines.elasticsearch_sources import SOURCE, Sources, in_one_line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text().filter(SOURCE.__ne__), inner, max_size=4),
    max_leaves=20,
)
"""Without the one key whose value stays a text."""


@given(value=JSON, indent=st.sampled_from([None, 1, 3]), ascii_only=st.booleans())
def test_every_answer_is_read_as_json_is(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    data = text.encode("utf-8", "surrogatepass")
    assert canonical(Sources().loads(data)) == canonical(ExactJson().loads(data))


@given(source=st.dictionaries(st.text(), JSON, max_size=4), indent=st.sampled_from([None, 1]))
def test_a_source_is_its_very_text(source: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(source, indent=indent)
    answer = f'{{"hits": [ {{"_id": "1", "_source" : {text} , "sort": [7]}} ]}}'
    (hit,) = Sources().loads(answer.encode())["hits"]
    assert hit == {"_id": "1", "_source": text, "sort": [7]}


@given(source=st.dictionaries(st.text(), JSON, max_size=4))
def test_in_one_line_it_says_the_same(source: dict[str, Any]) -> None:
    text = json.dumps(source, indent=2).replace("\n", "\r\n")
    line = in_one_line(text)
    assert "\n" not in line
    assert "\r" not in line
    assert same(line, text)
    assert json.loads(line) == source


def test_numbers_keep_every_letter() -> None:
    source = '{"a":1e400,"b":-0.0,"c":1' + "0" * 5000 + "}"
    assert Sources().loads(f'{{"_source":{source}}}'.encode()) == {"_source": source}


@pytest.mark.parametrize(
    "text", [" ", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', "[", "[1", "[1,", "{a:1}", '{"_source":', "1 2", '{"a" 1}']
)
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(SerializationError):
        Sources().loads(text.encode())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ('{"s": "\\u00e9"}', '{"s": "é"}', True),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": 1}', '{"a": "1"}', False),
        ('{"a": 0.1234567890123456789}', '{"a": 0.1234567890123456788}', False),
        ('{"a": 12345678901234567890}', '{"a": 12345678901234567891}', False),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ('{"a": null}', "{}", False),
    ],
)
def test_what_says_the_same(one: str, other: str, expected: bool) -> None:
    assert same(one, other) is expected
