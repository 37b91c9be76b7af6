"""The JSON Schema takes what `load` takes, and editors see the usual mistakes."""

from typing import Any

import jsonschema
import pytest

from chalicelib.core.config import schema
from chalicelib.core.config.document import read_document
from tests.conftest import TESTS

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def example() -> Any:
    return read_document((TESTS / "golden" / "snapwarden.yaml").read_text(), "f").data


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_it_takes_the_example() -> None:
    assert list(VALIDATOR.iter_errors(example())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("policies.nightly.shedule", "0 2 * * *"),
        ("policies.nightly.jitter", 10),
        ("policies.nightly.jitter", "10 minutes"),
        ("policies.nightly.timeout", None),
        ("policies.nightly.name", "nightly"),
        ("policies.nightly.rpo", {"L9": "8d"}),
        ("policies.nightly.prove", "L5"),
        ("policies.nightly.select.indices", []),
        ("policies.nightly.contract.max_shrink", 20),
        ("policies.nightly.contract.min_bytes", "1mb"),
        ("policies.nightly.drill.checks", ["doc_cuont"]),
        ("policies.nightly.drill.checks", [{}]),
        ("policies.nightly.notify.on", ["failures"]),
        ("policies.Nightly", {}),
        ("targets.shop.engine", "mysql"),
        ("targets.shop.auth", {}),
        ("targets.shop.max_concurrent", 0),
        ("targets", {}),
        ("version", 2),
        ("target", {}),
    ],
)
def test_it_refuses(path: str, value: object) -> None:
    data = example()
    *parents, last = path.split(".")
    place = data
    for part in parents:
        place = place[part]
    place[last] = value
    assert not VALIDATOR.is_valid(data)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule", ["0 2 * * *", "rate(6 hours)"]),
        ("rpo", {"L2": "26h", "L4": "8d"}),
        ("contract", {"min_bytes": 1000}),
        ("triggers", []),
    ],
)
def test_it_takes_the_other_notations(key: str, value: object) -> None:
    data = example()
    data["policies"]["nightly"][key] = value
    assert VALIDATOR.is_valid(data)


def test_editors_find_words_about_the_keys() -> None:
    policy = SCHEMA["$defs"]["Policy"]["properties"]
    assert policy["catch_up"]["description"] == "a slot may start this late, then it is MISSED"
    assert policy["catch_up"]["default"] == "6h"


def test_every_default_is_one_that_the_schema_takes() -> None:
    seen = 0
    for name, part in SCHEMA["$defs"].items():
        for key, value in part.get("properties", {}).items():
            if "default" in value:
                inner = {**value, "$defs": SCHEMA["$defs"]}
                assert jsonschema.Draft202012Validator(inner).is_valid(value["default"]), (name, key)
                seen += 1
    assert seen > 30
