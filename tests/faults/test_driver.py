"""The driver against a world that goes wrong: what a run becomes, what is started, what is told.

Each test is one way in which a natural implementation starts a snapshot twice, calls a lost one good, or tells nobody.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import State
from chalicelib.service.work import handle
from tests.faults.world import FILE, RUN_ID, Stage


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.until_slot()
    return made


def states(stage: Stage, run_id: str = RUN_ID) -> list[str]:
    return [step.state.value for step in stage.run(run_id).steps]


def test_a_slot_becomes_a_run_that_succeeds_and_is_told(stage: Stage) -> None:
    stage.live(1)
    run = stage.run()
    assert states(stage) == ["STARTING", "RUNNING", "VERIFYING", "SUCCEEDED"]
    assert (run.level, run.told, run.wake_at, run.reason) == ("L1", True, None, None)
    assert [event.detail["state"] for event in stage.bus.events] == states(stage)
    assert len(stage.notifier.reports) == 1
    assert stage.engine.sent("start") == stage.engine.sent("register") == 1
    (backup,) = stage.store.backups("nightly")
    assert (backup.snapshot, backup.level, backup.snapshot_uuid) == (run.snapshot, "L1", run.snapshot_uuid)
    policy = stage.store.state("nightly")
    assert policy is not None
    assert policy.open_run is None
    assert policy.last_good["L1"].backup_id == backup.backup_id
    assert stage.metrics.total("RunsFinished", Kind="backup", State="SUCCEEDED") == 1


def test_a_run_costs_what_it_says(stage: Stage) -> None:
    """Bounds of docs/performance.md: engine ≤ 6 + 1 a look (and 3), writes ≤ 8 + 1 a look, reads ≤ 4 + 1 a look."""
    reads, writes = stage.store.reads, stage.store.writes
    advance_only = stage.engine.calls
    stage.live(0.5)
    run = stage.run()
    assert run.calls.engine == stage.engine.calls - advance_only
    assert run.calls.messages == len(stage.queue.sent) - 1, "the first message is the tick's"
    assert run.calls.engine <= 6 + 3 + run.looks
    assert run.calls.store_writes <= 8 + run.looks
    assert stage.store.writes - writes <= 8 + run.looks
    assert stage.store.reads > reads


def test_the_same_slot_twice_is_one_run(stage: Stage) -> None:
    stage.tick()
    stage.tick()
    stage.live(2)
    assert len(stage.store.runs(policy="nightly")) == 1
    assert stage.engine.sent("start") == 1


def test_a_lost_answer_of_the_start_is_found_again_not_started_again(stage: Stage) -> None:
    original = stage.engine.start

    def lost(order: object) -> None:
        original(order)  # type: ignore[arg-type]
        stage.engine.start = original  # type: ignore[method-assign]
        raise Retryable("start: timed out")

    stage.engine.start = lost  # type: ignore[method-assign]
    stage.live(2)
    assert stage.run().state is State.SUCCEEDED
    assert stage.engine.sent("start") == 1


def test_a_start_that_never_arrived_is_sent_again(stage: Stage) -> None:
    stage.engine.refuse("register", Refused("refused"))
    stage.live(1)
    assert stage.run().state is State.FAILED, "a refusal of the first attempt is known to have done nothing"

    other = Stage()
    other.until_slot()
    other.tick()
    other.engine.outage(5)
    other.live(3)
    assert other.run().state is State.SUCCEEDED
    assert other.engine.snapshots() == (other.run().snapshot,)


def test_every_duplicate_and_stale_message_is_dropped_before_the_engine_is_asked(stage: Stage) -> None:
    stage.live(1)
    asked = stage.engine.calls
    for wakeup in list(stage.queue.sent):
        handle(stage.world, wakeup)
    assert stage.engine.calls == asked
    assert stage.run().state is State.SUCCEEDED
    assert len(stage.notifier.reports) == 1


def test_two_copies_of_one_message_start_one_snapshot(stage: Stage) -> None:
    stage.tick()
    (wakeup,) = stage.queue.receive()
    handle(stage.world, wakeup)
    handle(stage.world, wakeup)
    assert stage.engine.sent("start") == 1


def test_while_an_actor_may_still_be_acting_nobody_else_moves_the_run(stage: Stage) -> None:
    """The claim was written, then the actor froze: a sweeper's message must wait for `busy_until`."""
    stage.fuse.kill_at = 3  # tick: commit, send; work: installation was made at apply; claim commit is next
    stage.fuse.after = True
    stage.live(0.2)
    stage.live(0.1)
    assert stage.run().busy_until is not None
    run = stage.run()
    asked = stage.engine.calls
    handle(stage.world, Wakeup(run_id=run.run_id, rev=run.rev))
    assert stage.engine.calls == asked
    stage.live(5)
    assert stage.run().state is State.SUCCEEDED


