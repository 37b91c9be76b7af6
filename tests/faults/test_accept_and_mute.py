"""A person's word: a shrunken backup becomes the measure, a broken promise is acknowledged."""

from datetime import datetime, timedelta

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Run, State
from chalicelib.core.observations import Sizes
from chalicelib.core.rows import PolicyState
from chalicelib.service import accept, promises, query
from tests.faults.world import FILE, START, Stage

SHRINKS = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n    contract: {max_shrink: 20%}\n")
NOT_YET = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n")


def ran(stage: Stage, request_id: str) -> Run:
    run = stage.backup(request_id)
    stage.live(1)
    return stage.run(run.run_id)


def shrunken(file: str = SHRINKS) -> Stage:
    """One good backup of 100 documents, then one of 60 that FAILED."""
    stage = Stage(file)
    stage.engine.create_index("orders", documents=100)
    assert ran(stage, "whole").good
    stage.engine.delete_documents("orders", 40)
    failed = ran(stage, "shrunken")
    assert (failed.state, [finding.code for finding in failed.findings]) == (State.FAILED, ["contract.max_shrink"])
    return stage


def accepted(stage: Stage, request_id: str = "shrunken") -> None:
    accept.accept(stage.world, stage.run(f"backup:nightly:{request_id}").snapshot, by="ann", why="old orders removed")


def policy(stage: Stage) -> PolicyState:
    found = stage.store.state("nightly")
    assert found is not None
    return found


def test_without_it_no_backup_is_good_again() -> None:
    assert ran(shrunken(), "again").state is State.FAILED


def test_accepted_it_is_good_counts_for_the_promise_and_says_who_wanted_it() -> None:
    stage = shrunken()
    accepted(stage)
    newest, first = query.backups(stage.world)
    assert (newest.good, newest.level, newest.errors) == (True, "L2", ())
    assert newest.accepted is not None
    assert (newest.accepted.by, newest.accepted.why) == ("ann", "old orders removed")
    assert policy(stage).last_good["L1"].backup_id == newest.backup_id
    assert policy(stage).last_good["L2"].taken_at > first.taken_at
    assert policy(stage).breach_at == newest.taken_at + timedelta(hours=26)


def test_the_next_ones_are_measured_by_it() -> None:
    stage = shrunken()
    accepted(stage)
    assert ran(stage, "like-it").good
    stage.engine.delete_documents("orders", 20)
    shrank = ran(stage, "less-again")
    assert shrank.state is State.FAILED
    assert "instead of the usual 60" in (shrank.reason or "")


@pytest.mark.parametrize("when", ["it runs", "it is looked at", "it waits"])
def test_so_is_one_that_is_open_meanwhile(when: str) -> None:
    """It was judged by the measure that it was made with, and FAILED just after somebody had said what is right."""
    stage = shrunken()
    stage.engine._looks = None
    first = stage.backup("open")
    stage.live(1)
    run = stage.backup("behind") if when == "it waits" else first
    original = stage.engine.sizes

    def sizes(repository: str, snapshot: str) -> Sizes:
        stage.engine.sizes = original  # type: ignore[method-assign]
        accepted(stage)
        return original(repository, snapshot)

    if when == "it is looked at":
        stage.engine.sizes = sizes  # type: ignore[method-assign]
    else:
        accepted(stage)
    stage.engine.complete(first.snapshot)
    stage.live(2)
    if when == "it waits":
        stage.engine.complete(run.snapshot)
        stage.live(2)
    assert (stage.run(run.run_id).state, stage.run(run.run_id).good) == (State.SUCCEEDED, True)


def test_a_good_one_can_be_made_the_measure_too() -> None:
    """After a month of growth the median of seven lags behind."""
    stage = shrunken()
    accepted(stage, "whole")
    assert [good.docs for good in policy(stage).recent] == [100]


