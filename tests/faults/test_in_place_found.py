"""What the search found about restores in place and salvages, each as the shortest story that shows it."""

from chalicelib.core.model import Kind, Run, State
from chalicelib.core.plans import Mode
from tests.faults.actions import Deliver, Live
from tests.faults.machine import BACKED_UP
from tests.faults.mishaps import Outage
from tests.faults.play import Play
from tests.faults.restoring import Restore

IN_PLACE = Restore(mode=Mode.IN_PLACE)


def restores(play: Play) -> list[Run]:
    return [run for run in play.stages[0].ledger.runs.values() if run.kind is Kind.RESTORE]


def test_a_queue_that_refuses_the_safety_backup_is_no_crash() -> None:
    """The refusal is the world's, the backup is stored by then, and the sweeper wakes it."""
    play = Play(prove="L2")
    play.do(*BACKED_UP, IN_PLACE, Outage(part="queue", calls=1, how="refusing"), Deliver())
    (run,) = restores(play)
    assert (run.state, run.crashes) == (State.QUEUED, 0)
    assert run.last_error == "waits: the safety backup was not accepted: queue send: no"
    play.do(Live(minutes=5))
    (run,) = restores(play)
    assert run.state is State.SUCCEEDED