def test_a_snapshot_that_vanished_is_a_failure_and_never_started_again() -> None:
    slow = Stage(looks=None)
    slow.until_slot()
    slow.live(0.2)
    assert slow.run().state is State.RUNNING
    slow.engine.vanish(slow.run().snapshot)
    slow.live(2)
    assert slow.run().state is State.FAILED
    assert slow.run().findings[0].code == "snapshot.vanished"
    assert slow.engine.sent("start") == 1
    assert slow.notifier.reports[0].subject.startswith("[snapwarden local] FAILED nightly on shop")


def test_partial_is_partial(stage: Stage) -> None:
    slow = Stage(looks=None, indices=("orders", "orders-b"))
    slow.until_slot()
    slow.live(0.2)
    slow.engine.complete(slow.run().snapshot, partial=("orders",))
    slow.live(1)
    assert slow.run().state is State.PARTIAL
    state = slow.store.state("nightly")
    assert state is not None
    assert state.last_good == {}
    assert len(slow.store.backups("nightly")) == 1, "it is in the catalogue, as a weak one"


def test_an_outage_of_hours_ends_at_the_deadline_with_the_last_error(stage: Stage) -> None:
    slow = Stage(looks=None)
    slow.until_slot()
    slow.live(0.2)
    slow.engine.outage(10_000)
    slow.live(60 * 4 + 20, step=20)
    run = slow.run()
    assert run.state is State.TIMED_OUT
    assert "no answer" in (run.reason or "")
    assert run.told


def test_an_outage_shorter_than_the_deadline_loses_nothing(stage: Stage) -> None:
    slow = Stage(looks=3)
    slow.until_slot()
    slow.live(0.2)
    slow.engine.outage(8)
    slow.live(30, step=5)
    assert slow.run().state is State.SUCCEEDED


def test_all_messages_lost_delays_and_loses_nothing(stage: Stage) -> None:
    stage.tick()
    for _ in range(12):
        stage.queue.drop_all()
        stage.clock.advance(timedelta(minutes=2))
        stage.tick()
        stage.deliver()
    assert stage.run().state is State.SUCCEEDED
    assert stage.run().told
    assert stage.engine.sent("start") == 1


def test_a_report_without_an_answer_is_repeated_under_the_same_key_until_it_is_out(stage: Stage) -> None:
    stage.notifier.fail(Retryable("down"), Retryable("down"))
    stage.notifier.lose_answer(Retryable("lost"))
    stage.live(8)
    assert stage.run().told
    assert len(stage.notifier.reports) == 2
    assert len({report.key for report in stage.notifier.reports}) == 1


def test_a_bus_without_an_answer_delays_nothing_and_loses_no_transition(stage: Stage) -> None:
    stage.bus.fail(Retryable("down"), Retryable("down"))
    stage.live(3)
    assert [event.detail["state"] for event in stage.bus.events] == states(stage)


