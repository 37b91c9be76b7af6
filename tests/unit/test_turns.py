"""Read, change, write: who loses reads anew, and who always loses is told."""

from collections.abc import Iterator

import pytest

from chalicelib.core.errors import Conflict, Contended
from chalicelib.service.turns import TRIES, in_turn


def test_who_lost_the_row_or_met_others_in_it_tries_again() -> None:
    answers: Iterator[str | Contended | None] = iter([None, Contended("twice at once"), "stored"])

    def attempt() -> str | None:
        if isinstance(answer := next(answers), Contended):
            raise answer
        return answer

    assert in_turn("policy nightly", attempt) == "stored"


def test_who_always_loses_is_told_in_one_message() -> None:
    tries: list[int] = []
    with pytest.raises(Conflict, match="policy nightly is being changed by others all the time; try again"):
        in_turn("policy nightly", lambda: tries.append(1))
    assert len(tries) == TRIES
