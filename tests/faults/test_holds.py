"""An incident: nothing but restores begins on a held target, every slot is accounted for once, and people hear of
it."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput, Conflict, Retryable
from chalicelib.core.model import State
from chalicelib.core.plans import Wish
from chalicelib.core.ports import Change
from chalicelib.service import control, doctor, holds, query
from tests.faults.second_person import backed_up, planned, started
from tests.faults.world import FILE, RUN_ID, SLOT, Stage

HOURLY = FILE.replace('"0 2 * * *"', '"0 * * * *"').replace("catch_up: 6h", "catch_up: 30m")
PROMISED = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n")
BY = "cli:anna"
HELD = "the target is held by cli:anna (index deleted)"


def hold(stage: Stage, by: str = BY) -> list[str]:
    _, running = holds.hold(stage.world, "shop", by=by, why="index deleted")
    return [run.run_id for run in running]


def release(stage: Stage) -> None:
    holds.release(stage.world, "shop", by="cli:ben")


def told(stage: Stage) -> list[str]:
    reports = [report for report in stage.notifier.reports if report.attributes["kind"] == "hold"]
    return [report.subject.removeprefix("[snapwarden local] ") for report in reports]


def test_a_slot_waits_for_the_release_and_starts_then() -> None:
    stage = Stage()
    hold(stage)
    stage.until_slot()
    stage.live(10)
    run = stage.run()
    assert (run.state, run.last_error) == (State.QUEUED, f"waits: {HELD}")
    assert stage.engine.calls == 0, "nothing asks the cluster"
    release(stage)
    stage.live(1)
    assert stage.run().state is State.SUCCEEDED


def test_slots_whose_time_passes_are_missed_once_each_with_the_reason() -> None:
    stage = Stage(HOURLY)
    hold(stage)
    stage.until_slot()
    stage.live(5 * 60, step=20)
    release(stage)
    stage.live(3)
    runs = [run for run in reversed(stage.store.runs(policy="nightly", limit=50)) if run.created_at >= SLOT]
    assert [run.slot for run in runs] == [f"2026-11-21T0{hour}:00Z" for hour in range(2, 8)]
    assert [run.state for run in runs[:-1]] == [State.MISSED] * 5
    assert all((run.reason or "").startswith(HELD) for run in runs[:-1])
    assert runs[-1].state is State.SUCCEEDED


def test_slots_that_are_due_faster_than_they_are_missed_name_the_hold_too() -> None:
    stage = Stage(FILE.replace('"0 2 * * *"', '"0 * * * *"'))
    hold(stage)
    stage.until_slot()
    stage.live(4 * 60, step=20)
    runs = list(reversed(stage.store.runs(policy="nightly", limit=50)))
    assert [run.state for run in runs] == [State.QUEUED, State.MISSED, State.MISSED, State.QUEUED]
    assert all(HELD in (run.reason or run.last_error or "") for run in runs)


def test_a_backup_by_hand_is_refused_with_the_reason_whether_or_not_one_is_open() -> None:
    stage = Stage()
    hold(stage)
    for _ in range(2):
        with pytest.raises(
            Conflict, match=r"held by cli:anna \(index deleted\): no backup until `snapwarden release shop"
        ):
            stage.backup()
        stage.until_slot()
        stage.live(0.5)
    assert [run.run_id for run in stage.store.runs()] == [RUN_ID]


def test_what_runs_goes_on_and_is_listed_with_what_waits() -> None:
    stage = Stage(looks=None)
    first = stage.backup("now-1")
    stage.live(0.2)
    second = stage.backup("now-2")
    assert hold(stage) == [first.run_id, second.run_id]
    stage.engine.complete(first.snapshot)
    stage.live(1)
    assert stage.run(first.run_id).good
    waits = stage.run(second.run_id)
    assert (waits.state, waits.last_error) == (State.QUEUED, f"waits: {HELD}")
    control.cancel(stage.world, second.run_id, by=BY, why="not now")
    stage.live(1)
    assert stage.run(second.run_id).state is State.CANCELLED


def test_a_restore_starts_on_a_held_target_and_goes_before_those_that_wait() -> None:
    stage = backed_up()
    hold(stage)
    stage.until_slot()
    stage.live(1)
    run = started(stage, planned(stage, Wish(policy="nightly")))
    stage.live(1)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert stage.run().state is State.QUEUED


def test_a_hold_between_the_look_and_the_write_of_a_start_keeps_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hold stands in the row that the start writes."""
    stage = Stage()
    commit = stage.store.commit

    def later(*changes: Change) -> bool:
        monkeypatch.setattr(stage.store, "commit", commit)
        hold(stage)
        return commit(*changes)

    monkeypatch.setattr(stage.store, "commit", later)
    with pytest.raises(Conflict, match="held by"):
        stage.backup()
    assert stage.store.runs() == ()


