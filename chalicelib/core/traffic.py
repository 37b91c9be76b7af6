"""Who may work on a repository now. Pure: what the store's conditions decide is only prepared here.

The lease of a place (one run at a time, whatever the name of the repository) and the slots of a target
(`max_concurrent`) are traffic control; no engine can check a fence. Safety comes from the engine's own checks, from the
metadata of what we make, and from the fence, which is a condition of every claim. A run holds both from STARTING to
its end; they expire a while after its deadline, so a run that is lost holds up nobody for ever.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.model import Kind, Run
from chalicelib.core.ports import Change, Check, Create, Update
from chalicelib.core.rows import PolicyState
from chalicelib.core.spec import Target

GRACE = timedelta(minutes=10)
"""Past its deadline a run has one last look, and whoever froze in it is dead by then."""
SALVAGE = "#salvage"
"""How the lease of copying documents ends."""
REBUILD = "#rebuild"
"""The same of restoring everything."""
PRIORITY = {Kind.RESTORE: 0, Kind.BACKUP: 1, Kind.RETENTION: 2, Kind.DRILL: 3}
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
PLACE = ("location", "bucket", "container", "base_path", "uri", "path", "url")
"""The settings of a repository that say where it is, of all types; the others say how it is reached and used."""
ON_THEIR_WAY = timedelta(minutes=10)
"""Since a run gave back what it held: by then those who wait have looked, whatever messages were lost."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The two rows as they were read; None: nobody ever held one."""

    lease: Lease | None
    slots: Slots | None


def lease_name(target: Target, repository: str) -> str:
    """Of the place that a repository stands for: two targets of one cluster, and two names of one location, share it,
    and no setting beside makes it a new one. A repository whose file says no place (`manage: false`) is known by its
    name alone. Other addresses are taken for another cluster."""
    written = target.repositories[repository]
    place = {key: str(value).rstrip("/") for key, value in written.settings.items() if key in PLACE and value}
    return f"{_cluster(target)}#{_hash([written.type, place or repository])}"


def salvage_lease(target: Target) -> str:
    """Of copying documents on a cluster: it reads no repository, so it holds up no backup but by its slot; two at once
    could be at work on one index."""
    return _cluster(target) + SALVAGE


def rebuild_lease(target: Target) -> str:
    """Of restoring all of a cluster: two at once would put the same things back."""
    return _cluster(target) + REBUILD


def _cluster(target: Target) -> str:
    """Two targets of the same addresses are one."""
    return _hash(sorted(target.hosts) or [target.name])


def _hash(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def busy(traffic: Traffic, run_id: str, max_concurrent: int, now: datetime) -> str | None:
    """Who is in the way of this run, in words; None: nobody."""
    lease = traffic.lease
    if lease and lease.holder not in (None, run_id) and (lease.expires_at or NEVER) > now:
        copies = lease.lease.endswith(SALVAGE)
        return f"{lease.holder} {'copies documents on the same cluster' if copies else 'works on the same repository'}"
    others = [holder for holder in _holders(traffic.slots, now) if holder != run_id]
    if len(others) >= max_concurrent:
        return f"{len(others)} of {max_concurrent} runs at a time are at work on the target (max_concurrent)"
    return None


def held(slots: Slots | None, kind: Kind) -> str | None:
    """Who keeps runs of this kind off the target, in words; None: nobody. Restores are what a hold makes room for."""
    hold = slots.held if slots else None
    if hold is None or hold.released_by or kind is Kind.RESTORE:
        return None
    return f"the target is held by {hold.by} ({hold.why})"


def take(traffic: Traffic, run: Run, now: datetime, token: str) -> tuple[Run, tuple[Change, ...]]:
    """The run as the holder of both, and the rows that make it so."""
    expires = run.deadline_at + GRACE
    before, slots = traffic.lease, traffic.slots
    lease = Lease(
        lease=run.lease, holder=run.run_id, expires_at=expires, rev=before.rev + 1 if before else 1, token=token
    )
    holders = {**_holders(slots, now), run.run_id: expires}
    taken = replace(slots or Slots(target=run.target, rev=0), holders=holders, token=token)
    taken = replace(taken, rev=taken.rev + 1)
    rows = (Update(lease) if before else Create(lease), Update(taken) if slots else Create(taken))
    return replace(run, fence=lease.rev, waiting=None), rows


def release(traffic: Traffic, run: Run, token: str) -> tuple[Change, ...]:
    """What gives back whatever the run still holds. A lease that was taken over is left alone."""
    rows: list[Change] = []
    lease, slots = traffic.lease, traffic.slots
    if lease and lease.holder == run.run_id and lease.rev == run.fence:
        rows.append(Update(replace(lease, holder=None, expires_at=None, rev=lease.rev + 1, token=token)))
    if slots and run.run_id in slots.holders:
        left = {holder: until for holder, until in slots.holders.items() if holder != run.run_id}
        freed = replace(slots, holders=left, freed_at=run.finished_at, rev=slots.rev + 1, token=token)
        rows.append(Update(freed))
    return tuple(rows)


def may_be_awaited(traffic: Traffic, now: datetime) -> bool:
    """Whether those who wait for what is free may still be on their way to it: only then is the line worth reading."""
    freed_at = traffic.slots.freed_at if traffic.slots else None
    return freed_at is not None and now < freed_at + ON_THEIR_WAY


def fenced(run: Run) -> Check:
    """The condition of a claim: nobody took the lease over."""
    return Check(Lease(lease=run.lease, rev=run.fence or 0))


def waiter(run: Run, policy: PolicyState) -> Waiter:
    return Waiter(
        run_id=run.run_id,
        target=run.target,
        lease=run.lease,
        priority=PRIORITY[run.kind],
        breach_at=policy.broken_since or policy.breach_at or NEVER,
        asked_at=run.created_at,
    )


def goes_first(waiters: Sequence[Waiter], run: Run) -> str | None:
    """Of those in the order of their keys: who is to have this run's repository before it, None when it is next."""
    for other in waiters:
        if other.run_id == run.run_id:
            return None
        if other.lease == run.lease:
            return other.run_id
    return None


def _holders(slots: Slots | None, now: datetime) -> dict[str, datetime]:
    return {holder: until for holder, until in slots.holders.items() if until > now} if slots else {}
