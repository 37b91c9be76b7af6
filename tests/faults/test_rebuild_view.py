"""What is known of a restore of everything while it goes on: each phase, and the run that does it."""

from dataclasses import replace

from chalicelib.core.model import Run, State
from chalicelib.service import control
from chalicelib.service.rebuild_view import phases
from tests.faults.rebuilding import WISH, backed_up, lost, started
from tests.faults.world import Stage


def states(stage: Stage, run: Run) -> list[str]:
    return [phase.state for phase in phases(stage.world, stage.run(run.run_id))]


def test_what_is_done_in_work_and_to_come_and_the_run_of_each() -> None:
    stage = lost(backed_up())
    stage.engine.restore_looks = 1000
    run = started(stage, replace(WISH, skip=(2, 6)))
    assert states(stage, run) == ["waits", "skipped", "waits", "waits", "waits", "skipped", "waits"]
    stage.live(1)
    assert states(stage, run) == ["done", "skipped", "done", "in work", "waits", "skipped", "waits"]
    seen = phases(stage.world, stage.run(run.run_id))[3]
    assert seen.run is not None
    part = stage.run(seen.run)
    assert (part.part_of, part.state) == (run.run_id, seen.run_state)
    assert [phase.run for phase in phases(stage.world, run) if phase.number != 4] == [None] * 6


def test_what_failed_is_told_from_what_came_back() -> None:
    stage = lost(backed_up())
    stage.engine.takes_not["/lifecycle_policies/short"] = "no handler found"
    stage.engine.lose_blob(stage.run("backup:logs:now-1").snapshot, "logs")
    run = started(stage)
    stage.live(15)
    assert states(stage, run) == ["done", "done", "failed", "done", "failed", "done", "done"]
    assert phases(stage.world, stage.run(run.run_id))[4].run_state is State.FAILED


def test_what_a_cancel_came_before_is_not_done() -> None:
    """`waits` would promise that it still comes."""
    stage = lost(backed_up())
    stage.engine.restore_looks = 1000
    run = started(stage)
    stage.live(1)
    control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong cluster")
    stage.live(3)
    assert states(stage, run) == ["done", "done", "done", "failed", "not done", "not done", "not done"]


def test_other_runs_have_no_phases() -> None:
    stage = backed_up()
    assert phases(stage.world, stage.run("backup:logs:now-1")) == ()
