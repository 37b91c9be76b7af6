"""What the fault search found, each as the shortest play that showed it; none of them may come back."""

from datetime import timedelta

from chalicelib.core import schedule
from chalicelib.core.model import State
from tests.faults.actions import Cancel, Deliver, Live, Lose, Poke, Policy, Request, Tick, Wait
from tests.faults.chaos import Fault
from tests.faults.mishaps import Late
from tests.faults.play import Play


def test_a_request_that_arrives_twice_at_once_behind_an_open_run_is_one_run() -> None:
    """The second copy saw the first one waiting, took it for an older run, and tried to displace itself."""
    play = Play(looks=None)
    twin = Fault(what="freeze", nth=1, reads=True, meanwhile=(Request(number=1),))
    play.do(Live(minutes=3), Request(number=1, faults=(twin,)))
    play.calm()


def test_a_policy_resumed_by_a_slower_clock_does_not_pass_its_last_slot_again() -> None:
    """Slots counted from the clock of whoever resumed; the tick that had dealt with the last one was seconds ahead."""
    play = Play()
    play.do(Wait(seconds=61), Live(minutes=1), Wait(seconds=-59), Policy(what="paused"))
    play.do(Policy(what="resumed", skew=-5), Live(minutes=2))
    play.calm()


def test_a_policy_resumed_between_a_slot_and_its_jittered_start_loses_no_slot() -> None:
    """Slots counted from the instant of the resume: one that had passed, and was not due yet, was neither run nor
    skipped."""
    play = Play(jitter="2h")
    (stage,) = play.stages
    assert schedule.jitter(stage.ledger.specs["nightly", 1].policy) > timedelta(minutes=10)
    play.do(Policy(what="paused"), Live(minutes=5), Policy(what="resumed"), Live(minutes=180))
    assert stage.run("backup:nightly:2026-11-21T02:00Z").told
    play.calm()


def test_a_cancelled_run_whose_start_is_under_way_leaves_nothing_on_the_engine() -> None:
    """The start had no answer and came through seconds later; meanwhile the run was cancelled, its lease free."""
    play = Play(looks=None)
    (stage,) = play.stages
    play.do(Wait(seconds=60), Late(seconds=5), Tick(), Deliver(), Cancel(), Deliver(), Live(minutes=5))
    run = stage.run("backup:nightly:2026-11-21T02:00Z")
    assert run.state is State.CANCELLED
    assert run.snapshot not in play.engine.snapshots()


def test_a_start_that_is_under_way_when_its_time_to_start_ends_is_waited_for() -> None:
    """The run FAILED as one that never started, two seconds after a start without an answer; it came through later."""
    play = Play(looks=None, catch_up="10m")
    (stage,) = play.stages
    play.do(Wait(seconds=60), Tick(), Wait(seconds=598), Late(seconds=5), Deliver(), Live(minutes=2))
    assert stage.run("backup:nightly:2026-11-21T02:00Z").state is State.RUNNING


def test_a_run_that_moved_up_and_into_the_line_at_once_is_woken_once() -> None:
    """The run before it was cancelled; between that and its waking, it had taken its place in line: it was woken as the
    policy's next run and as the first in line."""
    play = Play(looks=None)
    play.do(Request(policy="nightly", number=0), Live(minutes=1))
    play.do(Request(policy="weekly", number=1), Request(policy="weekly", number=2), Lose())
    (stage,) = play.stages
    first, second = (sorted(run.run_id for run in stage.ledger.open).index(f"backup:weekly:now-{n}") for n in (1, 2))
    takes_its_place = Fault(what="freeze", nth=0, after=True, meanwhile=(Poke(pick=second - 1),))
    play.do(Cancel(pick=first), Lose(), Poke(pick=first, faults=(takes_its_place,)))
    assert stage.run("backup:weekly:now-1").state is State.CANCELLED
    assert stage.run("backup:weekly:now-2").waiting is not None
