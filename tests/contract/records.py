"""Records for tests of what keeps and sends them: every field has a value of its own, `changes` replace some."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.core.evidence import Evidence
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.model import (
    Asked,
    Calls,
    Finding,
    IndexCount,
    IndexRef,
    Kind,
    Progress,
    Run,
    Severity,
    Shards,
    State,
    Step,
    Usual,
)
from chalicelib.core.ports import Store
from chalicelib.core.rows import Backup, BackupState, Proofs, Proved, Spec
from chalicelib.core.spec import (
    Auth,
    Check,
    Contract,
    Drill,
    Notify,
    Policy,
    QueryCheck,
    Repository,
    Retention,
    Select,
    Target,
    Trigger,
)
from chalicelib.core.stage_rows import ConfigState, Installation

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MISSING = Finding(
    code="contract.must_include",
    severity=Severity.ERROR,
    subject="customers",
    message="customers is not in the snapshot",
    next_step="Look at `select`.",
)
_count = itertools.count(1)


def fresh_token() -> str:
    return f"token-{next(_count)}"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_run(n: int = 0, *, policy: str = "nightly", kind: Kind = Kind.BACKUP, **changes: Any) -> Run:
    """`n` orders runs: each is made a second after the one before it."""
    values: dict[str, Any] = {
        "run_id": f"{kind}:{policy}:now-{n:05d}",
        "kind": kind,
        "policy": policy,
        "target": "shop",
        "repository": "main",
        "slot": f"now-{n:05d}",
        "requested_by": "anna",
        "spec_gen": 3,
        "state": State.RUNNING,
        "snapshot": f"snapwarden-k3f9-{policy}-r{n:05d}",
        "created_at": at(n),
        "deadline_at": at(n + 14_400),
        "start_by": at(n + 7_200),
        "token": fresh_token(),
    }
    return Run(**(values | changes))


def moved(run: Run, **changes: Any) -> Run:
    return replace(run, rev=run.rev + 1, token=fresh_token(), **changes)


def a_full_run(**changes: Any) -> Run:
    values: dict[str, Any] = {
        **_held_and_took(),
        "token": "a-token",
        "rev": 7,
        "state": State.PARTIAL,
        "previous_state": State.VERIFYING,
        "wake_at": at(30.123456),
        "claim": "a-claim",
        "claimed_at": at(3),
        "busy_until": at(90),
        "lease": "0f5c#a1b2",
        "fence": 8,
        "waiting": a_waiter(),
        "cancel": Asked(by="ben", why="an incident", at=at(20)),
        "aborts": 2,
        "reason": "2 of 12 shards failed",
        "started_at": at(2),
        "finished_at": at(61),
        "attempts": 1,
        "looks": 4,
        "crashes": 2,
        "refusals": 3,
        "last_error": "no answer in 10 s",
        "missed": 2,
        "missed_from": at(-86_400),
        "steps": (Step(state=State.STARTING, at=at(1), rev=2), Step(state=State.RUNNING, at=at(2), rev=3)),
        "calls": Calls(engine=5, store_reads=3, store_writes=6, messages=4),
        "emitted_rev": 6,
        "told": True,
        "tells": 5,
        "good": True,
        "recovers": True,
        "repeats": 3,
        "quiet": True,
        "last_look": True,
    }
    return a_run(**(values | changes))


def _held_and_took() -> dict[str, Any]:
    return {
        "reported": True,
        "level": "L1",
        "snapshot_uuid": "sVn8Kb9mQvSZy0vTzHW7Tg",
        "findings": (MISSING,),
        "progress": Progress(done=10, total=12, bytes_done=900, bytes_total=1000),
        "indices": 4,
        "docs": 120_345,
        "bytes": 73_400_320,
        "bytes_added": 1_048_576,
        "shards": Shards(total=12, failed=2),
        "usual": Usual(backups=7, docs=119_000, bytes=70_000_000, seconds=61.5),
    }


def a_lease(lease: str = "0f5c#a1b2", **changes: Any) -> Lease:
    values: dict[str, Any] = {"holder": "backup:nightly:now-00000", "expires_at": at(15_000), "token": fresh_token()}
    return Lease(lease=lease, **(values | changes))


def some_slots(target: str = "shop", **changes: Any) -> Slots:
    holders = {"backup:nightly:now-00000": at(15_000), "backup:hourly:now-00001": at(900)}
    return Slots(target=target, **({"holders": holders, "token": fresh_token()} | changes))


def a_waiter(run_id: str = "backup:nightly:now-00000", **changes: Any) -> Waiter:
    values: dict[str, Any] = {
        "target": "shop",
        "lease": "0f5c#a1b2",
        "priority": 1,
        "breach_at": at(93_600),
        "asked_at": at(0),
    }
    return Waiter(run_id=run_id, **(values | changes))


def a_spec(policy: str = "nightly", gen: int = 3) -> Spec:
    return Spec(
        policy=Policy(
            name=policy,
            target="shop",
            repository="main",
            select=Select(indices=("orders-*", "customers"), exclude=("*-tmp",)),
            schedule=("0 2 * * *",),
            timezone="Europe/Berlin",
            jitter=timedelta(minutes=10),
            blackout=("Mon-Fri 08:00-18:00",),
            rpo={"L2": timedelta(hours=26)},
            prove="L2",
            contract=Contract(must_include=("customers",), min_bytes=10**6, max_shrink=Decimal("0.2")),
            retention=Retention(keep_last=7, daily=14, max_age=timedelta(days=400), max_delete=Decimal("0.125")),
            drill=Drill(
                schedule=("0 4 * * 0",),
                sample=3,
                rto=timedelta(minutes=30),
                checks=(Check(mapping=True), Check(query=QueryCheck(index="customers", body={"match_all": {}}))),
            ),
            triggers=(Trigger(pattern={"source": ["aws.codedeploy"]}),),
            notify=Notify(on=("failure",), topic="night"),
        ),
        target=Target(
            name="shop",
            engine="elasticsearch",
            hosts=("https://es.internal:9200",),
            auth=Auth(secret="shop-backup"),
            repositories={"main": Repository(type="fs", settings={"location": "main", "compress": True})},
        ),
        gen=gen,
    )


def a_backup(n: int = 0, *, policy: str = "nightly", **changes: Any) -> Backup:
    values: dict[str, Any] = {
        "backup_id": f"{policy}-{n:05d}",
        "run_id": f"backup:{policy}:now-{n:05d}",
        "policy": policy,
        "target": "shop",
        "repository": "main",
        "snapshot": f"snapwarden-k3f9-{policy}-r{n:05d}",
        "snapshot_uuid": "sVn8Kb9mQvSZy0vTzHW7Tg",
        "taken_at": at(n),
        "ended_at": at(n + 60),
        "outcome": State.PARTIAL,
        "level": "L1",
        "indices": 4,
        "bytes": 73_400_320,
        "bytes_added": 1_048_576,
        "shards": Shards(total=12, failed=2),
        "docs": 120_345,
        "good": True,
        "errors": ("contract.max_shrink",),
        "accepted": Asked(by="anna", why="a migration", at=at(70)),
        "state": BackupState.PLANNED,
        "token": fresh_token(),
    }
    return Backup(**(values | changes))


def a_drilled_backup(**changes: Any) -> Backup:
    """All of it proved, by two drills."""
    drills = ("drill:nightly:2026-11-22T04:00Z", "drill:nightly:now-2")
    values: dict[str, Any] = {"drills": drills, "drilled_at": at(90_000), "proved": 4, "level": "L4", "reached": "L2"}
    return a_backup(1, **(values | changes))


def some_proofs(policy: str = "nightly", **changes: Any) -> Proofs:
    proved = Proved(
        run_id=f"drill:{policy}:2026-11-22T04:00Z",
        backup_id=f"{policy}-00000",
        taken_at=at(0),
        at=at(57_600),
        indices=("customers", "orders"),
    )
    values: dict[str, Any] = {"drills": (proved,), "dropped": 2, "token": fresh_token()}
    return Proofs(policy=policy, **(values | changes))


def a_config(**changes: Any) -> ConfigState:
    values: dict[str, Any] = {
        "generation": 3,
        "digest": "9f86d081",
        "applied_at": at(0),
        "applied_by": "anna",
        "complete": False,
        "token": fresh_token(),
    }
    return ConfigState(**(values | changes))


def an_installation(name: str = "k3f9x2a7") -> Installation:
    return Installation(id=name)


def some_evidence(count: int, *, run_id: str = "backup:nightly:now-00000", n: int = 1) -> Evidence:
    """Names and uuids like a server's: the uuids do not compress."""
    letters = random.Random(count)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    indices = tuple(
        IndexRef(name=f".ds-logs-shop.orders-{i:06d}", uuid="".join(letters.choices(alphabet, k=22)))
        for i in range(count)
    )
    return Evidence(run_id=run_id, kind="expected", n=n, indices=indices)


def counted_evidence() -> Evidence:
    counts = (IndexCount(name="orders", uuid="u1", docs=103, max_seq_no=(100, -1)),)
    indices = (
        IndexRef(name="orders", uuid="u1", shards=2),
        IndexRef(name="customers", uuid="u2", shards=1, closed=True),
    )
    return replace(some_evidence(0), indices=indices, unmatched=("logs-*",), counts=counts, uncounted="403 forbidden")


def due_runs(store: Store, seconds: float, limit: int = 100) -> list[str]:
    return [due.id for shard in range(store.shards) for due in store.due_runs(shard, at(seconds), limit)]


def due_policies(store: Store, seconds: float, limit: int = 100) -> list[str]:
    return [due.id for shard in range(store.shards) for due in store.due_policies(shard, at(seconds), limit)]
