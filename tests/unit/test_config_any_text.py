"""Whatever stands in the file: a configuration, or problems; never another error."""

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.config import load
from chalicelib.core.errors import BadInput
from tests.conftest import TESTS

EXAMPLE = (TESTS / "golden" / "snapwarden.yaml").read_text()


def loads_or_complains(text: str | bytes) -> None:
    try:
        load(text, "f")
    except BadInput as caught:
        told = caught.problems
    else:
        return
    assert told
    assert all(problem.file == "f" and problem.message for problem in told)


@given(st.text() | st.binary())
@example("? ")
@example("%YAML 99999999999999999999.1\n---\na")
@example("- !<\n")
@example("&a : *a")
@example("{<<: &a [*a]}")
def test_any_text_at_all_is_config_or_bad_input(text: str | bytes) -> None:
    loads_or_complains(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["*", "4h", "L2", "20%"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.integers(0, len(EXAMPLE.splitlines()) - 1), st.data())
def test_the_example_with_any_value_anywhere_is_config_or_bad_input(line: int, data: st.DataObject) -> None:
    lines = EXAMPLE.splitlines()
    key, colon, _ = lines[line].partition(":")
    lines[line] = f"{key}{colon} {data.draw(VALUES)!r}"
    loads_or_complains("\n".join(lines).encode("utf-8", "replace"))


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.text(max_size=6))
def test_the_example_with_a_hole_in_it_is_config_or_bad_input(at: int, length: int, put: str) -> None:
    loads_or_complains((EXAMPLE[:at] + put + EXAMPLE[at + length :]).encode("utf-8", "replace"))
