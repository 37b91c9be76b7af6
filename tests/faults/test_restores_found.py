"""What the fault search found of restores, each as a short story; none of them may come back."""

from chalicelib.core.model import Run, State
from tests.faults.actions import Cancel, Deliver, Live, Request, Wait
from tests.faults.chaos import Fault
from tests.faults.machine import BACKED_UP
from tests.faults.mishaps import Engine, Index, Late, Outage
from tests.faults.play import Play
from tests.faults.restoring import Restore, Slow
from tests.faults.test_restores import backed_up, made, started

BACKUP = (Request(number=None), Engine(what="complete"), Live(minutes=2))


def the_restore(play: Play) -> Run:
    (run,) = (run for run in play.stages[0].ledger.runs.values() if run.kind == "restore")
    return run


def test_the_end_of_a_restore_wakes_nobody_twice() -> None:
    """Its policy's open backup, which it never held up, was woken as if it had been behind it, and once more as the
    next in line: two messages of one revision."""
    play = Play(looks=None, prove="L2")
    play.do(*BACKED_UP, Restore(), Live(minutes=3))
    run_id = the_restore(play).run_id
    play.calm()
    assert play.stages[0].run(run_id).told


def test_a_restore_that_is_ended_by_a_defect_of_ours_names_what_it_may_have_left() -> None:
    """After five crashes in a row the run FAILED, and nobody was told that its indices were there. Now it cleans up
    first, and tells when that crashes, too."""
    play = Play()
    play.do(*BACKUP, Slow(looks=1000), Restore(), Deliver(), Deliver(), Outage(part="engine", calls=30, how="buggy"))
    play.do(Live(minutes=10))
    run = the_restore(play)
    assert run.state is State.FAILED
    assert {found.code for found in run.findings} == {"run.crashed", "restore.leftover"}
    play.calm()


def test_a_name_that_is_taken_between_two_attempts_is_told_as_such() -> None:
    """It counted as a defect of ours: an index of a wanted name, whosever it was, and the world was not looked at."""
    play = Play()
    play.do(*BACKUP, Restore(), Deliver(faults=(Fault(what="silence", nth=1),)), Wait(seconds=70), Deliver())
    assert the_restore(play).state is State.PLANNED
    play.do(Index(name="restored-orders", what="made"), Live(minutes=3))
    run = the_restore(play)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.foreign"])
    play.calm()


def test_a_restore_that_is_under_way_for_long_is_not_left_behind_by_a_cancel() -> None:
    """It counted from when it was decided, not from when it was sent: its indices came when its run had ended."""
    play = Play()
    frozen = Fault(what="freeze", nth=1, meanwhile=(Wait(seconds=30),))
    play.do(*BACKUP, Restore(), Late(seconds=40), Deliver(faults=(frozen,)), Cancel(), Live(minutes=5))
    assert the_restore(play).state is State.CANCELLED
    assert not [name for name in play.engine.indices if name.startswith("restored-")]
    play.calm()


def test_a_second_attempt_that_meets_what_the_first_one_made_goes_on_with_it() -> None:
    """It ended as one that was refused, and left the indices of the first attempt."""
    play = Play(prove="L2")
    frozen = Fault(what="freeze", nth=1, meanwhile=(Wait(seconds=35),))
    play.do(*BACKUP, Restore(), Late(seconds=100), Deliver(), Wait(seconds=70), Deliver())
    play.do(Deliver(faults=(frozen,)), Live(minutes=5))
    run = the_restore(play)
    assert (run.state, run.attempts) == (State.SUCCEEDED, 2)
    play.calm()


def test_an_index_that_somebody_deletes_before_the_first_look_is_missed_at_once() -> None:
    """The run waited for it until its deadline, twelve hours later."""
    stage = backed_up()
    stage.engine.restore_looks = 1000
    run = started(stage)
    while not made(stage):
        stage.live(1 / 60)
    stage.engine.delete_index("restored-orders")
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.vanished"])
    assert made(stage) == set()
