"""Slots of drills: each is one run or one row that says why not, whoever ticks, dies, pauses or applies meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.model import Kind, State
from chalicelib.core.ports import Update
from chalicelib.service import control, query
from chalicelib.service import tick as ticking
from tests.faults.drilling import DRILL, DRILLS, drill_runs, state_of
from tests.faults.world import FILE, SLOT, Stage

SUNDAY = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
ON_REQUEST = DRILLS.replace('    schedule: "0 2 * * *"\n', "")
"""Only drills have slots: what the tests look at."""


def drilling(file: str = ON_REQUEST) -> Stage:
    return Stage(file)


def ticked(stage: Stage, at: datetime) -> None:
    """The run's own steps are another matter: its messages are lost."""
    stage.clock.set(at)
    stage.tick()
    stage.queue.drop_all()


def test_the_slot_is_one_run_in_the_policys_time_zone_however_many_ticks_see_it() -> None:
    stage = drilling(ON_REQUEST.replace("    target: shop\n", "    target: shop\n    timezone: Europe/Berlin\n"))
    assert state_of(stage).drill_due_at == SUNDAY - timedelta(hours=1)
    for minutes in range(-65, -55):
        ticked(stage, SUNDAY + timedelta(minutes=minutes))
    (run,) = drill_runs(stage)
    assert (run.run_id, run.state, run.requested_by) == (
        "drill:nightly:2026-11-22T03:00Z",
        State.PLANNED,
        "schedule",
    )
    assert run.start_by == SUNDAY + timedelta(hours=5)
    assert (state_of(stage).drill_cursor, state_of(stage).drill_due_at) == (
        SUNDAY - timedelta(hours=1),
        SUNDAY - timedelta(hours=1) + WEEK,
    )


def test_a_backup_of_every_minute_does_not_starve_the_drill() -> None:
    stage = drilling(DRILLS.replace('"0 2 * * *"', '"* * * * *"'))
    ticked(stage, SUNDAY)
    assert len(drill_runs(stage)) == 1
    assert len(stage.store.runs(policy="nightly", kind=Kind.BACKUP)) > 0


def test_a_drill_waits_behind_the_backup_of_the_same_minute() -> None:
    stage = drilling(DRILLS.replace('"0 2 * * *"', '"0 4 * * *"').replace("0 4 * * 0", "0 4 * * *"))
    ticked(stage, SUNDAY - timedelta(days=1))
    (run,) = drill_runs(stage)
    assert run.state is State.QUEUED


def test_an_outage_of_weeks_is_one_missed_row_and_people_are_told() -> None:
    stage = drilling()
    late = SUNDAY + 3 * WEEK + timedelta(hours=7)
    ticked(stage, late)
    (row,) = drill_runs(stage)
    assert (row.state, row.missed, row.missed_from, row.slot) == (State.MISSED, 4, SUNDAY, "2026-12-13T04:00Z")
    assert (state_of(stage).last_drill, state_of(stage).drill_due_at) == (
        query.policies(stage.world)[0].last_drill,
        SUNDAY + 4 * WEEK,
    )
    stage.live(3)
    told = [report for report in stage.notifier.reports if report.attributes["kind"] == "drill"]
    assert [report.attributes["state"] for report in told] == ["MISSED"]


def test_after_an_outage_the_newest_slot_runs_and_those_before_are_one_row() -> None:
    stage = drilling()
    ticked(stage, SUNDAY + 2 * WEEK + timedelta(hours=1))
    run, row = drill_runs(stage) if drill_runs(stage)[0].state is State.PLANNED else reversed(drill_runs(stage))
    assert (run.state, run.slot, row.state, row.missed) == (State.PLANNED, "2026-12-06T04:00Z", State.MISSED, 2)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(6))
def test_a_tick_that_dies_anywhere_leaves_one_run_for_the_slot(at: int, after: bool) -> None:
    stage = drilling(ON_REQUEST.replace("rpo: {L2: 26h, L4: 8d}", "rpo: 20d"))
    stage.clock.set(SUNDAY)
    stage.fuse.effects.clear()
    stage.fuse.kill_at, stage.fuse.after = at, after
    stage.tick()
    ticked(stage, SUNDAY + timedelta(minutes=1))
    assert [run.run_id for run in drill_runs(stage)] == ["drill:nightly:2026-11-22T04:00Z"]


def test_of_two_ticks_at_once_one_places_the_run() -> None:
    """The second one read the policy before the first one wrote."""
    stage = drilling(ON_REQUEST.replace("rpo: {L2: 26h, L4: 8d}", "rpo: 20d"))
    stage.clock.set(SUNDAY)
    read = stage.store.state
    held = read("nightly")
    ticking.start_due(stage.world, "nightly", SUNDAY)
    stage.store.state = lambda policy: held  # type: ignore[method-assign]
    ticking.start_due(stage.world, "nightly", SUNDAY)
    stage.store.state = read  # type: ignore[method-assign]
    assert len(drill_runs(stage)) == 1


