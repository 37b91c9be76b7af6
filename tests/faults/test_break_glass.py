"""One person alone, because the second is asleep: everybody hears of it, whatever is down at that moment."""

import pytest

from chalicelib.core.errors import BadInput, Retryable
from chalicelib.core.messages import Report
from chalicelib.core.model import State
from chalicelib.core.plans import Wish
from chalicelib.service import control
from tests.faults.second_person import ANNA, all_restores, approved, backed_up, planned, started
from tests.faults.test_restores import L2
from tests.faults.world import Stage

WHY = "ben is asleep"
DOWN = Retryable("the topic does not answer")
OTHERS = "  hourly: {target: shop, repository: main, select: {indices: [orders]}, notify: {on: [recovery]}}\n"
"""Whatever else they want to hear of; a topic of two policies is told once."""


def told(stage: Stage) -> list[str]:
    return [report.topic for report in stage.notifier.reports if report.key.endswith("#break-glass")]


def test_everybody_of_the_target_is_told_at_once_and_again_in_the_end() -> None:
    stage = backed_up(L2 + OTHERS)
    run = started(stage, planned(stage), glass=WHY)
    assert told(stage) == ["default"], "before the run has moved"
    assert run.glass
    assert (run.glass.by, run.glass.why, run.approved_by) == (ANNA, WHY, None)
    (event,) = [event for event in stage.bus.events if event.detail_type == "Break Glass Used"]
    assert (event.detail["run_id"], event.detail["by"], event.detail["why"]) == (run.run_id, ANNA, WHY)
    stage.live(1)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert told(stage) == ["default"], "once each"
    (end,) = [report for report in stage.notifier.reports if report.key == f"{run.run_id}#end"]
    assert f"{ANNA} broke the glass: {WHY}" in end.body


def test_while_the_topic_is_down_the_run_goes_on_and_tells_with_its_next_step() -> None:
    stage = backed_up()
    stage.notifier.fail(DOWN, DOWN)
    run = started(stage, planned(stage), glass=WHY)
    assert (told(stage), stage.run(run.run_id).glass_told) == ([], False)
    stage.live(1)
    assert told(stage) == ["default"]
    run = stage.run(run.run_id)
    assert (run.state, run.glass_told, run.told) == (State.SUCCEEDED, True, True)


def test_a_bus_that_is_down_is_told_later_too() -> None:
    stage = backed_up()
    stage.bus.fail(DOWN)
    started(stage, planned(stage), glass=WHY)
    assert told(stage) == []
    stage.live(1)
    assert told(stage) == ["default"]
    assert [event.detail_type for event in stage.bus.events].count("Break Glass Used") == 1


def test_a_run_that_waits_or_is_cancelled_at_once_is_told_of_all_the_same() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    at_work = started(stage, planned(stage, Wish(policy="nightly")))
    stage.live(0.2)
    stage.notifier.fail(DOWN)
    run = started(stage, planned(stage), glass=WHY)
    assert run.state is State.QUEUED
    control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong one")
    stage.live(1)
    assert stage.run(run.run_id).state is State.CANCELLED
    assert told(stage) == ["default"]
    assert not stage.run(at_work.run_id).settled


def test_the_glass_is_for_plans_that_need_a_second_person() -> None:
    stage = backed_up()
    with pytest.raises(BadInput, match="no glass to break"):
        started(stage, planned(stage, Wish(policy="nightly")), glass=WHY)
    assert all_restores(stage) == []


def test_where_other_names_are_refused_no_glass_helps() -> None:
    stage = backed_up(L2.replace("    repositories:", "    restore: {approval: false}\n    repositories:"))
    plan = planned(stage)
    with pytest.raises(BadInput, match="allows no restore"):
        started(stage, plan, glass=WHY)
    with pytest.raises(BadInput, match="allows no restore"):
        approved(stage, plan)


def test_the_end_is_not_all_that_is_told_when_the_glass_could_not_be_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever asked to hear of no end at all hears of it."""
    stage = backed_up()
    notifier, tries = stage.notifier, []
    report = notifier.report

    def refusing(told_now: Report) -> None:
        if told_now.key.endswith("#break-glass"):
            tries.append(told_now.key)
            raise DOWN
        report(told_now)

    monkeypatch.setattr(notifier, "report", refusing)
    run = started(stage, planned(stage), glass=WHY)
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.reported, run.told, run.glass_told) == (State.SUCCEEDED, True, False, False)
    monkeypatch.setattr(notifier, "report", report)
    stage.live(30, step=5)
    run = stage.run(run.run_id)
    assert (run.told, run.glass_told, told(stage)) == (True, True, ["default"])
    assert [one.key for one in notifier.reports].count(f"{run.run_id}#end") == 1
    assert len(tries) > 2
