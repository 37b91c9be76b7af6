"""How long to wait until the next look: short at first, then longer; and how often a refusal is repeated."""

from datetime import datetime, timedelta

from chalicelib.core.model import Run, State

FIRST_LOOK = timedelta(seconds=2)
"""After a start was accepted: a small incremental snapshot is done by then."""
LONGEST = timedelta(minutes=15)
"""SQS delays at most 900 s."""
NEAR = timedelta(seconds=60)
"""No wait is longer than this near the expected end."""
PROMPT_LOOKS = 30
"""A run of so many looks is no short one any more, and two seconds are nothing to it."""
PATIENCE = timedelta(minutes=2)
"""A question beside the point (counts, sizes) that stays without an answer for so long must not cost the backup."""
MAX_REFUSALS = 5
REFUSED_WAITS = timedelta(minutes=1)
"""After the first refusal; the second waits two, and so on: the fifth comes ten minutes after the first."""


def next_look(run: Run, now: datetime) -> timedelta:
    """Whole seconds, because queues delay by whole seconds; from 2 s to 15 min, not beyond the deadline.

    Without a history a tenth of the time since the start: an end is seen late by a tenth of the run at most, and the
    number of looks grows with the logarithm of its length (an hour: about 65). With one, half of what is left until
    the usual end, but a third of the time passed at most: one that is much shorter than usual holds its lease for a
    third longer than it takes, no more, and an hour makes about 30 looks. From there on as without, but within a minute
    as long as the run has not taken twice the usual time.
    """
    moving = run.state in (State.RUNNING, State.VERIFYING, State.RESTORING, State.CHECKING)
    since = now - ((run.claimed_at if moving else run.started_at) or run.created_at)
    delay = since / 10
    if run.usual is not None and moving:
        expected = timedelta(seconds=run.usual.seconds)
        left = expected - since
        if left > timedelta(0):
            delay = min(since / 3, left / 2 if left > NEAR else min(left, max(since / 10, left / 2)))
        elif since < 2 * expected + NEAR:
            delay = min(delay, NEAR)
    return _whole(run, delay, now)


def once_answered(run: Run) -> timedelta:
    """After an act that is done when the server has answered: at once. A server that says so and does nothing is asked
    every two seconds in the end."""
    return timedelta(0) if run.looks < PROMPT_LOOKS else FIRST_LOOK


def after_refusal(run: Run, refusals: int, now: datetime) -> timedelta:
    """Whoever rotates a secret needs minutes, and accounts are locked by whoever tries an old one too often."""
    return max(next_look(run, now), _whole(run, REFUSED_WAITS * refusals, now))


def _whole(run: Run, delay: timedelta, now: datetime) -> timedelta:
    delay = min(max(delay, FIRST_LOOK), LONGEST)
    until_deadline = max(run.deadline_at - now, FIRST_LOOK)
    return timedelta(seconds=int(min(delay, until_deadline).total_seconds()))
