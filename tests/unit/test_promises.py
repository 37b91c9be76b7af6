"""`status`: the promise against the newest good backup; what cannot be said yet is not called kept."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.service import promises, query
from tests.faults.world import FILE, START, Stage

PROMISED = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n")


def the_promise(stage: Stage) -> query.Promise:
    (promise,) = query.promises(stage.world, "nightly")
    return promise


def test_no_promise_is_neither_kept_nor_broken() -> None:
    promise = the_promise(Stage())
    assert (promise.rpo, promise.kept, promise.by) == (None, None, None)


def test_a_young_policy_that_never_ran_waits_and_an_old_one_is_broken() -> None:
    stage = Stage(PROMISED)
    assert the_promise(stage).kept is None
    stage.clock.set(START + timedelta(hours=27))
    assert (the_promise(stage).kept, the_promise(stage).by) == (False, timedelta(hours=1))


def test_status_mute_and_gauge_go_by_one_clock() -> None:
    """A first run that brought nothing breaks no promise that still has a day."""
    stage = Stage(PROMISED, indices=("weather",))
    stage.until_slot()
    stage.live(1)
    assert the_promise(stage).kept is None
    with pytest.raises(BadInput, match="is not broken; without a good backup it breaks at 2026-11-22 03:30:00 UTC"):
        promises.mute(stage.world, "nightly", START + timedelta(days=2), by="ann", why="known")
    stage.clock.set(START + timedelta(hours=26))
    assert (the_promise(stage).kept, the_promise(stage).by) == (False, timedelta(0))
    promises.mute(stage.world, "nightly", START + timedelta(days=2), by="ann", why="known")
    assert the_promise(stage).muted is not None
    stage.clock.set(START + timedelta(days=2))
    stage.tick()
    assert stage.store.broken() == (1, START + timedelta(hours=26))
    assert [event.at for event in stage.bus.events if "Promise" in event.detail_type] == [START + timedelta(hours=26)]


def test_the_promise_is_kept_until_the_newest_good_backup_is_too_old() -> None:
    stage = Stage(PROMISED)
    stage.until_slot()
    stage.live(1)
    good = the_promise(stage).last_good
    assert good is not None
    stage.clock.set(good.taken_at + timedelta(hours=25))
    assert (the_promise(stage).kept, the_promise(stage).by) == (True, timedelta(hours=1))
    stage.clock.set(good.taken_at + timedelta(hours=28))
    assert (the_promise(stage).kept, the_promise(stage).by) == (False, timedelta(hours=2))


def test_a_later_failure_does_not_break_a_promise_that_still_holds() -> None:
    stage = Stage(PROMISED)
    stage.until_slot()
    stage.live(1)
    stage.engine.delete_index("orders")
    stage.backup()
    stage.live(1)
    assert the_promise(stage).kept is True


def test_an_unknown_policy_is_told_with_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="perhaps nightly"):
        query.promises(Stage().world, "nigthly")
    with pytest.raises(BadInput, match="perhaps nightly"):
        query.upcoming(Stage().world, "nigthly", 1)


def test_what_comes_next_is_what_the_tick_will_start() -> None:
    stage = Stage()
    (slot,) = query.upcoming(stage.world, None, 1)
    stage.clock.set(slot.due_at - timedelta(minutes=1))
    stage.tick()
    assert stage.store.runs(policy="nightly") == ()
    stage.clock.set(slot.due_at)
    stage.tick()
    assert [run.slot for run in stage.store.runs(policy="nightly")] == [f"{slot.slot:%Y-%m-%dT%H:%MZ}"]


def test_an_unknown_run_is_told_with_the_nearest_id() -> None:
    stage = Stage()
    stage.until_slot()
    stage.live(1)
    with pytest.raises(BadInput, match="perhaps backup:nightly:2026-11-21T02:00Z"):
        query.run(stage.world, "backup:nightly:2026-11-21T02:01Z")
