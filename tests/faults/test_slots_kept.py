"""Every slot that was due, and whatever people ask for, becomes a run or a row that says why not; and nobody is
overtaken in line."""

from chalicelib.core.model import State
from chalicelib.service import request
from tests.faults.world import FILE, Stage

SMALL = """\
  small:
    target: shop
    repository: main
    select: {indices: ["orders*"]}
"""


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
