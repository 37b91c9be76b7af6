"""Restores under new names that end badly after they were checked: people write to what is released, so nothing is
removed any more, and each index that is still blocked is named. Before that all is removed, and fast enough."""

from contextlib import suppress
from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.model import Run, State
from chalicelib.core.workflows.restore_ends import CLEANING
from chalicelib.service import control, restores
from tests.faults.test_restores import EFFECTS, NAMES, backed_up, made, planned, started
from tests.faults.world import FILE, FusedRestorer, Stage

RELEASING = range(EFFECTS.index("release") - 1, len(EFFECTS) + 1)
"""From the write that decides the first release on."""


def blocked(stage: Stage) -> set[str]:
    return {name for name in made(stage) if not stage.engine.indices[name].writable}


def named(run: Run) -> set[str]:
    return {found.subject for found in run.findings if found.code == "restore.still_blocked"}


@pytest.mark.parametrize("wish", ["cancel", "deadline"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", RELEASING)
def test_once_it_is_checked_nothing_is_removed_whatever_dies_and_whoever_wants_it_to_end(
    number: int, after: bool, wish: str
) -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.fuse.effects.clear()
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(0.4)
    if wish == "cancel":
        with suppress(BadInput):
            control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong one")
    else:
        stage.clock.advance(timedelta(hours=12))
    stage.live(15, step=2)
    run = stage.run(run.run_id)
    assert run.state in (State.SUCCEEDED, State.CANCELLED, State.TIMED_OUT), (run.reason, run.last_error)
    assert (made(stage), run.told, run.leftover) == (NAMES, True, False)
    assert (blocked(stage), bool(blocked(stage))) == (named(run), run.state is not State.SUCCEEDED)
    assert stage.engine.sent("remove") == 0


@pytest.mark.parametrize("answered", [0, 1], ids=["none", "the first"])
def test_a_release_that_is_never_answered_ends_within_two_hours_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, answered: int
) -> None:
    """It kept the repository for twelve hours, and removed what was checked, in use or not."""
    stage, release = backed_up(), FusedRestorer.release
    asked: list[str] = []

    def silent(restorer: FusedRestorer, *index: object, **how: object) -> None:
        asked.append("")
        if len(asked) > answered:
            raise Retryable("no answer")
        release(restorer, *index, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(FusedRestorer, "release", silent)
    run = started(stage)
    stage.live(120, step=20)
    run = stage.run(run.run_id)
    assert (run.state, "no answer" in (run.reason or "")) == (State.FAILED, True)
    assert (made(stage), len(blocked(stage))) == (NAMES, 2 - answered)
    assert named(run) == blocked(stage)
    backup = stage.backup("now-2")
    stage.live(1)
    assert stage.run(backup.run_id).good, "the lease is free"


def test_a_key_that_may_not_release_leaves_what_was_checked() -> None:
    stage = backed_up()
    run = started(stage)
    stage.engine.refuse("release", Refused("403"))
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.reason, made(stage)) == (State.FAILED, "403", NAMES)
    assert named(run) == NAMES
    (report,) = [report for report in stage.notifier.reports if report.key == f"{run.run_id}#end"]
    assert "All that it made is checked and stays" in report.body
    assert "Nothing that it made is left" not in report.body


def test_a_thousand_indices_are_removed_in_a_fraction_of_the_time_for_it() -> None:
    """Five at a time took nearly all of it."""
    stage = Stage(FILE, indices=[f"orders-with-a-long-name-{n:05}-2026.11.21" for n in range(1000)])
    stage.engine.shard_limit = 10**6
    stage.backup()
    stage.live(1)
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.5)
    assert len(made(stage)) == 1000
    control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong one")
    wanted, looks = stage.clock.now(), stage.run(run.run_id).looks
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, made(stage)) == (State.CANCELLED, set())
    assert (run.finished_at or wanted) - wanted < CLEANING / 8
    assert run.looks - looks < 20
