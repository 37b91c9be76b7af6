"""`explain`: the cause in one line, the last similar run, and what mended it."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import accept, control, plans, restores
from chalicelib.service.explain import Explained, explain
from tests.faults.world import FILE, Stage

SHRINKS = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    contract: {max_shrink: 20%}\n")
TYPO = FILE.replace('"orders*"', '"oders*"')


def ran(stage: Stage, request_id: str) -> Run:
    run = stage.backup(request_id)
    stage.live(1.1)
    return stage.run(run.run_id)


def of(stage: Stage, request_id: str) -> Explained:
    return explain(stage.world, f"backup:nightly:{request_id}")


def test_a_good_run_says_so_and_asks_for_nothing() -> None:
    stage = Stage()
    ran(stage, "well")
    found = of(stage, "well").explanation
    assert found.cause == "it is good: complete, proved to L1"
    assert (found.code, found.row, found.before, found.since, found.next_step) == (None, 0, None, None, None)


def test_a_failure_names_its_cause_its_code_and_the_next_step() -> None:
    stage = Stage(TYPO)
    ran(stage, "typo")
    found = of(stage, "typo").explanation
    assert (found.cause, found.code) == ("no index on shop matches oders*", "select.no_match")
    assert (found.row, found.before, found.since) == (1, None, None)
    assert found.next_step == "correct `select.indices` of the policy, then apply"


def test_the_last_good_one_before_is_known_where_none_came_since() -> None:
    stage = Stage()
    good = [ran(stage, name) for name in ("first", "second")]
    stage.engine.delete_index("orders")
    ran(stage, "lost")
    found = of(stage, "lost").explanation
    assert (found.since, found.good_before) == (None, good[1])
    assert of(stage, "first").explanation.good_before is None


def test_a_cause_that_was_mended_by_the_file_once_says_which_keys_changed() -> None:
    stage = Stage(TYPO)
    ran(stage, "typo")
    stage.apply(FILE)
    ran(stage, "mended")
    stage.apply(TYPO)
    ran(stage, "typo-again")
    found = of(stage, "typo-again")
    assert found.explanation.before is not None
    assert found.explanation.before.run.slot == "typo"
    assert found.explanation.before.fixed_by is not None
    assert found.explanation.before.fixed_by.slot == "mended"
    assert found.mended == ("the file was applied anew (generation 1 to 2: select.indices)",)
    assert found.explanation.since is None
    earlier = of(stage, "typo")
    assert earlier.explanation.since is not None
    assert earlier.explanation.since.slot == "mended"
    assert earlier.ended == found.mended


def test_what_was_mended_on_the_server_is_not_put_down_to_us() -> None:
    stage = Stage()
    stage.engine.delete_index("orders")
    ran(stage, "gone")
    stage.engine.create_index("orders")
    ran(stage, "back")
    assert of(stage, "gone").ended == ("the file was the same: it was mended on the server, or passed by itself",)


def test_a_row_of_the_same_cause_is_counted_and_the_episode_before_it_is_found() -> None:
    """The newest similar run is in the same row and was mended by nothing."""
    stage = Stage()
    stage.engine.delete_index("orders")
    ran(stage, "first")
    stage.engine.create_index("orders")
    ran(stage, "between")
    stage.engine.delete_index("orders")
    for n in range(3):
        ran(stage, f"row-{n}")
    found = of(stage, "row-2").explanation
    assert found.row == 3
    assert found.before is not None
    assert (found.before.run.slot, found.before.fixed_by is not None) == ("first", True)


def test_another_cause_in_between_is_no_similar_one() -> None:
    stage = Stage()
    stage.engine.refuse("resolve", "401 the key is expired")
    ran(stage, "refused")
    stage.engine.delete_index("orders")
    ran(stage, "gone")
    found = of(stage, "gone").explanation
    assert (found.row, found.before) == (1, None)


def test_who_accepted_the_shrunken_backup_is_what_mended_it() -> None:
    stage = Stage(SHRINKS)
    stage.engine.create_index("orders", documents=100)
    ran(stage, "whole")
    stage.engine.delete_documents("orders", 50)
    shrunken = ran(stage, "shrunken")
    accept.accept(stage.world, shrunken.snapshot, by="ann", why="old orders removed")
    ran(stage, "after")
    assert of(stage, "shrunken").ended == (f"ann accepted {shrunken.snapshot}: old orders removed",)


def test_a_success_that_is_not_proved_says_what_could_not_be_checked() -> None:
    stage = Stage(SHRINKS)
    stage.engine.refuse("refresh", "403 the privilege maintenance is needed")
    assert ran(stage, "unproved").state is State.SUCCEEDED
    found = of(stage, "unproved").explanation
    assert found.code == "counts.not_possible"
    assert "403 the privilege maintenance is needed" in found.cause


@pytest.mark.parametrize("state", ["MISSED", "SKIPPED", "CANCELLED"])
def test_ends_without_a_finding_have_a_cause_too(state: str) -> None:
    stage = Stage()
    if state == "MISSED":
        stage.clock.advance(timedelta(days=1, hours=10))
        stage.tick()
    elif state == "SKIPPED":
        control.pause(stage.world, "nightly", by="ann", why="migration")
        stage.clock.advance(timedelta(days=1))
        control.resume(stage.world, "nightly", by="bob")
    else:
        control.cancel(stage.world, stage.backup().run_id, by="ann", why="wrong day")
    stage.live(1)
    (run,) = stage.store.runs(policy="nightly", state=state)
    found = explain(stage.world, run.run_id).explanation
    assert found.cause == run.reason
    assert found.next_step == (None if state == "SKIPPED" else "snapwarden backup nightly --wait")


def test_an_open_run_says_what_it_waits_for() -> None:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.tick()
    assert "about to start" in explain(stage.world, stage.run().run_id).explanation.cause
    stage.live(0.2)
    assert (
        explain(stage.world, stage.run().run_id).explanation.cause == "it is in progress: 0 of 1 shards, 0 B of 1000 B"
    )
    waiting = stage.backup()
    assert "waits for the open run of its policy" in explain(stage.world, waiting.run_id).explanation.cause
    stage.live(2)
    assert "was still running" in explain(stage.world, waiting.run_id).explanation.cause
    control.cancel(stage.world, stage.run().run_id, by="ann", why="")
    found = explain(stage.world, stage.run().run_id).explanation
    assert found.cause == "ann cancelled it 0 s ago; it is being removed from the server"
    assert found.next_step == f"snapwarden show {stage.run().run_id} --follow"


def test_an_open_run_without_an_answer_says_the_last_error() -> None:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.live(0.2)
    stage.engine.outage(1000)
    stage.live(2)
    found = explain(stage.world, stage.run().run_id).explanation
    assert "the last error: status" in found.cause
    assert (found.next_step or "").startswith("snapwarden doctor shop; ")


def test_an_unknown_run_is_bad_input() -> None:
    with pytest.raises(BadInput, match="there is no run"):
        of(Stage(), "nothing")


def test_a_restore_that_went_well_mends_no_backup() -> None:
    stage = Stage()
    ran(stage, "well")
    stage.engine.refuse("resolve", "403")
    ran(stage, "failed")
    made = plans.plan(stage.world, Wish(policy="nightly"), by="cli:anna")
    stage.clock.advance(1)
    restored = restores.start(stage.world, made.plan_id, by="cli:anna")
    stage.live(1)
    found = of(stage, "failed").explanation
    assert (found.since, found.good_before and found.good_before.slot) == (None, "well")
    assert (
        explain(stage.world, restored.run_id).explanation.cause
        == f"it is good: what could be restored came back from {made.snapshot}; 1 of 1 index not compared"
    )


def test_a_restore_that_was_cancelled_is_followed_by_a_plan_and_not_by_a_backup() -> None:
    stage = Stage()
    ran(stage, "well")
    made = plans.plan(stage.world, Wish(policy="nightly"), by="cli:anna")
    run = restores.start(stage.world, made.plan_id, by="cli:anna")
    control.cancel(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(1)
    assert explain(stage.world, run.run_id).explanation.next_step == "snapwarden restore plan --policy nightly"
