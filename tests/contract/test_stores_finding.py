"""How rows are found again: due index, lists of runs, the fleet, the catalogue, and what each question costs."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.model import Kind, State
from chalicelib.core.ports import Create, Due, Store, Update
from chalicelib.core.rows import Pause
from tests.contract.policy_records import a_broken_state, a_kept_state, a_paused_state, a_state
from tests.contract.records import (
    a_backup,
    a_config,
    a_full_run,
    a_run,
    a_spec,
    an_installation,
    at,
    due_policies,
    due_runs,
    fresh_token,
    moved,
    some_evidence,
)

PAUSE = Pause(by="anna", why="a migration", at=at(0))


def test_runs_are_due_from_their_wake_time_on(store: Store) -> None:
    run = a_run(wake_at=at(10))
    assert store.commit(Create(run), Create(a_run(1)))
    assert due_runs(store, 9.999) == []
    assert due_runs(store, 10) == due_runs(store, 86_400) == [run.run_id]
    later = moved(run, wake_at=at(20))
    assert store.commit(Update(later))
    assert due_runs(store, 19) == []
    assert due_runs(store, 20) == [run.run_id]
    done = moved(later, state=State.SUCCEEDED, wake_at=at(20), told=False)
    assert store.commit(Update(done))
    assert due_runs(store, 20) == [run.run_id]
    assert store.commit(Update(moved(done, told=True, wake_at=None)))
    assert due_runs(store, 86_400) == []


def test_policies_are_due_while_they_run(store: Store) -> None:
    state = a_state(due_at=at(60))
    paused = a_state("paused", due_at=at(60), paused=PAUSE)
    retired = a_state("retired", due_at=at(60), active=False)
    assert store.commit(*(Create(item) for item in (state, paused, retired, a_state("never", due_at=None))))
    assert due_policies(store, 59) == []
    assert due_policies(store, 60) == ["nightly"]
    resumed = replace(paused, rev=2, token=fresh_token(), paused=None)
    assert store.commit(Update(resumed), Update(replace(state, rev=2, token=fresh_token(), due_at=None)))
    assert due_policies(store, 60) == ["paused"]


CLOCKS: dict[str, tuple[dict[str, Any], float | None]] = {
    "none": ({}, None),
    "its slot": ({"due_at": at(60), "breach_at": at(90), "remind_at": at(120)}, 60),
    "its promise": ({"due_at": at(60), "breach_at": at(30)}, 30),
    "what is to be told": ({"due_at": at(60), "breach_at": at(90), "remind_at": at(45)}, 45),
    "its promise alone": ({"breach_at": at(90)}, 90),
    "its reminder alone": ({"broken_since": at(0), "remind_at": at(86_400)}, 86_400),
    "broken, its slot": ({"broken_since": at(0), "remind_at": at(86_400), "due_at": at(60)}, 60),
    "paused, no slot": ({"paused": PAUSE, "due_at": at(60)}, None),
    "paused, its promise": ({"paused": PAUSE, "due_at": at(60), "breach_at": at(90)}, 90),
    "its drill": ({"due_at": at(60), "drill_due_at": at(45)}, 45),
    "paused, no drill": ({"paused": PAUSE, "drill_due_at": at(45)}, None),
    "what is left": ({"due_at": at(60), "sweep_at": at(45)}, 45),
    "paused, what is left": ({"paused": PAUSE, "due_at": at(60), "sweep_at": at(90)}, 90),
    "retired, what is left": ({"active": False, "due_at": at(60), "drill_due_at": at(60), "sweep_at": at(90)}, 90),
    "retired": ({"active": False, "due_at": at(60), "breach_at": at(30), "remind_at": at(45)}, None),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_policy_is_due_at_the_earliest_of_its_clocks(store: Store, clock: str) -> None:
    """A paused one starts nothing, but its promise's clock goes on."""
    clocks, seconds = CLOCKS[clock]
    assert store.commit(Create(a_state(**{"due_at": None, **clocks})))
    if seconds is None:
        assert due_policies(store, 10**8) == []
        return
    assert due_policies(store, seconds - 0.001) == []
    assert due_policies(store, seconds) == ["nightly"]


