"""Comparing mappings: what grows by itself is no alarm, what nobody wrote is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import mappings
from chalicelib.core.config import load
from chalicelib.core.model import Severity
from tests.faults.world import FILE

LONG: dict[str, Any] = {"type": "long"}
WORD: dict[str, Any] = {"type": "keyword"}
TEXT: dict[str, Any] = {"type": "text", "fields": {"raw": WORD}}
GROWTH = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from([LONG, WORD, TEXT, {"properties": {"x": LONG}}]), max_size=4
)


def mapping(fields: dict[str, Any], **more: Any) -> str:
    return json.dumps({"properties": fields, **more})


def said(before: str, after: str, restored: str) -> str:
    found = mappings.compare("restored-orders", before, after, restored, None)
    assert all((each.code, each.severity) == ("restore.mapping", Severity.ERROR) for each in found)
    return "; ".join(each.message for each in found)


@given(start=GROWTH, until=GROWTH, afterwards=GROWTH)
def test_whenever_the_snapshot_looks_growth_is_no_alarm(
    start: dict[str, Any], until: dict[str, Any], afterwards: dict[str, Any]
) -> None:
    """Dynamic mapping adds fields and never takes one away or changes its type."""
    at_snapshot = {**until, **start}
    assert said(mapping(start), mapping({**afterwards, **at_snapshot}), mapping(at_snapshot)) == ""


@pytest.mark.parametrize(
    ("restored", "words"),
    [
        ({"a": LONG}, "b is missing, b.raw is missing"),
        ({"a": LONG, "b": TEXT, "c": LONG}, "c was added"),
        ({"a": WORD, "b": TEXT}, "a is of type keyword, and was long"),
        ({"a": {"properties": {"x": LONG}}, "b": TEXT}, "a is of type object, and was long, a.x was added"),
        ({"a": LONG, "b": {"type": "text"}}, "b.raw is missing"),
        ({"a": LONG, "b": {**TEXT, "index": False}}, "b has other parameters"),
    ],
)
def test_what_differs_is_named(restored: dict[str, Any], words: str) -> None:
    same = mapping({"a": LONG, "b": TEXT})
    assert said(same, same, mapping(restored)).endswith(words)


def test_what_stands_beside_the_fields_counts() -> None:
    assert "(dynamic) has other parameters" in said(
        mapping({}, dynamic="strict"), mapping({}, dynamic="strict"), mapping({}, dynamic="true")
    )


def test_a_field_that_appeared_meanwhile_may_be_there_or_not_but_as_it_is() -> None:
    before, after = mapping({"a": LONG}), mapping({"a": LONG, "b": WORD})
    assert said(before, after, before) == said(before, after, after) == ""
    assert "b is of type long, and was keyword" in said(before, after, mapping({"a": LONG, "b": LONG}))
    assert "a is missing" in said(before, after, mapping({"b": WORD}))


def test_a_parameter_that_somebody_changed_meanwhile_is_no_alarm() -> None:
    then, now = {"a": {**WORD, "ignore_above": 10}}, {"a": {**WORD, "ignore_above": 30}}
    between = {"a": {**WORD, "ignore_above": 20}}
    assert said(mapping(then), mapping(now), mapping(between)) == ""


def test_many_differences_are_counted() -> None:
    many = mapping({f"f{number}": LONG for number in range(20)})
    assert said(many, many, mapping({})).endswith(
        "f0 is missing, f1 is missing, f10 is missing, f11 is missing, f12 is missing and 15 more"
    )


@pytest.mark.parametrize(("before", "after", "restored"), [(None, "{}", "{}"), ("{}", None, "{}"), ("{}", "{}", None)])
def test_what_is_not_known_is_no_pass(before: str | None, after: str | None, restored: str | None) -> None:
    (found,) = mappings.compare("restored-orders", before, after, restored, "403 forbidden" if restored else None)
    assert (found.code, found.severity) == ("restore.mapping_not_compared", Severity.WARNING)
    assert ("403 forbidden" if restored else "not there") in found.message


def test_a_policy_says_whether_mappings_are_compared() -> None:
    def policy(drill: str) -> bool:
        return mappings.wanted(load((FILE.rstrip() + drill + "\n").encode(), "f.yaml").policies["nightly"])

    assert not policy("")
    assert policy("\n    drill: {schedule: '0 4 * * 0'}")
    assert not policy("\n    drill: {schedule: '0 4 * * 0', checks: [doc_count]}")
