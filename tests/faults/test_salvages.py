"""Documents from a restored index back into the live one, through the real driver: whatever dies on the way, all that
was missing is there, and nothing that others wrote is lost."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import control, plans, salvages
from tests.faults.salvaging import ALLOWED, LIVE, RESTORED, WHOLE, damaged, dry_run, live, restored, source, started
from tests.faults.world import FILE, Stage


def codes(found: object) -> list[str]:
    return [finding.code for finding in getattr(found, "findings", ())]


def ended(stage: Stage, run: Run, minutes: float = 2) -> Run:
    stage.live(minutes)
    return stage.run(run.run_id)


def test_a_dry_run_counts_and_writes_nothing() -> None:
    stage, run = damaged()
    before = live(stage)
    plan = dry_run(stage, run)
    (move,) = plan.moves
    assert (move.source, move.name, plan.wish.mode) == (RESTORED, LIVE, Mode.SALVAGE)
    of = move.difference
    assert of is not None
    assert (of.missing, of.different, of.same, of.only_live) == (3, 2, 5, 1)
    assert (plan.findings, plan.approval, move.bytes) == ((), (), sum(len(source(n)) for n in range(5)))
    assert (stage.engine.sent("write"), live(stage)) == (0, before)
    assert plans.stored(stage.world, plan.plan_id) == plan


def test_what_is_missing_or_different_comes_back_and_nothing_else_is_touched() -> None:
    stage, run = damaged()
    salvage = ended(stage, started(stage, run))
    assert (salvage.state, salvage.good, salvage.docs, salvage.last_error) == (State.SUCCEEDED, True, 5, None)
    assert salvage.reason == "5 documents copied (3 were missing, 2 different); of the others 5 the same"
    assert live(stage) == WHOLE
    assert [step.state.value for step in salvage.steps] == ["PLANNED", "RESTORING", "SUCCEEDED"]
    (report,) = [report for report in stage.notifier.reports if report.key == f"{salvage.run_id}#end"]
    assert "What was copied stays" in report.body
    assert stage.queue.next_at is None
    assert codes(dry_run(stage, run)) == []


def test_only_what_is_missing_when_that_is_wanted() -> None:
    stage, run = damaged()
    salvage = ended(stage, started(stage, run, missing_only=True))
    assert (
        salvage.reason
        == "3 documents copied (3 were missing, 0 different); of the others 5 the same, 2 different and left"
    )
    assert {number for number, text in live(stage).items() if "spoiled" in text} == {"3", "4"}


def test_it_starts_only_what_was_looked_at_within_the_hour() -> None:
    stage, run = damaged()
    with pytest.raises(BadInput, match="nobody looked"):
        salvages.start(stage.world, run.run_id, by="cli:anna")
    dry_run(stage, run)
    with pytest.raises(BadInput, match="nobody looked"):
        salvages.start(stage.world, run.run_id, by="cli:anna", missing_only=True)
    stage.clock.advance(timedelta(hours=1, seconds=1))
    with pytest.raises(BadInput, match="nobody looked"):
        salvages.start(stage.world, run.run_id, by="cli:anna")
    newest = dry_run(stage, run)
    first = salvages.start(stage.world, run.run_id, by="cli:anna")
    assert first.plan == newest.plan_id
    assert salvages.start(stage.world, run.run_id, by="cli:ben") == first


def test_only_a_restore_that_ended_well_can_be_salvaged_from() -> None:
    stage, run = damaged()
    salvage = ended(stage, started(stage, run))
    for run_id, why in (("backup:nightly:now-1", "is no restore"), (salvage.run_id, "is no restore")):
        with pytest.raises(BadInput, match=why):
            salvages.plan(stage.world, run_id, by="cli:anna")
    with pytest.raises(BadInput, match="no index that was restored matches"):
        salvages.plan(stage.world, run.run_id, by="cli:anna", indices=("x*",))


def test_live_names_beyond_what_is_allowed_need_somebody_else() -> None:
    stage, run = damaged(ALLOWED.replace('"orders*", ', ""))
    plan = dry_run(stage, run)
    assert plan.approval == (LIVE,)
    assert codes(plan) == ["restore.approval"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda stage: stage.engine.delete_index(LIVE), "salvage.live_gone"),
        (lambda stage: stage.engine.delete_index(RESTORED), "salvage.restored_gone"),
        (lambda stage: stage.engine.create_index(RESTORED), "salvage.restored_gone"),
        (lambda stage: setattr(stage.engine.indices[RESTORED], "closed", True), "salvage.restored_closed"),
        (lambda stage: setattr(stage.engine.indices[LIVE], "closed", True), "salvage.live_closed"),
        (lambda stage: setattr(stage.engine.indices[LIVE], "writable", False), "salvage.live_blocked"),
        (lambda stage: setattr(stage.engine.indices[LIVE], "whole", False), "salvage.no_source"),
    ],
)
def test_what_is_in_the_way_is_said_by_the_dry_run_and_found_again_before_anything_is_written(
    change: object, code: str
) -> None:
    assert callable(change)
    stage, run = damaged()
    change(stage)
    plan = dry_run(stage, run)
    assert [found.code for found in plan.conflicts] == [code]
    with pytest.raises(BadInput):
        salvages.start(stage.world, run.run_id, by="cli:anna")
    stage, run = damaged()
    salvage = started(stage, run)
    change(stage)
    salvage = ended(stage, salvage)
    assert (salvage.state, codes(salvage)) == (State.FAILED, [code])
    assert stage.engine.sent("write") == 0


def test_an_alias_in_the_place_of_the_live_index_is_refused_with_the_reason() -> None:
    stage, run = damaged()
    stage.engine.delete_index(LIVE)
    stage.engine.create_index("orders-2", aliases=(LIVE,))
    plan = dry_run(stage, run)
    assert [(found.code, found.message) for found in plan.conflicts] == [
        ("salvage.live_is_alias", "orders is an alias now, of orders-2")
    ]


def test_a_live_index_that_was_made_anew_since_the_dry_run_is_left_alone() -> None:
    stage, run = damaged()
    salvage = started(stage, run)
    stage.engine.create_index(LIVE, shards=2)
    salvage = ended(stage, salvage)
    assert (salvage.state, codes(salvage), live(stage)) == (State.FAILED, ["salvage.live_changed"], {})


def test_a_write_in_between_wins() -> None:
    """Between our read and our write: one that puts a missing document there, one that changes a different one, one
    that deletes it."""
    stage, run = damaged(shards=1)
    salvage = started(stage, run)

    def meanwhile() -> None:
        stage.engine.indices[LIVE].put("0", source(0, "newer"))
        stage.engine.indices[LIVE].put("3", source(3, "newer"))
        stage.engine.indices[LIVE].erase("4")

    stage.engine.meanwhile = meanwhile
    salvage = ended(stage, salvage)
    assert salvage.state is State.SUCCEEDED
    found = live(stage)
    assert (found["0"], found["3"]) == (source(0, "newer"), source(3, "newer"))
    assert "4" not in found
    assert salvage.reason == (
        "2 documents copied (2 were missing, 0 different); of the others 5 the same, 3 written meanwhile"
    )


def test_documents_that_the_live_index_refuses_are_counted_and_the_others_are_copied() -> None:
    stage, run = damaged()
    stage.engine.indices[LIVE].unwelcome = frozenset({"1"})
    salvage = ended(stage, started(stage, run))
    assert (salvage.state, salvage.good, codes(salvage)) == (State.FAILED, False, ["salvage.documents_refused"])
    assert "document_parsing_exception: 1" in salvage.findings[0].message
    assert set(WHOLE) - set(live(stage)) == {"1"}


def test_a_wish_to_cancel_ends_it_between_two_slices_and_says_how_many_were_copied() -> None:
    stage, run = restored(numbers=600, shards=1)
    for number in range(500):
        stage.engine.indices[LIVE].erase(str(number))
    salvage = started(stage, run)
    stage.engine.meanwhile = lambda: stage.clock.advance(15)
    stage.live(0.01)
    assert stage.run(salvage.run_id).state is State.RESTORING
    control.cancel(stage.world, salvage.run_id, by="cli:anna", why="wrong one")
    salvage = ended(stage, salvage)
    assert salvage.state is State.CANCELLED
    assert salvage.reason == "cancelled by cli:anna: wrong one; 100 documents copied (100 were missing, 0 different)"
    assert len(live(stage)) == 200


def test_a_cluster_that_refuses_writes_for_a_while_is_waited_for() -> None:
    """A full disk blocks them, and whoever frees it lifts the block."""
    stage, run = damaged()
    salvage = started(stage, run)
    stage.engine.meanwhile = lambda: setattr(stage.engine.indices[LIVE], "writable", False)
    stage.live(3)
    assert stage.run(salvage.run_id).state is State.RESTORING
    stage.engine.indices[LIVE].writable = True
    salvage = ended(stage, salvage, 10)
    assert (salvage.state, live(stage)) == (State.SUCCEEDED, WHOLE)


def test_what_does_not_come_to_its_end_in_time_says_how_far_it_came() -> None:
    stage, run = damaged()
    salvage = started(stage, run)
    stage.engine.meanwhile = lambda: setattr(stage.engine.indices[LIVE], "writable", False)
    stage.live(3)
    stage.clock.advance(timedelta(hours=12))
    salvage = ended(stage, salvage, 5)
    assert salvage.state is State.TIMED_OUT
    assert "0 documents copied" in (salvage.reason or "")
    assert "blocked" in (salvage.reason or "")


def test_refusals_are_repeated_for_a_while_and_then_end_it() -> None:
    stage, run = damaged()
    salvage = started(stage, run)
    for _ in range(5):
        stage.engine.refuse("page", "403 no read")
    salvage = ended(stage, salvage, 30)
    assert (salvage.state, codes(salvage)) == (State.FAILED, ["restore.refused"])


@pytest.mark.parametrize("method", ["page", "live", "write", "state"])
def test_a_lost_answer_costs_time_and_nothing_else(method: str) -> None:
    stage, run = damaged()
    salvage = started(stage, run)
    stage.engine.lose_next_answer(method)
    salvage = ended(stage, salvage, 5)
    assert (salvage.state, live(stage)) == (State.SUCCEEDED, WHOLE)
    if method == "write":
        assert (salvage.reason or "").startswith("at least ")


def test_backups_of_the_same_repository_do_not_wait_for_it() -> None:
    """It reads no repository; only its slot of the target counts."""
    stage, run = damaged(ALLOWED.replace("    engine: elastic", "    max_concurrent: 2\n    engine: elastic"))
    salvage = started(stage, run)
    stage.engine.meanwhile = lambda: setattr(stage.engine.indices[LIVE], "writable", False)
    stage.live(0.2)
    assert stage.run(salvage.run_id).state is State.RESTORING
    backup = stage.backup("now-2")
    assert backup.state is State.STARTING


def test_a_second_one_waits_for_the_first_and_says_so() -> None:
    """Two at once could be at work on one index."""
    stage, run = damaged(ALLOWED.replace("    engine: elastic", "    max_concurrent: 2\n    engine: elastic"))
    dry_run(stage, run, missing_only=True)
    first = started(stage, run)
    stage.engine.meanwhile = lambda: setattr(stage.engine.indices[LIVE], "writable", False)
    stage.live(0.1)
    second = salvages.start(stage.world, run.run_id, by="cli:anna", missing_only=True)
    stage.live(0.05)
    waits = stage.run(second.run_id)
    assert (waits.state, waits.last_error) == (
        State.QUEUED,
        f"waits: {first.run_id} copies documents on the same cluster",
    )
    stage.engine.indices[LIVE].writable = True
    stage.live(10)
    assert [stage.run(one.run_id).state for one in (first, second)] == [State.SUCCEEDED] * 2


def effects_of_a_whole_salvage() -> list[str]:
    stage, run = damaged()
    dry_run(stage, run)
    stage.fuse.effects.clear()
    salvages.start(stage.world, run.run_id, by="cli:anna")
    stage.live(1)
    return list(stage.fuse.effects)


EFFECTS = effects_of_a_whole_salvage()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)][2:])
def test_the_process_dies_at_any_side_effect_and_all_is_copied_still(number: int, after: bool) -> None:
    stage, run = damaged()
    dry_run(stage, run)
    stage.fuse.effects.clear()
    salvage = salvages.start(stage.world, run.run_id, by="cli:anna")
    stage.fuse.kill_at, stage.fuse.after = number, after
    salvage = ended(stage, salvage, 15)
    assert (salvage.state, salvage.told) == (State.SUCCEEDED, True), (salvage.reason, salvage.last_error)
    assert live(stage) == WHOLE
    assert {report.key for report in stage.notifier.reports if salvage.run_id in report.key} == {
        f"{salvage.run_id}#end"
    }
    counted = salvage.salvage
    assert counted is not None
    assert counted.unsure or (counted.created, counted.replaced) == (3, 2)


def test_a_plan_of_a_salvage_is_no_way_to_restore() -> None:
    stage, _ = restored(FILE)
    with pytest.raises(BadInput, match="no way to restore"):
        plans.plan(stage.world, Wish(policy="nightly", mode=Mode.SALVAGE), by="cli:anna")
