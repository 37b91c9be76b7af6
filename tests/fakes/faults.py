"""What goes wrong with the next calls of a fake."""

from collections import deque


class Faults:
    """Planned errors, one a call, in order. Before: the call has no effect. After: it had, and its answer was lost."""

    def __init__(self) -> None:
        self._before: deque[Exception | None] = deque()
        self._after: deque[Exception | None] = deque()

    def fail(self, *errors: Exception | None) -> None:
        """The next calls fail without an effect; None lets one through."""
        self._before.extend(errors)

    def lose_answer(self, *errors: Exception | None) -> None:
        """The next calls have their effect and fail all the same; None lets one through."""
        self._after.extend(errors)

    def before(self) -> None:
        _raise(self._before)

    def after(self) -> None:
        _raise(self._after)


def _raise(planned: deque[Exception | None]) -> None:
    if planned and (error := planned.popleft()):
        raise error
