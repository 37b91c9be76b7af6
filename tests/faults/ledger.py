"""What the stages stored and told so far, and what must hold of each write by itself: pure, called by `witness.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from chalicelib.core import wire
from chalicelib.core.evidence import Evidence
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.messages import Event, Report
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.naming import slot_name
from chalicelib.core.observations import Owner
from chalicelib.core.plans import Plan
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec
from chalicelib.core.schedule import COUNT_LIMIT, of_drill, slots
from chalicelib.core.spec import Policy
from chalicelib.core.traffic import GRACE
from tests.fakes.elasticsearch_records import FakeSnapshot
from tests.faults.chaos import Actor

RANK = {
    State.QUEUED: 0,
    State.STARTING: 1,
    State.PLANNED: 1,
    State.RUNNING: 2,
    State.RESTORING: 2,
    State.VERIFYING: 3,
    State.CHECKING: 3,
    State.SWAPPING: 4,
    State.SWAPPED: 5,
}
"""Settled states rank above."""
ANEW = (State.RESTORING, State.PLANNED)
"""The one way back: of a restore that the server was asked for, and never made."""
BOOKKEEPING = {"rev", "token", "wake_at", "told", "reported", "tells", "emitted_rev", "calls", "glass_told"}
"""What may still change in a settled row."""
WISH = {"rev", "token", "calls", "cancel", "finish", "rollback", "wake_at", "usual"}
"""What somebody who wants a run to end, or to be measured anew, may write, whoever is at work on it."""


class Violated(BaseException):
    """What must never be was. No handler of the product may swallow it."""


def must(holds: object, what: str) -> None:
    if not holds:
        raise Violated(what)


@dataclass(frozen=True)
class Look:
    """What the engine really held when it was asked. `indices`: name → uuid of those alive."""

    snapshot: FakeSnapshot | None
    indices: dict[str, str]


@dataclass(frozen=True)
class Made:
    """A snapshot as it was started, with what it was to hold."""

    owner: Owner | None
    holds: dict[str, str]


class Ledger:
    """One stage's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.installation = ""
        self.runs: dict[str, Run] = {}
        self.policies: dict[str, PolicyState] = {}
        self.specs: dict[tuple[str, int], Spec] = {}
        self.backups: dict[str, Backup] = {}
        self.plans: dict[str, Plan] = {}
        self.proofs: dict[str, Proofs] = {}
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.leases: dict[str, Lease] = {}
        self.slots: dict[str, Slots] = {}
        self.approvals: dict[str, Approval] = {}
        self.waiters: dict[str, Waiter] = {}
        self.transitions: dict[str, State] = {}
        self.promises: set[str] = set()
        self.events: dict[str, Event] = {}
        self.reports: dict[str, Report] = {}

    def owner(self, run: Run) -> Owner:
        return Owner(installation=self.installation, policy=run.policy, slot=run.slot, run_id=run.run_id)

    @property
    def open(self) -> list[Run]:
        return [run for run in self.runs.values() if not run.settled]

    @property
    def at_work(self) -> list[Run]:
        return [run for run in self.open if run.state is not State.QUEUED]


def changed(old: Run, run: Run) -> set[str]:
    return {item.name for item in fields(Run) if getattr(old, item.name) != getattr(run, item.name)}


def step_recorded(ledger: Ledger, old: Run | None, run: Run) -> None:
    if old is None or old.state is not run.state:
        must(run.steps[-1].state is run.state, f"{run.run_id} became {run.state} without a step")
        must(run.steps[-1].rev == run.rev, f"{run.run_id} became {run.state} with a step of another revision")
        ledger.transitions[f"{run.run_id}#{run.rev}"] = run.state
    else:
        must(run.steps == old.steps, f"{run.run_id} changed its story and not its state")


def moves_on(old: Run, run: Run) -> None:
    must(run.rev == old.rev + 1, f"{run.run_id} was written out of turn")
    if old.settled:
        must(changed(old, run) <= BOOKKEEPING, f"{run.run_id} was {old.state} and changed {changed(old, run)}")
    forth = RANK.get(run.state, 9) >= RANK.get(old.state, 9) or (old.state, run.state) == ANEW
    must(forth, f"{run.run_id} went back from {old.state} to {run.state}")
    must(old.snapshot in ("", run.snapshot), f"{run.run_id} has two names of a snapshot")
    must(old.snapshot_uuid in (None, run.snapshot_uuid), f"{run.run_id} changed its snapshot")
    gave_back = (old.state, run.state, run.fence) == (State.SWAPPING, State.SWAPPED, None)
    must(old.fence in (None, run.fence) or gave_back, f"{run.run_id} changed its fence")


def claimed(run: Run, actor: Actor, act: str) -> None:
    must(not run.settled, f"a {act} for {run.run_id}, which is {run.state}")
    must(run.busy_until and run.claim, f"a {act} for {run.run_id} without a claim")
    must(run.claim in actor.claims, f"a {act} for {run.run_id}, whose claim is another's")


def was_told(ledger: Ledger, run: Run) -> None:
    keys = {f"{run.run_id}#{step.rev}" for step in run.steps}
    must(keys <= set(ledger.events), f"{run.run_id} is marked told, and its transitions are not out")
    must(run.quiet or f"{run.run_id}#end" in ledger.reports, f"{run.run_id} is marked told, and nobody heard of it")


