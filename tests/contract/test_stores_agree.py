"""The store in memory stands for the one in DynamoDB in every simulation: any history must give the same answers."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib.core.leases import Lease, Slots
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.ports import Change, Check, Create, Delete, Store, Update
from chalicelib.core.rows import Backup, Mute, Pause, PolicyState, Proofs
from chalicelib.store.memory import MemoryStore
from tests.contract.policy_records import a_state
from tests.contract.records import (
    a_backup,
    a_lease,
    a_run,
    a_spec,
    a_waiter,
    at,
    due_policies,
    due_runs,
    some_evidence,
    some_proofs,
    some_slots,
)
from tests.tables import new_store

POLICIES = ("hourly", "nightly")
TRAFFIC = ("lease", "slots", "waiter", "check")
WAKES = (None, 0.0, 0.0005, 5.25)


@dataclass(frozen=True)
class Wish:
    """One change of a commit: which row, against which revision (0: create), with which content."""

    noun: str
    policy: str
    n: int
    rev: int
    wake: float | None
    state: State
    token: int
    clock: str


WISHES = st.builds(
    Wish,
    noun=st.sampled_from(
        ["run", "run", "run", "state", "state", "backup", "proofs", "spec", "evidence", *TRAFFIC, *TRAFFIC]
    ),
    policy=st.sampled_from(POLICIES),
    n=st.integers(0, 2),
    rev=st.integers(0, 3),
    wake=st.sampled_from(WAKES),
    state=st.sampled_from([State.RUNNING, State.FAILED]),
    token=st.integers(0, 3),
    clock=st.sampled_from(
        ["due_at", "drill_due_at", "sweep_at", "breach_at", "remind_at", "broken_since", "muted", "paused"]
    ),
)


def state_of(wish: Wish, serial: int) -> PolicyState:
    """Muted ones are broken too, paused ones have a slot."""
    at_rest = a_state(wish.policy, due_at=None, catalog_rev=serial)
    wake = None if wish.wake is None else at(wish.wake)
    clock = {"muted": "broken_since", "paused": "due_at"}.get(wish.clock, wish.clock)
    muted = Mute(by="a", why="w", at=at(0), until=at(9)) if wish.clock == "muted" else None
    paused = Pause(by="a", why="w", at=at(0)) if wish.clock == "paused" else None
    return replace(at_rest, **{clock: wake, "muted": muted, "paused": paused})  # type: ignore[arg-type]


def change_of(wish: Wish, serial: int) -> Change:
    """Tokens 0: none, 1: shared by the whole history (a commit sent again), else fresh."""
    token = {0: "", 1: f"again-{wish.rev}"}.get(wish.token, f"fresh-{serial}")
    wake = None if wish.wake is None else at(wish.wake)
    kind = (Kind.BACKUP, Kind.DRILL)[wish.n % 2]
    item: Run | PolicyState | Backup | Proofs | Lease | Slots
    match wish.noun:
        case "waiter":
            waiter = a_waiter(f"run-{wish.n}", target=wish.policy, asked_at=at(wish.n))
            return Delete(waiter) if wish.rev else Create(waiter)
        case "check":
            return Check(a_lease(wish.policy, rev=wish.rev))
        case "lease":
            item = a_lease(wish.policy, holder=f"run-{serial}")
        case "slots":
            item = some_slots(wish.policy, holders={f"run-{serial}": at(wish.n)})
        case "spec":
            return Create(a_spec(wish.policy, wish.n))
        case "evidence":
            return Create(some_evidence(wish.n, run_id=f"backup:{wish.policy}:x", n=wish.n))
        case "run":
            item = a_run(wish.n, policy=wish.policy, kind=kind, state=wish.state, wake_at=wake)
        case "state":
            item = state_of(wish, serial)
        case "proofs":
            item = some_proofs(wish.policy, dropped=serial)
        case _:
            item = a_backup(wish.n, policy=wish.policy)
    changed = replace(item, rev=wish.rev + 1, token=token)
    return Update(changed) if wish.rev else Create(changed)


def commit(store: Store, wishes: list[Wish], serial: int) -> str:
    try:
        return str(store.commit(*(change_of(wish, serial + n) for n, wish in enumerate(wishes))))
    except ValueError as mistake:
        return str(mistake)


def everything(store: Store) -> dict[str, object]:
    return {
        "states": store.states(),
        "all runs": store.runs(limit=100),
        "newest": store.runs(limit=1),
        "failed": store.runs(state="FAILED"),
        "broken": store.broken(),
        "due": [due_runs(store, 0), due_runs(store, 9), due_policies(store, 0.0004), due_policies(store, 9)],
        "of policies": [
            (
                store.state(policy),
                store.backups(policy),
                store.proofs(policy),
                store.traffic(policy, policy),
                store.waiters(policy, 10),
                store.waiters(policy, 1),
                store.runs(policy=policy),
                store.runs(policy=policy, kind="drill"),
            )
            for policy in POLICIES
        ],
        "facts": [
            (store.spec(policy, n), store.evidence(f"backup:{policy}:x", "expected", n))
            for policy in POLICIES
            for n in range(3)
        ],
    }


@pytest.mark.live
@settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(commits=st.lists(st.lists(WISHES, min_size=1, max_size=3), min_size=1, max_size=25))
def test_both_stores_tell_the_same_story(
    commits: list[list[Wish]], dynamodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    memory, dynamo = MemoryStore(shards=2), new_store(dynamodb_url, shards=2)
    for serial, wishes in enumerate(commits):
        assert commit(memory, wishes, 10 * serial) == commit(dynamo, wishes, 10 * serial)
        assert (memory.reads, memory.writes) == (dynamo.reads, dynamo.writes)
    assert everything(memory) == everything(dynamo)
