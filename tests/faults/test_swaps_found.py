"""What the fault search, and planted bugs, asked of swaps, each as a short story."""

from chalicelib.core.model import State
from chalicelib.service import control
from tests.faults.test_swaps import backed_up, bearers, swapped


def test_an_index_that_somebody_made_under_the_old_name_survives_the_finish() -> None:
    """Only the uuid tells that it is not what was put aside."""
    stage = backed_up()
    run = swapped(stage)
    stage.engine.delete_index("orders")
    stage.engine.create_index("orders", documents=5)
    control.finish(stage.world, run.run_id, by="cli:anna", why="")
    stage.live(2)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert stage.engine.indices["orders"].documents == 5
    assert bearers(stage, "sales") == ["restored-orders"]
