"""Where a record stands in the table: keys, due index, history. Pure; both stores use it, so both order alike.

A text that is compared as a time is `wire.millis`, so everything here has the resolution of a millisecond.
"""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from chalicelib.core.errors import Refused
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.model import Run
from chalicelib.core.ports import Change, Check, Delete, Due, Record
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec, TargetSpec
from chalicelib.core.stage_rows import ConfigState, Installation
from chalicelib.core.wire import millis

MAX_CHANGES = 100
MAX_STEPS = 30
# DynamoDB takes 400 KB an item, names and index attributes included.
MAX_BODY = 350_000
# … and 4 MB a transaction: evidence is compressed and cut.
PART = 300_000
MAX_PARTS = 12
LIST_PARTS = 4
BROKEN_PARTS = 4
# A list over all policies looks through this many of the newest runs for those that match, and no further.
LIST_DEPTH = 2_000

CONFIG = ("CFG", "META")
INSTALLATION = ("CFG", "INSTALL")


class Key(NamedTuple):
    pk: str
    sk: str


def part_of(name: str, parts: int) -> int:
    """The same on every machine and in every release: rows are found by it."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % parts


def run_key(run_id: str) -> Key:
    return Key(f"R#{run_id}", "META")


def state_key(policy: str, shards: int) -> Key:
    return Key(f"F#{part_of(policy, shards)}", f"P#{policy}")


def spec_key(policy: str, gen: int) -> Key:
    return Key(f"P#{policy}", f"SPEC#{gen:08d}")


def target_key(target: str, gen: int) -> Key:
    return Key(f"T#{target}", f"TARGET#{gen:08d}")


def proofs_key(policy: str) -> Key:
    return Key(f"P#{policy}", "PROOF")


def evidence_key(run_id: str, kind: str, n: int) -> Key:
    """Parts beyond the first follow it: `…#01`, `…#02`."""
    return Key(f"R#{run_id}", f"X#{kind}#{n:04d}")


def approval_key(plan_id: str) -> Key:
    return Key(f"A#{plan_id}", "META")


def lease_key(lease: str) -> Key:
    return Key(f"L#{lease}", "LEASE")


def slots_key(target: str) -> Key:
    return Key(f"T#{target}", "SLOTS")


def waiter_key(waiter: Waiter) -> Key:
    """Who goes first: restore before backup before retention, then the earlier breach, then who asked first."""
    since = f"{millis(waiter.breach_at)}#{millis(waiter.asked_at)}"
    return Key(f"T#{waiter.target}", f"W#{waiter.priority}#{since}#{waiter.run_id}")


def key_of(record: Record, shards: int) -> Key:
    match record:
        case Run():
            return run_key(record.run_id)
        case PolicyState():
            return state_key(record.policy, shards)
        case Spec():
            return spec_key(record.policy.name, record.gen)
        case Backup():
            return Key(f"P#{record.policy}", f"B#{millis(record.taken_at)}#{record.backup_id}")
        case Proofs():
            return proofs_key(record.policy)
        case ConfigState():
            return Key(*CONFIG)
        case Installation():
            return Key(*INSTALLATION)
        case Approval():
            return approval_key(record.plan_id)
        case TargetSpec() | Lease() | Slots() | Waiter():
            return traffic_key(record)
    return evidence_key(record.run_id, record.kind, record.n)


def traffic_key(record: Lease | Slots | Waiter | TargetSpec) -> Key:
    match record:
        case TargetSpec():
            return target_key(record.target.name, record.gen)
        case Lease():
            return lease_key(record.lease)
        case Slots():
            return slots_key(record.target)
        case Waiter():
            return waiter_key(record)


def due_of(record: Record, shards: int) -> Key | None:
    """Its place in the due index. A run is due while it names a wake time, an active policy at its earliest clock; a
    paused one starts nothing, and what is to be swept is that of a retired one, too."""
    match record:
        case Run(wake_at=datetime() as at):
            return Key(f"RUN#{part_of(record.run_id, shards)}", f"{millis(at)}#{record.run_id}")
        case PolicyState():
            slots = () if record.paused else (record.due_at, record.drill_due_at)
            clocks = (*slots, record.breach_at, record.remind_at) if record.active else ()
            if earliest := min((clock for clock in (*clocks, record.sweep_at) if clock), default=None):
                return Key(f"POL#{part_of(record.policy, shards)}", f"{millis(earliest)}#{record.policy}")
    return None


def due_until(now: datetime) -> str:
    """Above every sort key of the due index at or before `now`: `$` follows `#`."""
    return f"{millis(now)}$"


def due_at(place: str) -> Due:
    """The sort key of the due index, read back."""
    at, _, name = place.partition("#")
    return Due(id=name, at=datetime.fromisoformat(at))


def history_of(record: Record) -> Key | None:
    """Its place among the runs of its policy, or among the promises that are broken."""
    match record:
        case Run():
            return Key(f"P#{record.policy}", f"{millis(record.created_at)}#{record.run_id}")
        case PolicyState(active=True, broken_since=datetime() as since, muted=None):
            return Key(f"BROKEN#{part_of(record.policy, BROKEN_PARTS)}", f"{millis(since)}#{record.policy}")
    return None


def stub_of(record: Record) -> Key | None:
    """The row beside a new run by which the list over all policies finds it.

    No date in the partition key: a list of the newest would have to ask for empty days one by one, and the creates of
    one minute would meet in the partition of their day all the same.
    """
    if isinstance(record, Run):
        return Key(f"RUNS#{part_of(record.run_id, LIST_PARTS)}", f"{millis(record.created_at)}#{record.run_id}")
    return None


def trimmed(record: Record) -> Record:
    """As it is stored: a run that took a day of looks keeps the end of its story."""
    if isinstance(record, Run) and len(record.steps) > MAX_STEPS:
        return replace(record, steps=record.steps[-MAX_STEPS:])
    return record


def check_size(key: Key, body: str) -> None:
    if len(body.encode()) > MAX_BODY:
        raise Refused(f"the row {key.pk} {key.sk} would be {len(body)} characters long, a row holds {MAX_BODY}")


def packed(key: Key, body: str) -> list[bytes]:
    """The parts of a compressed row of evidence, at least one."""
    data = gzip.compress(body.encode(), mtime=0)
    if len(data) > MAX_PARTS * PART:
        raise Refused(f"the evidence {key.pk} {key.sk} would be {len(data)} bytes, {MAX_PARTS * PART} are possible")
    return [data[at : at + PART] for at in range(0, len(data), PART)]


def unpacked(parts: Sequence[bytes]) -> bytes:
    return gzip.decompress(b"".join(parts))


def check_changes(changes: Sequence[Change], keys: Sequence[Key]) -> None:
    """Mistakes of the caller: DynamoDB answers them with a ValidationException at best."""
    if not 1 <= len(changes) <= MAX_CHANGES:
        raise ValueError(f"{len(changes)} changes in one commit, 1 to {MAX_CHANGES} are possible")
    if isinstance(changes[0], Delete | Check):
        raise ValueError("the first change of a commit is a Create or an Update")
    if len(set(keys)) < len(keys):
        raise ValueError(f"one row twice in one commit: {', '.join(f'{key.pk} {key.sk}' for key in keys)}")


def shared_token(changes: Sequence[Change]) -> str:
    """What the rows of a commit carry that have no token of their own; empty when none has."""
    written = (change.item for change in changes if not isinstance(change, Delete | Check))
    return next((token for item in written if (token := getattr(item, "token", ""))), "")
