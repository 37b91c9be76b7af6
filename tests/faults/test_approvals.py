"""A second person's yes: one run for each, whoever asks at the same time and whatever dies on the way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import BadInput, Conflict, Refused, Retryable
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import State
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.ports import Change, Create
from chalicelib.service import approvals, plans, restores
from chalicelib.service.create import place_beside
from tests.faults.second_person import (
    ANNA,
    BEN,
    CARL,
    LIVE,
    all_restores,
    approved,
    backed_up,
    planned,
    started,
    the_backup,
    typing,
)
from tests.faults.world import Killed, Stage

COPIES = {"copy-orders", "copy-orders-2"}


def test_a_plan_beyond_what_is_allowed_is_started_with_another_ones_approval() -> None:
    stage = backed_up()
    plan = planned(stage)
    given = approved(stage, plan)
    assert (given.by, given.expires_at, given.used_by) == (BEN, plan.made_at + timedelta(hours=1), None)
    run = started(stage, plan)
    assert (run.requested_by, run.approved_by, plan.made_by) == (ANNA, BEN, ANNA)
    used = stage.store.approval(plan.plan_id)
    assert used
    assert used.used_by == run.run_id
    stage.live(1)
    assert stage.run(run.run_id).state is State.SUCCEEDED
    assert set(stage.engine.indices) >= COPIES


def test_both_are_named_by_the_report_and_by_each_event() -> None:
    stage = backed_up()
    plan = planned(stage)
    approved(stage, plan)
    run = started(stage, plan)
    stage.live(1)
    (report,) = [report for report in stage.notifier.reports if report.key.startswith(run.run_id)]
    assert f"asked by   {ANNA}" in report.body
    assert f"by {BEN}" in report.body
    about = [event.detail for event in stage.bus.events if event.detail.get("run_id") == run.run_id]
    assert {(detail["requested_by"], detail["approved_by"]) for detail in about} == {(ANNA, BEN)}


def test_nobody_approves_his_own_plan_or_starts_what_he_approved() -> None:
    stage = backed_up()
    plan = planned(stage)
    with pytest.raises(BadInput, match="anna made the plan"):
        approved(stage, plan, by=ANNA)
    with pytest.raises(BadInput, match="a second person must approve"):
        started(stage, plan)
    approved(stage, plan)
    with pytest.raises(BadInput, match="ben approved it"):
        started(stage, plan, by=BEN)
    assert all_restores(stage) == []
    assert started(stage, plan, by=CARL).approved_by == BEN


def test_approved_twice_by_one_is_once_and_by_two_is_refused() -> None:
    stage = backed_up()
    plan = planned(stage)
    first = approved(stage, plan)
    stage.clock.advance(5)
    assert approved(stage, plan) == first
    with pytest.raises(Conflict, match=r"approved by arn.*ben already"):
        approved(stage, plan, by=CARL)


def test_what_can_t_be_approved_says_why_and_stores_nothing() -> None:
    stage = backed_up()
    needless = planned(stage, Wish(policy="nightly"))
    with pytest.raises(BadInput, match="needs no approval"):
        approved(stage, needless)
    with pytest.raises(BadInput, match="there is no plan"):
        approvals.approve(stage.world, "plan-0")
    stage.engine.create_index("copy-orders")
    taken = planned(stage)
    with pytest.raises(BadInput, match="there is an index copy-orders"):
        approved(stage, taken)
    stage.engine.delete_index("copy-orders")
    old = planned(stage)
    stage.clock.advance(timedelta(hours=1, seconds=1))
    with pytest.raises(BadInput, match="an hour is the most"):
        approved(stage, old)
    assert [stage.store.approval(plan.plan_id) for plan in (needless, taken, old)] == [None] * 3


def test_an_approval_expires_with_the_plan() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.clock.advance(timedelta(minutes=59))
    approved(stage, plan)
    stage.clock.advance(timedelta(minutes=2))
    with pytest.raises(BadInput, match="an hour is the most"):
        started(stage, plan)
    assert all_restores(stage) == []


def test_a_plan_whose_row_was_changed_is_neither_approved_nor_started() -> None:
    """What is approved is what runs: its id is the hash of what is in it."""
    stage = backed_up()
    plan = replace(planned(stage), plan_id="plan-00000000000000aa", approval=())
    assert stage.store.commit(Create(Evidence(run_id=plan.plan_id, kind="plan", n=1, plan=plan)))
    for asked in (approved, started):
        with pytest.raises(BadInput, match="not the one that its id stands for"):
            asked(stage, plan)


def test_when_aws_does_not_say_who_calls_nothing_is_written() -> None:
    stage = backed_up()
    plan = planned(stage)
    writes = stage.store.writes
    with typing(stage, None):
        for asked in (
            lambda: plans.plan(stage.world, LIVE),
            lambda: approvals.approve(stage.world, plan.plan_id),
            lambda: restores.start(stage.world, plan.plan_id, glass="why"),
            lambda: restores.start(stage.world, planned(stage, Wish(policy="nightly")).plan_id),
        ):
            with pytest.raises(Retryable, match="does not say who calls"):
                asked()
    assert stage.store.writes == writes + 1, "the plan that anna made last"


def test_who_asks_for_a_plan_with_approval_is_never_taken_from_an_argument() -> None:
    stage = backed_up()
    plan = planned(stage)
    approved(stage, plan)
    with typing(stage, BEN), pytest.raises(BadInput, match="ben approved it"):
        restores.start(stage.world, plan.plan_id, by=CARL)


def test_on_a_deployed_stage_it_is_refused_until_there_is_an_api() -> None:
    stage = backed_up()
    plan = planned(stage)
    stage.world = replace(stage.world, local=False)
    for asked in (approved, started):
        with pytest.raises(Refused, match="come with its API"):
            asked(stage, plan)
    assert started(stage, planned(stage, Wish(policy="nightly"))).state is State.PLANNED


def test_a_run_without_the_approval_that_its_plan_needs_touches_nothing() -> None:
    """However it came into being: the run looks for itself."""
    stage = backed_up()
    plan = planned(stage)
    state = stage.store.state("nightly")
    assert state
    spec = stage.world.spec("nightly", state.spec_gen)
    run = restores._run(plan, spec, stage.clock.now(), ANNA, "a-token")
    assert place_beside(stage.world, run, spec, state)
    stage.live(1)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.approval"])
    assert stage.engine.sent("restore") == 0


# --- at the same time, and dying


def between(stage: Stage, act: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """`act` happens after the next start has read everything, and before it writes."""
    store = stage.store
    commit = store.commit

    def later(*changes: Change) -> bool:
        monkeypatch.setattr(store, "commit", commit)
        act()  # type: ignore[operator]
        return commit(*changes)

    monkeypatch.setattr(store, "commit", later)


def test_two_starts_at_once_with_one_approval_are_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    plan = planned(stage)
    approved(stage, plan)
    first = []
    between(stage, lambda: first.append(started(stage, plan, by=CARL)), monkeypatch)
    second = started(stage, plan)
    assert [second] == first == all_restores(stage)
    assert second.requested_by == CARL
    stage.live(1)
    assert stage.engine.sent("restore") == 1
    assert stage.run(second.run_id).state is State.SUCCEEDED


def test_two_approvals_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    plan = planned(stage)
    between(stage, lambda: approved(stage, plan, by=CARL), monkeypatch)
    with pytest.raises(Conflict, match="carl already"):
        approved(stage, plan)
    kept = stage.store.approval(plan.plan_id)
    assert kept
    assert kept.by == CARL


def ready(glass: str | None = None) -> tuple[Stage, Plan]:
    stage = backed_up()
    plan = planned(stage)
    if glass is None:
        approved(stage, plan)
    stage.fuse.effects.clear()
    return stage, plan


def effects(glass: str | None) -> list[str]:
    stage, plan = ready(glass)
    started(stage, plan, glass=glass)
    return list(stage.fuse.effects)


ALONE = "ben is asleep"
STARTS = [(glass, n, name) for glass in (None, ALONE) for n, name in enumerate(effects(glass))]


def test_a_start_is_one_write() -> None:
    assert [name for glass, _, name in STARTS if glass is None] == ["commit", "send"]
    assert [name for glass, _, name in STARTS if glass] == ["commit", "emit", "report", "send"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("glass", "number", "name"), STARTS)
def test_the_start_dies_at_any_side_effect_and_leaves_all_or_nothing(
    glass: str | None, number: int, name: str, after: bool
) -> None:
    """Nothing: the approval is good for another start. All: one run, which tells what is not told, and nobody loses the
    approval, the mark of the backup, or the message of a broken glass."""
    stage, plan = ready(glass)
    stage.fuse.kill_at, stage.fuse.after = number, after
    with pytest.raises(Killed):
        started(stage, plan, glass=glass)
    stage.fuse.kill_at = None
    stored = after or number > 0
    found = all_restores(stage)
    given = stage.store.approval(plan.plan_id)
    assert len(found) == stored
    assert (given and given.used_by) == (found[0].run_id if stored and glass is None else None)
    assert the_backup(stage).users == tuple(run.run_id for run in found)
    run = started(stage, plan, glass=glass)
    stage.live(6, step=2)
    run = stage.run(run.run_id)
    assert (run.state, run.told, run.glass_told) == (State.SUCCEEDED, True, glass is not None)
    assert len(all_restores(stage)) == 1
    assert the_backup(stage).users == ()
    told = [report for report in stage.notifier.reports if report.key == f"{run.run_id}#break-glass"]
    assert len(told) in ((0,) if glass is None else (1, 2))
