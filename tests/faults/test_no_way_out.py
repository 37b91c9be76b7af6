"""Ways in which a run could hang, be lost, or flood its queue. Each was found by trying, and stays as an example."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.model import State
from tests.faults.world import FILE, RUN_ID, Killed, Stage


def staged(file: str = FILE, *, looks: int | None = 1) -> Stage:
    stage = Stage(file, looks=looks)
    stage.until_slot()
    return stage


def test_a_look_that_kills_the_function_every_time_ends_by_the_deadline() -> None:
    """A server that drips its answer, or one too big for the memory: nothing of ours can catch that."""
    stage = staged(looks=None)
    stage.live(0.2)
    assert stage.run().state is State.RUNNING

    def dripping(*args: Any, **kwargs: Any) -> Any:
        raise Killed("the function's timeout")

    stage.engine.look = dripping  # type: ignore[method-assign]
    stage.live(60 * 4 + 15, step=15)
    assert stage.run().state is State.TIMED_OUT
    assert stage.run().told


def test_a_snapshot_that_ended_while_we_were_away_for_hours_still_counts() -> None:
    stage = staged(looks=None)
    stage.live(0.2)
    stage.engine.complete(stage.run().snapshot)
    stage.queue.drop_all()
    stage.clock.advance(timedelta(hours=5))
    stage.live(3)
    assert stage.run().state is State.SUCCEEDED


def test_a_topic_that_refuses_does_not_multiply_messages_or_events() -> None:
    stage = staged()
    stage.notifier.fail(*[Refused("the topic does not exist")] * 10_000)
    stage.live(60, step=2)
    first_hour, events = len(stage.queue.sent), len(stage.bus.events)
    stage.live(60, step=2)
    assert stage.run().told is False
    assert len(stage.queue.sent) - first_hour <= 4, "later each time, at most hourly"
    assert len(stage.bus.events) == events == len(stage.run().steps), "each transition went out once"


def test_a_topic_that_comes_back_gets_the_report() -> None:
    stage = staged()
    stage.notifier.fail(*[Retryable("down")] * 6)
    stage.live(180, step=2)
    assert stage.run().told
    assert len(stage.notifier.reports) == 1


def test_a_cluster_that_is_busy_for_an_hour_does_not_lose_a_backup_that_may_start_for_six() -> None:
    stage = staged()
    free_at = stage.clock.now() + timedelta(hours=1)
    original = stage.engine.start

    def start(order: Any) -> None:
        if stage.clock.now() < free_at:
            raise Retryable("503 concurrent_snapshot_execution_exception")
        original(order)

    stage.engine.start = start  # type: ignore[method-assign]
    stage.live(90, step=5)
    assert stage.run().state is State.SUCCEEDED
    assert 5 < stage.run().attempts < 60, "later each time"


def test_what_a_run_waited_in_the_queue_is_not_taken_from_its_timeout() -> None:
    stage = staged(FILE.replace("timeout: 4h", "timeout: 30m"), looks=None)
    stage.live(1)
    stage.clock.advance(timedelta(minutes=1))
    waiting = stage.backup()
    stage.live(31, step=5)
    assert stage.run().state is State.TIMED_OUT
    stage.live(20, step=5)
    assert stage.run(waiting.run_id).state is State.RUNNING
    stage.engine.complete(waiting.snapshot)
    stage.live(5)
    assert stage.run(waiting.run_id).state is State.SUCCEEDED


def test_a_reason_as_long_as_a_stack_trace_still_fits_into_the_row() -> None:
    stage = staged(looks=None)
    stage.live(0.2)
    stage.engine.break_(stage.run().snapshot, "x" * 400_000)
    stage.live(2)
    assert stage.run().state is State.FAILED
    assert len(stage.run().reason or "") <= 2000


@pytest.mark.parametrize("request_id", ["2026-11-21T02:00Z", "a b", "x" * 65, "", "[/x]", "é"])
def test_a_request_cannot_take_the_name_of_a_slot(request_id: str) -> None:
    stage = Stage()
    with pytest.raises(BadInput, match="can't be the id of a request"):
        stage.backup(request_id)
    stage.until_slot()
    stage.live(1)
    assert stage.run(RUN_ID).state is State.SUCCEEDED


def test_a_waiting_run_of_a_retired_policy_starts_nothing() -> None:
    stage = staged(looks=None)
    stage.live(0.2)
    waiting = stage.backup()
    other = FILE.replace("  nightly:", "  weekly:")
    stage.apply(other, prune=True)
    stage.engine.complete(stage.run().snapshot)
    stage.live(3)
    assert stage.run(waiting.run_id).state is State.MISSED
    assert "retired" in (stage.run(waiting.run_id).reason or "")
    assert stage.engine.sent("start") == 1


def test_untold_runs_do_not_crowd_out_those_whose_message_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeper takes a page of the oldest wake times: what can't be told must not stay the oldest for ever."""
    monkeypatch.setattr("chalicelib.service.tick.PAGE", 1)
    stage = staged()
    stage.notifier.fail(*[Refused("the topic does not exist")] * 10_000)
    stage.live(5)
    again = stage.backup()
    stage.queue.drop_all()
    stage.live(60, step=2)
    assert stage.run(again.run_id).state is State.SUCCEEDED


def test_a_misspelt_name_beside_a_pattern_that_matches_is_told() -> None:
    stage = staged(FILE.replace('["orders*"]', '["orders*", "custmers"]'))
    stage.live(1)
    assert stage.run().state is State.FAILED
    assert stage.run().reason == "custmers selected and not on the server"
    assert len(stage.store.backups("nightly")) == 1, "what is there was backed up all the same"
    assert "custmers" in stage.notifier.reports[0].subject
