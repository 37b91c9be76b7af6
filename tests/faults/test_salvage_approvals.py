"""Documents into live indices that `restore.allow` does not name: a second person says yes to one dry run."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Plan
from chalicelib.core.ports import Update
from chalicelib.core.rows import BackupState
from chalicelib.service import salvages
from tests.faults.salvaging import ALLOWED, LIVE, WHOLE, damaged, live
from tests.faults.second_person import ANNA, BEN, CARL, approved, started, the_backup, typing
from tests.faults.world import Killed, Stage

NARROW = ALLOWED.replace('"orders*", ', "")
ALONE = NARROW.replace('["restored-*"]', '["restored-*"], approval: false')


def looked_at(stage: Stage, run: Run, *, by: str = ANNA, missing_only: bool = False) -> Plan:
    with typing(stage, by):
        return salvages.plan(stage.world, run.run_id, missing_only=missing_only)


def copied(stage: Stage, run: Run, *, by: str = ANNA) -> Run:
    """The run of the newest dry run, as the command starts it."""
    with typing(stage, by):
        return salvages.start(stage.world, run.run_id)


def test_it_copies_with_another_ones_approval_and_both_are_named() -> None:
    stage, run = damaged(NARROW)
    plan = looked_at(stage, run)
    assert (plan.made_by, plan.approval, plan.conflicts) == (ANNA, (LIVE,), ())
    assert "--indices" in plan.findings[0].next_step, "there is no prefix to choose"
    approved(stage, plan)
    salvage = copied(stage, run)
    assert (salvage.plan, salvage.requested_by, salvage.approved_by) == (plan.plan_id, ANNA, BEN)
    used = stage.store.approval(plan.plan_id)
    assert used
    assert used.used_by == salvage.run_id
    stage.live(2)
    assert (stage.run(salvage.run_id).state, live(stage)) == (State.SUCCEEDED, WHOLE)
    (report,) = [report for report in stage.notifier.reports if report.key == f"{salvage.run_id}#end"]
    assert f"asked by   {ANNA}" in report.body
    assert f"by {BEN}" in report.body


def test_without_one_or_by_one_person_alone_nothing_starts() -> None:
    stage, run = damaged(NARROW)
    plan = looked_at(stage, run)
    with pytest.raises(BadInput, match="a second person must approve"):
        copied(stage, run)
    with pytest.raises(BadInput, match="anna made the plan"):
        approved(stage, plan, by=ANNA)
    approved(stage, plan)
    with pytest.raises(BadInput, match="ben approved it"):
        copied(stage, run, by=BEN)
    assert stage.engine.sent("write") == 0
    assert copied(stage, run, by=CARL).approved_by == BEN


def test_the_approval_is_of_one_dry_run_and_of_what_it_was_to_copy() -> None:
    """Not of one that somebody makes afterwards, and not of more than what is missing."""
    stage, run = damaged(NARROW)
    missing = looked_at(stage, run, missing_only=True)
    approved(stage, missing)
    stage.clock.advance(1)
    whole = looked_at(stage, run)
    with pytest.raises(BadInput, match="a second person must approve"):
        copied(stage, run)
    stage.clock.advance(1)
    newer = looked_at(stage, run, missing_only=True)
    assert len({missing.plan_id, whole.plan_id, newer.plan_id}) == 3
    with typing(stage, ANNA), pytest.raises(BadInput, match="a second person must approve"):
        salvages.start(stage.world, run.run_id, missing_only=True)
    assert started(stage, missing).approved_by == BEN


def test_an_old_dry_run_says_how_to_make_a_new_one() -> None:
    stage, run = damaged(NARROW)
    plan = looked_at(stage, run)
    stage.clock.advance(3601)
    with pytest.raises(BadInput, match=f"snapwarden salvage {run.run_id} --dry-run"):
        approved(stage, plan)


def test_one_person_alone_is_told_to_everybody() -> None:
    stage, run = damaged(NARROW)
    plan = looked_at(stage, run)
    salvage = started(stage, plan, glass="ben is asleep")
    assert [report.key for report in stage.notifier.reports if report.key.endswith("#break-glass")]
    stage.live(2)
    salvage = stage.run(salvage.run_id)
    assert (salvage.state, salvage.approved_by, salvage.glass_told) == (State.SUCCEEDED, None, True)
    assert live(stage) == WHOLE


def test_where_nobody_may_approve_it_is_a_conflict() -> None:
    stage, run = damaged(ALONE)
    plan = looked_at(stage, run)
    assert [found.code for found in plan.conflicts] == ["restore.not_allowed"]
    for start in (approved, started):
        with pytest.raises(BadInput, match="nobody may approve"):
            start(stage, plan)


@pytest.mark.parametrize(
    ("file", "code"), [(NARROW, "restore.world_moved"), (ALONE, "restore.not_allowed")], ids=["narrower", "by nobody"]
)
def test_a_file_that_allows_less_since_the_start_ends_it_before_anything_is_written(file: str, code: str) -> None:
    stage, run = damaged()
    looked_at(stage, run)
    salvage = copied(stage, run)
    stage.apply(file)
    stage.live(2)
    salvage = stage.run(salvage.run_id)
    assert (salvage.state, [found.code for found in salvage.findings]) == (State.FAILED, [code])
    assert stage.engine.sent("write") == 0


def test_what_was_approved_is_refused_once_nobody_may_approve() -> None:
    stage, run = damaged(NARROW)
    approved(stage, looked_at(stage, run))
    salvage = copied(stage, run)
    stage.apply(ALONE)
    stage.live(2)
    salvage = stage.run(salvage.run_id)
    assert (salvage.state, [found.code for found in salvage.findings]) == (State.FAILED, ["restore.not_allowed"])


def test_the_backup_may_be_gone_and_is_not_marked_as_in_use() -> None:
    """What was restored from it is read, and nothing else."""
    stage, run = damaged()
    looked_at(stage, run)
    row = the_backup(stage)
    assert stage.store.commit(Update(replace(row, state=BackupState.GONE, rev=row.rev + 1, token="gone")))
    salvage = copied(stage, run)
    assert the_backup(stage).users == ()
    before = stage.metrics.total("RestoreSeconds")
    stage.live(2)
    assert (stage.run(salvage.run_id).state, live(stage)) == (State.SUCCEEDED, WHOLE)
    assert stage.metrics.total("RestoreSeconds") == before, "nothing was restored"


def effects_of_an_approved_salvage() -> list[str]:
    stage, run = damaged(NARROW)
    approved(stage, looked_at(stage, run))
    stage.fuse.effects.clear()
    copied(stage, run)
    return list(stage.fuse.effects)


STARTING = effects_of_an_approved_salvage()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(len(STARTING)))
def test_a_command_that_dies_uses_the_approval_up_for_one_run_or_not_at_all(number: int, after: bool) -> None:
    stage, run = damaged(NARROW)
    plan = looked_at(stage, run)
    approved(stage, plan)
    stage.fuse.effects.clear()
    stage.fuse.kill_at, stage.fuse.after = number, after
    with pytest.raises(Killed, match=STARTING[number]):
        copied(stage, run)
    stage.fuse.kill_at = None
    salvage = copied(stage, run)
    given = stage.store.approval(plan.plan_id)
    assert given
    assert (given.used_by, salvage.approved_by) == (salvage.run_id, BEN)
    stage.live(3)
    assert (stage.run(salvage.run_id).state, live(stage)) == (State.SUCCEEDED, WHOLE)
