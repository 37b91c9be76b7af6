"""What patterns of names mean on our side is what they mean on the server: `*` alone is special."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.wildcards import matches

ROOT = Path(__file__).parents[2]
WORDS = st.text("a1[]!-?*.\n", max_size=8)


@given(name=WORDS, patterns=st.lists(WORDS, max_size=3))
def test_a_star_is_any_letters_and_every_other_letter_means_itself(name: str, patterns: list[str]) -> None:
    spelled = ["(?s:.*)".join(map(re.escape, pattern.split("*"))) for pattern in patterns]
    assert matches(name, patterns) is any(re.fullmatch(each, name) is not None for each in spelled)


@given(name=WORDS)
def test_a_name_means_itself(name: str) -> None:
    assert matches(name, [name])


def test_there_is_one_way_to_match_names() -> None:
    """A second one took `orders[1]` for `orders1`, and restored over it."""
    using = {path.name for path in (ROOT / "chalicelib").rglob("*.py") if "fnmatch" in path.read_text()}
    assert using == {"wildcards.py"}
