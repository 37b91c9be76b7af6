"""Swaps that something goes wrong with: before the names have moved all is undone, afterwards nothing is lost."""

import pytest

from chalicelib.core.errors import Retryable
from chalicelib.core.model import Run, State
from chalicelib.service import control, restores
from tests.faults.test_swaps import backed_up, clone_of, has_swapped, is_as_before, planned, swapped
from tests.faults.world import Stage


@pytest.mark.parametrize("method", ["block", "clone", "repoint"])
def test_a_request_whose_answer_is_lost_is_not_done_twice(method: str) -> None:
    stage = backed_up()
    stage.engine.lose_next_answer(method)
    run = swapped(stage, minutes=5)
    assert (run.state, run.last_error, stage.engine.sent(method)) == (State.SWAPPED, None, 1)
    has_swapped(stage)


def test_a_request_that_never_arrived_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    whole, tried = type(stage.engine.restorer).repoint, []

    def lost(restorer: object, actions: object) -> None:
        tried.append(actions)
        if len(tried) == 1:
            raise Retryable("no answer")
        whole(restorer, actions)  # type: ignore[arg-type]

    monkeypatch.setattr(type(stage.engine.restorer), "repoint", lost)
    assert swapped(stage, minutes=5).state is State.SWAPPED
    assert len(tried) == 2
    has_swapped(stage)


@pytest.mark.parametrize("method", ["block", "clone", "repoint"])
def test_what_the_server_refuses_ends_it_and_all_is_as_before(method: str) -> None:
    stage = backed_up()
    stage.engine.refuse(method, "403 no")
    run = swapped(stage, minutes=5)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.refused"])
    is_as_before(stage)


def test_a_clone_that_does_not_hold_the_same_is_no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    whole = type(stage.engine.restorer).clone

    def short(restorer: object, order: object) -> None:
        whole(restorer, order)  # type: ignore[arg-type]
        stage.engine.delete_documents(clone_of(stage, "orders-2"), 1)

    monkeypatch.setattr(type(stage.engine.restorer), "clone", short)
    run = swapped(stage, minutes=5)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.clone_differs"])
    is_as_before(stage)


def until(stage: Stage, run: Run, state: State) -> None:
    while stage.run(run.run_id).state is not state:
        stage.live(0.02)


def test_an_alias_that_somebody_moved_meanwhile_ends_it_before_anything_is_swapped() -> None:
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    until(stage, run, State.SWAPPING)
    stage.engine.indices["orders"].aliases = ("live",)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.world_moved"])
    assert set(stage.engine.indices) == {"orders", "orders-2", "later"}
    assert stage.engine.indices["orders-2"].writable


def test_cancelled_before_the_names_have_moved_all_is_as_before() -> None:
    stage = backed_up()
    run = restores.start(stage.world, planned(stage).plan_id, by="cli:anna")
    while stage.engine.indices["orders-2"].writable:
        stage.deliver()
        stage.clock.advance(1)
    assert stage.run(run.run_id).state is State.SWAPPING
    control.cancel(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(5)
    assert stage.run(run.run_id).state is State.CANCELLED
    is_as_before(stage)


def test_what_cannot_be_rolled_back_stays_and_is_told() -> None:
    """Somebody deleted the old index: the names must not be taken off the new one."""
    stage = backed_up()
    run = swapped(stage)
    stage.engine.delete_index("orders")
    control.rollback(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.findings[-1].code) == (State.SWAPPED, "restore.rollback_refused")
    has_swapped(stage)
    assert stage.engine.sent("repoint") == 1


def test_nothing_is_deleted_when_the_new_one_no_longer_bears_the_names() -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.engine.delete_index("restored-orders")
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.old_kept"])
    assert {"orders", clone_of(stage, "orders-2")} <= set(stage.engine.indices)


def test_an_old_index_that_somebody_uses_again_is_not_deleted() -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.engine.indices["orders"].aliases = ("archive",)
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.SUCCEEDED, ["restore.old_kept"])
    assert "orders" in stage.engine.indices


def test_a_snapshot_in_progress_makes_it_wait() -> None:
    stage = backed_up()
    run = swapped(stage)
    stage.engine.bind("main", "theirs", "orders")
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(5)
    assert stage.run(run.run_id).state is State.SWAPPED
    stage.engine.complete("theirs")
    stage.live(15, step=5)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert "orders" not in stage.engine.indices


def test_without_a_clone_in_time_writes_are_let_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()

    def never(restorer: object, order: object) -> None:
        raise Retryable("no answer")

    monkeypatch.setattr(type(stage.engine.restorer), "clone", never)
    run = swapped(stage, minutes=40)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.no_clone"])
    is_as_before(stage)


def test_an_old_index_that_somebody_closed_is_not_rolled_back_to_with_a_filter() -> None:
    """The server would answer 500 each time: it is said at once what to do, and done when it is asked for again."""
    stage = backed_up()
    run = swapped(stage)
    stage.engine.indices["orders"].closed = True
    control.rollback(stage.world, run.run_id, by="cli:anna", why="bad")
    stage.live(2)
    refused = stage.run(run.run_id)
    assert (refused.state, refused.findings[-1].code) == (State.SWAPPED, "restore.rollback_refused")
    assert "open it first" in refused.findings[-1].message
    assert stage.engine.sent("repoint") == 1
    has_swapped(stage)
    stage.engine.indices["orders"].closed = False
    control.rollback(stage.world, run.run_id, by="cli:anna", why="bad")
    stage.live(2)
    assert stage.run(run.run_id).state is State.ROLLED_BACK


def test_a_server_that_always_fails_to_roll_back_is_asked_later_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not each two seconds for six hours."""
    stage = backed_up()
    run = swapped(stage)
    tried = []

    def broken(restorer: object, actions: object) -> None:
        tried.append(stage.clock.now())
        raise Retryable("500 null_pointer_exception")

    monkeypatch.setattr(type(stage.engine.restorer), "repoint", broken)
    control.rollback(stage.world, run.run_id, by="cli:anna", why="bad")
    stage.live(100, step=1)
    stays = stage.run(run.run_id)
    assert (stays.state, stays.findings[-1].code) == (State.SWAPPED, "restore.rollback_refused")
    assert "500 null_pointer_exception" in stays.findings[-1].message
    assert 10 < len(tried) <= 20
    has_swapped(stage)
