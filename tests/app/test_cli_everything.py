"""What is printed of a restore of everything. In memory."""

import pytest

from tests.app.terminal import Type
from tests.faults.rebuilding import backed_up, lost, started
from tests.faults.world import Stage


@pytest.fixture
def stage() -> Stage:
    return lost(backed_up())


def test_show_lists_its_phases_and_their_runs(stage: Stage, snapwarden: Type) -> None:
    """The run itself says nothing of an index: whoever looks for one needs the run that has it."""
    run = started(stage)
    stage.live(5)
    shown = snapwarden("show", run.run_id)
    listed = snapwarden("--json", "show", run.run_id).document["phases"]
    assert [phase["number"] for phase in listed] == [1, 2, 3, 4, 5, 6, 7]
    restores = [phase["run"] for phase in listed if phase["does"] == "indices"]
    assert [stage.run(part).part_of for part in restores] == [run.run_id] * 3
    for part in restores:
        assert f"done {part} SUCCEEDED" in shown.words
    assert "phases" not in snapwarden("--json", "show", restores[0]).document


def test_headings_are_whole_on_a_narrow_terminal(snapwarden: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "PHASE  PUTS BACK  NAMES  PRIORITY" in snapwarden("restore", "plan", "--everything").out