def test_another_target_is_nobody_s_incident() -> None:
    other = FILE.replace(
        "policies:\n",
        "  side:\n    engine: elasticsearch\n    hosts: [http://localhost:9201]\n"
        "    auth: {none: true}\n    repositories: {main: {type: fs, settings: {location: side}}}\npolicies:\n",
    )
    stage = Stage(other)
    holds.hold(stage.world, "shop", by=BY, why="x")
    stage.apply(other.replace("    target: shop", "    target: side"))
    assert stage.backup().state is State.STARTING


def test_the_promise_goes_on_and_is_told_when_it_breaks() -> None:
    stage = Stage(PROMISED)
    hold(stage)
    stage.clock.advance(timedelta(hours=27))
    stage.live(2)
    assert any(report.key.startswith("promise:") for report in stage.notifier.reports)


def test_people_hear_of_it_once_each_way() -> None:
    stage = Stage()
    hold(stage)
    hold(stage)
    assert told(stage) == ["HELD shop by cli:anna: index deleted"]
    stage.clock.advance(timedelta(hours=2))
    release(stage)
    assert told(stage)[1:] == ["RELEASED shop by cli:ben after 2 h"]
    with pytest.raises(BadInput, match="shop is not held"):
        release(stage)


def test_what_could_not_be_told_is_told_when_it_is_asked_for_again() -> None:
    """It holds all the same: first the row, then people."""
    stage = Stage()
    stage.notifier.fail(Retryable("the topic does not answer"))
    with pytest.raises(Retryable, match="shop is held, and people could not be told"):
        hold(stage)
    with pytest.raises(Conflict, match="held by"):
        stage.backup()
    hold(stage)
    assert len(told(stage)) == 1
    stage.notifier.fail(Retryable("the topic does not answer"))
    with pytest.raises(Retryable, match="shop is released, and people could not be told"):
        release(stage)
    assert stage.backup().state is State.STARTING
    release(stage)
    assert [line.split()[0] for line in told(stage)] == ["HELD", "RELEASED"]


def test_somebody_else_s_hold_is_named_and_a_target_must_be_one() -> None:
    stage = Stage()
    hold(stage)
    with pytest.raises(BadInput, match="held by cli:anna already: index deleted"):
        hold(stage, by="cli:ben")
    with pytest.raises(BadInput, match=r"no policy uses a target shpo.*perhaps shop"):
        holds.hold(stage.world, "shpo", by=BY, why="x")


def test_policies_status_and_doctor_say_it_and_doctor_makes_no_snapshot() -> None:
    stage = Stage()
    stage.backup()
    stage.live(1)
    hold(stage)
    (row,) = query.policies(stage.world)
    (promise,) = query.promises(stage.world)
    assert row.held
    assert promise.held == row.held
    started_before = stage.engine.sent("start")
    lines = doctor.doctor(stage.world, "shop", wait=lambda seconds: None)
    said = {line.check: line.message for line in lines}
    assert "held by cli:anna since" in said["doctor.settings"]
    assert "no throw-away snapshot was taken: the target is held" in said["doctor.snapshot"]
    assert stage.engine.sent("start") == started_before
    release(stage)
    assert (query.policies(stage.world)[0].held, query.promises(stage.world)[0].held) == (None, None)


def test_a_tick_reads_no_more_for_a_held_target() -> None:
    reads = []
    for held in (False, True):
        stage = Stage()
        if held:
            hold(stage)
        stage.until_slot()
        before = stage.store.reads
        stage.tick()
        reads.append(stage.store.reads - before)
        assert stage.run().state is (State.QUEUED if held else State.STARTING)
    assert reads[1] <= reads[0]
    assert reads[1] <= 40 + 3
