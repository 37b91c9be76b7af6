"""What a reviewer broke, each kept by an example."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.core.errors import Refused
from chalicelib.core.model import State
from tests.faults.world import FILE, Stage

TERMS = "    timeout: 4h\n    rpo: 26h\n    contract: {}\n"


def judged_by(contract: str, prove: str = "L1", **more: int | None) -> Stage:
    file = FILE.replace("    timeout: 4h\n", TERMS.replace("{}", contract) + f"    prove: {prove}\n")
    stage = Stage(file, looks=more.get("looks", 1))
    stage.until_slot()
    return stage


def test_a_snapshot_of_which_every_shard_failed_is_never_good() -> None:
    """Even where PARTIAL is allowed: nothing of it can be restored."""
    stage = judged_by("{allow_partial: true}", looks=None)
    stage.live(0.2)
    stage.engine.complete(stage.run().snapshot, partial=("orders",))
    stage.live(1)
    run = stage.run()
    assert (run.state, run.good) == (State.FAILED, False)
    assert run.findings[0].code == "snapshot.empty"


def test_an_index_with_a_failed_shard_is_not_included_and_not_counted() -> None:
    stage = judged_by("{allow_partial: true, must_include: [orders-b], min_docs: 1}", looks=None)
    stage.engine.create_index("orders-b", documents=10)
    stage.live(0.2)
    stage.engine.complete(stage.run().snapshot, partial=("orders-b",))
    stage.live(1)
    run = stage.run()
    assert (run.state, run.good, run.docs) == (State.FAILED, False, 0)
    assert "contract.must_include" in {finding.code for finding in run.findings}


def test_a_backup_that_could_not_be_checked_keeps_no_promise() -> None:
    stage = judged_by("{min_docs: 1}")
    stage.engine.refuse("refresh", "403 no privilege")
    stage.live(1)
    run = stage.run()
    assert (run.state, run.level, run.good) == (State.SUCCEEDED, "L1", False)
    state = stage.store.state("nightly")
    assert state is not None
    assert state.last_good == {}


def test_a_bus_that_refuses_keeps_no_report_back_and_none_is_sent_twice() -> None:
    stage = Stage()
    stage.until_slot()
    stage.bus.fail(*[Refused("no such bus")] * 10_000)
    stage.live(30, step=5)
    run = stage.run()
    assert (run.state, run.told, run.reported) == (State.SUCCEEDED, False, True)
    assert len(stage.notifier.reports) == 1


def test_a_tick_without_time_still_publishes_its_gauges() -> None:
    """A topic that hangs takes 24 s a call: what is due waits, the heartbeat does not."""
    stage = Stage()
    stage.until_slot()
    hurried = replace(stage.world, remaining=lambda: timedelta(seconds=20))
    stage.world = hurried
    stage.tick()
    assert stage.store.runs(policy="nightly") == ()
    assert stage.metrics.measured[-1].name == "TickHeartbeat"


def test_an_index_that_was_closed_since_the_last_backup_is_no_shrinkage_nor_a_measure() -> None:
    """Its documents can't be counted, and are in the backup all the same; 100 are no measure for 1000, either."""
    stage = judged_by("{max_shrink: 20%}")
    stage.engine.create_index("orders-old", documents=900)
    stage.engine.write("orders", 100)
    stage.live(1)
    assert (stage.run().docs, stage.run().good) == (1000, True)
    stage.engine.indices["orders-old"].closed = True
    closed = stage.backup()
    stage.live(1)
    assert (stage.run(closed.run_id).docs, stage.run(closed.run_id).good) == (100, True)
    state = stage.store.state("nightly")
    assert state is not None
    assert [good.docs for good in state.recent] == [1000, None]
