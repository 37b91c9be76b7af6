"""A process that dies at any side effect of a restore of everything, and answers that are lost: all of it is put back,
once."""

import pytest

from chalicelib.core.model import State
from chalicelib.service import restores
from tests.faults.rebuilding import INDICES, WHOLE, backed_up, lost, planned, started
from tests.faults.test_rebuilds import parts

SECOND = WHOLE.replace("    restore: {allow: ['*']}\n", "")


@pytest.mark.parametrize("number", range(5))
def test_an_answer_that_is_lost_is_looked_for(number: int) -> None:
    stage = lost(backed_up())
    run = started(stage)
    while stage.engine.sent("configure") < number:
        stage.live(0.02)
    stage.engine.lose_next_answer("configure")
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.findings) == (State.SUCCEEDED, ())
    assert stage.engine.indices["orders"].aliases == ("live",)


def effects() -> list[str]:
    stage = lost(backed_up())
    plan = planned(stage)
    stage.fuse.effects.clear()
    restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(5)
    return list(stage.fuse.effects)


ALL = effects()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(ALL)), ids=[f"{n}-{name}" for n, name in enumerate(ALL)][2:])
def test_the_process_dies_at_any_side_effect_and_everything_is_put_back_once(number: int, after: bool) -> None:
    stage = lost(backed_up())
    plan = planned(stage)
    stage.fuse.effects.clear()
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(25, step=2)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.findings) == (State.SUCCEEDED, True, ()), (run.reason, run.last_error)
    assert set(stage.engine.indices) == set(INDICES)
    assert stage.engine.indices["orders"].aliases == ("live",)
    assert stage.engine.sent("restore") == 3
    assert len(parts(stage)) == 3
    assert set(stage.engine.configured) >= {"component_templates", "index_templates", "pipelines", "lifecycle_policies"}
