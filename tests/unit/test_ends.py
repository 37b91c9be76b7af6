"""How runs end, or go on, without an observation: no answer is no state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import pace
from chalicelib.core.errors import NameTaken, Refused, Retryable
from chalicelib.core.model import State
from chalicelib.core.workflows import ends
from tests.unit.workflow import NOW, row

OPEN = (State.STARTING, State.RUNNING, State.VERIFYING)
LATE = NOW + timedelta(hours=5)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("attempts", [0, 1])
def test_no_answer_is_no_state(state: State, attempts: int) -> None:
    decision = ends.no_answer(row(state, attempts=attempts), Retryable("timed out"), NOW, refused=False)
    assert decision.state is state
    assert decision.changes["last_error"] == "timed out"
    assert decision.again is not None


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("refused", [True, False])
def test_past_the_deadline_a_run_ends_with_the_last_thing_seen(state: State, refused: bool) -> None:
    decision = ends.no_answer(row(state, attempts=1), Retryable("timed out"), LATE, refused=refused)
    assert decision.state is State.TIMED_OUT
    assert decision.changes["reason"].endswith("last seen: timed out")
    assert decision.changes["findings"][0].code == "run.timed_out"


@pytest.mark.parametrize(
    ("attempts", "refusals", "becomes"),
    [
        (0, 0, State.FAILED),
        (1, 0, State.RUNNING),
        (1, pace.MAX_REFUSALS - 2, State.RUNNING),
        (1, pace.MAX_REFUSALS - 1, State.FAILED),
    ],
)
def test_a_refused_look_ends_the_run_at_once_only_before_anything_was_started(
    attempts: int, refusals: int, becomes: State
) -> None:
    """A secret that is rotated must not lose a backup that is under way."""
    run = row(State.RUNNING, attempts=attempts, refusals=refusals)
    decision = ends.no_answer(run, Refused("403"), NOW, refused=True)
    assert decision.state is becomes
    if becomes is State.RUNNING:
        assert decision.changes["refusals"] == refusals + 1
    else:
        assert decision.changes["findings"][0].code == "engine.refused"


def test_only_refusals_in_a_row_count() -> None:
    run = row(State.RUNNING, attempts=1, refusals=pace.MAX_REFUSALS - 1)
    assert ends.no_answer(run, Retryable("timed out"), NOW, refused=False).changes["refusals"] == 0


def test_a_refused_start_fails_unless_the_name_may_be_our_own_lost_answer() -> None:
    run = row(State.STARTING, attempts=1)
    assert ends.not_accepted(run, Refused("400"), NOW, refused=True).state is State.FAILED
    assert ends.not_accepted(run, NameTaken("exists"), NOW, refused=True).state is State.STARTING
    assert ends.not_accepted(run, Retryable("timeout"), NOW, refused=False).state is State.STARTING
    second = replace(run, attempts=2)
    assert ends.not_accepted(second, Refused("400"), NOW, refused=True).state is State.STARTING


def test_a_run_of_a_policy_that_was_corrected_makes_room() -> None:
    decision = ends.superseded(row(State.STARTING), Retryable("no route"))
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "run.superseded"
    assert "no route" in decision.changes["reason"]


def test_a_time_out_says_what_may_become_of_the_snapshot_only_where_there_may_be_one() -> None:
    asked, never = (ends.timed_out(row(State.RUNNING, attempts=n), "nothing").changes["findings"][0] for n in (1, 0))
    assert f"GET _snapshot/main/{asked.subject}): it is then neither in the catalogue nor removed" in asked.next_step
    assert never.next_step == "look at the server, then raise `timeout` or run it again"


def test_a_time_out_keeps_the_findings_before_it() -> None:
    before = ends.fail(ends.finding("snapshot.broken", "s", "m", "n")).changes["findings"]
    found = ends.timed_out(row(State.RUNNING, findings=before), "nothing").changes["findings"]
    assert [finding.code for finding in found] == ["snapshot.broken", "run.timed_out"]
