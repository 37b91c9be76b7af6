"""What the search found about restores in place and salvages, each as the shortest story that shows it."""

from chalicelib.core.model import Kind, Run, State
from chalicelib.core.plans import Mode
from chalicelib.service import restores as service
from tests.faults.actions import Deliver, Live, Request
from tests.faults.copying import Spoiled
from tests.faults.machine import BACKED_UP
from tests.faults.mishaps import Engine, Outage
from tests.faults.play import Play
from tests.faults.proving import Drill
from tests.faults.restoring import Restore
from tests.faults.test_in_place import backed_up, planned
from tests.faults.world import Stage

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


def test_a_backup_during_which_its_index_was_replaced_is_not_condemned() -> None:
    """The index keeps its uuid and gets the sequence numbers of what was restored: the drill of the other policy's
    backup took that for lost documents."""
    play = Play(looks=None, schedule="0 12 * * *", prove="L2", apart=True, at_once=2, drill="30 4 * * *")
    play.do(*BACKED_UP, Spoiled(), Request(policy="weekly", number=1), Live(minutes=1))  # counted, and under way
    play.do(IN_PLACE, Live(minutes=2), Engine(what="complete"), Live(minutes=5))
    assert restores(play)[0].state is State.SUCCEEDED
    play.do(Engine(what="complete"), Live(minutes=2), Drill(policy="weekly"), Live(minutes=3))
    runs = play.stages[0].ledger.runs.values()
    backup = next(run for run in runs if run.policy == "weekly" and run.kind is Kind.BACKUP)
    assert [found.code for found in backup.findings] == ["counts.went_back"]
    drill = next(run for run in runs if run.kind is Kind.DRILL)
    assert ({found.code for found in drill.findings}, drill.unproved, drill.good) == (
        {"restore.not_compared"},
        (0,),
        False,
    )
    assert play.stages[0].ledger.backups[backup.run_id].good


def test_one_that_another_restore_replaced_before_it_was_released_does_not_succeed() -> None:
    """Through another repository, or of another stage: the uuid is the same, only the mark is another one. Nothing of
    it is touched."""
    stage = backed_up()
    run = service.start(stage.world, planned(stage).plan_id, by="cli:anna")
    for _ in range(200):
        if stage.run(run.run_id).checked:
            break
        stage.live(1 / 60)
    orders = stage.engine.indices["orders"]
    assert (stage.run(run.run_id).checked, orders.mark) == (True, planned_mark(stage, run))
    orders.mark, orders.closed = 12345, True
    stage.live(5)
    ended = stage.run(run.run_id)
    assert (ended.state, ended.reason) == (
        State.FAILED,
        "orders was restored and checked, and another restore has replaced it since",
    )
    assert (orders.mark, orders.closed, orders.writable) == (12345, True, False)


def planned_mark(stage: Stage, run: Run) -> int:
    evidence = stage.store.evidence(run.plan or "", "plan", 1)
    assert evidence
    assert evidence.plan
    return evidence.plan.mark
