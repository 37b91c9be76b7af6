"""The rules by which the local Lambda reads answers and schedules."""

import json
from typing import Any

import pytest

from infra.local.runtime.poller import failures
from infra.local.runtime.pool import Answer
from infra.local.runtime.schedule import rate


def _answer(result: Any, *, failed: bool = False) -> Answer:
    return Answer(request_id="r", payload=json.dumps(result), failed=failed)


def _failed(*ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": one} for one in ids]}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, set()),
        ({}, set()),
        (_failed(), set()),
        (_failed("a"), {"a"}),
        (_failed("a", "b"), {"a", "b"}),
        (_failed("a", "stranger"), {"a", "b"}),
        (_failed(""), {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"other": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
        ({"batchItemFailures": None}, set()),
    ],
)
def test_which_messages_of_a_batch_failed(result: Any, expected: set[str]) -> None:
    assert failures(_answer(result), ["a", "b"], partial=True) == expected


def test_without_partial_answers_a_batch_fails_or_succeeds_as_one() -> None:
    assert failures(_answer(_failed("a")), ["a", "b"], partial=False) == frozenset()
    assert failures(_answer({}, failed=True), ["a", "b"], partial=False) == {"a", "b"}
    assert failures(_answer({}, failed=True), ["a", "b"], partial=True) == {"a", "b"}


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(2 hours)", 7200),
        ("cron(0 12 * * ? *)", None),
        ("", None),
    ],
)
def test_rates(expression: str, seconds: int | None) -> None:
    assert rate(expression) == seconds
