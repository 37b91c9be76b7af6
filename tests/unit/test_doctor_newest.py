"""`doctor` looks whether what the promises rest on is still there."""

from chalicelib.core.diagnosis import Status
from chalicelib.core.errors import Retryable
from chalicelib.core.observations import Observation
from tests.faults.world import Stage
from tests.unit.test_doctor import examined, the


def backed_up() -> Stage:
    """With one good backup."""
    stage = Stage()
    stage.until_slot()
    stage.live(1)
    assert stage.run().good
    return stage


def test_the_newest_good_backup_is_looked_for_once() -> None:
    stage = backed_up()
    snapshot = stage.run().snapshot
    before = len(stage.engine.requests)
    told = the(examined(stage), "newest")
    assert (told.status, told.subject) == (Status.OK, "nightly")
    assert snapshot in told.message
    assert stage.engine.requests[before:].count(("look", snapshot)) == 1


def test_a_newest_good_backup_that_is_gone_is_said() -> None:
    """The ledger goes on calling it good."""
    stage = backed_up()
    stage.engine.vanish(stage.run().snapshot)
    told = the(examined(stage), "newest")
    assert told.status is Status.MISSING
    assert told.message == f"the newest good backup {stage.run().snapshot} is gone from the repository"


def test_a_snapshot_of_its_name_is_not_taken_for_the_newest_good_backup() -> None:
    stage = backed_up()
    snapshot = stage.run().snapshot
    stage.engine.vanish(snapshot)
    stage.engine.stranger("main", snapshot)
    assert the(examined(stage), "newest").message.endswith(f"{snapshot} was replaced by another snapshot")


def test_without_an_answer_nothing_is_known_of_the_newest_good_backup() -> None:
    stage = backed_up()
    original, wanted = stage.engine.look, stage.run().snapshot

    def look(repository: str, snapshot: str, *, running: bool = False) -> Observation:
        if snapshot == wanted:
            raise Retryable("no answer within 10 s")
        return original(repository, snapshot, running=running)

    stage.engine.look = look  # type: ignore[method-assign]
    assert the(examined(stage), "newest").status is Status.UNKNOWN
