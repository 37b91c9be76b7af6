"""The plan of a restore is lost while it is carried out: nobody knows any more what it was to do, but what it made was
written down."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.model import Run, State
from chalicelib.store import keys
from chalicelib.store.known import KnownEvidence
from tests.faults.test_restores import NAMES, backed_up, made, started
from tests.faults.world import FusedRestorer, Stage


def lose_plan(stage: Stage, run: Run) -> None:
    """The row, and what the process remembers of it."""
    del stage.store._rows[keys.evidence_key(run.plan or "", "plan", 1)]
    stage.store._evidence = KnownEvidence()


def under_way() -> tuple[Stage, Run]:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.5)
    assert made(stage) == NAMES
    return stage, run


def test_what_was_made_is_named_with_its_uuids_and_swept() -> None:
    """It held the repository for twelve hours, and then said only that something might be left."""
    stage, run = under_way()
    lose_plan(stage, run)
    uuids = {name: stage.engine.indices[name].uuid for name in NAMES}
    stage.live(20, step=5)
    run = stage.run(run.run_id)
    assert (run.state, run.leftover) == (State.FAILED, True)
    told = [found for found in run.findings if found.code == "restore.leftover"]
    assert {found.subject for found in told} == NAMES
    assert all(f"{found.subject} (uuid {uuids[found.subject]})" in found.message for found in told)
    assert "plan" in (run.reason or "")
    stage.live(70, step=20)
    assert made(stage) == set()
    assert {"orders", "orders-2"} <= set(stage.engine.indices)


def test_one_of_the_name_that_somebody_made_anew_is_not_swept() -> None:
    stage, run = under_way()
    lose_plan(stage, run)
    stage.engine.delete_index("restored-orders")
    stage.engine.create_index("restored-orders", documents=3)
    stage.live(90, step=20)
    assert made(stage) == {"restored-orders"}
    assert stage.engine.indices["restored-orders"].documents == 3


def test_what_was_checked_is_named_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part of it may be in use; nobody can tell which."""
    stage = backed_up()
    run = started(stage)
    release = FusedRestorer.release

    def first_only(restorer: FusedRestorer, *asked: object, **how: object) -> None:
        release(restorer, *asked, **how)  # type: ignore[arg-type]
        lose_plan(stage, stage.run(run.run_id))
        monkeypatch.setattr(FusedRestorer, "release", release)
        raise ConnectionError("the process died of it")

    monkeypatch.setattr(FusedRestorer, "release", first_only)
    stage.live(120, step=20)
    run = stage.run(run.run_id)
    assert (run.state, run.leftover, made(stage)) == (State.FAILED, False, NAMES)
    told = [found for found in run.findings if found.code == "restore.still_blocked"]
    assert {found.subject for found in told} == NAMES
    stage.clock.advance(timedelta(hours=2))
    stage.live(5, step=20)
    assert made(stage) == NAMES


def test_a_long_list_of_what_was_made_fits_into_the_row() -> None:
    stage, run = under_way()
    key = keys.evidence_key(run.run_id, "made", 1)
    found = stage.store.evidence(run.run_id, "made", 1)
    assert found is not None
    many = tuple(replace(found.indices[0], name=f"restored-{n:04}") for n in range(1000))
    stage.store._rows[key] = stage.store._row(key, replace(found, indices=many), "")
    lose_plan(stage, run)
    stage.live(20, step=5)
    found_now = [one for one in stage.run(run.run_id).findings if one.code == "restore.leftover"]
    assert (len(found_now), "980 more, from restored-0020 to restored-0999" in found_now[-1].message) == (21, True)
