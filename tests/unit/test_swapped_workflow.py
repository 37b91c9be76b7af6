"""The state table of what has swapped: it waits, is rolled back, or what was live is deleted while the new one bears
its names."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.model import State
from chalicelib.core.swaps import Does, Standing
from chalicelib.core.workflows.restore_ends import TRIES
from chalicelib.core.workflows.restore_seen import Remove
from chalicelib.core.workflows.swap_seen import Repointing
from tests.unit.planned import NOW, count
from tests.unit.test_restore_workflow import LATER, outcome
from tests.unit.test_swap_workflow import (
    AFTER,
    ASKED,
    BACK,
    BACKWARDS,
    CLONE,
    CLONED,
    CUSTOMERS,
    FINISHING,
    NEW,
    SWAPPED,
    WRITE,
    decide,
    names,
)


def test_what_has_swapped_waits_for_people_or_the_clock() -> None:
    waits = decide(SWAPPED, ())
    assert (waits.state, waits.act, waits.again) == (State.SWAPPED, None, NOW + timedelta(days=1) - LATER)
    assert decide(replace(SWAPPED, rollback=ASKED), ()).changes["ending"] is State.ROLLED_BACK
    assert decide(replace(SWAPPED, finish=ASKED), ()).changes["ending"] is State.SUCCEEDED
    assert decide(SWAPPED, (), at=NOW + timedelta(days=1)).changes["ending"] is State.SUCCEEDED


def test_rolled_back_step_by_step() -> None:
    assert names(decide(BACKWARDS, AFTER)) == [CLONE]
    opened = (*AFTER[:-1], replace(CLONED, blocked=False, mark=None))
    moves = decide(BACKWARDS, opened)
    assert isinstance(moves.act, Repointing)
    assert [(action.does, action.index) for action in moves.act.actions] == [
        (Does.REMOVE, "restored-customers"),
        (Does.ADD, "customers"),
        (Does.REMOVE, "restored-orders-1"),
        (Does.ADD, CLONE),
        (Does.REMOVE, "restored-orders-2"),
    ]
    held = (count("restored-customers", 12, 11, uuid="r-customers"),)
    done = decide(BACKWARDS, BACK, counts=held, then=(replace(held[0], max_seq_no=(9,)),))
    assert (done.state, done.changes["good"]) == (State.ROLLED_BACK, True)
    assert "took 2 operations since the swap" in done.changes["findings"][0].message


@pytest.mark.parametrize("live", [AFTER[1:], AFTER[:-1], (*AFTER[:3], replace(CUSTOMERS, aliases=(WRITE,)), CLONED)])
def test_a_world_that_is_not_as_the_swap_left_it_is_not_rolled_back(live: tuple[Standing, ...]) -> None:
    decision = decide(BACKWARDS, live)
    assert outcome(decision) == (State.SWAPPED, None, ["restore.rollback_refused"])
    assert (decision.act, decision.changes["rollback"]) == (None, None)
    assert decision.changes["kept_until"] == LATER + timedelta(days=1)


def test_finished_only_the_very_old_ones_go() -> None:
    decision = decide(FINISHING, (*AFTER[:3], replace(CUSTOMERS, aliases=(), uuid="anew"), CLONED))
    assert (isinstance(decision.act, Remove), names(decision)) == (True, [CLONE])
    assert decide(FINISHING, AFTER[:3]).state is State.SUCCEEDED


def test_without_the_names_on_the_new_ones_nothing_old_is_deleted() -> None:
    decision = decide(FINISHING, (*NEW[:1], *AFTER[1:]))
    assert (outcome(decision), decision.act) == ((State.FAILED, None, ["restore.old_kept"]), None)


@pytest.mark.parametrize("change", [{"aborts": TRIES}, {"deadline_at": LATER}])
def test_an_old_one_that_can_t_be_deleted_is_told(change: dict[str, Any]) -> None:
    decision = decide(replace(FINISHING, **change), AFTER)
    assert outcome(decision) == (State.SUCCEEDED, None, ["restore.leftover"] * 2)
    assert decision.changes["good"]
