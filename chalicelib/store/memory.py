"""The store in memory: tests and simulation. Same answers as `dynamo.py` (tests/contract/test_stores.py), same counts
for what a step of a run does; rows are kept as the JSON that the table would hold."""

import threading
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from chalicelib.core.evidence import Evidence
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.model import Run
from chalicelib.core.ports import Change, Check, Create, Delete, Due, Record, Update
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec, TargetSpec
from chalicelib.core.stage_rows import ConfigState, Installation
from chalicelib.core.wire import dump, load
from chalicelib.store import keys
from chalicelib.store.keys import Key
from chalicelib.store.known import KnownEvidence

T = TypeVar("T", bound=Record)


@dataclass(frozen=True, slots=True)
class _Row:
    rev: int
    token: str
    body: str
    due: Key | None
    history: Key | None


_Put = tuple[Key, _Row, Create | Update]


class MemoryStore:
    def __init__(self, *, shards: int = 16) -> None:
        self._shards = shards
        self._lock = threading.RLock()
        self._rows: dict[Key, _Row] = {}
        self._index: dict[str, list[str]] = {}
        self._newest: list[str] = []
        self._specs: dict[tuple[str, int], Spec] = {}
        self._targets: dict[tuple[str, int], TargetSpec] = {}
        self._evidence = KnownEvidence()
        self._installation: Installation | None = None
        self._reads = 0
        self._writes = 0

    @property
    def shards(self) -> int:
        return self._shards

    @property
    def reads(self) -> int:
        return self._reads

    @property
    def writes(self) -> int:
        return self._writes

    def commit(self, *changes: Change) -> bool:
        placed = [keys.key_of(change.item, self._shards) for change in changes]
        keys.check_changes(changes, placed)
        shared = keys.shared_token(changes)
        puts = [
            (key, self._row(key, change.item, shared), change)
            for key, change in zip(placed, changes, strict=True)
            if isinstance(change, Create | Update)
        ]
        with self._lock:
            self._writes += 1
            if not all(self._holds(key, change) for key, change in zip(placed, changes, strict=True)):
                self._reads += not _is_transaction(changes)
                return self._are_stored(puts)
            self._check_tokens(puts)
            for key, row, put in puts:
                self._put(key, row, put)
            for change in changes:
                if isinstance(change, Delete):
                    self._rows.pop(keys.key_of(change.item, self._shards), None)
            return True

    def run(self, run_id: str) -> Run | None:
        return self._get(Run, keys.run_key(run_id))

    def evidence(self, run_id: str, kind: str, n: int) -> Evidence | None:
        key = keys.evidence_key(run_id, kind, n)
        if known := self._evidence.get(key):
            return known
        found = self._get(Evidence, key)
        return self._evidence.keep(key, found, len(self._rows[key].body.encode())) if found else None

    def runs(
        self, *, policy: str | None = None, kind: str | None = None, state: str | None = None, limit: int = 20
    ) -> tuple[Run, ...]:
        with self._lock:
            self._reads += 1
            if policy is None:
                places = list(islice(reversed(self._newest), keys.LIST_DEPTH))
            else:
                places = list(reversed(self._index.get(f"P#{policy}", [])))
            return tuple(islice(self._matching(places, kind, state), max(limit, 0)))

    def state(self, policy: str) -> PolicyState | None:
        return self._get(PolicyState, keys.state_key(policy, self._shards))

    def states(self) -> tuple[PolicyState, ...]:
        with self._lock:
            self._reads += self._shards
            found = [load(PolicyState, row.body) for key, row in self._rows.items() if key.pk.startswith("F#")]
        return tuple(sorted(found, key=lambda state: state.policy))

    def spec(self, policy: str, gen: int) -> Spec | None:
        known = self._specs.get((policy, gen)) or self._get(Spec, keys.spec_key(policy, gen))
        if known is not None:
            self._specs[policy, gen] = known
        return known

    def target(self, name: str, gen: int) -> TargetSpec | None:
        known = self._targets.get((name, gen)) or self._get(TargetSpec, keys.target_key(name, gen))
        if known is not None:
            self._targets[name, gen] = known
        return known

    def backups(self, policy: str) -> tuple[Backup, ...]:
        with self._lock:
            self._reads += 1
            places = sorted((key for key in self._rows if key.pk == f"P#{policy}" and key.sk[:2] == "B#"), reverse=True)
            return tuple(load(Backup, self._rows[key].body) for key in places)

    def approval(self, plan_id: str) -> Approval | None:
        return self._get(Approval, keys.approval_key(plan_id))

    def proofs(self, policy: str) -> Proofs | None:
        return self._get(Proofs, keys.proofs_key(policy))

    def config(self) -> ConfigState | None:
        return self._get(ConfigState, Key(*keys.CONFIG))

    def traffic(self, lease: str, target: str) -> tuple[Lease | None, Slots | None]:
        with self._lock:
            self._reads += 1
            held, slots = self._rows.get(keys.lease_key(lease)), self._rows.get(keys.slots_key(target))
        return load(Lease, held.body) if held else None, load(Slots, slots.body) if slots else None

    def slots(self, target: str) -> Slots | None:
        return self._get(Slots, keys.slots_key(target))

    def waiters(self, target: str, limit: int) -> tuple[Waiter, ...]:
        pk = keys.slots_key(target).pk
        with self._lock:
            self._reads += 1
            places = sorted(key for key in self._rows if key.pk == pk and key.sk.startswith("W#"))
            return tuple(load(Waiter, self._rows[key].body) for key in places[:limit])

    def broken(self) -> tuple[int, datetime | None]:
        with self._lock:
            self._reads += keys.BROKEN_PARTS
            parts = (self._index.get(f"BROKEN#{part}", []) for part in range(keys.BROKEN_PARTS))
            found = [place.partition("#")[0] for places in parts for place in places]
        return len(found), datetime.fromisoformat(min(found)) if found else None

    def installation(self) -> Installation | None:
        if self._installation is None:
            self._installation = self._get(Installation, Key(*keys.INSTALLATION))
        return self._installation

    def due_policies(self, shard: int, now: datetime, limit: int) -> tuple[Due, ...]:
        return self._due(f"POL#{shard}", now, limit)

    def due_runs(self, shard: int, now: datetime, limit: int) -> tuple[Due, ...]:
        return self._due(f"RUN#{shard}", now, limit)

    def _row(self, key: Key, record: Record, shared: str) -> _Row:
        record = keys.trimmed(record)
        body = dump(record)
        if not isinstance(record, Evidence):
            keys.check_size(key, body)
        elif len(body) > keys.PART:
            keys.packed(key, body)
        due, history = keys.due_of(record, self._shards), keys.history_of(record)
        return _Row(getattr(record, "rev", 1), getattr(record, "token", "") or shared, body, due, history)

    def _holds(self, key: Key, change: Change) -> bool:
        row = self._rows.get(key)
        match change:
            case Create():
                return row is None
            case Update():
                return row is not None and row.rev == change.item.rev - 1
            case Check():
                return row is not None and row.rev == change.item.rev
        return True

    def _are_stored(self, puts: Sequence[_Put]) -> bool:
        """By this very commit, whose answer was lost."""
        self._check_tokens(puts)
        stored = [self._rows.get(key) for key, _, _ in puts]
        return all(
            row.token and before and (before.rev, before.token) == (row.rev, row.token)
            for (_, row, _), before in zip(puts, stored, strict=True)
        )

    def _check_tokens(self, puts: Sequence[_Put]) -> None:
        for key, row, _ in puts:
            before = self._rows.get(key)
            if row.token and before and (before.rev, before.token) == (row.rev - 1, row.token):
                raise ValueError(f"the write of {key.pk} {key.sk} carries the token of the write before it")

    def _put(self, key: Key, row: _Row, change: Create | Update) -> None:
        before = self._rows.get(key)
        for place in (before.due, before.history) if before else ():
            if place:
                names = self._index[place.pk]
                del names[bisect_left(names, place.sk)]
        for place in (row.due, row.history):
            if place:
                insort(self._index.setdefault(place.pk, []), place.sk)
        if row.history and isinstance(change.item, Run) and isinstance(change, Create):
            insort(self._newest, row.history.sk)
        self._rows[key] = row

    def _get(self, kind: type[T], key: Key) -> T | None:
        with self._lock:
            self._reads += 1
            row = self._rows.get(key)
        return load(kind, row.body) if row else None

    def _matching(self, places: list[str], kind: str | None, state: str | None) -> Iterator[Run]:
        for place in places:
            run = load(Run, self._rows[keys.run_key(place.split("#", 1)[1])].body)
            if kind in (None, run.kind) and state in (None, run.state):
                yield run

    def _due(self, pk: str, now: datetime, limit: int) -> tuple[Due, ...]:
        with self._lock:
            self._reads += 1
            places = self._index.get(pk, [])
            found = places[: min(bisect_left(places, keys.due_until(now)), max(limit, 0))]
        return tuple(keys.due_at(place) for place in found)


def _is_transaction(changes: Sequence[Change]) -> bool:
    """In DynamoDB, which then hands the rows back with its refusal; a single one is read. A new run has its stub."""
    return len(changes) > 1 or (isinstance(changes[0], Create) and isinstance(changes[0].item, Run))