def test_a_clock_that_moves_moves_the_policy(store: Store) -> None:
    state = a_state(due_at=at(60), breach_at=at(30))
    assert store.commit(Create(state))
    later = replace(state, rev=2, token=fresh_token(), breach_at=at(93_600))
    assert store.commit(Update(later))
    assert due_policies(store, 59) == []
    assert due_policies(store, 60) == ["nightly"]


def test_broken_promises_are_counted_with_the_oldest(store: Store) -> None:
    """Those that people know of are muted, those of retired policies are nobody's."""
    broken = [a_broken_state(f"p-{n}", muted=None, broken_since=at(-n)) for n in range(9)]
    muted = a_broken_state("muted", broken_since=at(-9_000))
    retired = a_broken_state("retired", broken_since=at(-9_000), muted=None, active=False)
    kept = a_kept_state("kept", was_broken_since=at(-9_000))
    assert store.commit(*(Create(state) for state in (*broken, muted, retired, kept)))
    assert store.broken() == (9, at(-8))
    mended = replace(broken[8], rev=2, token=fresh_token(), broken_since=None)
    known = replace(broken[7], rev=2, token=fresh_token(), muted=muted.muted)
    heard = replace(muted, rev=2, token=fresh_token(), muted=None)
    assert store.commit(Update(mended), Update(known))
    assert store.broken() == (7, at(-6))
    assert store.commit(Update(heard))
    assert store.broken() == (8, at(-9_000))


def test_broken_promises_are_no_runs(store: Store) -> None:
    """Both stand in one index."""
    run = a_run()
    assert store.commit(Create(run), Create(a_broken_state(muted=None)))
    assert store.runs() == store.runs(policy="nightly") == (run,)


def test_the_oldest_is_due_first(store: Store) -> None:
    runs = [a_run(n, wake_at=at(500 - n)) for n in range(100)]
    assert store.commit(*(Create(run) for run in runs[:50]))
    assert store.commit(*(Create(run) for run in runs[50:]))
    found: set[Due] = set()
    for shard in range(store.shards):
        due = store.due_runs(shard, at(500), 100)
        assert [item.at for item in due] == sorted(item.at for item in due)
        assert store.due_runs(shard, at(500), 2) == due[:2]
        assert store.due_runs(shard, at(500), 0) == ()
        found.update(due)
    assert found == {Due(id=run.run_id, at=run.wake_at) for run in runs if run.wake_at}


def test_times_are_compared_to_the_millisecond(store: Store) -> None:
    run = a_run(wake_at=at(10.0019))
    assert store.commit(Create(run))
    assert due_runs(store, 10.0009) == []
    assert due_runs(store, 10.001) == [run.run_id]
    assert store.run(run.run_id) == run


def test_the_newest_runs_come_first(store: Store) -> None:
    runs = [a_run(n, policy=("nightly", "hourly")[n % 2]) for n in range(30)]
    for start in (20, 0, 10):
        assert store.commit(*(Create(run) for run in runs[start : start + 10]))
    newest = tuple(reversed(runs))
    assert store.runs() == newest[:20]
    assert store.runs(limit=100) == newest
    assert store.runs(limit=3) == newest[:3]
    assert store.runs(limit=0) == ()
    assert store.runs(policy="hourly") == newest[::2]
    assert store.runs(policy="hourly", limit=2) == newest[:4:2]
    assert store.runs(policy="night") == ()


def test_days_do_not_part_the_list(store: Store) -> None:
    runs = [a_run(n * 86_400 * 100) for n in range(5)]
    assert store.commit(*(Create(run) for run in runs))
    assert store.runs() == store.runs(policy="nightly") == tuple(reversed(runs))


