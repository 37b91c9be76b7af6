"""What a run could not remove is removed later: exactly that, told once, whatever dies on the way."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import leftovers
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Sweep
from chalicelib.core.model import IndexRef, Run, State
from chalicelib.core.plans import Wish
from chalicelib.core.ports import Create, Update
from chalicelib.service import plans, restores, sweeping
from tests.faults.drilling import DRILLS, at_work, backed_up, settled, state_of
from tests.faults.world import Stage

HOUR = timedelta(hours=1)
FILE = DRILLS.replace('"0 2 * * *"', '"0 2 1 1 *"').replace("rpo: {L2: 26h, L4: 8d}", "rpo: 40d")
NAMES = {"restored-orders", "restored-orders-2"}


def left_behind(file: str = FILE) -> tuple[Stage, Run]:
    """A restore that made its indices, and could remove nothing of them before it ended."""
    stage = Stage(file, indices=("orders", "orders-2"))
    stage.engine.write("orders", 10)
    backed_up(stage, "now-1")
    stage.engine.restore_looks = 10**6
    plan = plans.plan(stage.world, Wish(policy="nightly"), by="cli:anna")
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(0.5)
    run = stage.run(run.run_id)
    assert made(stage) == NAMES
    assert stage.store.evidence(run.run_id, "made", 1) is not None
    settled(stage, run, State.FAILED, leftover=True, told=True)
    stage.queue.drop_all()
    stage.notifier.reports.clear()
    stage.store.commit(Update(replace(stage.run(run.run_id), wake_at=None, told=True, rev=run.rev + 2, token="told")))
    return stage, stage.run(run.run_id)


def made(stage: Stage) -> set[str]:
    return {name for name in stage.engine.indices if name.startswith("restored-")}


def words(stage: Stage) -> list[str]:
    return [report.attributes["state"] for report in stage.notifier.reports if "#sweep#" in report.key]


def sweeps(stage: Stage) -> Iterator[Sweep]:
    return (message for message in stage.queue.sent if isinstance(message, Sweep))


def test_what_was_left_is_removed_an_hour_later_and_told_once() -> None:
    stage, run = left_behind()
    assert dict(state_of(stage).leftovers) == {run.run_id: run.finished_at}
    stage.live(58, step=30)
    assert made(stage) == NAMES
    stage.live(4, step=10)
    assert (made(stage), words(stage)) == (set(), ["SWEPT"])
    assert (dict(state_of(stage).leftovers), state_of(stage).sweep_at) == ({}, None)
    assert {"orders", "orders-2"} <= set(stage.engine.indices)
    stage.live(130, step=60)
    assert words(stage) == ["SWEPT"]


def test_a_drill_leaves_its_id_too() -> None:
    stage = Stage(FILE)
    backup = backed_up(stage, "now-1")
    run = at_work(stage, backup, "s1", "orders")
    state = settled(stage, run, State.FAILED, leftover=True)
    assert list(state.leftovers) == [run.run_id]
    assert state.sweep_at == stage.clock.now() + HOUR


def test_an_index_that_somebody_made_anew_under_the_name_survives() -> None:
    stage, _ = left_behind()
    stage.engine.delete_index("restored-orders")
    stage.engine.create_index("restored-orders", documents=5)
    stage.live(62, step=10)
    assert made(stage) == {"restored-orders"}
    assert stage.engine.indices["restored-orders"].documents == 5
    assert words(stage) == ["SWEPT"]


def test_an_index_that_was_released_is_peoples_and_survives() -> None:
    """They use it by now, whatever became of the run; nobody is told that it is gone."""
    stage, _ = left_behind()
    stage.engine.indices["restored-orders"].mark = None
    stage.live(62, step=10)
    assert made(stage) == {"restored-orders"}
    assert words(stage) == ["LEFT_OVER"]
    assert "restored-orders was released, so people may use it: it stays" in stage.notifier.reports[-1].body
    assert not state_of(stage).leftovers


def test_what_was_never_written_down_is_touched_by_nobody_and_told() -> None:
    stage, run = left_behind()
    spec = stage.world.spec("nightly", 1)
    other = replace(
        restores.unplanned(run.kind, spec, "main", "other", stage.clock.now(), by="x", token="other"), plan=run.plan
    )
    assert stage.store.commit(Create(other))
    settled(stage, other, State.FAILED, leftover=True)
    sweeping.sweep(stage.world, Sweep(policy="nightly", run_id=other.run_id))
    assert made(stage) == NAMES
    assert words(stage) == ["LEFT_OVER"]
    assert list(state_of(stage).leftovers) == [run.run_id]


@pytest.mark.parametrize("error", [Retryable("no answer"), Refused("403 forbidden")])
def test_in_vain_it_is_tried_hourly_and_told_after_three_days(error: Exception) -> None:
    stage, _ = left_behind()
    remove = stage.engine.restorer.__class__.remove

    def never(self: object, *indices: IndexRef) -> bool:
        raise error

    stage.engine.restorer.__class__.remove = never  # type: ignore[method-assign]
    try:
        stage.live(60 * 70, step=60)
        assert (words(stage), made(stage)) == ([], NAMES)
        assert 65 <= len(list(sweeps(stage))) <= 71
        stage.live(60 * 5, step=60)
    finally:
        stage.engine.restorer.__class__.remove = remove  # type: ignore[method-assign]
    assert words(stage) == ["LEFT_OVER"]
    assert dict(state_of(stage).leftovers) == {}
    (report,) = [report for report in stage.notifier.reports if "#sweep#" in report.key]
    assert str(error) in report.body


def test_a_retired_policy_is_swept_all_the_same() -> None:
    stage, _ = left_behind()
    stage.apply(FILE.replace("  nightly:", "  weekly:"), prune=True)
    stage.live(62, step=10)
    assert made(stage) == set()


def test_nothing_is_swept_for_a_run_that_left_nothing() -> None:
    """A message that came late, twice, or from nobody of ours."""
    stage, run = left_behind()
    stage.live(62, step=10)
    stage.engine.create_index("restored-orders")
    for run_id in (run.run_id, "backup:nightly:now-1", "drill:nightly:x"):
        sweeping.sweep(stage.world, Sweep(policy="nightly", run_id=run_id))
    sweeping.sweep(stage.world, Sweep(policy="other", run_id=run.run_id))
    assert made(stage) == {"restored-orders"}
    assert words(stage) == ["SWEPT"]


def test_too_little_time_goes_on_with_another_message() -> None:
    stage, run = left_behind()
    short = replace(stage.world, remaining=lambda: timedelta(seconds=1))
    sweeping.sweep(short, Sweep(policy="nightly", run_id=run.run_id))
    assert made(stage) == NAMES
    assert list(sweeps(stage)) == [Sweep(policy="nightly", run_id=run.run_id)]
    stage.live(0.1)
    assert made(stage) == set()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(7))
def test_the_process_dies_at_any_side_effect_of_sweeping_and_all_is_removed_and_told(at: int, after: bool) -> None:
    stage, _ = left_behind()
    stage.live(59, step=30)
    stage.fuse.effects.clear()
    stage.fuse.kill_at, stage.fuse.after = at, after
    stage.live(150, step=20)
    assert made(stage) == set()
    assert set(words(stage)) == {"SWEPT"}
    assert len({report.key for report in stage.notifier.reports if "#sweep#" in report.key}) == 1
    assert (dict(state_of(stage).leftovers), state_of(stage).sweep_at) == ({}, None)


def test_several_runs_share_one_clock() -> None:
    stage, run = left_behind()
    state = leftovers.noted(state_of(stage), replace(run, run_id="restore:nightly:other"))
    assert (len(state.leftovers), state.sweep_at) == (2, state_of(stage).sweep_at)
    assert leftovers.dropped(state, run.run_id).sweep_at is not None
    assert leftovers.dropped(leftovers.dropped(state, run.run_id), "restore:nightly:other").sweep_at is None
