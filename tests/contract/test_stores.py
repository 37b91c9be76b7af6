"""What every store keeps: one suite for the one in memory and the one in (local) DynamoDB."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef, Run, State, Step
from chalicelib.core.ports import Create, Store, Update
from chalicelib.core.rows import PolicyState
from tests.contract.policy_records import a_broken_state, a_drilled_state, a_state
from tests.contract.records import (
    a_backup,
    a_config,
    a_full_run,
    a_lease,
    a_run,
    a_spec,
    a_waiter,
    an_installation,
    at,
    counted_evidence,
    due_policies,
    due_runs,
    fresh_token,
    moved,
    some_evidence,
    some_proofs,
    some_slots,
)


def test_every_record_comes_back_as_it_was_stored(store: Store) -> None:
    run, state, spec, backup, config = a_full_run(), a_broken_state(), a_spec(), a_backup(), a_config()
    evidence, installation = counted_evidence(), an_installation()
    lease, slots, waiter = a_lease(), some_slots(), a_waiter()
    proofs = some_proofs()
    rows = (run, state, spec, backup, config, evidence, installation, lease, slots, waiter, proofs)
    assert store.commit(*(Create(item) for item in rows))
    assert store.run(run.run_id) == run
    assert store.state("nightly") == state
    drills = a_drilled_state("weekly")
    assert store.commit(Create(drills))
    assert store.state("weekly") == drills
    assert store.spec("nightly", 3) == spec
    assert store.backups("nightly") == (backup,)
    assert store.config() == config
    assert store.evidence(run.run_id, "expected", 1) == evidence
    assert store.installation() == installation
    assert store.traffic(lease.lease, "shop") == (lease, slots)
    assert store.waiters("shop", 10) == (waiter,)
    assert store.proofs("nightly") == proofs


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.run("backup:nightly:x") is None
    assert store.evidence("backup:nightly:x", "expected", 1) is None
    assert store.runs() == store.runs(policy="nightly") == ()
    assert store.state("nightly") is None
    assert store.states() == ()
    assert store.spec("nightly", 1) is None
    assert store.backups("nightly") == ()
    assert store.proofs("nightly") is None
    assert store.config() is None
    assert store.installation() is None
    assert store.traffic("0f5c#a1b2", "shop") == (None, None)
    assert store.waiters("shop", 10) == ()
    assert store.broken() == (0, None)
    assert due_runs(store, 0) == due_policies(store, 0) == []


def test_evidence_never_changes_and_is_read_once(store: Store) -> None:
    """Not so what is not there yet: somebody may be about to write it."""
    evidence = some_evidence(3)
    assert store.evidence(evidence.run_id, "expected", 1) is None
    assert store.commit(Create(evidence))
    reads = store.reads
    assert [store.evidence(evidence.run_id, "expected", 1) for _ in range(3)] == [evidence] * 3
    assert store.reads == reads + 1
    assert store.evidence(evidence.run_id, "after", 1) is None
    assert store.evidence(evidence.run_id, "expected", 2) is None
    assert store.reads == reads + 3


def test_a_row_is_created_once(store: Store) -> None:
    run = a_run()
    assert store.commit(Create(run))
    assert not store.commit(Create(replace(run, token=fresh_token(), target="other")))
    assert not store.commit(Create(replace(run, token="")))
    assert store.run(run.run_id) == run
    for item in (a_spec(), an_installation(), some_evidence(3), replace(a_state(), token="")):
        assert store.commit(Create(item))
        assert not store.commit(Create(item))


def test_an_update_needs_the_revision_before_it(store: Store) -> None:
    run = a_run()
    assert not store.commit(Update(moved(run)))
    assert store.commit(Create(run))
    second = moved(run, looks=1)
    assert not store.commit(Update(moved(second)))
    assert store.commit(Update(second))
    assert not store.commit(Update(moved(run, looks=5)))
    assert store.run(run.run_id) == second


def test_proofs_are_written_by_one_of_two_drills_that_end_at_once(store: Store) -> None:
    """Neither forgets what the other one proved: who loses reads them anew."""
    proofs, run = some_proofs(), a_run()
    assert store.commit(Create(run), Create(proofs))
    assert not store.commit(Update(moved(run)), Create(some_proofs()))
    second = replace(proofs, rev=2, token=fresh_token(), dropped=7)
    assert store.commit(Update(moved(run)), Update(second))
    late = moved(moved(run))
    assert not store.commit(Update(late), Update(replace(proofs, rev=2, token=fresh_token())))
    assert (store.proofs("nightly"), store.run(run.run_id) == late) == (second, False)


def test_all_or_nothing(store: Store) -> None:
    state, run = a_state(), a_run()
    assert store.commit(Create(state), Create(run))
    other, ahead = a_run(1), replace(state, rev=2, token=fresh_token(), catalog_rev=99)
    late = replace(state, rev=7, token=fresh_token())
    assert not store.commit(Create(other), Update(late))
    assert not store.commit(Update(ahead), Create(run))
    assert not store.commit(Update(ahead), Update(replace(moved(run), rev=5)))
    assert store.run(other.run_id) is None
    assert store.runs() == (run,)
    assert store.state("nightly") == state
    assert store.commit(Update(ahead), Create(other))
    assert store.state("nightly") == ahead
    assert store.runs() == (other, run)


def test_a_hundred_changes_in_one_commit(store: Store) -> None:
    runs = [a_run(n) for n in range(50)]
    assert store.commit(*(Create(run) for run in runs))
    assert len(store.runs(limit=100)) == 50
    states = [a_state(f"p-{n}") for n in range(100)]
    assert store.commit(*(Create(state) for state in states))
    assert len(store.states()) == 100


def test_mistakes_of_the_caller_are_told(store: Store) -> None:
    run = a_run()
    with pytest.raises(ValueError, match="0 changes"):
        store.commit()
    with pytest.raises(ValueError, match="101 changes"):
        store.commit(*(Create(a_state(f"p-{n}")) for n in range(101)))
    with pytest.raises(ValueError, match="one row twice"):
        store.commit(Create(run), Update(moved(run)))
    with pytest.raises(ValueError, match="no time zone"):
        store.commit(Create(replace(run, wake_at=at(0).replace(tzinfo=None))))
    assert store.runs() == ()


def test_a_token_that_was_not_renewed_is_told(store: Store) -> None:
    """Or both of two writers would take the row of the one for its own."""
    run, state = a_run(), a_state()
    assert store.commit(Create(run), Create(state))
    with pytest.raises(ValueError, match="token of the write before"):
        store.commit(Update(replace(run, rev=2)))
    with pytest.raises(ValueError, match="token of the write before"):
        store.commit(Update(replace(run, rev=2)), Update(replace(state, rev=2, token=fresh_token())))
    assert store.run(run.run_id) == run


def test_a_commit_that_is_sent_again_is_known_by_its_token(store: Store) -> None:
    run, state = a_run(), a_state()
    changes = (Create(run), Create(state), Create(a_spec()))
    assert store.commit(*changes)
    assert store.commit(*changes)
    assert not store.commit(*changes, Create(a_backup()))
    assert not store.commit(Create(a_spec()))
    second = moved(run)
    assert store.commit(Update(second))
    assert store.commit(Update(second))
    assert not store.commit(Update(moved(run)))


def test_a_row_that_is_too_big_is_refused(store: Store) -> None:
    with pytest.raises(Refused, match="R#backup:nightly:now-00000 META would be"):
        store.commit(Create(a_run(last_error="x" * 400_000)))
    with pytest.raises(Refused):
        store.commit(Create(a_state()), Create(a_run(last_error="é" * 200_000)))
    assert store.runs() == ()


def test_a_run_keeps_its_last_steps(store: Store) -> None:
    steps = tuple(Step(state=State.RUNNING, at=at(n), rev=n) for n in range(40))
    run = a_run(steps=steps)
    assert store.commit(Create(run))
    assert store.run(run.run_id) == replace(run, steps=steps[-30:])


@pytest.mark.parametrize("count", [0, 5_000, 50_000])
def test_evidence_of_many_indices(store: Store, count: int) -> None:
    run, evidence = a_run(), some_evidence(count)
    assert store.commit(Create(run), Create(evidence))
    assert store.evidence(run.run_id, "expected", 1) == evidence
    assert not store.commit(Create(some_evidence(count)))
    assert store.commit(Create(some_evidence(2, n=10)), Create(some_evidence(1, n=2)))
    assert store.evidence(run.run_id, "expected", 1) == evidence
    assert store.run(run.run_id) == run


def test_more_evidence_than_a_transaction_holds_is_refused(store: Store) -> None:
    noise = IndexRef(name="orders", uuid=random.Random(1).randbytes(4_000_000).hex())
    with pytest.raises(Refused, match=r"the evidence .* would be"):
        store.commit(Create(a_run()), Create(replace(some_evidence(1), indices=(noise,))))
    assert store.runs() == ()


def test_one_of_two_writers_wins(store: Store) -> None:
    run, state = a_run(), a_state()
    assert store.commit(Create(run), Create(state))
    for rev in range(2, 12):
        claims = [replace(run, rev=rev, token=fresh_token(), looks=n) for n in range(2)]
        won = together([partial(store.commit, Update(claim)) for claim in claims])
        assert sorted(won) == [False, True]
        assert store.run(run.run_id) == claims[won.index(True)]
    for rev in range(2, 7):
        runs = [a_run(10 * rev + n) for n in range(2)]
        ahead = [replace(state, rev=rev, token=fresh_token(), open_run=created.run_id) for created in runs]
        pairs = list(zip(runs, ahead, strict=True))
        won = together([partial(commit_surely, store, *pair) for pair in pairs])
        assert sorted(won) == [False, True]
        assert store.state("nightly") == ahead[won.index(True)]
        assert [store.run(created.run_id) is not None for created in runs] == won


def commit_surely(store: Store, run: Run, state: PolicyState) -> bool:
    """Two transactions on one row may put each other off; the next step asks again."""
    for _ in range(20):
        try:
            return store.commit(Create(run), Update(state))
        except Retryable:
            continue
    raise AssertionError("put off 20 times")


def together(calls: list[Callable[[], bool]]) -> list[bool]:
    won: list[bool] = [False] * len(calls)
    barrier = threading.Barrier(len(calls))

    def act(n: int) -> None:
        barrier.wait()
        won[n] = calls[n]()

    threads = [threading.Thread(target=act, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won
