"""Restores that somebody tried to break: whatever went wrong, nothing is left that nobody tells of."""

import pytest

from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.model import State
from chalicelib.core.restores import Restored, RestoreOrder
from tests.faults.test_restores import L2, NAMES, backed_up, made, planned, started
from tests.faults.world import FILE, FusedEngine, FusedRestorer, Stage


def test_a_thousand_indices_that_could_not_be_compared_fit_into_the_row_of_the_run() -> None:
    """A finding for each of them was more than a row holds: the run ended as crashed, and all of them stayed."""
    stage = Stage(FILE, indices=[f"orders-with-a-long-name-{n:05}-2026.11.21" for n in range(1000)])
    stage.engine.shard_limit = 10**6
    stage.backup()
    stage.live(1)
    run = started(stage)
    stage.live(15)
    run = stage.run(run.run_id)
    assert (run.state, len(made(stage))) == (State.SUCCEEDED, 1000)
    assert run.reason == "1,000 of 1,000 indices not compared"
    assert len(run.findings) == 20
    assert "and so for 980 more" in run.findings[-1].message


def test_a_defect_of_ours_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it made stayed there, blocked and marked, and the report said that nothing was left."""
    stage = backed_up()
    monkeypatch.setattr("chalicelib.core.comparing.counts", lambda *seen: 1 / 0)
    run = started(stage)
    stage.live(15)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["run.crashed"])
    assert made(stage) == set()


def test_a_defect_of_ours_that_hinders_the_removal_too_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    run = started(stage)
    stage.live(0.05)
    monkeypatch.setattr(FusedRestorer, "restored", lambda *asked: 1 / 0)
    stage.live(30)
    run = stage.run(run.run_id)
    assert run.state is State.FAILED
    assert [found.code for found in run.findings] == ["run.crashed", "run.crashed", "restore.leftover"]
    (report,) = [report for report in stage.notifier.reports if report.key == f"{run.run_id}#end"]
    assert "may still be there" in report.body
    assert made(stage) == NAMES


def test_a_request_that_comes_through_late_is_known_again_when_it_is_asked_for_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second one is refused because of what the first made: that is ours, and was left there, blocked."""
    stage = backed_up()
    late: list[RestoreOrder] = []
    whole = FusedRestorer.restore

    def slow(restorer: FusedRestorer, order: RestoreOrder) -> None:
        if not late:
            late.append(order)
            raise Retryable("no answer")
        whole(restorer, late[0])
        whole(restorer, order)

    monkeypatch.setattr(FusedRestorer, "restore", slow)
    run = started(stage)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.attempts, made(stage)) == (State.SUCCEEDED, 2, NAMES), run.reason


def test_a_name_that_is_taken_between_two_attempts_is_no_defect_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    looks = FusedRestorer.restored

    def taken_later(restorer: FusedRestorer, order: RestoreOrder) -> tuple[Restored, ...]:
        if stage.run(run.run_id).state is State.PLANNED and "restored-orders" not in stage.engine.indices:
            stage.engine.create_index("restored-orders", documents=3)
        return looks(restorer, order)

    monkeypatch.setattr(FusedRestorer, "restored", taken_later)
    monkeypatch.setattr(FusedRestorer, "restore", no_answer)
    run = started(stage)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.foreign"])
    assert stage.engine.indices["restored-orders"].documents == 3


def no_answer(*asked: object) -> None:
    raise Retryable("no answer")


def test_refusals_with_answers_in_between_do_not_add_up() -> None:
    """Five in a row end a run; a key that is refused now and then for hours is another matter."""
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.1)
    for _ in range(7):
        stage.engine.refuse("state", "403")
        stage.live(15, step=5)
    assert stage.run(run.run_id).state is State.RESTORING
    assert stage.run(run.run_id).refusals == 0


