"""Restores of which no node takes a shard, by the real driver: ended and explained, or waited for with a reason."""

from datetime import timedelta

from chalicelib.core.errors import Refused
from chalicelib.core.model import State
from tests.faults import test_drills
from tests.faults.test_restores import NAMES, backed_up, made, started

WHY = "enable: no allocations are allowed"
TURN = "throttling: reached the limit of ongoing initial primary recoveries"


def test_what_no_node_may_take_ends_at_once_and_says_why() -> None:
    """Not after twelve hours; and the lease is free again."""
    stage = backed_up()
    stage.engine.no_node = WHY
    run = started(stage)
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.not_allocated"] * 2)
    assert WHY in (run.reason or "")
    assert made(stage) == set()
    assert stage.engine.sent("explain") == 1
    stage.engine.no_node = None
    again = started(stage)
    stage.live(1)
    assert stage.run(again.run_id).state is State.SUCCEEDED


def test_what_waits_its_turn_is_waited_for_and_then_comes() -> None:
    stage = backed_up()
    stage.engine.no_turn = TURN
    run = started(stage)
    stage.live(0.9)
    assert stage.engine.sent("explain") == 0, "a minute is nothing"
    stage.live(10)
    waits = stage.run(run.run_id)
    assert (waits.state, TURN in (waits.last_error or "")) == (State.RESTORING, True)
    stage.engine.no_turn = None
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.last_error, made(stage)) == (State.SUCCEEDED, None, NAMES)


def test_what_waits_for_its_turn_until_the_deadline_says_what_it_waited_for() -> None:
    stage = backed_up()
    stage.engine.no_turn = TURN
    run = started(stage)
    stage.live(5)
    stage.clock.advance(timedelta(hours=12))
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, TURN in (run.reason or ""), made(stage)) == (State.TIMED_OUT, True, set())


def test_a_key_that_may_not_ask_the_deciders_costs_the_words_and_nothing_else() -> None:
    stage = backed_up()
    stage.engine.no_node = WHY
    stage.engine.refuse("explain", Refused("403: cluster:monitor/allocation/explain is needed"))
    run = started(stage)
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.findings[0].code, made(stage)) == (State.FAILED, "restore.not_allocated", set())
    assert "why is not known: 403" in (run.reason or "")


def test_deciders_that_do_not_answer_are_asked_for_two_minutes_and_then_done_without() -> None:
    stage = backed_up()
    stage.engine.no_node = WHY
    run = started(stage)
    for _ in range(5 * 60):
        stage.engine.lose_next_answer("explain")
        stage.live(1 / 60)
    run = stage.run(run.run_id)
    assert (run.state, made(stage)) == (State.FAILED, set())
    assert "why is not known" in (run.reason or "")


def test_a_drill_of_which_no_node_takes_a_shard_fails_with_the_reason_and_leaves_nothing() -> None:
    stage = test_drills.backed_up()
    stage.engine.no_node = WHY
    run = test_drills.drilled(stage, minutes=3)
    assert (run.state, test_drills.made(stage)) == (State.FAILED, set())
    assert "restore.not_allocated" in test_drills.codes(run)
    assert WHY in (run.reason or "")
