"""Who may approve a plan, and who may start it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import approving
from chalicelib.core.plans import FRESH, Plan
from chalicelib.core.rows import Approval
from chalicelib.core.wire import dump, load
from tests.unit.planned import NOW, WISH, allowing, plan

ANNA, BEN = "arn:aws:iam::123456789012:user/anna", "arn:aws:iam::123456789012:user/ben"
LIVE = replace(WISH, prefix="live-")


def needing(by: str = ANNA) -> Plan:
    return replace(plan(LIVE, spec=allowing("restored-*")), made_by=by)


def given(by: str = BEN, **changes: object) -> Approval:
    made = Approval(plan_id="plan-1", by=by, at=NOW, expires_at=NOW + FRESH)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ANNA, ANNA, True),
        (ANNA, BEN, False),
        ("arn:aws:sts::1:assumed-role/admin/anna", "arn:aws:sts::1:assumed-role/admin/ben", True),
        ("arn:aws:sts::1:assumed-role/admin/anna", "arn:aws:sts::1:assumed-role/oncall/anna", False),
        ("arn:aws:sts::1:assumed-role/admin/anna", "arn:aws:sts::2:assumed-role/admin/anna", False),
        ("arn:aws:iam::1:root", "arn:aws:iam::2:root", False),
    ],
)
def test_a_person_is_told_apart_by_what_nobody_can_choose(one: str, other: str, same: bool) -> None:
    """The name of a role's session is free: one person would approve himself with it."""
    assert (approving.person(one) == approving.person(other)) is same


def test_a_plan_is_approved_by_anybody_but_its_maker() -> None:
    assert approving.unapprovable(needing(), BEN) is None
    problem = approving.unapprovable(needing(), ANNA)
    assert problem
    assert "anna made the plan" in problem.message
    problem = approving.unapprovable(plan(), BEN)
    assert problem
    assert "needs no approval" in problem.message


def test_who_has_no_keys_of_the_stage_is_told_that_he_is_nobody() -> None:
    nobody = "arn:aws:sts::123456789012:user/moto"
    problem = approving.unapprovable(needing(nobody), nobody)
    assert problem
    assert "anybody without keys" in problem.message


@pytest.mark.parametrize(
    ("approval", "starter", "why"),
    [
        (None, ANNA, "a second person must approve"),
        (given(), ANNA, None),
        (given(), "arn:aws:iam::123456789012:user/carl", None),
        (given(), BEN, "ben approved it"),
        (given(used_by="restore:nightly:plan-1"), ANNA, "was for restore:nightly:plan-1"),
        (given(expires_at=NOW - timedelta(seconds=1)), ANNA, "has expired"),
        (given(expires_at=NOW), ANNA, None),
    ],
    ids=["none", "another's", "a third starts", "the starter's", "used up", "expired", "in its last moment"],
)
def test_an_approval_counts_once_in_time_and_for_somebody_else(
    approval: Approval | None, starter: str, why: str | None
) -> None:
    problem = approving.unpermitted(needing(), approval, starter, NOW)
    assert (problem is None) is (why is None)
    assert (why or "") in (problem.message if problem else "")


def test_a_plan_that_was_stored_is_the_one_that_its_id_stands_for() -> None:
    """With the calls, which are added when the id is there."""
    made = replace(plan(LIVE, spec=allowing("restored-*")), calls=("POST /_snapshot/…",))
    assert approving.unchanged(load(Plan, dump(made)))
    assert approving.unstartable(load(Plan, dump(made)), NOW) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"made_by": BEN},
        {"approval": ()},
        {"made_at": NOW + timedelta(hours=9)},
        {"snapshot": "another"},
        {"moves": ()},
        {"findings": ()},
        {"plan_id": "plan-0123456789abcdef"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_row_that_was_changed_by_hand_is_refused_before_anything_else(change: dict[str, object]) -> None:
    made = plan(LIVE, spec=allowing("restored-*"))
    (problem,) = approving.unstartable(replace(made, **change), NOW)  # type: ignore[arg-type]
    assert "not the one that its id stands for" in problem.message


def test_a_plan_in_conflict_or_too_old_is_not_for_anybody() -> None:
    taken = plan(LIVE, spec=allowing("restored-*", approval=False))
    assert all("allows no restore" in problem.message for problem in approving.unstartable(taken, NOW))
    assert approving.unstartable(plan(), NOW + FRESH) == ()
    (problem,) = approving.unstartable(plan(), NOW + FRESH + timedelta(seconds=1))
    assert "an hour is the most" in problem.message
