"""How people are told: no end is missed, nobody is flooded, and what is told is true."""

from datetime import timedelta

from chalicelib.core.errors import Refused
from chalicelib.service import control, promises
from tests.faults.world import FILE, SLOT, Stage

HOURLY = FILE.replace('"0 2 * * *"', '"0 * * * *"')
PROMISED = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 1h\n")


def subjects(stage: Stage, word: str) -> list[str]:
    return [report.subject for report in stage.notifier.reports if word in report.subject]


def test_whoever_is_to_be_told_from_now_on_is_told_of_a_failure_that_others_knew() -> None:
    stage = Stage(HOURLY.replace("[failure, recovery, success]", "[success]"), indices=())
    stage.live(60, step=5)
    assert subjects(stage, "FAILED") == []
    stage.apply(HOURLY)
    stage.live(120, step=5)
    assert len(subjects(stage, "FAILED")) == 1


def test_an_end_is_told_by_the_file_that_is_in_force_when_it_comes() -> None:
    """Else it would count as told, and nobody heard of it for a day."""
    stage = Stage(FILE.replace("[failure, recovery, success]", "[success]"), looks=None)
    stage.live(32)
    stage.apply(FILE)
    stage.engine.complete(stage.run().snapshot, partial=("orders",))
    stage.live(20)
    assert len(subjects(stage, "FAILED")) == 1


def test_waiting_runs_that_are_displaced_slot_after_slot_are_one_cause_told_once_a_day() -> None:
    """A backup that lasts ten hours, and a slot each quarter: forty rows, not forty mails."""
    stage = Stage(FILE.replace('"0 2 * * *"', '"*/15 * * * *"').replace("timeout: 4h", "timeout: 12h"), looks=None)
    stage.live(60 * 10, step=20)
    assert len(subjects(stage, "MISSED")) == 1
    assert len(stage.store.runs(state="MISSED", limit=90)) > 20
    state = stage.store.state("nightly")
    assert state is not None
    assert state.cause is not None
    assert state.cause.count > 20


def test_each_end_is_counted_also_of_what_never_started() -> None:
    stage = Stage(HOURLY)
    stage.clock.set(SLOT + timedelta(hours=20))
    stage.live(3)
    assert stage.metrics.total("RunsFinished", Kind="backup", State="MISSED") == 1
    control.pause(stage.world, "nightly", by="ann", why="a migration")
    stage.clock.advance(timedelta(hours=3))
    control.resume(stage.world, "nightly", by="ann")
    stage.live(1)
    assert stage.metrics.total("RunsFinished", Kind="backup", State="SKIPPED") == 1


def test_what_a_new_file_leaves_behind_is_counted_too() -> None:
    """Those rows are stored by a command, which counts nothing."""
    stage = Stage(HOURLY)
    stage.clock.set(SLOT + timedelta(hours=20))
    stage.apply(HOURLY.replace('schedule: "', 'timezone: Europe/Berlin\n    schedule: "'))
    stage.live(5)
    assert len(stage.store.runs(state="MISSED")) == 1
    assert stage.metrics.total("RunsFinished", Kind="backup", State="MISSED") == 1
    stage.live(5)
    assert stage.metrics.total("RunsFinished", Kind="backup", State="MISSED") == 1, "once"


def test_a_displaced_run_is_counted() -> None:
    stage = Stage(HOURLY, looks=None)
    stage.live(60 * 3, step=20)
    displaced = len(stage.store.runs(state="MISSED"))
    assert displaced == 1
    assert stage.metrics.total("RunsFinished", Kind="backup", State="MISSED") == displaced


def promised(rpo: str, prove: str = "L1") -> str:
    return FILE.replace("    timeout: 4h\n", f"    timeout: 4h\n{rpo}    prove: {prove}\n")


def test_a_promise_that_left_the_file_ends_silently() -> None:
    """`kept` would claim a good backup: there is none."""
    stage = Stage(promised("    rpo: 1h\n"), indices=())
    stage.live(120, step=20)
    assert len(subjects(stage, "PROMISE BROKEN")) == 1
    stage.apply(promised(""))
    stage.live(60 * 30, step=60)
    assert len(subjects(stage, "PROMISE")) == 1
    assert stage.store.broken() == (0, None)


def test_a_stricter_prove_has_one_rpo_of_time() -> None:
    stage = Stage(promised("    rpo: 26h\n"))
    stage.live(60 * 24 * 5, step=60)
    stage.apply(promised("    rpo: 26h\n", prove="L2"))
    for _ in range(100):
        stage.engine.refuse("refresh", "403 no privilege")
    stage.live(60 * 25, step=60)
    assert subjects(stage, "PROMISE") == []
    stage.live(60 * 2, step=60)
    (report,) = [report for report in stage.notifier.reports if "PROMISE BROKEN" in report.subject]
    assert "No backup is proved to L2, as the policy asks. The newest one that is proved to L1" in report.body


def test_a_policy_that_is_written_into_the_file_again_has_one_rpo_of_time() -> None:
    file = promised("    rpo: 26h\n")
    other = FILE.replace("nightly", "other")
    stage = Stage(file)
    stage.live(60 * 24, step=60)
    stage.apply(other, prune=True)
    stage.live(60 * 24 * 5, step=60)
    stage.apply(file + other.split("policies:\n")[1])
    stage.live(60 * 30, step=60)
    assert subjects(stage, "PROMISE") == []


def test_a_mute_ends_at_its_time_whether_the_topic_takes_the_reminder_or_not() -> None:
    stage = Stage(PROMISED, indices=())
    stage.live(120, step=20)
    promises.mute(stage.world, "nightly", stage.clock.now() + timedelta(hours=1), by="ann", why="known")
    assert stage.store.broken()[0] == 0
    stage.notifier.fail(*[Refused("no such topic")] * 10_000)
    stage.live(90, step=20)
    assert stage.store.broken()[0] == 1
