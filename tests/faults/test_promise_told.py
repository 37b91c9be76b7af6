"""A promise that breaks is told by the clock alone: once, then daily, and once when it is kept again."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Report
from tests.faults.world import FILE, Stage

PROMISED = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 2h\n").replace('"0 2 * * *"', '"0 2 1 1 *"')


def reports(stage: Stage) -> list[Report]:
    return [report for report in stage.notifier.reports if report.attributes["kind"] == "promise"]


def words(stage: Stage) -> list[str]:
    return [report.attributes["state"] for report in reports(stage)]


def events(stage: Stage) -> list[str]:
    return [event.detail_type for event in stage.bus.events if event.detail_type.startswith("Policy Promise")]


def broken_gauge(stage: Stage) -> float:
    return [entry.value for entry in stage.metrics.measured if entry.name == "PoliciesInBreach"][-1]


def test_broken_is_told_once_then_daily_and_kept_once() -> None:
    stage = Stage(PROMISED)
    stage.live(119, step=30)
    assert words(stage) == []
    stage.live(5, step=30)
    assert (words(stage), events(stage), broken_gauge(stage)) == (["BROKEN"], ["Policy Promise Broken"], 1)
    stage.live(60 * 50, step=60)
    assert words(stage) == ["BROKEN"] * 3
    assert len({report.key for report in reports(stage)}) == 3
    stage.backup()
    stage.live(3)
    assert words(stage) == ["BROKEN"] * 3 + ["KEPT"]
    assert events(stage) == ["Policy Promise Broken", "Policy Promise Kept"]
    assert broken_gauge(stage) == 0


def test_a_topic_that_is_down_is_tried_again_later_and_the_slots_go_on() -> None:
    """Due all the time, such policies would fill the pages of the tick."""
    stage = Stage(PROMISED.replace('"0 2 1 1 *"', '"0 * * * *"').replace("orders*", "nothing"))
    stage.notifier.fail(*[Refused("no such topic")] * 10_000)
    stage.live(60 * 4, step=30)
    state = stage.store.state("nightly")
    assert state is not None
    assert state.broken_since is not None
    assert state.remind_at is not None
    assert state.remind_at > stage.clock.now() - timedelta(minutes=1)
    assert len(stage.store.runs(policy="nightly", limit=50)) >= 4


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(8))
def test_the_process_dies_at_any_side_effect_of_telling_and_it_is_told_all_the_same(at: int, after: bool) -> None:
    stage = Stage(PROMISED)
    stage.live(119, step=30)
    stage.fuse.effects.clear()
    stage.fuse.kill_at, stage.fuse.after = at, after
    stage.live(15, step=10)
    assert "BROKEN" in words(stage)
    assert len({report.key for report in reports(stage)}) == 1
    assert set(events(stage)) == {"Policy Promise Broken"}


def test_a_bus_without_an_answer_repeats_under_one_key() -> None:
    stage = Stage(PROMISED)
    stage.live(119, step=30)
    stage.bus.lose_answer(Retryable("lost"))
    stage.live(15, step=10)
    keys = [event.key for event in stage.bus.events if event.detail_type == "Policy Promise Broken"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert words(stage) == ["BROKEN"]
