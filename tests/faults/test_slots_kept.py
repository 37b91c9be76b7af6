"""Every slot that was due, and whatever people ask for, becomes a run or a row that says why not; and nobody is
overtaken in line."""

from datetime import timedelta

import pytest

from chalicelib.core.model import State
from chalicelib.service import control, request
from chalicelib.service import tick as ticking
from chalicelib.service.work import handle
from tests.faults.world import FILE, SLOT, Stage

SMALL = """\
  small:
    target: shop
    repository: main
    select: {indices: ["orders*"]}
"""


def test_a_newcomer_does_not_overtake_those_who_wait_for_what_has_just_become_free() -> None:
    stage = Stage(FILE + SMALL, looks=None)
    at_work = request.backup_now(stage.world, "small", request_id="first", requested_by="me")
    stage.live(0.2)
    stage.until_slot()
    stage.tick()
    stage.deliver()
    assert stage.run().state is State.QUEUED
    stage.engine.complete(at_work.snapshot)
    for _ in range(600):
        if stage.run(at_work.run_id).settled:
            break
        stage.clock.advance(1)
        for message in stage.queue.receive(1):
            handle(stage.world, message)
    newcomer = request.backup_now(stage.world, "small", request_id="second", requested_by="me")
    stage.live(0.5)
    assert stage.run().state is State.RUNNING
    assert stage.run(newcomer.run_id).state is State.QUEUED
    stage.engine.complete(stage.run().snapshot)
    stage.live(1)
    assert stage.run(newcomer.run_id).state is State.RUNNING


def test_another_setting_in_the_file_lets_nobody_into_a_repository_where_a_run_is_at_work() -> None:
    """It would take another lease; `max_concurrent` leaves room for both."""
    file = FILE.replace("    auth:", "    max_concurrent: 2\n    auth:") + SMALL
    stage = Stage(file, looks=None)
    stage.backup()
    stage.apply(file.replace("location: main", "location: main, compress: true"))
    asked = request.backup_now(stage.world, "small", request_id="now", requested_by="me")
    assert asked.state is State.QUEUED


def test_what_is_asked_for_now_is_not_late_at_once() -> None:
    """`catch_up` is about slots."""
    stage = Stage(FILE.replace("catch_up: 6h", "catch_up: 0s"))
    run = stage.backup()
    stage.clock.advance(30)
    stage.live(2)
    assert stage.run(run.run_id).state is State.SUCCEEDED


def test_what_is_asked_for_now_outwaits_the_open_run_of_its_policy() -> None:
    stage = Stage(FILE.replace("catch_up: 6h", "catch_up: 0s"), looks=None)
    stage.until_slot()
    stage.live(1)
    asked = stage.backup()
    stage.live(60 * 4 - 5, step=30)
    assert stage.run(asked.run_id).state is State.QUEUED
    stage.engine.complete(stage.run().snapshot)
    stage.live(6)
    assert stage.run(asked.run_id).state is State.RUNNING


def test_what_is_asked_for_now_does_not_wait_for_ever() -> None:
    stage = Stage(FILE + SMALL + "    timeout: 30m\n", looks=None)
    stage.backup()
    asked = request.backup_now(stage.world, "small", request_id="now", requested_by="me")
    stage.live(60, step=30)
    missed = stage.run(asked.run_id)
    assert (missed.state, missed.told) == (State.MISSED, True)
    assert str(missed.reason).endswith("works on the same repository when its time to start ended at 2026-11-21 02:10Z")


def test_a_tick_that_is_sent_early_breaks_no_promise_and_calls_no_run_overdue() -> None:
    """`tick --at` starts what is due by then; what the clock has not reached has not happened."""
    stage = Stage(FILE + "    rpo: 26h\n", looks=None)
    stage.until_slot()
    stage.live(1)
    ticking.tick(stage.world, stage.clock.now() + timedelta(days=2))
    state = stage.store.state("nightly")
    assert state is not None
    assert (state.broken_since, state.remind_at) == (None, None)
    assert state.queued_run is not None, "the slot of then"
    gauges = {item.name: item.value for item in stage.metrics.measured}
    assert (gauges["OverdueRuns"], gauges["PoliciesInBreach"]) == (0, 0)


HELD = FILE + '    blackout: ["00:00-04:00"]\n'


def held() -> Stage:
    """The slot of 02:00 has come and waits until 04:00; now is 02:30."""
    stage = Stage(HELD)
    stage.clock.set(SLOT + timedelta(minutes=30))
    stage.live(1)
    assert stage.store.runs() == ()
    return stage


@pytest.mark.parametrize("until", ["03:00", "02:00", "05:00"])
def test_a_slot_that_a_blackout_holds_back_starts_when_the_new_one_ends(until: str) -> None:
    stage = held()
    stage.apply(HELD.replace("04:00", until))
    stage.live(60 * 3, step=10)
    run = stage.run()
    assert (run.state, run.created_at.hour) == (State.SUCCEEDED, int(until[:2]))


def test_slots_of_a_pause_are_told_also_when_jitter_changed_meanwhile() -> None:
    stage = Stage()
    control.pause(stage.world, "nightly", by="anna", why="a move")
    stage.live(60 * 24 * 3, step=30)
    stage.apply(FILE + "    jitter: 5m\n")
    control.resume(stage.world, "nightly", by="anna")
    stage.live(5)
    assert [(run.state, run.missed, run.told) for run in stage.store.runs()] == [(State.SKIPPED, 3, True)]


NOON = FILE.replace("0 2 * * *", "0 12 * * *")
OTHER = FILE.replace("nightly:", "other:")


@pytest.mark.parametrize(("file", "why"), [(NOON, "times were changed"), (OTHER, "policy was retired")])
def test_slots_that_the_new_file_does_not_know_are_told_as_missed(file: str, why: str) -> None:
    """Whether a blackout held them back, or nobody was there to start them."""
    stage = held()
    stage.clock.advance(timedelta(days=1))
    stage.apply(file, prune=True)
    stage.live(3)
    (row,) = stage.store.runs(policy="nightly")
    assert (row.state, row.missed, row.slot, row.told) == (State.MISSED, 2, "2026-11-22T02:00Z", True)
    assert why in str(row.reason)
    assert len(stage.notifier.reports) == 1
    stage.apply(FILE)
    stage.live(3)
    assert stage.store.runs(policy="nightly") == (row,)


def test_slots_of_a_pause_are_told_as_skipped_when_the_schedule_changed_meanwhile() -> None:
    stage = Stage()
    control.pause(stage.world, "nightly", by="anna", why="a move")
    stage.clock.advance(timedelta(days=2))
    stage.apply(NOON)
    (row,) = stage.store.runs()
    assert (row.state, row.missed) == (State.SKIPPED, 2)
    assert "paused by anna (a move)" in str(row.reason)
    control.resume(stage.world, "nightly", by="anna")
    stage.live(3)
    assert len(stage.store.runs()) == 1
