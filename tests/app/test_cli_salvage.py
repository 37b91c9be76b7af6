"""`snapwarden salvage`: texts, JSON, exit codes. The world behind it is in memory."""

import pytest

from chalicelib.core.model import Run
from tests.app.terminal import Type
from tests.faults.salvaging import ALLOWED, LIVE, WHOLE, damaged, live
from tests.faults.second_person import ANNA, BEN
from tests.faults.world import Stage


@pytest.fixture
def scene() -> tuple[Stage, Run]:
    return damaged()


@pytest.fixture
def stage(scene: tuple[Stage, Run]) -> Stage:
    return scene[0]


@pytest.fixture
def snapwarden(snapwarden: Type, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Time passes while a command waits; whoever is at the stage types."""
    monkeypatch.setattr("time.sleep", lambda seconds: stage.live(0.1))
    return lambda *words: snapwarden(*words, who=stage.who)


def test_counted_first_and_copied_then(scene: tuple[Stage, Run], snapwarden: Type) -> None:
    stage, of = scene
    early = snapwarden("salvage", of.run_id)
    assert (early.code, f"first snapwarden salvage {of.run_id} --dry-run" in " ".join(early.err.split())) == (2, True)
    counted = snapwarden("salvage", of.run_id, "--dry-run")
    assert counted.code == 0
    assert "FROM INTO MISSING DIFFERENT SAME ONLY LIVE restored-orders orders 3 2 5 1" in counted.words
    assert f"start it within an hour: snapwarden salvage {of.run_id} --wait" in counted.words
    first, second = counted.out.splitlines()[:2]
    assert (
        "salvage on" in first,
        of.run_id in first,
        f"from what {of.run_id} restored" in " ".join(second.split()),
    ) == (
        True,
        False,
        True,
    ), "two ids that look alike: that of the plan, and that of the run it copies from"
    done = snapwarden("salvage", of.run_id, "--wait")
    assert (done.code, "5 documents copied (3 were missing, 2 different)" in done.words) == (0, True)
    assert live(stage) == WHOLE
    again = snapwarden("salvage", of.run_id, "--wait")
    assert "(SUCCEEDED); nothing was done now" in " ".join(again.err.split())
    shown = snapwarden("show", done.out.split()[0], "--json").document
    assert (shown["salvage"]["created"], shown["salvage"]["replaced"], shown["salvage"]["of_run"]) == (3, 2, of.run_id)


def test_a_conflict_is_shown_with_its_fix_and_an_exit_code(scene: tuple[Stage, Run], snapwarden: Type) -> None:
    stage, of = scene
    stage.engine.indices[LIVE].closed = True
    done = snapwarden("salvage", of.run_id, "--dry-run")
    assert (done.code, "salvage.live_closed" in done.out, "POST orders/_open" in done.out) == (1, True, True)
    made = snapwarden("salvage", of.run_id, "--dry-run", "--json").document
    assert (made["startable"], made["mode"], made["of_run"]) == (False, "salvage", of.run_id)
    assert made["indices"][0]["difference"] is None
    assert snapwarden("salvage", of.run_id).code == 2


def test_a_second_person_sees_what_would_be_copied_and_says_yes(scene: tuple[Stage, Run], snapwarden: Type) -> None:
    stage, of = scene
    stage.apply(ALLOWED.replace('"orders*", ', ""))
    counted = snapwarden("salvage", of.run_id, "--dry-run")
    plan = counted.out.split()[0]
    assert (counted.code, f"snapwarden restore approve {plan}" in counted.words) == (0, True)
    assert "second person must approve" in " ".join(snapwarden("salvage", of.run_id).err.split())
    stage.who = BEN
    given = snapwarden("restore", "approve", plan)
    assert (given.code, f"made by {ANNA}" in given.words) == (0, True)
    assert "FROM INTO MISSING DIFFERENT SAME ONLY LIVE restored-orders orders 3 2 5 1" in given.words
    assert f"approved by {BEN} until" in given.words
    stage.who = ANNA
    done = snapwarden("salvage", of.run_id, "--wait", "--json").document
    assert (done["state"], done["approved_by"], live(stage)) == ("SUCCEEDED", BEN, WHOLE)


def test_what_can_t_be_meant(scene: tuple[Stage, Run], snapwarden: Type) -> None:
    _, of = scene
    assert snapwarden("salvage", "backup:nightly:now-1", "--dry-run").code == 2
    assert "belongs to the dry run" in snapwarden("salvage", of.run_id, "--indices", "orders").err
    assert snapwarden("salvage", of.run_id, "--dry-run", "--indices", "x*").code == 2
    assert "no way to restore" in snapwarden("restore", "plan", "--policy", "nightly", "--mode", "salvage").err
