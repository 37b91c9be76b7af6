"""What ends of drills do to the backup, to the proofs of the policy and to its promise; also of several at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.model import Severity, State
from chalicelib.core.ports import Change, Update
from chalicelib.core.rows import Backup, BackupState, PolicyState, Proofs
from chalicelib.core.workflows import Decision
from chalicelib.service import query, settle
from tests.faults.drilling import DRILLS, at_work, backed_up, drilled, ended, settled, state_of, wrong
from tests.faults.world import Stage

DAY = timedelta(days=1)
FILE = DRILLS.replace('"0 2 * * *"', '"0 2 1 1 *"')
"""No slot comes in between."""


def stage_of() -> Stage:
    stage = Stage(FILE, indices=("orders", "orders-2"))
    stage.engine.write("orders", 10)
    return stage


def first_backup(stage: Stage) -> Backup:
    return backed_up(stage, "now-1")


def entry(stage: Stage, backup: Backup) -> Backup:
    return next(one for one in stage.store.backups("nightly") if one.backup_id == backup.backup_id)


def test_a_drill_of_all_brings_the_backup_and_the_promise_to_l4() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    assert backup.level == "L2"
    stage.clock.advance(timedelta(hours=3))
    state = drilled(stage, backup, "s1", "orders", "orders-2")
    assert (entry(stage, backup).level, entry(stage, backup).drills) == ("L4", ("drill:nightly:s1",))
    assert state.last_good["L4"].taken_at == backup.taken_at
    assert state.last_good["L2"].backup_id == backup.backup_id
    l4 = next(one for one in query.promises(stage.world, "nightly") if one.level == "L4")
    assert (l4.kept, l4.by) == (True, backup.taken_at + 8 * DAY - stage.clock.now())


def test_samples_add_up_over_backups_and_the_promise_is_as_old_as_the_oldest() -> None:
    stage = stage_of()
    one = first_backup(stage)
    state = drilled(stage, one, "s1", "orders")
    assert (entry(stage, one).level, entry(stage, one).proved, "L4" in state.last_good) == ("L2", 1, False)
    stage.clock.advance(DAY)
    two = backed_up(stage, "now-2")
    state = drilled(stage, two, "s2", "orders-2")
    assert state.last_good["L4"].taken_at == one.taken_at
    assert (entry(stage, two).level, entry(stage, two).proved) == ("L2", 1)
    state = drilled(stage, two, "s3", "orders")
    assert state.last_good["L4"].taken_at == two.taken_at
    assert (entry(stage, two).level, entry(stage, two).proved) == ("L4", 2)


def test_a_new_index_lets_the_promise_grow_older_until_it_is_proved() -> None:
    stage = stage_of()
    one = first_backup(stage)
    drilled(stage, one, "s1", "orders", "orders-2")
    stage.engine.create_index("orders-3")
    stage.clock.advance(DAY)
    two = backed_up(stage, "now-2")
    state = drilled(stage, two, "s2", "orders", "orders-2")
    assert state.last_good["L4"].taken_at == one.taken_at
    assert state.drilled is not None
    assert (state.drilled.standing, state.drilled.selected) == (2, 3)
    assert drilled(stage, two, "s3", "orders-3").last_good["L4"].taken_at == two.taken_at


def test_a_drill_of_an_older_backup_brings_back_nothing_that_left_the_selection() -> None:
    stage = stage_of()
    one = first_backup(stage)
    stage.engine.delete_index("orders-2")
    stage.clock.advance(DAY)
    two = backed_up(stage, "now-2")
    assert drilled(stage, two, "s1", "orders").last_good["L4"].taken_at == two.taken_at
    assert drilled(stage, one, "s2", "orders").last_good["L4"].taken_at == two.taken_at


def test_a_failed_drill_takes_the_backup_back_and_the_policy_falls_to_the_one_before() -> None:
    stage = stage_of()
    one = first_backup(stage)
    stage.clock.advance(DAY)
    two = backed_up(stage, "now-2")
    before = drilled(stage, two, "s1", "orders", "orders-2")
    assert (before.last_good["L2"].backup_id, before.last_good["L4"].backup_id) == (two.backup_id, two.backup_id)
    state = settled(stage, at_work(stage, two, "s2", "orders", proved=()), State.FAILED, wrong())
    bad = entry(stage, two)
    assert (bad.good, bad.errors, bad.level) == (False, ("restore.counts",), "L2")
    assert {level: good.backup_id for level, good in state.last_good.items()} == {
        "L1": one.backup_id,
        "L2": one.backup_id,
    }
    assert [good.backup_id for good in state.recent] == [one.backup_id]
    assert state.breach_at == one.taken_at + timedelta(hours=26)
    stage.clock.advance(timedelta(hours=3))
    stage.live(2)
    assert [
        report.attributes["state"] for report in stage.notifier.reports if report.attributes["kind"] == "promise"
    ] == ["BROKEN"]
    assert "L2" in {one.level for one in query.promises(stage.world, "nightly") if one.kept is False}


def test_without_any_other_backup_nothing_is_left_to_rely_on() -> None:
    stage = stage_of()
    only = first_backup(stage)
    state = settled(stage, at_work(stage, only, "s1", "orders"), State.FAILED, wrong("restore.sample"))
    assert state.last_good == {}
    assert stage.store.proofs("nightly") == replace(stage.store.proofs("nightly") or Proofs(policy=""), drills=())


def test_a_later_backup_that_is_deleted_or_bad_is_nothing_to_fall_back_to() -> None:
    stage = stage_of()
    one = first_backup(stage)
    stage.clock.advance(60)
    gone = backed_up(stage, "now-2")
    stage.clock.advance(60)
    two = backed_up(stage, "now-3")
    row = entry(stage, gone)
    assert stage.store.commit(Update(replace(row, state=BackupState.GONE, rev=row.rev + 1, token="gone")))
    state = settled(stage, at_work(stage, two, "s1", "orders"), State.FAILED, wrong())
    assert state.last_good["L2"].backup_id == one.backup_id


@pytest.mark.parametrize("state", [State.DEFERRED, State.MISSED, State.CANCELLED, State.TIMED_OUT, State.FAILED])
def test_a_drill_that_could_not_run_proves_and_breaks_nothing(state: State) -> None:
    stage = stage_of()
    backup = first_backup(stage)
    before = drilled(stage, backup, "s1", "orders", "orders-2")
    found = wrong("restore.refused") if state is State.FAILED else wrong("run.x", Severity.WARNING)
    after = settled(stage, at_work(stage, backup, "s2", "orders", proved=()), state, found)
    assert (after.last_good, after.breach_at, after.drilled) == (before.last_good, before.breach_at, before.drilled)
    assert entry(stage, backup).good
    assert after.last_drill is not None
    assert after.last_drill.state is state


def test_what_a_drill_proved_before_it_was_too_slow_is_proved_and_its_rto_is_broken() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    run = at_work(stage, backup, "s1", "orders", "orders-2")
    state = settled(stage, run, State.FAILED, wrong("drill.rto"), restore_seconds=61.0)
    assert (entry(stage, backup).level, entry(stage, backup).good) == ("L4", True)
    assert "L4" in state.last_good
    (restore,) = query.proved_restores(stage.world)
    assert (restore.kept, restore.rto, restore.drill.seconds) == (False, timedelta(minutes=1), 61.0)


def test_what_was_deleted_while_it_was_drilled_proves_nothing() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    run = at_work(stage, backup, "s1", "orders", "orders-2")
    row = entry(stage, backup)
    assert stage.store.commit(Update(replace(row, state=BackupState.GONE, rev=row.rev + 1, token="gone")))
    assert "L4" not in settled(stage, run).last_good


def test_two_drills_that_end_at_once_both_count() -> None:
    """The second one has read the rows before the first one wrote them: it loses, reads anew, and wins."""
    stage = stage_of()
    backup = first_backup(stage)
    one, two = at_work(stage, backup, "s1", "orders"), at_work(stage, backup, "s2", "orders-2")
    interrupted(stage, lambda: settled(stage, one))
    state = settled(stage, two)
    assert "L4" in state.last_good
    assert (entry(stage, backup).proved, entry(stage, backup).level) == (2, "L4")


def test_a_backup_that_ends_while_a_drill_fails_is_not_forgotten() -> None:
    stage = stage_of()
    bad = first_backup(stage)
    run = at_work(stage, bad, "s1", "orders")
    stage.clock.advance(DAY)
    newer: list[Backup] = []
    interrupted(stage, lambda: newer.append(backed_up(stage, "now-2")))
    state = settled(stage, run, State.FAILED, wrong())
    assert state.last_good["L2"].backup_id == newer[0].backup_id
    assert not entry(stage, bad).good


def interrupted(stage: Stage, act: object) -> None:
    """Just before the next commit, `act` happens."""
    commit = stage.store.commit

    def late(*changes: Change) -> bool:
        stage.store.commit = commit  # type: ignore[method-assign]
        act()  # type: ignore[operator]
        return commit(*changes)

    stage.store.commit = late  # type: ignore[method-assign]


def test_a_settled_drill_is_counted_and_timed() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    run = at_work(stage, backup, "s1", "orders")
    stage.clock.advance(90)
    settled(stage, run, restore_seconds=41.0)
    assert stage.metrics.total("DrillSeconds", Policy="nightly") == 90
    assert stage.metrics.total("RestoreSeconds") == 41
    assert stage.metrics.total("RunsFinished", Kind="drill", State="SUCCEEDED") == 1


def test_the_first_good_one_after_a_failure_says_that_it_recovers() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    settled(stage, at_work(stage, backup, "s1", proved=()), State.DEFERRED)
    stored = settle.store(
        stage.world, ended(stage, at_work(stage, backup, "s2", "orders")), Decision(state=State.SUCCEEDED)
    )
    assert stored is not None
    assert stored[0].recovers


def test_thousands_of_indices_settle_and_the_promise_says_that_some_found_no_room() -> None:
    """Names of the greatest length: no row may stand in the way of an end."""
    stage = stage_of()
    backup = first_backup(stage)
    names = [f"{n:06d}" + "x" * 240 for n in range(3000)]
    run = at_work(stage, backup, "s1", "orders", proved=("orders", *names))
    state = settled(stage, run)
    assert isinstance(state, PolicyState)
    kept = stage.store.proofs("nightly")
    assert kept is not None
    assert "L4" not in state.last_good


def test_what_a_drill_brought_is_listed_index_by_index() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    run = at_work(stage, backup, "s1", "orders", "orders-2", proved=("orders-2",))
    settled(stage, run, State.FAILED, wrong())
    shown = query.drilled(stage.world, stage.run(run.run_id))
    assert [(one.name, one.restored_as, one.proved, one.findings) for one in shown] == [
        ("orders", "drill-orders", False, ("restore.counts",)),
        ("orders-2", "drill-orders-2", True, ()),
    ]
    assert state_of(stage).last_drill is not None
