"""When to look again: soon at first, then later, near the usual end often; and how many looks that makes."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import pace
from chalicelib.core.model import Run, State, Usual
from tests.unit.workflow import NOW, row

MINUTE, HOUR = 60, 3600
FAR = 30 * 24 * HOUR


def running(usual: float | None = None, *, deadline: int = FAR, state: State = State.RUNNING) -> Run:
    history = None if usual is None else Usual(backups=7, docs=None, bytes=None, seconds=usual)
    at = {"created_at": NOW, "started_at": NOW, "claimed_at": NOW, "deadline_at": NOW + timedelta(seconds=deadline)}
    return row(state, usual=history, **at)


def wait(run: Run, elapsed: float) -> float:
    return pace.next_look(run, NOW + timedelta(seconds=elapsed)).total_seconds()


def looks(run: Run, until: float) -> list[float]:
    """When a snapshot that takes `until` seconds is looked at; the last look sees its end."""
    at = [pace.FIRST_LOOK.total_seconds()]
    while at[-1] < until:
        at.append(at[-1] + wait(run, at[-1]))
    return at


@pytest.mark.parametrize(
    ("usual", "elapsed", "delay"),
    [
        (None, 0, 2),
        (None, 19, 2),
        (None, 60, 6),
        (None, 600, 60),
        (None, 7200, 720),
        (None, 9000, 900),
        (None, 20_000, 900),
        (20, 2, 2),
        (20, 11, 3),
        (20, 17, 2),
        (20, 20, 2),
        (20, 90, 9),
        (3600, 2, 2),
        (3600, 300, 100),
        (3600, 2500, 550),
        (3600, 2600, 500),
        (36_000, 2600, 866),
        (36_000, 2800, 900),
        (3600, 3470, 65),
        (3600, 3539, 30),
        (3600, 3541, 59),
        (3600, 3590, 10),
        (3600, 3600, 60),
        (3600, 7259, 60),
        (3600, 7260, 726),
    ],
)
def test_what_is_waited(usual: float | None, elapsed: int, delay: int) -> None:
    """Without a history a tenth of the time passed; with one half of what is left until the usual end, a third of the
    time passed at most, then a tenth, within a minute until twice the usual time has passed."""
    assert wait(running(usual), elapsed) == delay


@pytest.mark.parametrize(("left", "delay"), [(395, 395), (395.9, 395), (2, 2), (1, 2), (0, 2), (-500, 2)])
def test_no_look_is_put_off_beyond_the_deadline(left: float, delay: int) -> None:
    run = running(deadline=14_000)
    assert wait(run, 14_000 - left) == delay


def test_a_run_that_starts_is_not_compared_with_how_long_others_ran() -> None:
    assert wait(running(3600, state=State.STARTING), 100) == 10


def test_the_clock_counts_from_the_claim_that_was_accepted_and_not_from_the_first_try() -> None:
    run = replace(running(), claimed_at=NOW + timedelta(seconds=1000))
    assert wait(run, 1060) == 6
    assert wait(replace(run, state=State.STARTING), 1060) == 106


usuals = st.none() | st.floats(0, 30 * 24 * HOUR)


@given(
    usual=usuals,
    elapsed=st.floats(0, 40 * 24 * HOUR),
    deadline=st.integers(1, 40 * 24 * HOUR),
    state=st.sampled_from([State.STARTING, State.RUNNING, State.VERIFYING]),
)
def test_every_wait_is_one_that_a_queue_can_keep(
    usual: float | None, elapsed: float, deadline: int, state: State
) -> None:
    delay = wait(running(usual, deadline=deadline, state=state), elapsed)
    assert delay == int(delay)
    assert 2 <= delay <= 900
    assert delay == 2 or elapsed + delay <= deadline


@given(usual=st.floats(0, 30 * 24 * HOUR), off=st.floats(-60, 60))
def test_near_the_usual_end_no_wait_is_longer_than_a_minute(usual: float, off: float) -> None:
    assert wait(running(usual), max(usual + off, 0)) <= 60


@given(usual=st.floats(0, 12 * HOUR), over=st.floats(0, 1))
def test_nor_until_a_run_has_taken_twice_its_usual_time(usual: float, over: float) -> None:
    assert wait(running(usual), usual * (1 + over)) <= 60


LENGTHS = (10, 20, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR)


def bound(seconds: float) -> float:
    """Ten looks in the first twenty seconds; then each is a tenth later than the one before; from 2.5 h on one in 15
    minutes. A little more, because waits are cut to whole seconds."""
    growing = math.log(max(min(seconds, 9000) / 20, 1)) / math.log(1.1) * 1.2
    return 10 + growing + max(seconds - 9000, 0) / 900 + 1


@pytest.mark.parametrize("length", LENGTHS)
def test_without_a_history_looks_grow_with_the_logarithm_of_the_length(length: int) -> None:
    at = looks(running(), length)
    assert len(at) <= bound(length)
    assert at[-1] - length <= max(length / 10, 2), "and an end is seen late by a tenth of the run at most"


@pytest.mark.parametrize(("length", "most"), [(10, 5), (MINUTE, 23), (10 * MINUTE, 48), (HOUR, 67), (6 * HOUR, 91)])
def test_how_many_looks_that_is(length: int, most: int) -> None:
    assert len(looks(running(), length)) <= most


@pytest.mark.parametrize("length", LENGTHS)
def test_with_a_history_few_looks_come_down_to_the_usual_end(length: int) -> None:
    """Each a third later than the one before until half is left, then halving; and one in 15 minutes of a long one."""
    at = looks(running(length), length)
    assert len(at) <= math.log(max(length / 4, 1)) / math.log(4 / 3) + math.log2(length) / 2 + 2 + length / 900
    assert len(at) <= len(looks(running(), length)), "never more than without a history"
    assert at[-1] - length <= 2, "and the usual end is seen at once"


@pytest.mark.parametrize(("length", "most"), [(10, 5), (MINUTE, 14), (10 * MINUTE, 22), (HOUR, 30), (6 * HOUR, 50)])
def test_how_many_looks_that_is_with_a_history(length: int, most: int) -> None:
    assert len(looks(running(length), length)) <= most


@given(usual=usuals, length=st.floats(6, 12 * HOUR))
def test_whatever_was_usual_an_end_is_seen_late_by_a_third_of_the_run_at_most(
    usual: float | None, length: float
) -> None:
    """One long backup in the history, and a short one was seen up to 15 minutes late, its lease held meanwhile."""
    assert looks(running(usual), length)[-1] - length <= max(length / 3, 2)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("off", [-0.1, -0.02, 0.02, 0.1])
def test_a_run_that_takes_a_little_more_or_less_than_usual_is_not_seen_much_later(length: int, off: float) -> None:
    ended = length * (1 + off)
    at = looks(running(length), ended)
    assert at[-1] - ended <= min(max(length / 10, 2), MINUTE) if off > 0 else at[-1] - ended <= max(length / 10, 2)
    assert len(at) <= len(looks(running(), length)) + 1 or length >= HOUR


@pytest.mark.parametrize("usual", [1.0, 60.0, 3600.0])
def test_a_history_that_was_far_too_short_costs_a_look_a_minute_and_then_no_more_than_none(usual: float) -> None:
    length = 6 * HOUR
    assert len(looks(running(usual), length)) <= bound(length) + usual / MINUTE + 5
