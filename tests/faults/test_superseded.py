"""A target that nobody can reach must not hold a policy for hours after the file was corrected."""

from chalicelib.core.model import State
from tests.faults.world import FILE, RUN_ID, Stage


def test_a_run_that_started_nothing_gives_way_once_the_file_is_corrected() -> None:
    stage = Stage()
    stage.until_slot()
    stage.engine.outage(10_000)
    stage.live(3)
    assert stage.run().state is State.STARTING
    stage.apply(FILE.replace("http://localhost:9200", "http://es.internal:9200"))
    stage.engine.outage(0)
    again = stage.backup()
    assert again.state is State.QUEUED
    stage.engine.outage(1)
    stage.live(5)
    assert stage.run().findings[0].code == "run.superseded"
    assert stage.run(again.run_id).state is State.SUCCEEDED


def test_a_run_that_may_have_started_something_is_followed_to_its_end() -> None:
    stage = Stage(looks=None)
    stage.until_slot()
    stage.live(0.2)
    assert stage.run().state is State.RUNNING
    stage.apply(FILE.replace("timeout: 4h", "timeout: 5h"))
    stage.engine.outage(3)
    stage.live(2)
    assert stage.run(RUN_ID).state is State.RUNNING
    stage.engine.complete(stage.run().snapshot)
    stage.live(3)
    assert stage.run().state is State.SUCCEEDED