def test_a_paused_policy_drills_nothing_and_says_what_it_skipped() -> None:
    stage = drilling()
    control.pause(stage.world, "nightly", by="ann", why="migration")
    ticked(stage, SUNDAY + WEEK + timedelta(hours=1))
    assert drill_runs(stage) == ()
    state = control.resume(stage.world, "nightly", by="bob")
    (row,) = drill_runs(stage)
    assert (row.state, row.missed, row.slot) == (State.SKIPPED, 2, "2026-11-29T04:00Z")
    assert row.reason == "skipped 2 slots up to 2026-11-29T04:00Z: paused by ann (migration), resumed by bob"
    assert state.drill_due_at == SUNDAY + 2 * WEEK


def test_a_retired_policy_drills_nothing_and_counts_anew_when_it_is_back() -> None:
    stage = drilling()
    stage.apply(ON_REQUEST.replace("  nightly:", "  weekly:"), prune=True)
    ticked(stage, SUNDAY)
    assert drill_runs(stage) == ()
    stage.apply(ON_REQUEST)
    assert state_of(stage).drill_due_at == SUNDAY + WEEK
    assert drill_runs(stage) == ()


def test_a_drill_that_leaves_the_file_is_due_no_more_and_a_new_one_begins_now() -> None:
    stage = drilling()
    stage.apply(ON_REQUEST.replace(DRILL, ""))
    assert (state_of(stage).drill_cursor, state_of(stage).drill_due_at) == (None, None)
    ticked(stage, SUNDAY)
    assert drill_runs(stage) == ()
    stage.apply(ON_REQUEST)
    assert (state_of(stage).drill_cursor, state_of(stage).drill_due_at) == (SUNDAY, SUNDAY + WEEK)


def test_slots_that_had_come_when_the_times_changed_are_one_row() -> None:
    stage = drilling()
    stage.clock.set(SUNDAY + timedelta(minutes=1))
    stage.apply(ON_REQUEST.replace("0 4 * * 0", "0 5 * * 0"))
    (row,) = drill_runs(stage)
    assert (row.state, row.slot) == (State.MISSED, "2026-11-22T04:00Z")
    assert row.reason == "the slot up to 2026-11-22T04:00Z did not start: the drill's times were changed in the file"
    assert state_of(stage).drill_due_at == SUNDAY + timedelta(hours=1)


def test_other_words_in_the_file_leave_a_due_drill_due() -> None:
    stage = drilling()
    stage.clock.set(SUNDAY + timedelta(minutes=1))
    stage.apply(ON_REQUEST.replace("rto: 1m", "rto: 2m"))
    stage.tick()
    assert [run.slot for run in drill_runs(stage)] == ["2026-11-22T04:00Z"]


def test_a_policy_of_a_release_without_drills_begins_with_its_next_slot() -> None:
    """Its file does not change, so no `apply` would set the clock."""
    stage = drilling(DRILLS)
    state = state_of(stage)
    old = replace(state, drill_cursor=None, drill_due_at=None, rev=state.rev + 1, token=stage.world.token())
    assert stage.store.commit(Update(old))
    ticked(stage, SLOT)
    assert state_of(stage).drill_due_at == SUNDAY


def test_what_comes_next_is_listed_with_its_kind() -> None:
    stage = drilling(DRILLS)
    found = query.upcoming(stage.world, "nightly", 2)
    assert [(item.kind, item.slot) for item in found if item.kind is Kind.DRILL] == [
        (Kind.DRILL, SUNDAY),
        (Kind.DRILL, SUNDAY + WEEK),
    ]
    assert len(found) == 4


def test_a_policy_without_drills_pays_nothing_for_them() -> None:
    """Reads and writes of a tick that starts a backup, beside the fixed pages."""
    plain, drilled = Stage(FILE), Stage(DRILLS)
    costs = []
    for stage in (plain, drilled):
        stage.clock.set(SLOT)
        reads, writes = stage.store.reads, stage.store.writes
        stage.tick()
        costs.append((stage.store.reads - reads, stage.store.writes - writes))
    assert costs[0] == costs[1]


def test_a_due_drill_costs_three_reads() -> None:
    stage = drilling(ON_REQUEST.replace("rpo: {L2: 26h, L4: 8d}", "rpo: 20d"))
    stage.clock.set(SUNDAY)
    reads, writes = stage.store.reads, stage.store.writes
    stage.tick()
    assert len(drill_runs(stage)) == 1
    assert stage.store.reads - reads <= 40 + 3
    assert stage.store.writes - writes == 1
