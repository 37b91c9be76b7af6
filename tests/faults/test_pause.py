"""Pause and resume: slots that pass are accounted for once, and the promise's clock goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import State
from chalicelib.core.rows import PolicyState
from chalicelib.service import control, query
from tests.faults.world import FILE, SLOT, START, Stage

FAILURES_ONLY = FILE.replace("[failure, recovery, success]", "[failure, recovery]")
PROMISED = FAILURES_ONLY.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n")
DAY = timedelta(days=1)


def paused(stage: Stage) -> PolicyState:
    return control.pause(stage.world, "nightly", by="ann", why="migration")


def resumed(stage: Stage) -> PolicyState:
    return control.resume(stage.world, "nightly", by="bob")


def test_the_tick_starts_nothing_while_a_policy_is_paused() -> None:
    stage = Stage()
    paused(stage)
    stage.until_slot()
    stage.live(5)
    assert stage.store.runs(policy="nightly") == ()
    assert query.upcoming(stage.world, "nightly", 1) == ()
    (row,) = query.policies(stage.world)
    assert row.paused is not None
    assert (row.paused.by, row.paused.why) == ("ann", "migration")


def test_a_backup_can_still_be_asked_for_and_an_open_run_goes_on() -> None:
    stage = Stage()
    stage.until_slot()
    stage.live(0.1)
    paused(stage)
    asked = stage.backup()
    stage.live(3)
    assert stage.run().state is State.SUCCEEDED
    assert stage.run(asked.run_id).state is State.SUCCEEDED


def test_slots_of_the_pause_are_one_skipped_row_told_nobody() -> None:
    stage = Stage(FAILURES_ONLY)
    paused(stage)
    stage.clock.set(SLOT + 2 * DAY + timedelta(hours=1))
    resumed(stage)
    stage.live(3)
    (row,) = stage.store.runs(policy="nightly")
    assert (row.state, row.missed, row.missed_from, row.slot) == (State.SKIPPED, 3, SLOT, "2026-11-23T02:00Z")
    assert row.reason == "skipped 3 slots up to 2026-11-23T02:00Z: paused by ann (migration), resumed by bob"
    assert row.told
    assert stage.notifier.reports == []


def test_who_wants_to_hear_of_every_success_hears_of_the_skipped_slots() -> None:
    stage = Stage()
    paused(stage)
    stage.until_slot()
    stage.clock.advance(timedelta(hours=1))
    resumed(stage)
    stage.live(3)
    assert [report.attributes["state"] for report in stage.notifier.reports] == ["SKIPPED"]


def test_a_pause_without_a_slot_leaves_no_row_and_the_slot_comes() -> None:
    stage = Stage()
    paused(stage)
    resumed(stage)
    assert stage.store.runs(policy="nightly") == ()
    stage.until_slot()
    stage.live(1)
    assert stage.run().state is State.SUCCEEDED


def test_a_slot_whose_jitter_is_not_over_is_neither_lost_nor_skipped() -> None:
    """Resumed between the slot and its start: it still starts."""
    stage = Stage(FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    jitter: 6h\n"))
    (slot,) = query.upcoming(stage.world, "nightly", 1)
    assert slot.due_at > slot.slot + timedelta(minutes=10)
    paused(stage)
    stage.clock.set(slot.slot + timedelta(minutes=5))
    resumed(stage)
    assert stage.store.runs(policy="nightly") == ()
    stage.clock.set(slot.due_at)
    stage.tick()
    stage.live(1)
    assert [run.state for run in stage.store.runs(policy="nightly")] == [State.SUCCEEDED]


def test_the_next_slot_starts_after_the_skipped_ones() -> None:
    stage = Stage()
    paused(stage)
    stage.clock.set(SLOT + timedelta(hours=2))
    state = resumed(stage)
    assert state.due_at == datetime(2026, 11, 22, 2, tzinfo=UTC)
    stage.clock.set(SLOT + DAY)
    stage.tick()
    stage.live(1)
    assert [run.state for run in stage.store.runs(policy="nightly")] == [State.SUCCEEDED, State.SKIPPED]


def test_the_promise_of_a_paused_policy_still_breaks_and_says_who_paused_it() -> None:
    stage = Stage(PROMISED)
    paused(stage)
    stage.clock.set(START + timedelta(hours=27))
    stage.tick()
    (report,) = stage.notifier.reports
    assert "PROMISE BROKEN nightly" in report.subject
    assert "paused by ann" in report.body
    assert "snapwarden resume nightly" in report.body


def test_a_pause_of_a_young_policy_does_not_make_status_say_broken() -> None:
    """A SKIPPED row says nothing of the data: the promise has its time still."""
    stage = Stage(PROMISED)
    paused(stage)
    stage.clock.set(SLOT + timedelta(hours=1))
    resumed(stage)
    (promise,) = query.promises(stage.world, "nightly")
    assert promise.kept is None


def test_apply_in_a_pause_does_not_end_it() -> None:
    stage = Stage()
    paused(stage)
    stage.apply(FILE.replace('"0 2 * * *"', '"0 3 * * *"'))
    stage.clock.set(SLOT + timedelta(hours=1))
    stage.tick()
    assert stage.store.runs(policy="nightly") == ()
    assert resumed(stage).due_at == SLOT + timedelta(hours=25)


def test_paused_twice_and_resumed_twice_is_said() -> None:
    stage = Stage()
    paused(stage)
    with pytest.raises(BadInput, match="paused by ann already: migration"):
        paused(stage)
    resumed(stage)
    with pytest.raises(BadInput, match="nightly is not paused"):
        resumed(stage)
    with pytest.raises(BadInput, match="perhaps nightly"):
        control.pause(stage.world, "nigthly", by="ann", why="x")


def test_a_retired_policy_can_be_neither_paused_nor_resumed() -> None:
    stage = Stage()
    stage.apply(FILE.replace("  nightly:", "  weekly:"), prune=True)
    with pytest.raises(BadInput, match="retired"):
        paused(stage)
    with pytest.raises(BadInput, match="retired"):
        resumed(stage)
