"""Single values and blocks, as written and as stored."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.core.config import load
from chalicelib.core.notations import Duration, Percent, Size
from chalicelib.core.patterns import matches_source
from chalicelib.core.rows import Spec
from chalicelib.core.spec import Auth, Policy, Select, Target
from chalicelib.core.values import WRITTEN, format_duration
from chalicelib.core.wire import dump
from chalicelib.core.wire import load as load_row
from tests.conftest import TESTS

EXAMPLE = (TESTS / "golden" / "snapwarden.yaml").read_text()


def written(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value, context=WRITTEN)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("26h", 93600), ("14d", 14 * 86400), ("8w", 56 * 86400), ("0s", 0)],
)
def test_durations(text: str, seconds: int) -> None:
    assert written(Duration, text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", 5, "5 m", "-5m", "1.5h", "PT5M", "5M", "h", "١h", "9999w", None, True, "5m\n"]
)
def test_what_is_no_duration_is_refused_in_the_file(text: object) -> None:
    with pytest.raises(ValidationError):
        written(Duration, text)


def test_stored_durations_may_be_iso_8601() -> None:
    assert TypeAdapter(Duration).validate_python("PT6H") == timedelta(hours=6)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=7000)))
def test_durations_keep_their_value_when_stored(value: timedelta) -> None:
    adapter = TypeAdapter[timedelta](Duration)
    assert adapter.validate_json(adapter.dump_json(value)) == value


@pytest.mark.parametrize(("seconds", "text"), [(93600, "26h"), (86400, "1d"), (90, "90s"), (0, "0s"), (604800, "1w")])
def test_durations_are_told_in_the_largest_whole_unit(seconds: int, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("text", "size"), [("10MB", 10**7), ("5GiB", 5 * 2**30), ("1.5TB", 15 * 10**11), ("7B", 7), (12, 12)]
)
def test_sizes(text: object, size: int) -> None:
    assert written(Size, text) == size


@pytest.mark.parametrize("text", ["10mb", "10", "MB", "-1MB", "1e3MB", True, 1.5, None, [], "999999999999PB"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        written(Size, text)


def test_percentages_are_exact_fractions() -> None:
    assert written(Percent, "29%") * 100 == 29
    assert written(Percent, "12.5%") == Decimal("0.125")
    assert TypeAdapter(Percent).dump_python(Decimal("0.2"), mode="json") == "20%"


@pytest.mark.parametrize("text", ["20", 20, 0.2, "101%", "-1%", "%", "20 %"])
def test_what_is_no_percentage_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        written(Percent, text)


def test_the_example_survives_storing() -> None:
    config = load(EXAMPLE, "snapwarden.yaml")
    policy, target = config.policies["nightly"], config.targets["shop"]
    assert Policy.model_validate(policy.model_dump(mode="json")) == policy
    assert Target.model_validate(target.model_dump(mode="json")) == target
    spec = Spec(policy=policy, target=target, gen=3)
    assert load_row(Spec, dump(spec)) == spec


def test_an_old_row_stays_readable() -> None:
    """Keys of other releases are ignored, and rules that became stricter bind only what is written now."""
    row = (
        '{"gen": 1, "target": {"name": "Shop_1", "engine": "elasticsearch", "auth": {"none": true, "new": 1}, '
        '"repositories": {}}, "policy": {"name": "Old_Name", "target": "Shop_1", "repository": "r", "jitter": "PT5M", '
        '"timezone": "Mars/Base", "select": {"indices": ["A,b"], "gone": 1}, "retention": null, "contract": {}}}'
    )
    spec = load_row(Spec, row)
    assert spec.policy.jitter == timedelta(minutes=5)
    assert spec.policy.name == "Old_Name"


def test_no_indices_never_means_all() -> None:
    with pytest.raises(ValidationError):
        Select(indices=())


@pytest.mark.parametrize("parts", [{}, {"secret": "a", "none": True}, {"secret": "a", "sigv4": "es"}, {"none": False}])
def test_there_is_exactly_one_way_to_authenticate(parts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Auth(**parts)


def test_one_rpo_is_a_promise_at_the_proved_level() -> None:
    base: dict[str, Any] = {"name": "n", "target": "t", "repository": "r", "select": {"indices": ["*"]}}
    assert Policy.model_validate({**base, "rpo": "26h"}).rpo == {"L1": timedelta(hours=26)}
    assert Policy.model_validate({**base, "rpo": "26h", "prove": "L2"}).rpo == {"L2": timedelta(hours=26)}


@pytest.mark.parametrize(
    "source",
    [
        ["snapwarden"],
        ["aws.s3", "snapwarden"],
        [{"prefix": "snap"}],
        [{"prefix": ""}],
        [{"prefix": {"equals-ignore-case": "SNAP"}}],
        [{"suffix": "warden"}],
        [{"anything-but": "aws.s3"}],
        [{"anything-but": ["aws.s3"]}],
        [{"anything-but": {"prefix": "aws."}}],
        [{"exists": True}],
        [{"wildcard": "s*n"}],
        [{"equals-ignore-case": "SnapWarden"}],
        [{"never-heard-of": 1}],
        "aws.s3",
    ],
)
def test_patterns_that_may_match_our_own_events(source: object) -> None:
    assert matches_source({"source": source})


@pytest.mark.parametrize(
    "source",
    [
        ["aws.s3"],
        [{"prefix": "aws."}],
        [{"anything-but": "snapwarden"}],
        [{"anything-but": ["snapwarden", "x"]}],
        [{"anything-but": {"prefix": "snap"}}],
        [{"wildcard": "aws.*"}],
        [{"exists": False}],
        [{"suffix": ".s3"}],
    ],
)
def test_patterns_that_leave_our_own_events_alone(source: object) -> None:
    assert not matches_source({"source": source})


def test_a_pattern_without_a_source_matches_anything() -> None:
    assert matches_source({"detail-type": ["x"]})
    assert matches_source({"source": ["a"], "$or": [{"source": ["snapwarden"]}]})
