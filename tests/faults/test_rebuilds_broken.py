"""How a restore of everything could hurt, each found by somebody who tried: what comes back is what was approved, goes
where it belongs, and what does not come back is said."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import BadInput, Conflict
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import State
from chalicelib.service import control, plans, request, restores
from tests.faults.rebuilding import WHOLE, WISH, backed_up, lost, planned, started
from tests.faults.test_rebuilds import codes

SECOND = WHOLE.replace("    restore: {allow: ['*']}\n", "")


def test_a_configuration_alone_needs_a_second_person_too() -> None:
    """Nothing is restored, and a lifecycle policy that somebody has removed may delete what still names it."""
    stage = backed_up(SECOND)
    stage.engine.configured["lifecycle_policies"] = {}
    assert planned(stage).approval == ("lifecycle_policies/short",)


def test_without_that_phase_nothing_follows_a_lifecycle_again() -> None:
    stage = lost(backed_up())
    run = started(stage, replace(WISH, skip=(3,)))
    stage.live(5)
    assert stage.run(run.run_id).good
    assert "index.lifecycle.name" not in stage.engine.indices["orders-2"].settings


def test_an_alias_that_is_written_to_is_whole_in_the_end_however_often_it_takes() -> None:
    """The phase of the index that it writes to fails at first: nobody writes to the other one instead."""
    stage = backed_up()
    stage.engine.indices["logs"].aliases = ("live",)
    stage.engine.alias_details["logs/live"] = {"is_write_index": False}
    stage.backup("now-2")
    stage.live(2)
    stage = lost(stage)
    snapshot = stage.run("backup:nightly:now-2").snapshot
    stage.engine.lose_blob(snapshot, "orders")
    run = started(stage)
    stage.live(15)
    run = stage.run(run.run_id)
    assert "rebuild.no_writer" in codes(run)
    assert stage.engine.configuration().parts["aliases"]["logs"]["live"] == {"is_write_index": False}
    stage.engine.lost.clear()
    run = started(stage)
    stage.live(5)
    assert stage.run(run.run_id).good
    found = stage.engine.configuration().parts["aliases"]
    assert found["orders"]["live"]["is_write_index"] is True
    assert found["logs"]["live"] == {"is_write_index": False}


def test_what_somebody_makes_meanwhile_under_such_a_name_gets_no_alias() -> None:
    stage = lost(backed_up())
    run = started(stage)
    stage.engine.create_index("orders", documents=1)
    stage.live(5)
    run = stage.run(run.run_id)
    assert run.state is State.FAILED
    assert stage.engine.indices["orders"].aliases == ()


def test_a_phase_is_what_was_approved_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who can write the table changes a phase after the whole was approved."""
    stage = lost(backed_up())
    made = planned(stage)
    inner = plans.stored(stage.world, made.phases[4].plan or "")
    forged = replace(inner, moves=tuple(replace(move, name="evil") for move in inner.moves))
    changed = Evidence(run_id=inner.plan_id, kind="plan", n=1, plan=forged)
    honest = stage.store.evidence
    monkeypatch.setattr(stage.store, "evidence", lambda of, *how: changed if of == inner.plan_id else honest(of, *how))
    run = restores.start(stage.world, made.plan_id, by="cli:anna")
    stage.live(5)
    run = stage.run(run.run_id)
    assert (run.state, run.reason) == (State.FAILED, "phase 5 of 7 phases failed; what came back stays")
    assert "evil" not in stage.engine.indices


def test_no_phase_begins_once_the_whole_is_about_to_end() -> None:
    stage = lost(backed_up())
    run = started(stage)
    made = plans.stored(stage.world, run.plan or "")
    control.cancel(stage.world, run.run_id, by="cli:anna", why="")
    with pytest.raises(Conflict, match="about to end"):
        restores.begin(stage.world, plans.stored(stage.world, made.phases[4].plan or ""), run)


def test_a_repository_that_can_t_be_read_costs_its_policy_only() -> None:
    stage = lost(backed_up())
    stage.engine.refuse("contents", "403 on main")
    plan = planned(stage)
    assert codes(plan)[0] == "rebuild.no_backup"
    run = started(stage)
    stage.live(5)
    assert stage.run(run.run_id).good


def test_a_configuration_of_after_the_loss_is_seen_and_another_one_can_be_taken() -> None:
    """A policy was restored and backed up by hand before somebody thought of everything else."""
    stage = lost(backed_up())
    stage.engine.create_index("logs")
    stage.engine.create_index("logs-2")
    request.backup_now(stage.world, "logs", request_id="now-2", requested_by="tester")
    stage.live(2)
    plan = planned(stage)
    (found,) = [each for each in plan.findings if each.code == "rebuild.older"]
    assert "component_templates/base" in found.message
    older = stage.run("backup:nightly:now-1").snapshot
    plan = planned(stage, replace(WISH, backup=older))
    assert (plan.phases[0].names, "rebuild.older" in codes(plan)) == (2, False)
    with pytest.raises(BadInput, match="no configuration is stored beside x"):
        planned(stage, replace(WISH, backup="x"))
