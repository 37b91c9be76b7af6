"""Read, change, write with the next `rev`, while others write the same rows."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from chalicelib.core.errors import Conflict, Contended

T = TypeVar("T")

TRIES = 4


def in_turn(what: str, attempt: Callable[[], T | None]) -> T:
    """What `attempt` answers; None: somebody else wrote first, so it reads anew, a few times. Conflict when `what` is
    written by others all the time."""
    for _ in range(TRIES):
        with suppress(Contended):
            if (stored := attempt()) is not None:
                return stored
    raise Conflict(f"{what} is being changed by others all the time; try again")