def test_what_is_wrong_in_other_ways_is_refused_with_what_it_is() -> None:
    stage = shrunken(SHRINKS.replace("max_shrink: 20%", "max_shrink: 20%, must_include: [orders]"))
    stage.engine.delete_index("orders")
    stage.engine.create_index("orders-2", documents=10)
    ran(stage, "wrong")
    with pytest.raises(BadInput, match=r"can't be made the measure: contract\.must_include"):
        accepted(stage, "wrong")
    assert policy(stage).last_good["L1"].backup_id == stage.run("backup:nightly:whole").snapshot


def test_what_could_not_be_counted_is_not_made_good_by_anybody() -> None:
    stage = shrunken()
    stage.engine.refuse("refresh", "403 maintenance is needed")
    unproved = ran(stage, "uncounted")
    assert not unproved.good
    with pytest.raises(BadInput, match="proved no further than L1"):
        accepted(stage, "uncounted")


def test_an_unknown_backup_is_told_with_the_nearest_name() -> None:
    stage = shrunken()
    name = stage.run("backup:nightly:whole").snapshot
    with pytest.raises(BadInput, match=f"perhaps {name}"):
        accept.accept(stage.world, f"{name[:-1]}_", by="ann", why="x")


def test_a_retired_policy_gets_no_clock_by_it() -> None:
    stage = shrunken()
    stage.apply(SHRINKS.replace("  nightly:", "  weekly:"), prune=True)
    accepted(stage)
    assert policy(stage).breach_at is None


# --- mute


def broken() -> Stage:
    stage = Stage(NOT_YET, indices=("weather",))
    stage.clock.set(START + timedelta(hours=27))
    stage.tick()
    assert len(stage.notifier.reports) == 1
    return stage


def mute(stage: Stage, until: datetime) -> None:
    promises.mute(stage.world, "nightly", until, by="ann", why="the disk comes on Monday")


def quietly(stage: Stage, hours: int) -> int:
    """Ticks for so long; how many reports came of the promise."""
    before = len(stage.notifier.reports)
    for _ in range(hours * 4):
        stage.clock.advance(15 * 60)
        stage.tick()
    return sum("PROMISE" in report.subject for report in stage.notifier.reports[before:])


def test_until_then_nobody_is_reminded_and_no_gauge_counts_it_and_then_both_do() -> None:
    stage = broken()
    assert stage.store.broken()[0] == 1
    mute(stage, stage.clock.now() + timedelta(hours=60))
    assert stage.store.broken() == (0, None)
    assert quietly(stage, 59) == 0
    assert quietly(stage, 2) == 1
    assert stage.store.broken()[0] == 1
    assert quietly(stage, 24) == 1, "daily again"


def test_status_says_who_acknowledged_it() -> None:
    stage = broken()
    mute(stage, stage.clock.now() + timedelta(hours=2))
    (promise,) = query.promises(stage.world, "nightly")
    assert promise.kept is False
    assert promise.muted is not None
    assert promise.muted.by == "ann"
    stage.clock.advance(timedelta(hours=3))
    assert query.promises(stage.world, "nightly")[0].muted is None


def test_a_promise_kept_again_ends_it() -> None:
    stage = broken()
    mute(stage, stage.clock.now() + timedelta(days=30))
    stage.engine.create_index("orders", documents=1)
    assert ran(stage, "mended").good
    stage.live(2)
    assert policy(stage).muted is None
    assert any("PROMISE KEPT" in report.subject for report in stage.notifier.reports)


def test_only_a_broken_promise_and_only_for_a_time_to_come() -> None:
    stage = Stage(NOT_YET)
    with pytest.raises(BadInput, match=r"is not broken; without a good backup it breaks at 2026-11-22 03:30:00 UTC"):
        mute(stage, START + timedelta(days=1))
    with pytest.raises(BadInput, match="--until: 2026-11-21 01:30:00 UTC has passed"):
        mute(stage, START)