def open_runs_named(ledger: Ledger, policy: str) -> None:
    """At any moment: one open backup and one that waits for it, and the policy names both."""
    found = {run.run_id for run in ledger.open if run.policy == policy and run.kind is Kind.BACKUP}
    state = ledger.policies[policy]
    named = {name for name in (state.open_run, state.queued_run) if name}
    must(found == named, f"open are {sorted(found)}, and policy {policy} names {sorted(named)}")
    if state.queued_run:
        must(ledger.runs[state.queued_run].state is State.QUEUED, f"{state.queued_run} waits and has started")


def roads_kept(ledger: Ledger, now: datetime) -> None:
    """One run at work on each repository and no more than `max_concurrent` on a target, each with lease and slot; none
    is held by a run that ended or has swapped, and nobody stands in line who does not wait."""
    swapped = {run.run_id for run in ledger.at_work if run.state is State.SWAPPED}
    at_work = [run for run in ledger.at_work if run.run_id not in swapped]
    living = [run for run in at_work if run.deadline_at + GRACE > now]
    for run in living:
        twins = [other.run_id for other in living if other.lease == run.lease]
        must(len(twins) == 1, f"at work on one repository: {twins}")
        lease = ledger.leases.get(run.lease)
        must(lease and (lease.holder, lease.rev) == (run.run_id, run.fence), f"{run.run_id} works without the lease")
        limit = ledger.specs[run.policy, run.spec_gen].target.max_concurrent
        busy = [other.run_id for other in living if other.target == run.target]
        must(len(busy) <= limit, f"at work on target {run.target}: {busy}")
        must(run.run_id in ledger.slots[run.target].holders, f"{run.run_id} works without a slot")
    for lease in ledger.leases.values():
        held_on = lease.holder is not None and (ledger.runs[lease.holder].settled or lease.holder in swapped)
        must(not held_on, f"{lease.holder} ended, or has swapped, and holds a lease")
    for row in ledger.slots.values():
        ended = [holder for holder in row.holders if ledger.runs[holder].settled or holder in swapped]
        must(not ended, f"{ended} ended, or have swapped, and count as at work")
    waiting = {run.run_id for run in ledger.open if run.waiting}
    must(set(ledger.waiters) == waiting, f"in line are {sorted(ledger.waiters)}, and {sorted(waiting)} say so")
    must(
        all(ledger.runs[run_id].state is State.QUEUED for run_id in waiting), f"one of {waiting} waits and has started"
    )


def in_use_marked(ledger: Ledger) -> None:
    """A backup that is being read is marked with its reader, and no mark is left by a run that ended."""
    marks = {user for backup in ledger.backups.values() for user in backup.users}
    ended = [user for user in marks if ledger.runs[user].settled]
    must(not ended, f"{ended} ended and mark a backup as in use")
    restores = [run for run in ledger.at_work if run.kind is Kind.RESTORE and run.salvage is None]
    reading = {run.run_id for run in restores if run.attempts}
    must(reading <= marks, f"{sorted(reading - marks)} read a backup that is not marked")


def slots_kept(ledger: Ledger, after: PolicyState, runs: Sequence[Run]) -> None:
    """Whoever moves the cursor stores what becomes of each slot that it passes, once; drills have a cursor of their
    own."""
    before = ledger.policies[after.policy]
    must(after.cursor >= before.cursor, f"the cursor of {after.policy} went back to {after.cursor}")
    own = [run for run in runs if run.policy == after.policy and run.requested_by == "schedule"]
    policy = ledger.specs[after.policy, before.spec_gen].policy
    passed = list(_passed(policy, before.cursor, after.cursor)) if before.active else []
    _accounted(ledger, after, [run for run in own if run.kind is Kind.BACKUP], passed)
    drill, drilled = of_drill(policy), []
    if drill and before.active and before.drill_cursor and after.drill_cursor:
        must(after.drill_cursor >= before.drill_cursor, f"the drills' cursor of {after.policy} went back")
        drilled = list(_passed(drill, before.drill_cursor, after.drill_cursor))
    _accounted(ledger, after, [run for run in own if run.kind is Kind.DRILL], drilled)


def _accounted(ledger: Ledger, after: PolicyState, own: Sequence[Run], passed: Sequence[str]) -> None:
    new = [run for run in own if run.run_id not in ledger.runs]
    gaps = [run for run in new if run.missed]
    ran = [run.slot for run in new if not run.missed]
    must(len(ran) <= 1 and len(gaps) <= 1, f"{len(ran)} runs and {len(gaps)} gaps in one write")
    held = sum(run.missed for run in gaps) + len(ran)
    most = held >= COUNT_LIMIT and len(passed) > COUNT_LIMIT  # so many are counted one by one, and not more
    must(
        not passed or most or held == len(passed), f"{len(passed)} slots of {after.policy} passed, {held} accounted for"
    )
    must(set(ran) <= set(passed), f"{ran} are no slots of {after.policy} that passed")


def _passed(policy: Policy, since: datetime, until: datetime) -> Iterator[str]:
    if until == since:
        return
    for slot in slots(policy, since):
        if slot > until:
            return
        yield slot_name(slot)


def promise_facts(state: PolicyState) -> Iterator[str]:
    """The beginnings of the keys under which people may be told of it."""
    for since, word in ((state.broken_since, "broken"), (state.was_broken_since, "kept")):
        if since is not None:
            yield f"promise:{state.policy}#{wire.millis(since)}#{word}"
