"""Everything back, through the real driver: in its order, as far as it can, and nothing that is there is touched."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.core.model import State
from chalicelib.core.rebuilds import Does
from chalicelib.service import control, plans, restores
from tests.faults import elsewhere
from tests.faults.rebuilding import BACKING, INDICES, WHOLE, WISH, backed_up, configured, lost, planned, started
from tests.faults.second_person import ANNA, BEN, typing
from tests.faults.world import Stage

SECOND = WHOLE.replace("    restore: {allow: ['*']}\n", "")


def codes(found: object) -> list[str]:
    return [finding.code for finding in getattr(found, "findings", ())]


def parts(stage: Stage) -> list[str]:
    return [run.run_id for run in stage.store.runs(policy=None, kind="restore", limit=50) if run.part_of]


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
    assert codes(plan) == ["rebuild.lifecycle", "rebuild.settings", "restore.lifecycle"]
    assert plan.findings[2].next_step.startswith("--skip 3")
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
    with pytest.raises(BadInput, match="there is no phase 9"):
        planned(stage, replace(WISH, skip=(9,)))


def test_what_is_there_is_left_alone_and_said() -> None:
    stage = lost(backed_up())
    stage.engine.create_index("orders", documents=3)
    stage.engine.configured["pipelines"] = {"clean": {"processors": [], "description": "mine"}}
    uuid = stage.engine.indices["orders"].uuid
    plan = planned(stage)
    assert codes(plan) == [
        "rebuild.there",
        "rebuild.lifecycle",
        "rebuild.settings",
        "rebuild.differs",
        "restore.lifecycle",
    ]
    run = started(stage)
    stage.live(5)
    assert stage.run(run.run_id).good
    assert set(stage.engine.indices) == set(INDICES)
    orders = stage.engine.indices["orders"]
    assert (orders.uuid, orders.documents, orders.aliases) == (uuid, 3, ())
    assert stage.engine.configured["pipelines"]["clean"]["description"] == "mine"


def test_a_data_stream_comes_back_as_one() -> None:
    stage = lost(backed_up(stream=True))
    plan = planned(stage)
    assert plan.phases[4].names == 3
    run = started(stage)
    stage.live(5)
    assert stage.run(run.run_id).good
    assert stage.engine.indices[BACKING].stream == "logs-app"
    assert stage.engine.indices[BACKING].writable
    assert [found.code for found in planned(stage).conflicts] == ["restore.nothing"]


def test_it_goes_to_another_cluster_of_the_file_and_asks_the_lost_one_nothing() -> None:
    stage = elsewhere.backed_up()
    elsewhere.dead(stage)
    sent = stage.engine.calls
    made = planned(stage, replace(WISH, into="spare"))
    run = restores.start(stage.world, made.plan_id, glass="the cluster is lost")
    stage.live(4)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.target, run.source) == (State.SUCCEEDED, True, "spare", "shop")
    assert set(elsewhere.spare(stage).indices) == {"orders", "orders-2"}
    assert stage.engine.calls == sent
    assert [stage.run(part).target for part in parts(stage)] == ["spare"]


def test_nothing_to_put_back_is_a_conflict() -> None:
    stage = backed_up()
    assert [found.code for found in planned(stage).conflicts] == ["restore.nothing"]


def test_a_phase_that_fails_keeps_none_of_the_others_back_and_the_end_names_it() -> None:
    stage = lost(backed_up())
    stage.engine.takes_not["/lifecycle_policies/short"] = "no handler found"
    stage.engine.lose_blob(stage.run("backup:logs:now-1").snapshot, "logs")
    run = started(stage)
    stage.live(15)
    run = stage.run(run.run_id)
    assert (run.state, run.good) == (State.FAILED, False)
    assert run.reason == "phases 3, 5 of 7 phases failed; what came back stays"
    assert codes(run) == ["rebuild.refused", "rebuild.phase_failed"]
    assert set(stage.engine.indices) == {"orders", "orders-2"}
    assert stage.engine.indices["orders"].aliases == ("live",)
    again = planned(stage)
    assert [phase.names for phase in again.phases] == [0, 0, 1, 2, 0]


def test_an_alias_that_somebody_has_given_away_since_stays_there() -> None:
    stage = lost(backed_up())
    run = started(stage)
    stage.engine.create_index("newer", aliases=("live",))
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, codes(run)) == (State.SUCCEEDED, ["rebuild.alias_elsewhere"])
    assert stage.engine.indices["orders"].aliases == ()


def test_one_approval_covers_all_phases() -> None:
    stage = lost(backed_up(SECOND))
    with typing(stage, ANNA):
        plan = plans.stored(stage.world, planned(stage).plan_id)
    paths = ("component_templates/base", "index_templates/orders", "pipelines/clean", "lifecycle_policies/short")
    assert set(plan.approval) == {*INDICES, "live", *paths}
    with typing(stage, BEN), pytest.raises(BadInput, match="second person"):
        restores.start(stage.world, plan.plan_id)
    with typing(stage, ANNA):
        run = restores.start(stage.world, plan.plan_id, glass="nobody is awake")
    stage.live(5)
    assert stage.run(run.run_id).good
    told = [report.key for report in stage.notifier.reports if "glass" in report.key]
    assert len(told) == 1


def test_cancelled_it_ends_the_restore_in_work_and_keeps_what_came_back() -> None:
    stage = lost(backed_up())
    stage.engine.restore_looks = 1000
    run = started(stage)
    stage.live(1)
    (part,) = parts(stage)
    assert not stage.run(part).settled
    control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong cluster")
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, stage.run(part).state) == (State.CANCELLED, State.CANCELLED)
    assert run.reason == "cancelled by cli:anna: wrong cluster; 3 of 7 phases were through, and stay"
    assert set(stage.engine.indices) == set()
    assert len(parts(stage)) == 1
    assert "base" in stage.engine.configured["component_templates"]


def test_its_backups_are_in_use_until_its_end() -> None:
    stage = lost(backed_up())
    run = started(stage)

    def users() -> set[str]:
        return {
            user for policy in ("nightly", "logs") for backup in stage.store.backups(policy) for user in backup.users
        }

    assert users() == {run.run_id}
    assert all(backup.users for policy in ("nightly", "logs") for backup in stage.store.backups(policy))
    stage.live(5)
    assert users() == set()


def test_without_an_answer_it_waits_and_a_refusal_that_lasts_ends_it() -> None:
    stage = lost(backed_up())
    run = started(stage)
    stage.engine.outage(3)
    stage.live(5)
    assert stage.run(run.run_id).good
    stage = lost(backed_up())
    run = started(stage)
    for _ in range(9):
        stage.engine.refuse("configuration", "no privilege")
    stage.live(30)
    run = stage.run(run.run_id)
    assert (run.state, run.reason) == (State.FAILED, "phase 1 of 7 phases failed; what came back stays")
    assert [found.code for found in run.findings] == ["rebuild.phase_failed"]
    assert set(stage.engine.indices) == set(INDICES)


def test_the_whole_holds_neither_a_repository_nor_a_slot() -> None:
    stage = lost(backed_up())
    run = started(stage)
    stage.live(0.1)
    assert stage.run(run.run_id).fence is None
    stage.live(5)
    _, slots = stage.store.traffic(run.lease, run.target)
    assert slots is not None
    assert dict(slots.holders) == {}


def test_what_was_planned_is_what_is_put_back_whatever_becomes_of_the_bucket() -> None:
    stage = lost(backed_up())
    run = started(stage)
    stage.vault.objects.clear()
    stage.live(5)
    assert stage.run(run.run_id).good
    assert "base" in stage.engine.configured["component_templates"]


def test_what_fits_into_no_row_is_said_and_the_rest_comes_back_from_as_many_as_it_takes() -> None:
    stage = backed_up()
    many = {f"p{number}": {"description": "x" * 90_000} for number in range(5)}
    stage.engine.configured["pipelines"] = {**many, "huge": {"description": "x" * 300_000}}
    stage.backup("now-2")
    stage.live(2)
    stage = lost(stage)
    plan = planned(stage)
    assert ("rebuild.too_big", "/pipelines/huge") in [(found.code, found.subject) for found in plan.findings]
    assert (plan.phases[1].names, plan.phases[1].rows) == (5, 3)
    run = started(stage)
    stage.live(5)
    assert stage.run(run.run_id).good
    assert set(stage.engine.configured["pipelines"]) == set(many)