@pytest.mark.parametrize("policy", [None, "nightly"])
def test_runs_of_a_kind_and_a_state(store: Store, policy: str | None) -> None:
    kinds, states = (Kind.BACKUP, Kind.DRILL, Kind.RESTORE), (State.FAILED, State.SUCCEEDED)
    runs = [a_run(n, kind=kinds[n % 3], state=states[n % 2]) for n in range(36)]
    assert store.commit(*(Create(run) for run in runs))
    newest = tuple(reversed(runs))
    assert store.runs(policy=policy, kind="drill") == newest[1::3]
    assert store.runs(policy=policy, state="FAILED", limit=4) == newest[1:9:2]
    assert store.runs(policy=policy, kind="restore", state="SUCCEEDED", limit=100) == newest[0::6]
    assert store.runs(policy=policy, kind="copy") == store.runs(policy=policy, state="RUNNING") == ()
    settled = moved(newest[0], state=State.FAILED)
    assert store.commit(Update(settled))
    assert store.runs(policy=policy, state="FAILED", limit=2) == (settled, newest[1])


def test_the_fleet_is_sorted_by_name(store: Store) -> None:
    states = [a_state(f"p-{n:02d}") for n in range(40)] + [a_paused_state("old")]
    for state in reversed(states):
        assert store.commit(Create(state))
    assert store.states() == tuple(sorted(states, key=lambda state: state.policy))


def test_the_newest_backup_comes_first(store: Store) -> None:
    backups = [a_backup(n) for n in range(20)]
    other = a_backup(5, policy="nightly-2")
    assert store.commit(*(Create(backup) for backup in (*backups[10:], *backups[:10], other)))
    pinned = replace(backups[3], rev=2, token=fresh_token(), level="L2")
    assert store.commit(Update(pinned), Create(a_spec()))
    backups[3] = pinned
    assert store.backups("nightly") == tuple(reversed(backups))
    assert store.backups("nightly-2") == (other,)


def test_a_policy_has_generations(store: Store) -> None:
    specs = [a_spec(gen=gen) for gen in (9, 10, 11)]
    for spec in specs:
        assert store.spec("nightly", spec.gen) is None
        assert store.commit(Create(spec))
    assert [store.spec("nightly", gen) for gen in (9, 10, 11)] == specs
    assert store.spec("hourly", 9) is None


def test_an_apply_claims_the_file(store: Store) -> None:
    first = a_config(generation=1, complete=False)
    assert store.commit(Create(first))
    claims = [replace(first, generation=2, rev=2, token=fresh_token(), applied_by=name) for name in ("anna", "ben")]
    assert [store.commit(Update(claim), Create(a_spec(gen=gen))) for gen, claim in enumerate(claims)] == [True, False]
    assert store.config() == claims[0]
    assert store.spec("nightly", 1) is None


def test_a_stage_is_installed_once(store: Store) -> None:
    assert [store.commit(Create(an_installation(name))) for name in ("one", "two")] == [True, False]
    assert store.installation() == an_installation("one")


def test_what_questions_cost(store: Store) -> None:
    """The costs of a step: what runs add up in `calls`."""
    run, state, spec = a_full_run(), a_state(), a_spec()

    def cost() -> tuple[int, int]:
        return store.reads, store.writes

    assert cost() == (0, 0)
    assert store.commit(Create(run), Create(state), Create(spec), Create(some_evidence(3, run_id=run.run_id)))
    assert cost() == (0, 1)
    store.run(run.run_id)
    store.state("nightly")
    store.evidence(run.run_id, "expected", 1)
    assert cost() == (3, 1)
    store.spec("nightly", 3)
    store.spec("nightly", 3)
    assert cost() == (4, 1)
    store.due_runs(0, at(0), 100)
    store.due_policies(0, at(0), 100)
    assert cost() == (6, 1)
    assert store.commit(Update(moved(run)))
    assert cost() == (6, 2)
    assert not store.commit(Update(moved(run)))  # reads the row: was it this very call?
    assert cost() == (7, 3)
    assert not store.commit(Create(replace(run, token="other")))
    assert cost() == (7, 4)
    store.states()
    assert cost() == (7 + store.shards, 4)
    store.backups("nightly")
    store.config()
    store.installation()
    assert cost() == (10 + store.shards, 4)
    store.proofs("nightly")
    assert cost() == (11 + store.shards, 4)
