"""Cancelling a run in each of its states: what is at work on the engine ends first, and an end is only called so
when it was seen."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput, Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Run, State
from chalicelib.core.ports import StartOrder
from chalicelib.service import control
from chalicelib.service.work import handle
from tests.faults.world import FILE, RUN_ID, Stage

BESIDE = FILE + FILE.partition("policies:\n")[2].replace("  nightly:", "  hourly:", 1).replace(
    '"0 2 * * *"', '"0 3 * * *"'
)
"""Two policies, one repository."""


def running(stage: Stage) -> Stage:
    stage.until_slot()
    stage.live(0.2)
    assert stage.run().state is State.RUNNING
    return stage


def cancelled(stage: Stage, run_id: str = RUN_ID) -> Run:
    return control.cancel(stage.world, run_id, by="ann", why="wrong day")


def test_before_anything_was_asked_of_the_engine_nothing_is() -> None:
    stage = Stage()
    stage.until_slot()
    stage.tick()
    cancelled(stage)
    stage.live(1)
    run = stage.run()
    assert (run.state, run.reason) == (State.CANCELLED, "cancelled by ann: wrong day")
    assert stage.engine.requests == []
    assert stage.store.traffic(run.lease, run.target)[0].holder is None  # type: ignore[union-attr]


def test_a_running_snapshot_is_removed_and_the_run_told() -> None:
    stage = running(Stage(looks=None))
    cancelled(stage)
    stage.live(1)
    run = stage.run()
    assert (run.state, run.told, stage.engine.snapshots()) == (State.CANCELLED, True, ())
    assert stage.engine.sent("delete") == 1
    assert stage.store.backups("nightly") == ()
    assert [report.attributes["state"] for report in stage.notifier.reports] == ["CANCELLED"]
    assert stage.world.store.state("nightly").open_run is None  # type: ignore[union-attr]


def test_it_takes_seconds_though_the_next_look_was_far_away() -> None:
    stage = running(Stage(looks=None))
    stage.live(120, step=5)
    cancelled(stage)
    stage.live(0.3)
    assert stage.run().state is State.CANCELLED


def test_a_lost_message_delays_it_by_minutes_only() -> None:
    """Not until the next look of a long run, a quarter of an hour away."""
    stage = running(Stage(looks=None))
    stage.live(180, step=5)
    cancelled(stage)
    stage.queue.drop_all()
    stage.live(4, step=2)
    assert stage.run().state is State.CANCELLED


@pytest.mark.parametrize("looks", [1, 5])
def test_a_removal_that_takes_a_while_is_asked_for_once(looks: int) -> None:
    stage = running(Stage(looks=None))
    stage.engine.slow_delete = looks
    cancelled(stage)
    stage.live(3)
    assert (stage.run().state, stage.engine.snapshots()) == (State.CANCELLED, ())
    assert stage.engine.sent("delete") == 1


def test_a_removal_that_waits_for_others_keeps_the_run_open_until_it_is_done() -> None:
    stage = running(Stage(looks=None))
    stage.engine.blocked = True
    cancelled(stage)
    stage.live(20, step=2)
    assert stage.run().state is State.RUNNING
    stage.engine.blocked = False
    stage.live(10, step=2)
    assert (stage.run().state, stage.engine.sent("delete")) == (State.CANCELLED, 1)


def test_a_removal_that_never_ends_ends_by_the_deadline() -> None:
    stage = running(Stage(looks=None))
    stage.engine.blocked = True
    cancelled(stage)
    stage.live(60 * 4 + 20, step=10)
    run = stage.run()
    assert run.state is State.TIMED_OUT
    assert "still there after it was to be removed" in (run.reason or "")


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_removal_without_an_answer_is_asked_for_again(lost: str) -> None:
    stage = running(Stage(looks=None))
    stage.engine.slow_delete = 3
    original, times = stage.engine.delete, iter([True])

    def delete(repository: str, snapshot: str) -> None:
        first = next(times, False)
        if first and lost == "request":
            raise Retryable("no answer")
        original(repository, snapshot)
        if first:
            raise Retryable("the answer was lost")

    stage.engine.delete = delete  # type: ignore[method-assign]
    cancelled(stage)
    stage.live(3)
    assert (stage.run().state, stage.engine.snapshots()) == (State.CANCELLED, ())


def test_a_refused_removal_lets_the_run_go_on_and_says_so() -> None:
    stage = running(Stage(looks=None))
    stage.engine.refuse("delete", "403 the action cluster:admin/snapshot/delete is needed")
    cancelled(stage)
    stage.live(0.3)
    run = stage.run()
    assert (run.state, run.cancel) == (State.RUNNING, None)
    stage.engine.complete(run.snapshot)
    stage.live(3)
    run = stage.run()
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    assert [finding.code for finding in run.findings] == ["run.cancel_refused"]


def test_asked_again_after_a_refusal_it_tries_again() -> None:
    """The right to delete was granted meanwhile."""
    stage = running(Stage(looks=None))
    stage.engine.refuse("delete", "403")
    cancelled(stage)
    stage.live(2)
    cancelled(stage)
    stage.live(2)
    assert (stage.run().state, stage.engine.sent("delete")) == (State.CANCELLED, 2)


def test_a_snapshot_that_was_complete_before_is_a_backup() -> None:
    """Too late: it is judged, and nothing is deleted."""
    stage = running(Stage(looks=None))
    stage.engine.complete(stage.run().snapshot)
    cancelled(stage)
    stage.live(1)
    assert (stage.run().state, stage.run().good) == (State.SUCCEEDED, True)
    assert stage.engine.sent("delete") == 0


def test_a_run_that_verifies_is_too_late_too() -> None:
    stage = running(Stage(looks=None))
    stage.engine.complete(stage.run().snapshot)
    stage.engine.lose_next_answer()
    for _ in range(2):
        stage.clock.advance(1)
        stage.queue.drop_all()
        handle(stage.world, Wakeup(run_id=RUN_ID, rev=stage.run().rev))
    assert cancelled(stage).state is State.VERIFYING
    stage.live(1)
    assert (stage.run().state, stage.engine.sent("delete")) == (State.SUCCEEDED, 0)


def test_while_an_actor_starts_the_snapshot_nobody_else_moves_and_then_it_is_removed() -> None:
    stage = Stage(looks=None)
    stage.until_slot()
    original = stage.engine.start

    def start(order: StartOrder) -> None:
        cancelled(stage)
        for message in stage.queue.receive():
            handle(stage.world, message)
        assert stage.engine.sent("look") == stage.engine.sent("delete") == 0
        original(order)

    stage.engine.start = start  # type: ignore[method-assign]
    stage.live(1)
    assert (stage.run().state, stage.engine.snapshots()) == (State.CANCELLED, ())
    assert (stage.engine.sent("start"), stage.engine.sent("delete")) == (1, 1)


def test_an_actor_who_died_after_the_start_leaves_a_snapshot_that_is_removed() -> None:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.tick()
    stage.fuse.kill_at, stage.fuse.after = len(stage.fuse.effects) + effects_of_a_start().index("start"), True
    stage.deliver()
    assert stage.engine.snapshots()
    cancelled(stage)
    stage.live(1)
    assert stage.run().state is State.STARTING, "its claim still holds"
    stage.live(3)
    assert (stage.run().state, stage.engine.snapshots()) == (State.CANCELLED, ())


def effects_of_a_start() -> list[str]:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.tick()
    before = len(stage.fuse.effects)
    stage.deliver()
    return stage.fuse.effects[before:]


def test_a_start_that_arrives_late_is_not_left_behind() -> None:
    """Its answer was lost, the snapshot was not there yet, and came after somebody had cancelled."""
    stage = Stage(looks=None)
    stage.until_slot()
    original, held = stage.engine.start, list[StartOrder]()

    def start(order: StartOrder) -> None:
        held.append(order)
        raise Retryable("no answer within 10 s")

    stage.engine.start = start  # type: ignore[method-assign]
    stage.tick()
    stage.deliver()
    cancelled(stage)
    stage.live(0.3)
    assert stage.run().state is State.STARTING
    original(held[0])
    stage.live(3)
    assert (stage.run().state, stage.engine.snapshots(), len(held)) == (State.CANCELLED, (), 1)


def test_a_start_that_never_arrives_is_cancelled_within_minutes() -> None:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.engine.start = lambda order: (_ for _ in ()).throw(Retryable("no answer"))  # type: ignore[method-assign]
    stage.tick()
    stage.deliver()
    cancelled(stage)
    stage.live(3)
    assert stage.run().state is State.CANCELLED


def test_a_queued_run_of_the_same_policy_ends_and_the_open_one_does_not() -> None:
    stage = running(Stage(looks=None))
    waiting = stage.backup()
    assert waiting.state is State.QUEUED
    cancelled(stage, waiting.run_id)
    stage.live(1)
    assert (stage.run(waiting.run_id).state, stage.run().state) == (State.CANCELLED, State.RUNNING)
    assert stage.store.state("nightly").queued_run is None  # type: ignore[union-attr]
    assert stage.engine.sent("start") == 1


def test_a_run_that_waits_for_the_repository_leaves_the_line() -> None:
    stage = running(Stage(BESIDE, looks=None))
    stage.clock.advance(timedelta(hours=1))
    stage.tick()
    stage.live(0.2)
    (waiting,) = stage.store.runs(policy="hourly")
    assert len(stage.store.waiters("shop", 10)) == 1
    cancelled(stage, waiting.run_id)
    stage.live(1)
    assert stage.run(waiting.run_id).state is State.CANCELLED
    assert stage.store.waiters("shop", 10) == ()
    again = stage.backup("after")
    stage.engine.complete(stage.run().snapshot)
    stage.live(5)
    assert stage.run(again.run_id).state is State.RUNNING


def test_the_policy_goes_on_with_its_next_run() -> None:
    stage = running(Stage(looks=None))
    waiting = stage.backup()
    cancelled(stage)
    stage.live(2)
    assert (stage.run().state, stage.run(waiting.run_id).state) == (State.CANCELLED, State.RUNNING)


def test_asked_twice_is_asked_once_and_the_first_reason_stays() -> None:
    stage = running(Stage(looks=None))
    stage.engine.blocked = True
    cancelled(stage)
    again = control.cancel(stage.world, RUN_ID, by="bob", why="me too")
    assert again.cancel is not None
    assert (again.cancel.by, again.cancel.why) == ("ann", "wrong day")


def test_what_has_ended_and_what_never_was_cannot_be_cancelled() -> None:
    stage = Stage()
    stage.until_slot()
    stage.live(1)
    with pytest.raises(BadInput, match="has ended already as SUCCEEDED"):
        cancelled(stage)
    with pytest.raises(BadInput, match="perhaps backup:nightly"):
        cancelled(stage, "backup:nightly:2026-11-21T02:01Z")
