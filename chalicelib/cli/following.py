"""What is said while somebody watches a run."""

from datetime import datetime, timedelta

from chalicelib.core.model import Run, State
from chalicelib.core.prose import instant

SIGN = timedelta(seconds=30)
"""Without any change, after which it is said again: silence looks like a program that hangs."""


class Lines:
    """A line for each change, and a sign of life."""

    def __init__(self) -> None:
        self._said = ""
        self._at: datetime | None = None

    def next(self, text: str, now: datetime) -> str | None:
        """None: it was said less than SIGN ago."""
        if text == self._said and self._at is not None and now - self._at < SIGN:
            return None
        self._said, self._at = text, now
        return f"{instant(now)} {text}"


def trying(run: Run) -> str:
    """After the last error of an open run: until when it goes on by itself, and what tells more."""
    if run.settled or run.state is State.QUEUED or not run.last_error:
        return ""
    return f"; still trying, gives up at {instant(run.deadline_at)}: snapwarden doctor {run.target}"
