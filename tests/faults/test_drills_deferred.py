"""Drills that must not run, or not go on: production goes first, and a drill that could not run is not a pass."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import State
from chalicelib.service import drills, request
from tests.faults.test_drills import DRILL, NAMES, backed_up, codes, drilled, made, proved, started
from tests.faults.world import FILE, Stage


def test_a_guard_that_says_no_defers_it_before_anything_is_touched() -> None:
    stage = backed_up()
    stage.engine.heap["local"] = 90
    run = started(stage)
    stage.live(1.5)
    assert stage.run(run.run_id).state is State.PLANNED, "it may be over in a moment"
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.good, codes(run)) == (State.DEFERRED, False, ["drill.guard"])
    assert run.reason is not None
    assert "the heap of local is in use to 90 %" in run.reason
    assert stage.engine.sent("restore") == 0


def test_a_guard_that_says_no_for_a_moment_delays_it() -> None:
    stage = backed_up()
    stage.engine.relocating = 2
    run = started(stage)
    stage.live(0.5)
    stage.engine.relocating = 0
    stage.live(1)
    assert stage.run(run.run_id).good


def test_a_guard_that_says_no_on_the_way_ends_it_and_nothing_is_left() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.5)
    assert made(stage) == NAMES
    stage.engine.heap["local"] = 80
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, codes(run), made(stage)) == (State.DEFERRED, ["drill.guard"], set())
    assert run.findings[0].subject == "heap"
    assert proved(stage, run) is None


def test_whoever_switches_allocation_off_goes_first() -> None:
    """What no node takes is given up, and the backup would be blamed."""
    stage = backed_up()
    stage.engine.allocation = "none"
    run = drilled(stage, 1)
    assert (run.state, codes(run)) == (State.DEFERRED, ["restore.allocation_off"])
    assert stage.engine.sent("restore") == 0


def test_whoever_switches_allocation_off_in_its_midst_ends_it() -> None:
    """Nodes that restart are the usual reason: what was restored to one goes with it."""
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.5)
    assert made(stage) == NAMES
    stage.engine.allocation = "primaries"
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.subject for found in run.findings], made(stage)) == (
        State.DEFERRED,
        ["allocation"],
        set(),
    )


def test_a_backup_that_is_due_soon_defers_it() -> None:
    stage = backed_up()
    stage.clock.advance(timedelta(minutes=28))
    run = drilled(stage, 0.2)
    assert (run.state, [found.subject for found in run.findings]) == (State.DEFERRED, ["due"])
    assert stage.engine.sent("restore") == 0


def test_a_drill_past_its_time_makes_way_for_a_backup_that_waits() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.3)
    waits = request.backup_now(stage.world, "nightly", request_id="now-2", requested_by="tester")
    assert waits.state is State.QUEUED
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.subject for found in run.findings]) == (State.DEFERRED, ["waiting"])
    assert made(stage) == set()
    assert stage.run(waits.run_id).state is State.SUCCEEDED


def test_a_drill_waits_behind_everybody_else() -> None:
    stage = Stage(DRILL, looks=None, indices=("orders", "orders-2"))
    at_work = stage.backup("now-1")
    stage.live(0.2)
    run = started(stage)
    late = stage.backup("now-2")
    assert (run.state, late.state) == (State.QUEUED, State.QUEUED)
    assert run.waiting
    assert run.waiting.priority > 2
    stage.engine.complete(at_work.snapshot)
    stage.live(1)
    assert stage.run(late.run_id).state is not State.QUEUED
    assert stage.run(run.run_id).state is State.QUEUED


def test_names_that_are_not_allowed_defer_it_with_the_fix() -> None:
    """By the file that is in force when it runs."""
    stage = backed_up()
    allow, prefix = "    auth: {none: true}\n    restore: {allow: [%s]}", "drill: {into: {prefix: %s}, "
    run = started(stage)
    narrow = DRILL.replace("    auth: {none: true}", allow % '"drill-ox*"').replace("drill: {", prefix % "drill-ox")
    stage.apply(narrow)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.findings[0].code) == (State.DEFERRED, "restore.not_allowed")
    assert "drill.into.prefix" in run.findings[0].next_step


def test_without_a_good_backup_there_is_nothing_to_prove() -> None:
    stage = Stage(DRILL)
    run = drilled(stage)
    assert (run.state, codes(run)) == (State.DEFERRED, ["drill.no_backup"])


def test_a_request_that_can_not_be_meant_is_no_run() -> None:
    stage = Stage(FILE)
    with pytest.raises(BadInput, match="has no `drill`"):
        started(stage)
    with pytest.raises(BadInput, match="no policy"):
        drills.request(stage.world, "nobody", request_id="x", by="cli:anna")
    with pytest.raises(BadInput, match="can't be the id"):
        started(backed_up(), "2026-11-21T02:00Z")


def test_the_same_request_is_one_run() -> None:
    stage = backed_up()
    assert started(stage) == started(stage)
    stage.live(2)
    assert started(stage).state is State.SUCCEEDED
    assert stage.engine.sent("restore") == 1
