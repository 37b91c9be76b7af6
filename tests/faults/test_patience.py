"""How long a run bears with what goes wrong before it is given up: neither too short, nor for ever."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.errors import Refused, Retryable, Unauthenticated
from chalicelib.core.evidence import Evidence
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import State
from chalicelib.core.ports import Change, StartOrder
from chalicelib.core.rows import Spec
from chalicelib.service import control
from chalicelib.service.work import handle
from tests.faults.world import Stage


def running() -> Stage:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.live(0.2)
    assert stage.run().state is State.RUNNING
    return stage


def refuse_looks(stage: Stage, until: datetime) -> None:
    original = stage.engine.look

    def look(*args: Any, **kwargs: Any) -> Any:
        if stage.clock.now() < until:
            raise Unauthenticated("401 the password was changed")
        return original(*args, **kwargs)

    stage.engine.look = look  # type: ignore[method-assign]


@pytest.mark.parametrize("minutes", [0.2, 5, 9])
def test_a_secret_that_is_rotated_within_minutes_loses_no_backup(minutes: float) -> None:
    """Five refusals within eight seconds ended a run whose snapshot was fine."""
    stage = running()
    refuse_looks(stage, stage.clock.now() + timedelta(minutes=minutes))
    stage.live(minutes)
    stage.engine.complete(stage.run().snapshot)
    stage.live(10)
    assert (stage.run().state, stage.run().good) == (State.SUCCEEDED, True)


def test_a_secret_that_stays_wrong_ends_the_run_after_five_tries_and_is_told() -> None:
    """Few, because an account is locked by whoever tries an old password too often."""
    stage = running()
    since, looks = stage.clock.now(), stage.run().looks
    refuse_looks(stage, since + timedelta(days=1))
    stage.live(15)
    run = stage.run()
    assert (run.state, run.findings[0].code, run.told) == (State.FAILED, "engine.refused", True)
    assert run.finished_at is not None
    assert timedelta(minutes=10) <= run.finished_at - since < timedelta(minutes=12)
    assert run.looks - looks <= 7


def test_a_start_that_comes_through_late_is_judged_by_what_it_was_asked_for() -> None:
    """Its answer was lost, an index was born, and the second start asked for that one too: the snapshot of the first
    was judged by the list of the second."""
    stage = Stage(looks=3)
    stage.until_slot()
    original, held = stage.engine.start, list[StartOrder]()

    def start(order: StartOrder) -> None:
        held.append(order)
        raise Retryable("no answer within 10 s")

    stage.engine.start = start  # type: ignore[method-assign]
    stage.live(0.05)
    stage.engine.create_index("orders-new")
    stage.live(0.15)
    original(held[0])
    stage.live(3)
    assert (stage.run().state, stage.run().good) == (State.SUCCEEDED, True)
    assert (stage.run().attempts, len(held)) == (1, 1)


def test_a_server_that_never_answers_a_start_is_asked_at_most_once_a_minute() -> None:
    """Each attempt leaves a row with what it asked for."""
    stage = Stage()
    stage.until_slot()
    stage.engine.start = lambda order: (_ for _ in ()).throw(Retryable("no answer"))  # type: ignore[method-assign]
    stage.live(10)
    assert 5 <= stage.run().attempts <= 10
    stage.live(60 * 6, step=5)
    assert (stage.run().state, stage.run().findings[0].code) == (State.FAILED, "snapshot.not_started")


def unreadable(stage: Stage) -> None:
    """As after a release was rolled back: the older one does not know how to read what the newer one wrote."""

    def spec(policy: str, gen: int) -> Spec | None:
        raise Refused(f"P#{policy} SPEC#{gen} cannot be read by this release")

    stage.store.spec = spec  # type: ignore[method-assign]


def test_a_run_whose_policy_can_not_be_read_ends_by_its_deadline_and_is_told_without_a_flood() -> None:
    """Its step failed before the look, for ever: woken each minute, a dead letter each time."""
    stage = running()
    unreadable(stage)
    sent = len(stage.queue.sent)
    stage.live(60 * 4 + 5, step=5)
    run = stage.run()
    assert (run.state, run.told) == (State.TIMED_OUT, True)
    assert "cannot be read by this release" in str(run.reason)
    assert [report.attributes["state"] for report in stage.notifier.reports] == ["TIMED_OUT"]
    assert len(stage.queue.sent) - sent <= 70


def test_a_run_whose_policy_can_be_read_again_goes_on() -> None:
    stage = running()
    original = stage.store.spec
    unreadable(stage)
    stage.live(60, step=5)
    stage.engine.complete(stage.run().snapshot)
    stage.store.spec = original  # type: ignore[method-assign]
    stage.live(20, step=5)
    assert (stage.run().state, stage.run().good) == (State.SUCCEEDED, True)


def test_a_waiting_run_whose_policy_can_not_be_read_is_missed() -> None:
    stage = running()
    waiting = stage.backup()
    stage.clock.advance(2)
    unreadable(stage)
    stage.live(60 * 6 + 15, step=15)
    missed = stage.run(waiting.run_id)
    assert (missed.state, missed.told) == (State.MISSED, True)
    assert "cannot be read by this release" in str(missed.reason)


def test_a_row_that_the_table_refuses_ends_the_run_after_five_tries() -> None:
    """A defect around look and decide is counted like one within."""
    stage = Stage()
    stage.until_slot()
    stage.tick()
    original = stage.store.commit

    def commit(*changes: Change) -> bool:
        if any(isinstance(change.item, Evidence) for change in changes):
            raise Refused("Item size has exceeded the maximum allowed size")
        return original(*changes)

    stage.store.commit = commit  # type: ignore[method-assign]
    stage.live(5)
    run = stage.run()
    assert (run.state, run.findings[0].code, run.told) == (State.FAILED, "run.crashed", True)
    assert "maximum allowed size" in str(run.reason)
    assert stage.engine.sent("start") == 0


def test_a_wish_to_cancel_during_the_last_look_does_not_lose_what_that_look_found() -> None:
    """The look lost its write to the wish, the next step took it for one that had killed the function: TIMED_OUT,
    with a complete snapshot that no catalogue knew."""
    stage = running()
    run = stage.run()
    stage.engine.complete(run.snapshot)
    stage.clock.set(run.deadline_at + timedelta(seconds=1))
    stage.queue.drop_all()
    original = stage.engine.look

    def look(*args: Any, **kwargs: Any) -> Any:
        stage.engine.look = original  # type: ignore[method-assign]
        control.cancel(stage.world, run.run_id, by="ann", why="too long")
        return original(*args, **kwargs)

    stage.engine.look = look  # type: ignore[method-assign]
    handle(stage.world, Wakeup(run_id=run.run_id, rev=stage.run().rev))
    stage.live(3)
    assert (stage.run().state, stage.run().good) == (State.SUCCEEDED, True)
    assert [backup.snapshot for backup in stage.store.backups("nightly")] == [run.snapshot]
