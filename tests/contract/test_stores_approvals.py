"""The rows of a second person's yes, of a hold, and of a backup in use: alone, and in the transaction of their run."""

from dataclasses import replace
from typing import Any

from chalicelib.core.leases import Hold
from chalicelib.core.ports import Create, Store, Update
from chalicelib.core.rows import Approval
from tests.contract.records import a_backup, a_lease, a_run, a_waiter, at, fresh_token, some_slots

PLAN = "plan-0123456789abcdef"


def an_approval(**changes: Any) -> Approval:
    values: dict[str, Any] = {
        "by": "arn:aws:iam::1:user/ben",
        "at": at(60),
        "expires_at": at(3600),
        "token": fresh_token(),
    }
    return Approval(**({"plan_id": PLAN} | values | changes))


def used(given: Approval, run_id: str) -> Approval:
    return replace(given, used_by=run_id, rev=given.rev + 1, token=fresh_token())


def test_an_approval_is_found_by_its_plan_and_there_is_one(store: Store) -> None:
    given = an_approval()
    assert store.approval(PLAN) is None
    assert store.commit(Create(given))
    assert not store.commit(Create(an_approval(by="arn:aws:iam::1:user/carl")))
    assert store.approval(PLAN) == given
    assert store.approval("plan-of-another") is None


def test_of_two_runs_that_use_an_approval_up_one_is_stored(store: Store) -> None:
    """With all that is written beside it."""
    given, backup = an_approval(), a_backup()
    assert store.commit(Create(given), Create(backup))
    runs = [a_run(n) for n in range(2)]
    marked = [replace(backup, users=(run.run_id,), rev=2, token=fresh_token()) for run in runs]
    won = [
        store.commit(Create(run), Update(used(given, run.run_id)), Update(mark))
        for run, mark in zip(runs, marked, strict=True)
    ]
    assert won == [True, False]
    assert (store.run(runs[0].run_id), store.run(runs[1].run_id)) == (runs[0], None)
    kept = store.approval(PLAN)
    assert kept
    assert (kept.used_by, store.backups("nightly")) == (runs[0].run_id, (marked[0],))


def test_the_start_that_is_sent_again_after_a_lost_answer_is_known(store: Store) -> None:
    given, run = an_approval(), a_run()
    assert store.commit(Create(given))
    changes = (Create(run), Update(used(given, run.run_id)))
    assert store.commit(*changes)
    assert store.commit(*changes)


def test_a_backup_that_was_written_meanwhile_is_not_marked(store: Store) -> None:
    """Whoever is about to delete it writes the same row."""
    backup, run = a_backup(), a_run()
    assert store.commit(Create(backup))
    assert store.commit(Update(replace(backup, rev=2, token=fresh_token())))
    assert not store.commit(Create(run), Update(replace(backup, users=(run.run_id,), rev=2, token=fresh_token())))
    assert store.run(run.run_id) is None


def test_a_hold_stands_in_the_row_that_a_start_writes(store: Store) -> None:
    """So of a hold and a start that have read the same row, one is stored."""
    slots, run = some_slots(holders={}), a_run()
    assert store.slots("shop") is None
    assert store.commit(Create(slots), Create(a_lease()), Create(a_waiter()))
    held = replace(slots, held=Hold(by="cli:anna", why="deleted", at=at(0)), rev=2, token=fresh_token())
    assert store.commit(Update(held))
    begun = replace(slots, holders={run.run_id: at(900)}, rev=2, token=fresh_token())
    assert not store.commit(Create(run), Update(begun))
    assert store.slots("shop") == held
    assert store.traffic("0f5c#a1b2", "shop")[1] == held


def test_what_the_questions_cost(store: Store) -> None:
    store.approval(PLAN)
    store.slots("shop")
    assert (store.reads, store.writes) == (2, 0)