def test_a_run_behind_an_open_one_waits_and_then_starts(stage: Stage) -> None:
    slow = Stage(looks=None)
    slow.until_slot()
    slow.live(0.2)
    waiting = slow.backup()
    assert waiting.state is State.QUEUED
    assert slow.backup().run_id == waiting.run_id, "the same request again is the same run"
    slow.live(1)
    assert slow.run(waiting.run_id).state is State.QUEUED
    slow.engine.complete(slow.run().snapshot)
    slow.live(2)
    assert slow.run().state is State.SUCCEEDED
    assert slow.run(waiting.run_id).state is State.RUNNING
    slow.engine.complete(waiting.snapshot)
    slow.live(2)
    assert states(slow, waiting.run_id) == ["QUEUED", "STARTING", "RUNNING", "VERIFYING", "SUCCEEDED"]


def test_a_third_run_takes_the_place_of_the_one_that_waits(stage: Stage) -> None:
    slow = Stage(looks=None)
    slow.until_slot()
    slow.live(0.2)
    first, second = slow.backup("now-1"), slow.backup("now-2")
    slow.live(1)
    assert slow.run(first.run_id).state is State.MISSED
    assert slow.run(first.run_id).told
    assert slow.run(second.run_id).state is State.QUEUED


def test_a_run_that_waits_too_long_was_missed(stage: Stage) -> None:
    slow = Stage(FILE.replace("catch_up: 6h", "catch_up: 30m"), looks=None)
    asked = slow.backup()
    slow.until_slot()
    slow.live(35, step=5)
    missed = slow.run()
    assert missed.state is State.MISSED
    assert asked.run_id in (missed.reason or "")
    state = slow.store.state("nightly")
    assert state is not None
    assert (state.open_run, state.queued_run) == (asked.run_id, None)


def test_a_slot_that_nobody_ran_in_time_is_missed_in_one_row(stage: Stage) -> None:
    stage.clock.advance(timedelta(days=3, hours=7))
    stage.live(1)
    (missed,) = stage.store.runs(policy="nightly")
    assert (missed.state, missed.missed, missed.told) == (State.MISSED, 4, True)
    assert len(stage.notifier.reports) == 1
    assert stage.engine.calls == 0


def test_a_pattern_that_matches_nothing_fails_before_anything_is_started(stage: Stage) -> None:
    empty = Stage(indices=("weather",))
    empty.until_slot()
    empty.live(1)
    assert empty.run().state is State.FAILED
    assert empty.run().reason == "no index on shop matches orders*"
    assert empty.engine.sent("start") == empty.engine.sent("register") == 0
    assert "orders*" in empty.notifier.reports[0].body


def test_a_step_that_crashes_every_time_settles_the_run(stage: Stage) -> None:
    def defect(*args: object, **kwargs: object) -> object:
        raise ZeroDivisionError("a defect of ours")

    stage.engine.look = defect  # type: ignore[method-assign,assignment]
    stage.live(10)
    run = stage.run()
    assert run.state is State.FAILED
    assert run.crashes == 5
    assert "ZeroDivisionError" in (run.reason or "")
    assert run.told


def test_no_act_starts_when_too_little_time_is_left(stage: Stage) -> None:
    stage.tick()
    (wakeup,) = stage.queue.receive()
    hurried = replace(stage.world, remaining=lambda: timedelta(seconds=5))
    with pytest.raises(Retryable):
        handle(hurried, wakeup)
    assert stage.engine.sent("start") == 0
    assert stage.run().attempts == 0


def test_the_first_success_after_a_failure_is_a_recovery(stage: Stage) -> None:
    stage.engine.refuse("start", Refused("403 no privilege"))
    stage.live(1)
    assert stage.run().state is State.FAILED
    again = stage.backup()
    stage.live(1)
    assert stage.run(again.run_id).recovers
    failed, recovered = stage.notifier.reports
    assert failed.attributes["state"] == "FAILED"
    assert recovered.subject.startswith("[snapwarden local] RECOVERED nightly on shop")
