"""A restore that an event asks for: nobody reads its plan, so the run thinks it through itself, and starts only what
needs nobody's yes."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import BadInput, Conflict
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import plans, restores
from tests.faults.test_restores import L2, NAMES, WISH, backed_up, made
from tests.faults.world import Stage

BEYOND = replace(WISH, prefix="copy-")


def asked(stage: Stage, wish: Wish = WISH, request_id: str = "release-7") -> Run:
    return restores.request(stage.world, wish, request_id=request_id, by="event:codepipeline")


def test_what_is_asked_for_is_thought_through_and_comes_back() -> None:
    stage = backed_up()
    run = asked(stage)
    assert (run.run_id, run.plan) == ("restore:nightly:release-7", None)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, run.good, made(stage)) == (State.SUCCEEDED, True, NAMES)
    assert run.plan
    assert plans.stored(stage.world, run.plan).made_by == "event:codepipeline"


def test_the_backup_is_the_newest_of_when_it_was_asked_for() -> None:
    stage = backed_up()
    run = asked(stage)
    (backup,) = stage.store.backups("nightly")
    wish = stage.store.evidence(run.run_id, "wish", 1)
    assert wish
    assert wish.wish
    assert wish.wish.backup == backup.backup_id


def test_the_same_request_is_one_run_and_another_one_under_its_id_is_refused() -> None:
    stage = backed_up()
    first = asked(stage)
    assert asked(stage) == first
    stage.live(1)
    assert asked(stage).state is State.SUCCEEDED
    with pytest.raises(Conflict, match="asked for already"):
        asked(stage, replace(WISH, indices=("orders",)))
    assert stage.engine.sent("restore") == 1


def test_names_beyond_those_that_are_allowed_wait_for_a_person() -> None:
    stage = backed_up()
    run = asked(stage, BEYOND)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.DEFERRED, ["restore.approval"])
    assert run.plan
    assert f"snapwarden restore approve {run.plan}" in run.findings[0].next_step
    assert plans.stored(stage.world, run.plan).approval == ("copy-orders", "copy-orders-2")
    (report,) = [report for report in stage.notifier.reports if "restore" in report.key]
    assert "DEFERRED" in report.subject
    assert run.plan in report.body
    told = " ".join(report.body.split())
    assert "2 names beyond `restore.allow` (copy-orders, copy-orders-2)" in told
    assert "It restores 2 indices, " in told
    assert "in about 12 s" in told, "who is to say yes wants to know it"
    assert stage.engine.sent("restore") == 0


def test_a_conflict_ends_it_before_anything_is_touched() -> None:
    stage = backed_up()
    stage.engine.create_index("restored-orders", documents=3)
    run = asked(stage)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.name_taken"])
    assert (stage.engine.sent("restore"), stage.engine.indices["restored-orders"].documents) == (0, 3)


def test_what_can_not_be_meant_is_no_run() -> None:
    stage = backed_up()
    with pytest.raises(BadInput, match="no policy"):
        asked(stage, replace(WISH, policy="nobody"))
    with pytest.raises(BadInput, match="no backup"):
        asked(stage, replace(WISH, backup="backup:nightly:never"))
    with pytest.raises(BadInput, match="can't be the id"):
        asked(stage, request_id="2026-11-21T02:00Z")
    with pytest.raises(BadInput, match="prefix"):
        asked(stage, replace(WISH, prefix="Copy-"))
    assert stage.store.runs(kind="restore") == ()


def effects_of_a_request() -> list[str]:
    stage = backed_up()
    stage.fuse.effects.clear()
    asked(stage)
    stage.live(1)
    return list(stage.fuse.effects)


EFFECTS = effects_of_a_request()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)][2:])
def test_the_process_dies_at_any_side_effect_and_it_still_ends_well(number: int, after: bool) -> None:
    stage = backed_up(L2)
    stage.fuse.effects.clear()
    run = asked(stage)
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(15, step=2)
    run = stage.run(run.run_id)
    assert (run.state, run.told, made(stage)) == (State.SUCCEEDED, True, NAMES), (run.reason, run.last_error)
    assert stage.engine.sent("restore") == 1
