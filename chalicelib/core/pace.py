"""How long to wait until the next look: short at first, then longer; and how often a refusal is repeated."""

from datetime import datetime, timedelta

from chalicelib.core.model import Run

FIRST_LOOK = timedelta(seconds=2)
"""After a start was accepted: a small incremental snapshot is done by then."""
LONGEST = timedelta(minutes=15)
"""SQS delays at most 900 s."""
MAX_REFUSALS = 5


def next_look(run: Run, now: datetime) -> timedelta:
    """A tenth of the time since the start, between 2 s and 15 min.

    An end is seen late by a tenth of the run at most, and the number of looks grows with the logarithm of its length
    (an hour: about 65). Whole seconds, because queues delay by whole seconds; not beyond the deadline.
    """
    since = now - (run.started_at or run.created_at)
    delay = min(max(since / 10, FIRST_LOOK), LONGEST)
    until_deadline = max(run.deadline_at - now, FIRST_LOOK)
    return timedelta(seconds=int(min(delay, until_deadline).total_seconds()))
