"""The rows by which runs stay out of each other's way, and the changes that only they know: Delete and Check."""

from dataclasses import replace

import pytest

from chalicelib.core.leases import Lease, Waiter
from chalicelib.core.ports import Check, Create, Delete, Store, Update
from tests.contract.policy_records import a_state
from tests.contract.records import (
    a_lease,
    a_run,
    a_spec,
    a_waiter,
    at,
    fresh_token,
    moved,
    some_slots,
)


def next_of(lease: Lease, holder: str | None = None) -> Lease:
    return replace(lease, holder=holder, rev=lease.rev + 1, token=fresh_token())


def test_lease_and_slots_are_found_by_their_own_names(store: Store) -> None:
    lease, slots = a_lease(), some_slots()
    others = a_lease("0f5c#other"), some_slots("other")
    assert store.commit(*(Create(item) for item in (lease, slots, *others)))
    assert store.traffic("0f5c#a1b2", "shop") == (lease, slots)
    assert store.traffic("0f5c#other", "shop") == (others[0], slots)
    assert store.traffic("0f5c#a1b2", "nobody") == (lease, None)
    assert store.traffic("nowhere", "other") == (None, others[1])


def test_of_two_that_take_a_lease_one_wins(store: Store) -> None:
    lease, slots = a_lease(), some_slots()
    assert store.commit(Create(lease), Create(slots))
    both = [next_of(lease, name) for name in ("one", "two")]
    taken = [replace(slots, holders={item.holder or "": at(9)}, rev=2, token=fresh_token()) for item in both]
    won = [store.commit(Update(item), Update(with_it)) for item, with_it in zip(both, taken, strict=True)]
    assert won == [True, False]
    assert store.traffic(lease.lease, "shop") == (both[0], taken[0])
    assert not store.commit(Create(a_lease(holder="three")))


# --- Check


def test_a_check_lets_a_commit_through_while_the_lease_is_as_it_was(store: Store) -> None:
    run, lease = a_run(), a_lease(rev=7)
    assert store.commit(Create(run), Create(lease))
    known = Lease(lease=lease.lease, rev=7)
    assert store.commit(Update(moved(run)), Check(known))
    assert store.commit(Create(a_run(1)), Create(a_spec()), Check(known))
    assert store.traffic(lease.lease, "shop") == (lease, None), "a check writes nothing"


@pytest.mark.parametrize("rev", [6, 8, None], ids=["newer than that", "older than that", "not there"])
def test_a_check_that_fails_stores_nothing_of_its_commit(store: Store, rev: int | None) -> None:
    """The fence: whoever took the lease over stops all that its holder before would still do."""
    run, lease, state, waiter = a_run(), a_lease(rev=7), a_state(), a_waiter()
    assert store.commit(Create(run), Create(lease), Create(state), Create(waiter))
    known = Lease(lease=lease.lease, rev=rev) if rev else Lease(lease="nowhere", rev=7)
    ahead = replace(state, rev=2, token=fresh_token())
    assert not store.commit(Update(moved(run)), Check(known))
    assert not store.commit(Update(moved(run)), Create(a_spec()), Check(known), Delete(waiter), Update(ahead))
    assert not store.commit(Create(a_run(1)), Check(known))
    assert (store.run(run.run_id), store.state("nightly")) == (run, state)
    assert store.runs() == (run,)
    assert store.spec("nightly", 3) is None
    assert store.waiters("shop", 10) == (waiter,)


def test_a_check_that_holds_saves_no_other_change_of_its_commit(store: Store) -> None:
    run, lease = a_run(), a_lease()
    assert store.commit(Create(run), Create(lease))
    assert not store.commit(Update(replace(moved(run), rev=5)), Check(lease), Create(a_spec()))
    assert store.spec("nightly", 3) is None


# --- Delete


def test_a_place_in_line_is_given_up_in_the_transaction_of_its_run(store: Store) -> None:
    run, waiter = a_run(), a_waiter()
    assert store.commit(Create(run), Create(waiter), Create(a_waiter("another")))
    assert store.commit(Update(moved(run)), Delete(waiter))
    assert [left.run_id for left in store.waiters("shop", 10)] == ["another"]


