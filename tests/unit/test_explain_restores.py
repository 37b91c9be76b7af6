"""`explain` of restores: why, when that happened before, and what mended it then."""

from dataclasses import replace

from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import control
from chalicelib.service.explain import explain
from tests.faults.salvaging import LIVE, damaged
from tests.faults.salvaging import started as salvaged
from tests.faults.second_person import ANNA, backed_up, planned, started
from tests.faults.test_swaps import backed_up as swappable
from tests.faults.test_swaps import swapped
from tests.faults.world import Stage

WISH = Wish(policy="nightly")


def ended(stage: Stage, wish: Wish = WISH) -> Run:
    stage.clock.advance(1)
    run = started(stage, planned(stage, wish))
    stage.live(2)
    return stage.run(run.run_id)


def test_a_failed_restore_names_the_last_one_and_the_backup_that_mended_it() -> None:
    stage = backed_up()
    (first,) = stage.store.backups("nightly")
    stage.engine.lose_blob(first.snapshot, "orders")
    failed = ended(stage)
    stage.backup("now-2")
    stage.live(2)
    mended = ended(stage)
    assert (failed.state, mended.state) == (State.FAILED, State.SUCCEEDED)
    again = ended(stage, replace(WISH, backup=first.backup_id, prefix="restored-b-"))
    found = explain(stage.world, again.run_id)
    known = found.explanation
    assert known.code == "restore.shard_failed"
    assert "\n" not in known.cause
    assert known.before
    assert (known.before.run.run_id, known.before.fixed_by and known.before.fixed_by.run_id) == (
        failed.run_id,
        mended.run_id,
    )
    assert found.mended == (f"it was restored from {mended.snapshot} instead of {first.snapshot}",)


def test_one_that_waits_says_for_what_and_one_that_runs_says_how_far() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage, planned(stage, WISH))
    assert "about to look whether the world" in explain(stage.world, run.run_id).explanation.cause
    waits = started(stage, planned(stage, replace(WISH, prefix="restored-b-")))
    assert "it waits for its repository, until" in explain(stage.world, waits.run_id).explanation.cause
    stage.live(0.5)
    assert "it is in progress: 0 of 2 shards" in explain(stage.world, run.run_id).explanation.cause
    assert f"{run.run_id} works on the same repository" in explain(stage.world, waits.run_id).explanation.cause


def test_one_that_failed_and_cleans_up_says_why_it_does() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage, planned(stage, WISH))
    stage.live(0.5)
    control.cancel(stage.world, run.run_id, by=ANNA, why="wrong one")
    assert "anna cancelled it" in explain(stage.world, run.run_id).explanation.cause


def test_a_salvage_is_explained_by_salvages_and_not_by_restores() -> None:
    """A restore that went well has not mended a copy of documents that failed."""
    stage, of = damaged()
    stage.engine.indices[LIVE].unwelcome = frozenset({"1"})
    failed = copied(stage, of)
    found = explain(stage.world, failed.run_id).explanation
    assert "document_parsing_exception" in found.cause
    assert f"snapwarden salvage {of.run_id} --dry-run" in (found.next_step or "")
    assert found.since is None
    stage.engine.indices[LIVE].unwelcome = frozenset()
    stage.clock.advance(1)
    good = copied(stage, of)
    found = explain(stage.world, good.run_id).explanation
    assert found.cause == "it is good: 1 document copied (1 was missing, 0 different); of the others 9 the same"
    since = explain(stage.world, failed.run_id).explanation.since
    assert since
    assert since.run_id == good.run_id


def copied(stage: Stage, of: Run) -> Run:
    run = salvaged(stage, of)
    stage.live(2)
    return stage.run(run.run_id)


def test_one_that_has_swapped_waits_for_people_and_names_both_ways() -> None:
    """`in progress, watch it` would have somebody watch for a day until the old data are deleted."""
    stage = swappable()
    run = swapped(stage)
    found = explain(stage.world, run.run_id).explanation
    assert found.cause.startswith("it has swapped, and waits: what was live before is kept until")
    assert "at the latest" in found.cause
    assert found.next_step == (
        f"it is good: snapwarden restore finish {run.run_id} --wait; "
        f"it is not: snapwarden restore rollback {run.run_id} --wait"
    )
    control.rollback(stage.world, run.run_id, by=ANNA, why="wrong")
    assert explain(stage.world, run.run_id).explanation.cause == f"{ANNA} asked for its rollback, which is under way"
