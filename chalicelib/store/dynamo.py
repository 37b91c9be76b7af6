"""The store in DynamoDB: records to rows and back. Keys: `keys.py`; requests and their counts: `dynamo_table.py`."""

from collections.abc import Callable, Iterator
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from botocore.session import Session

from chalicelib.core.errors import Refused
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.model import Run
from chalicelib.core.ports import Change, Check, Delete, Due, Record, Row, Update
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec, TargetSpec
from chalicelib.core.stage_rows import ConfigState, Installation
from chalicelib.core.wire import dump, load
from chalicelib.store import keys
from chalicelib.store.dynamo_table import Drop, Hold, Item, Put, Table, item_for
from chalicelib.store.keys import Key
from chalicelib.store.known import KnownEvidence

if TYPE_CHECKING:
    from chalicelib.core.evidence import Evidence

T = TypeVar("T", bound=Record)

PAGE = 100
KNOWN_SPECS = 4_096


class DynamoStore:
    """`token` makes a fresh random value of at most 36 characters. `host`: an embedded one's address."""

    def __init__(
        self, table: str, *, region: str, token: Callable[[], str], host: str | None = None, shards: int = 16
    ) -> None:
        self._table = Table(item_for(table, region, host))
        self._token = token
        self._shards = shards
        self._specs: dict[tuple[str, int], Spec] = {}
        self._targets: dict[tuple[str, int], TargetSpec] = {}
        self._evidence = KnownEvidence()
        self._installation: Installation | None = None

    @property
    def shards(self) -> int:
        return self._shards

    @property
    def session(self) -> Session:
        """botocore's, for clients of other services: what it has read for this one it need not read again. One for
        each thread."""
        return self._table.connection().session

    @property
    def reads(self) -> int:
        return self._table.reads

    @property
    def writes(self) -> int:
        return self._table.writes

    def commit(self, *changes: Change) -> bool:
        placed = [keys.key_of(change.item, self._shards) for change in changes]
        keys.check_changes(changes, placed)
        fresh = self._token()
        shared = keys.shared_token(changes) or fresh
        puts = [put for key, change in zip(placed, changes, strict=True) for put in self._puts(key, change, shared)]
        if len(puts) > keys.MAX_CHANGES:
            raise Refused(f"{len(puts)} rows in one commit, {keys.MAX_CHANGES} are possible")
        if len(puts) == 1 and isinstance(puts[0], Put):
            return self._table.put(puts[0])
        return self._table.put_all(puts, fresh)

    def run(self, run_id: str) -> Run | None:
        return self._get(Run, keys.run_key(run_id))

    def evidence(self, run_id: str, kind: str, n: int) -> "Evidence | None":
        from chalicelib.core.evidence import Evidence  # not at the top: see there

        pk, sk = key = keys.evidence_key(run_id, kind, n)
        if known := self._evidence.get(key):
            return known
        rows = list(
            self._table.query(
                lambda item: item.query(pk, item.sk.between(sk, f"{sk}#~"), consistent_read=True)  # `#~`: its parts
            )
        )
        if not rows:
            return None
        body = keys.unpacked([row.data or b"" for row in rows])
        return self._evidence.keep(key, _loaded(Evidence, key, body), len(body))

    def runs(
        self, *, policy: str | None = None, kind: str | None = None, state: str | None = None, limit: int = 20
    ) -> tuple[Run, ...]:
        page = PAGE if kind or state else min(max(limit, 1), PAGE)
        places = self._newest(page) if policy is None else self._newest_of(policy, kind, state, page)
        found = self._runs(places, page)
        matching = (run for run in found if kind in (None, run.kind) and state in (None, run.state))
        return tuple(islice(matching, max(limit, 0)))

    def state(self, policy: str) -> PolicyState | None:
        return self._get(PolicyState, keys.state_key(policy, self._shards))

    def states(self) -> tuple[PolicyState, ...]:
        found = [_read(PolicyState, row) for shard in range(self._shards) for row in self._all(f"F#{shard}", "P#")]
        return tuple(sorted(found, key=lambda state: state.policy))

    def spec(self, policy: str, gen: int) -> Spec | None:
        known = self._specs.get((policy, gen)) or self._get(Spec, keys.spec_key(policy, gen))
        if known is not None:
            if len(self._specs) >= KNOWN_SPECS:
                self._specs.clear()
            self._specs[policy, gen] = known
        return known

    def target(self, name: str, gen: int) -> TargetSpec | None:
        known = self._targets.get((name, gen)) or self._get(TargetSpec, keys.target_key(name, gen))
        if known is not None:
            if len(self._targets) >= KNOWN_SPECS:
                self._targets.clear()
            self._targets[name, gen] = known
        return known

    def backups(self, policy: str) -> tuple[Backup, ...]:
        return tuple(_read(Backup, row) for row in self._all(f"P#{policy}", "B#", newest=True))

    def approval(self, plan_id: str) -> Approval | None:
        return self._get(Approval, keys.approval_key(plan_id))

    def proofs(self, policy: str) -> Proofs | None:
        return self._get(Proofs, keys.proofs_key(policy))

    def config(self) -> ConfigState | None:
        return self._get(ConfigState, Key(*keys.CONFIG))

    def traffic(self, lease: str, target: str) -> tuple[Lease | None, Slots | None]:
        places = (keys.lease_key(lease), keys.slots_key(target))
        rows = self._table.batch(places)
        held, slots = (rows.get(place) for place in places)
        return (_read(Lease, held) if held else None, _read(Slots, slots) if slots else None)

    def slots(self, target: str) -> Slots | None:
        return self._get(Slots, keys.slots_key(target))

    def waiters(self, target: str, limit: int) -> tuple[Waiter, ...]:
        pk = keys.slots_key(target).pk
        rows = self._table.query(
            lambda item: item.query(pk, item.sk.startswith("W#"), consistent_read=True, limit=limit, page_size=limit)
        )
        return tuple(_read(Waiter, row) for row in rows)

    def broken(self) -> tuple[int, datetime | None]:
        found = [
            row.h_sk.partition("#")[0]
            for part in range(keys.BROKEN_PARTS)
            for row in self._table.query(lambda item, pk=f"BROKEN#{part}": item.history.query(pk))  # type: ignore[misc]
        ]
        return len(found), datetime.fromisoformat(min(found)) if found else None

    def installation(self) -> Installation | None:
        if self._installation is None:
            self._installation = self._get(Installation, Key(*keys.INSTALLATION))
        return self._installation

    def due_policies(self, shard: int, now: datetime, limit: int) -> tuple[Due, ...]:
        return self._due(f"POL#{shard}", now, limit)

    def due_runs(self, shard: int, now: datetime, limit: int) -> tuple[Due, ...]:
        return self._due(f"RUN#{shard}", now, limit)

    def _puts(self, key: Key, change: Change, shared: str) -> Iterator[Put | Drop | Hold]:
        if isinstance(change, Delete):
            yield Drop(self._table.item(*key))
            return
        if isinstance(change, Check):
            yield Hold(self._table.item(*key), change.item.rev)
            return
        record = keys.trimmed(change.item)
        rev = change.item.rev - 1 if isinstance(change, Update) else None
        if not isinstance(record, Row):
            yield from self._parts(key, record, shared)
            return
        row = self._row(key, record, shared)
        yield Put(row, rev)
        if rev is None and isinstance(record, Run) and (stub := keys.stub_of(record)):
            yield Put(self._table.item(*stub, rev=row.rev, token=row.token, kind=row.kind))

    def _row(self, key: Key, record: Record, shared: str) -> Item:
        body = dump(record)
        keys.check_size(key, body)
        token = getattr(record, "token", "") or shared
        row = self._table.item(*key, rev=getattr(record, "rev", 1), token=token, body=body)
        row.due_pk, row.due_at = keys.due_of(record, self._shards) or (None, None)
        row.h_pk, row.h_sk = keys.history_of(record) or (None, None)
        if isinstance(record, Run):
            row.kind, row.state, row.level = record.kind.value, record.state.value, record.level
            row.reason = record.reason
        if isinstance(record, Run | PolicyState):
            row.spec_gen = record.spec_gen
        return row

    def _parts(self, key: Key, record: "Evidence", shared: str) -> Iterator[Put]:
        parts = keys.packed(key, dump(record))
        for n, part in enumerate(parts):
            place = Key(key.pk, f"{key.sk}#{n:02d}" if n else key.sk)
            yield Put(self._table.item(*place, rev=1, token=shared, data=part, parts=len(parts)))

    def _get(self, kind: type[T], key: Key) -> T | None:
        row = self._table.get(key)
        return _read(kind, row) if row else None

    def _all(self, pk: str, prefix: str, *, newest: bool = False) -> Iterator[Item]:
        return self._table.query(
            lambda item: item.query(pk, item.sk.startswith(prefix), consistent_read=True, scan_index_forward=not newest)
        )

    def _newest(self, page: int) -> Iterator[str]:
        """Ids of the newest runs of all policies."""

        def newest(part: int) -> Iterator[Item]:
            pk = f"RUNS#{part}"
            return self._table.query(lambda item: item.query(pk, scan_index_forward=False, page_size=page))

        parts = [newest(part) for part in range(keys.LIST_PARTS)]
        rows = merge(*parts, key=lambda row: str(row.sk), reverse=True)
        return (row.sk.split("#", 1)[1] for row in islice(rows, keys.LIST_DEPTH))

    def _newest_of(self, policy: str, kind: str | None, state: str | None, page: int) -> Iterator[str]:
        """The index may be a moment behind: one whose state has just changed may be missed by a filter."""
        rows = self._table.query(
            lambda item: item.history.query(f"P#{policy}", scan_index_forward=False, page_size=page)
        )
        return (row.h_sk.split("#", 1)[1] for row in rows if kind in (None, row.kind) and state in (None, row.state))

    def _runs(self, places: Iterator[str], page: int) -> Iterator[Run]:
        while ids := list(islice(places, page)):
            wanted = [keys.run_key(run_id) for run_id in ids]
            rows = self._table.batch(wanted)
            yield from (_read(Run, rows[key]) for key in wanted if key in rows)

    def _due(self, pk: str, now: datetime, limit: int) -> tuple[Due, ...]:
        if limit < 1:
            return ()
        rows = self._table.query(
            lambda item: item.due.query(pk, item.due_at < keys.due_until(now), limit=limit, page_size=limit)
        )
        return tuple(keys.due_at(str(row.due_at)) for row in rows)


def _read(kind: type[T], row: Item) -> T:
    return _loaded(kind, Key(row.pk, row.sk), row.body or "")


def _loaded(kind: type[T], key: Key, body: str | bytes) -> T:
    try:
        return load(kind, body)
    except ValueError as error:
        raise Refused(f"the row {key.pk} {key.sk} cannot be read by this release: {error}") from error