def test_an_index_that_is_deleted_before_it_was_seen_is_not_waited_for() -> None:
    """Nothing was written down yet that it could be missed in: the run waited for it until its deadline."""
    stage = backed_up()
    stage.engine.restore_looks = 3
    run = started(stage)
    stage.deliver()
    stage.engine.delete_index("restored-orders")
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.vanished"])
    assert made(stage) == set()


def test_what_was_seen_in_part_at_first_is_known_wholly_when_it_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """Very long lists are asked for in portions, between which the server may begin. The mark is taken off in the end,
    and then only what was written down is ours."""
    stage = backed_up()
    stage.engine.restore_looks = 2
    looks = FusedRestorer.restored
    seen: list[int] = []

    def in_part(restorer: FusedRestorer, order: RestoreOrder) -> tuple[Restored, ...]:
        seen.append(1)
        return looks(restorer, order)[: 1 if len(seen) == 1 else None]

    monkeypatch.setattr(FusedRestorer, "restored", in_part)
    run = started(stage)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, made(stage)) == (State.SUCCEEDED, NAMES), run.reason


def test_a_restore_that_could_not_begin_in_time_begins_no_more() -> None:
    """Whoever asked has found another way by then; and past its deadline it held no lease any more."""
    stage = backed_up()
    run = started(stage)
    stage.engine.outage(10**6)
    stage.live(70, step=5)
    stage.engine.outage(0)
    stage.live(20, step=5)
    run = stage.run(run.run_id)
    assert (run.state, made(stage)) == (State.MISSED, set()), run.reason
    assert "time to start" in (run.reason or "")


def test_what_was_done_is_still_counted_when_all_is_released() -> None:
    """The marks tell it, and they are gone by then: a restore that succeeded had done 0 of 2 shards."""
    stage = backed_up()
    run = started(stage)
    stage.live(1)
    progress = stage.run(run.run_id).progress
    assert progress is not None
    assert (progress.done, progress.total) == (2, 2)
    assert progress.bytes_done == progress.bytes_total


def test_a_policy_that_is_changed_while_its_restore_waits_in_line_ends_it() -> None:
    """The file may have taken back that these names may be restored to."""
    stage = Stage(L2, looks=None)
    first = stage.backup("now-1")
    stage.live(0.2)
    stage.engine.complete(first.snapshot)
    stage.live(1)
    at_work = stage.backup("now-2")
    stage.live(0.2)
    run = started(stage)
    assert run.state is State.QUEUED
    stage.apply(L2.replace("    auth: {none: true}", "    auth: {none: true}\n    restore: {allow: [drill-*]}"))
    stage.engine.complete(at_work.snapshot)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.world_moved"])
    assert "applied anew" in (run.reason or "")
    assert made(stage) == set()


@pytest.mark.parametrize(("old", "new"), [("main", "second"), ("shop", "other")], ids=["repository", "target"])
def test_a_policy_that_has_moved_since_is_told_and_nothing_is_looked_for_elsewhere(old: str, new: str) -> None:
    """The start died of a missing repository; of another target a snapshot of the same name might have been taken."""
    stage = backed_up()
    stage.apply(L2.replace(old, new))
    sent = len(stage.engine.requests)
    with pytest.raises(BadInput, match="which policy nightly no longer has"):
        planned(stage)
    assert len(stage.engine.requests) == sent


@pytest.mark.parametrize("error", [Refused("403"), Retryable("a shard failed")], ids=["refused", "unanswered"])
def test_what_cannot_be_counted_is_said_and_costs_nothing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The data are there: they were left behind blocked after five refusals, and removed after twelve hours."""
    stage = backed_up()
    run = started(stage)

    def uncounted(*asked: object, **how: object) -> None:
        raise error

    monkeypatch.setattr(FusedEngine, "counts", uncounted)
    stage.live(15, step=2)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.SUCCEEDED, ["restore.not_compared"] * 2)
    assert str(error) in run.findings[0].message
    assert made(stage) == NAMES