def test_what_is_not_there_can_be_deleted(store: Store) -> None:
    run = a_run()
    assert store.commit(Create(run), Delete(a_waiter()))
    assert store.commit(Update(moved(run)), Delete(a_waiter()))
    assert store.waiters("shop", 10) == ()


def test_a_commit_that_is_lost_deletes_nothing(store: Store) -> None:
    run, waiter = a_run(), a_waiter()
    assert store.commit(Create(run), Create(waiter))
    assert not store.commit(Update(replace(moved(run), rev=5)), Delete(waiter))
    assert store.waiters("shop", 10) == (waiter,)


def test_a_place_that_was_given_up_can_be_taken_again(store: Store) -> None:
    run, waiter = a_run(), a_waiter()
    assert store.commit(Create(run), Create(waiter))
    assert not store.commit(Create(a_run(1)), Create(waiter))
    second = moved(run)
    assert store.commit(Update(second), Delete(waiter))
    assert store.commit(Update(moved(second)), Create(waiter))
    assert store.waiters("shop", 10) == (waiter,)


def test_a_commit_with_delete_and_check_that_is_sent_again_is_known(store: Store) -> None:
    """By the rows that it wrote, whatever became of the lease and the line since."""
    run, lease, waiter = a_run(), a_lease(), a_waiter()
    assert store.commit(Create(run), Create(lease), Create(waiter))
    changes = (Update(moved(run)), Create(a_state()), Check(lease), Delete(waiter))
    assert store.commit(*changes)
    assert store.commit(*changes)
    assert store.commit(Update(next_of(lease, "another")), Create(waiter))
    assert store.commit(*changes)
    assert store.waiters("shop", 10) == (waiter,), "and what came after it stays"


@pytest.mark.parametrize("first", [Delete(a_waiter()), Check(a_lease())])
def test_a_commit_starts_with_a_row_that_it_writes(store: Store, first: Delete | Check) -> None:
    """Its token tells whether a commit without an answer was stored."""
    with pytest.raises(ValueError, match="the first change of a commit"):
        store.commit(first)
    with pytest.raises(ValueError, match="the first change of a commit"):
        store.commit(first, Create(a_run()))


@pytest.mark.parametrize(
    "twice", [(Create(a_waiter()), Delete(a_waiter())), (Update(a_lease(rev=2)), Check(a_lease(rev=1)))]
)
def test_a_row_stands_once_in_a_commit(store: Store, twice: tuple[Create | Update, Delete | Check]) -> None:
    with pytest.raises(ValueError, match="one row twice"):
        store.commit(*twice)


# --- the line


def test_waiters_come_in_the_order_of_priority_breach_and_age(store: Store) -> None:
    def waits(name: str, priority: int, breach: float, asked: float) -> Waiter:
        return a_waiter(name, priority=priority, breach_at=at(breach), asked_at=at(asked))

    line = [
        waits("z", 0, 900, 9),
        waits("y", 1, -900, 9),
        waits("x", 1, 10, 3),
        waits("w", 1, 10, 4),
        waits("a", 1, 100_000, 1),
        waits("b", 2, -9000, 0),
    ]
    for waiter in (line[3], line[0], line[5], line[1], line[4], line[2]):
        assert store.commit(Create(waiter))
    assert store.commit(Create(a_waiter("elsewhere", target="other")), Create(some_slots()))
    assert store.waiters("shop", 10) == tuple(line)
    assert store.waiters("shop", 2) == tuple(line[:2])
    assert [waiter.run_id for waiter in store.waiters("other", 10)] == ["elsewhere"]


def test_what_questions_of_traffic_cost(store: Store) -> None:
    lease, slots = a_lease(), some_slots()
    assert store.commit(Create(lease), Create(slots), Create(a_waiter()))
    assert (store.reads, store.writes) == (0, 1)
    store.traffic(lease.lease, "shop")
    assert store.reads == 1, "both rows in one request"
    store.waiters("shop", 10)
    assert store.reads == 2
    store.broken()
    assert store.reads == 6
    assert not store.commit(Create(a_run()), Check(next_of(lease)))
    assert (store.reads, store.writes) == (6, 2)
