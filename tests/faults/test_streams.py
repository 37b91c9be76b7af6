"""Data streams through the real driver: they come back whole, or nothing that a restore made of them is left untold,
and nobody's stream is ever removed."""

from collections.abc import Callable

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import control, plans, restores, salvages
from tests.faults.test_restores import L2
from tests.faults.world import Stage

OLD = [f".ds-logs-2026.11.21-00000{n}" for n in (1, 2)]
NEW = {name.replace(".ds-", ".ds-restored-") for name in OLD}
FOREIGN = ".ds-restored-logs-2026.11.22-000003"


def backed_up() -> Stage:
    """A stream of two backing indices, and an index."""
    stage = Stage(L2.replace('["orders*"]', '["orders*", logs]'), indices=("orders",))
    for n, name in enumerate(OLD):
        stage.engine.create_index(name, stream="logs", documents=n + 3)
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    return stage


def started(stage: Stage, *indices: str) -> Run:
    plan = plans.plan(stage.world, Wish(policy="nightly", indices=indices), by="cli:anna")
    assert plan.conflicts == ()
    return restores.start(stage.world, plan.plan_id, by="cli:anna")


def made(stage: Stage) -> set[str]:
    return {name for name in stage.engine.indices if "restored-" in name}


def given_up(stage: Stage) -> Run:
    """A restore of all, in the middle of which somebody thinks better of it."""
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(0.5)
    assert made(stage) == {*NEW, "restored-orders"}
    control.cancel(stage.world, run.run_id, by="cli:anna", why="enough")
    return run


def test_a_stream_comes_back_beside_the_live_one() -> None:
    stage = backed_up()
    run = started(stage, "logs")
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.reason, run.indices, run.docs) == (State.SUCCEEDED, True, None, 2, 7)
    assert made(stage) == NEW
    there = [stage.engine.indices[name] for name in sorted(NEW)]
    assert {(index.stream, index.mark, index.writable) for index in there} == {("restored-logs", None, True)}
    with pytest.raises(BadInput, match="data streams only"):
        salvages.plan(stage.world, run.run_id, by="cli:anna")


def test_what_is_salvaged_beside_a_stream_leaves_the_stream_out_and_says_so() -> None:
    stage = backed_up()
    run = started(stage)
    stage.live(1)
    dry = salvages.plan(stage.world, run.run_id, by="cli:anna")
    assert [move.name for move in dry.moves] == ["orders"]
    assert ("salvage.data_stream", "restored-logs") in [(found.code, found.subject) for found in dry.findings]


def test_a_cancelled_restore_takes_its_stream_away_whole() -> None:
    stage = backed_up()
    run = given_up(stage)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.leftover, made(stage)) == (State.CANCELLED, False, set())
    assert set(OLD) <= stage.engine.indices.keys()


def test_whatever_dies_while_a_stream_comes_back_it_is_whole() -> None:
    for number, after in _moments(lambda stage: started(stage, "logs")):
        stage = backed_up()
        run = _dies(stage, number, after, lambda stage: started(stage, "logs"))
        assert run.state is State.SUCCEEDED, (number, after, run.reason)
        assert made(stage) == NEW


def test_whatever_dies_while_a_stream_is_removed_nothing_of_it_is_left() -> None:
    for number, after in _moments(given_up):
        stage = backed_up()
        run = _dies(stage, number, after, given_up)
        assert (run.state, made(stage)) == (State.CANCELLED, set()), (number, after, run.reason)
        assert set(OLD) <= stage.engine.indices.keys()


def _moments(begin: Callable[[Stage], Run]) -> list[tuple[int, bool]]:
    """Of all effects after the beginning: just before and just after each."""
    stage = backed_up()
    begin(stage)
    stage.fuse.effects.clear()
    stage.live(8)
    return [(number, after) for number in range(len(stage.fuse.effects)) for after in (False, True)]


def _dies(stage: Stage, number: int, after: bool, begin: Callable[[Stage], Run]) -> Run:
    run = begin(stage)
    stage.fuse.effects.clear()
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(15)
    assert len(stage.fuse.effects) > number, "it never came so far"
    return stage.run(run.run_id)


def test_a_stream_that_somebody_rolled_over_is_left_and_told() -> None:
    """They write to it: it is theirs now, with all that is in it."""
    stage = backed_up()
    run = given_up(stage)
    stage.engine.create_index(FOREIGN, stream="restored-logs", documents=1)
    stage.live(150, step=10)
    run = stage.run(run.run_id)
    assert (run.state, run.leftover, made(stage)) == (State.CANCELLED, True, {*NEW, FOREIGN})
    assert {found.subject for found in run.findings if found.code == "restore.leftover"} == NEW
    assert any(FOREIGN in found.message for found in run.findings)


def test_what_a_server_without_a_request_for_it_keeps_is_told() -> None:
    stage = backed_up()
    stage.engine.deletes_streams = False
    run = given_up(stage)
    stage.live(150, step=10)
    run = stage.run(run.run_id)
    assert (run.state, run.leftover, made(stage)) == (State.CANCELLED, True, {max(NEW)})
    assert [found.subject for found in run.findings if found.code == "restore.leftover"] == [max(NEW)]


def test_a_stream_that_was_left_is_swept_once_it_can_be() -> None:
    stage = backed_up()
    run = given_up(stage)
    stage.engine.create_index(FOREIGN, stream="restored-logs", documents=1)
    stage.live(150, step=10)
    assert stage.run(run.run_id).leftover
    stage.engine.delete_index(FOREIGN)
    stage.live(70, step=10)
    assert made(stage) == set()
    assert any("#sweep#" in report.key for report in stage.notifier.reports)


def test_an_index_that_comes_back_with_a_stream_unplanned_ends_the_restore_and_goes() -> None:
    """Of a stream whose backing indices do not all have the names that servers give."""
    stage = backed_up()
    stage.engine.create_index("adopted", stream="logs")
    stage.backup("now-2")
    stage.live(1)
    run = started(stage, "logs")
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.reason) == (
        State.FAILED,
        "restored-adopted came back with its data stream, and was not in the plan",
    )
    assert made(stage) == set()
