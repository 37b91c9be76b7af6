"""What people are told of the end of a restore: in the subject already, what they must know before they rely on it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import incident_reports
from chalicelib.core.model import Asked, Calls, IndexRef, Kind, Run, State
from chalicelib.core.plans import Plan
from chalicelib.core.rebuild_progress import Rebuild
from chalicelib.core.restores import HeldIndex, Restored
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.workflows import driver
from chalicelib.core.workflows import restore as workflow
from chalicelib.core.workflows.restore_seen import Seen
from tests.contract.records import a_run
from tests.unit.planned import CONTENTS, FACTS, NOW, WISH, count, plan
from tests.unit.test_reports import page, told
from tests.unit.test_restore_workflow import CHECKING, LATER

Golden = Callable[[str, str], None]
TORN = tuple(HeldIndex(name=f"logs-{n}", shards=1, bytes=0, whole=False) for n in (1, 2))
WHOLE_PLAN = plan()
PARTIAL_PLAN = plan(
    replace(WISH, allow_partial=True),
    replace(FACTS, contents=replace(CONTENTS, indices=(*CONTENTS.indices, *TORN))),
)
COUNTS = {
    "before": (count("customers", 10, 9),),
    "after": (count("customers", 10, 9),),
    "counts": (count("restored-customers", 10, 9),),
}


def indices(of: Plan, *, released: bool = True) -> tuple[Restored, ...]:
    return tuple(
        Restored(name=m.name, uuid=f"r-{m.source}", ours=not released, shards=m.shards, shards_done=m.shards)
        for m in of.moves
    )


def checked(of: Plan, **seen: Any) -> Run:
    decision = workflow.decide(CHECKING, Seen(plan=of, restored=indices(of, released=False), **seen), LATER)
    return moved(CHECKING, decision)


def moved(run: Run, decision: Any) -> Run:
    return driver.moved(run, decision, LATER, token="t", busy=timedelta(0), cost=Calls())


def ended(run: Run, of: Plan, restored: tuple[Restored, ...]) -> Run:
    made = tuple(IndexRef(name=index.name, uuid=index.uuid, shards=index.shards) for index in restored)
    return moved(run, workflow.decide(run, Seen(plan=of, restored=restored, made=made), LATER))


def test_what_was_left_out_and_not_compared_is_in_the_subject(golden: Golden) -> None:
    """Whoever sees SUCCEEDED at night must not find out at noon that two indices are missing."""
    run = ended(checked(PARTIAL_PLAN, **COUNTS), PARTIAL_PLAN, indices(PARTIAL_PLAN))
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    report = told(run)
    assert report.subject.endswith("nightly on shop: 2 indices left out (PARTIAL), 2 not compared")
    golden("reports/restored_partly.txt", page(report))


def test_a_restore_of_which_nothing_is_missing_says_so(golden: Golden) -> None:
    run = checked(WHOLE_PLAN, **COUNTS)
    run = ended(replace(run, unproved=(), findings=()), WHOLE_PLAN, indices(WHOLE_PLAN))
    assert run.reason is None
    golden("reports/restored.txt", page(told(run)))


def test_one_that_is_cancelled_when_it_was_checked_says_what_stays_and_what_to_do(golden: Golden) -> None:
    run = replace(checked(WHOLE_PLAN, **COUNTS), cancel=Asked(by="cli:anna", why="wrong backup", at=NOW))
    there = (indices(WHOLE_PLAN, released=False)[0], *indices(WHOLE_PLAN)[1:])
    golden("reports/restore_cancelled_when_checked.txt", page(told(ended(run, WHOLE_PLAN, there))))


def test_a_subject_cut_short_still_says_what_was_left_out() -> None:
    run = replace(ended(checked(PARTIAL_PLAN, **COUNTS), PARTIAL_PLAN, indices(PARTIAL_PLAN)), policy="p" * 60)
    assert "2 indices left out" in told(run).subject


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({}, "what it made is removed, unless all of it was checked"),
        ({}, "a swap that has moved the names: snapwarden restore rollback"),
        ({"salvage": Salvage(of_run="restore:nightly:plan-1", total=5)}, "what it has copied by then stays"),
        ({"in_place": True}, "What is only closed is opened again"),
        ({"rebuild": Rebuild(at=1)}, "the phases that are through by then stay"),
    ],
)
def test_a_broken_glass_says_what_a_cancel_does_to_just_this_restore(of: dict[str, Any], said: str) -> None:
    """Somebody who is woken by it decides by this line; a salvage or a restore in place removes nothing."""
    glass = Asked(by="anna", why="ben is asleep", at=a_run().created_at)
    told = incident_reports.glass(a_run(kind=Kind.RESTORE, glass=glass, plan="plan-1", **of), "default", stage="local")
    assert said in told.body
    assert ("what it made is removed" in told.body) is (not of)
