"""Everything back, through the real driver: in its order, as far as it can, and nothing that is there is touched."""

from dataclasses import replace

from chalicelib.core.model import State
from chalicelib.core.rebuilds import Does
from tests.faults.rebuilding import INDICES, WISH, backed_up, configured, lost, planned, started


def test_a_lost_cluster_comes_back_with_its_configuration_the_most_important_first() -> None:
    stage = lost(backed_up())
    plan = planned(stage)
    assert [(phase.number, phase.does, phase.names, phase.priority) for phase in plan.phases] == [
        (1, Does.TEMPLATES, 2, None),
        (2, Does.PIPELINES, 1, None),
        (3, Does.LIFECYCLE, 1, None),
        (4, Does.INDICES, 1, 100),
        (5, Does.INDICES, 2, 1),
        (6, Does.INDICES, 1, 1),
        (7, Does.ALIASES, 1, None),
    ]
    assert [found.code for found in plan.findings] == ["rebuild.settings"]
    run = started(stage)
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.reason, run.findings) == (State.SUCCEEDED, True, None, ())
    assert run.indices == 4
    assert set(stage.engine.indices) == set(INDICES)
    put_back = {part: held for part, held in configured().items() if part != "cluster_settings"}
    assert {part: stage.engine.configured[part] for part in put_back} == put_back
    assert stage.engine.indices["orders"].aliases == ("live",)
    assert stage.engine.indices["orders"].documents == 10
    assert stage.engine.indices["orders-2"].settings["index.lifecycle.name"] == "short"
    sent = [what for what, _ in stage.engine.requests if what in ("configure", "restore")]
    assert sent == ["configure"] * 4 + ["restore"] * 3 + ["configure"]
    assert [report.key for report in stage.notifier.reports if "restore" in report.key] == [f"{run.run_id}#end"]
    assert stage.queue.next_at is None


def test_phases_can_be_left_out() -> None:
    stage = lost(backed_up())
    run = started(stage, replace(WISH, skip=(1, 3, 5)))
    stage.live(5)
    assert stage.run(run.run_id).good
    assert set(stage.engine.indices) == set(INDICES) - {"logs", "logs-2"}
    assert set(stage.engine.configured) == {"pipelines"}
