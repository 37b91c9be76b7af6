"""A backup that a restore reads is marked from its start to its end, and no longer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.core.model import State
from chalicelib.core.plans import Wish
from chalicelib.core.ports import Change, Update
from chalicelib.core.rows import BackupState
from chalicelib.service import control
from tests.faults.second_person import all_restores, backed_up, planned, started, the_backup
from tests.faults.world import Stage

ALLOWED = Wish(policy="nightly")


def reading(stage: Stage) -> str:
    run = started(stage, planned(stage, ALLOWED))
    assert the_backup(stage).users == (run.run_id,)
    return run.run_id


def test_a_restore_marks_its_backup_until_it_has_ended() -> None:
    stage = backed_up()
    run_id = reading(stage)
    stage.live(1)
    assert stage.run(run_id).state is State.SUCCEEDED
    assert the_backup(stage).users == ()


def test_of_two_restores_each_takes_away_its_own_mark() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    first = reading(stage)
    second = started(stage, planned(stage, replace(ALLOWED, prefix="restored-b-"))).run_id
    assert the_backup(stage).users == (first, second)
    control.cancel(stage.world, second, by="cli:anna", why="one is enough")
    stage.live(1)
    assert stage.run(second).state is State.CANCELLED
    assert the_backup(stage).users == (first,)


def test_one_that_never_began_or_did_not_end_in_time_leaves_no_mark() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    works = reading(stage)
    waits = started(stage, planned(stage, replace(ALLOWED, prefix="restored-b-"))).run_id
    assert the_backup(stage).users == (works, waits)
    stage.live(0.2)
    stage.clock.advance(timedelta(hours=1))
    stage.live(2)
    assert stage.run(waits).state is State.MISSED
    assert the_backup(stage).users == (works,)
    stage.clock.advance(timedelta(hours=12))
    stage.live(5)
    assert stage.run(works).state is State.TIMED_OUT
    assert the_backup(stage).users == ()


def test_a_backup_that_somebody_began_to_delete_is_not_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as kept, and written meanwhile by whoever deletes it: the start loses, and looks again."""
    stage = backed_up()
    plan = planned(stage, ALLOWED)
    commit = stage.store.commit

    def later(*changes: Change) -> bool:
        monkeypatch.setattr(stage.store, "commit", commit)
        backup = the_backup(stage)
        assert commit(Update(replace(backup, state=BackupState.DELETING, rev=backup.rev + 1, token="deleter")))
        return commit(*changes)

    monkeypatch.setattr(stage.store, "commit", later)
    with pytest.raises(Conflict, match="no longer in the catalogue"):
        started(stage, plan)
    assert (all_restores(stage), the_backup(stage).users) == ([], ())
