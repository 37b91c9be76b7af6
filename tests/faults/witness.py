"""Sees everything that happens to the stages of a play, beneath whatever goes wrong above it, and says at once what
must never be: the invariants of the architecture, each checked in the very write, start, event or report that would
break it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

from chalicelib.core.messages import Event, Report
from chalicelib.core.model import Complete, Owner, Run, State
from chalicelib.core.naming import slot_name
from chalicelib.core.ports import Create, StartOrder, Update
from chalicelib.core.rows import Backup, ConfigState, PolicyState, Spec
from chalicelib.core.schedule import slots
from tests.fakes.elasticsearch_records import FakeSnapshot
from tests.faults.chaos import Chaos

RANK = {State.QUEUED: 0, State.STARTING: 1, State.RUNNING: 2, State.VERIFYING: 3}
"""Settled states rank above."""
BOOKKEEPING = {"rev", "token", "wake_at", "told", "tells", "emitted_rev", "calls"}
"""What may still change in a settled row."""


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
    """What one stage stored and told so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs: dict[str, Run] = {}
        self.policies: dict[str, PolicyState] = {}
        self.specs: dict[tuple[str, int], Spec] = {}
        self.backups: dict[str, Backup] = {}
        self.transitions: dict[str, State] = {}
        self.events: dict[str, Event] = {}
        self.reports: dict[str, Report] = {}
        self.installation = ""

    def owner(self, run: Run) -> Owner:
        return Owner(installation=self.installation, policy=run.policy, slot=run.slot, run_id=run.run_id)


class Witness:
    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.made: dict[str, Made] = {}
        self.starts: dict[tuple[str, str], list[str]] = defaultdict(list)

    # What is stored ------------------------------------------------------------------------------------------------

    def committed(self, ledger: Ledger, changes: Sequence[Create | Update]) -> None:
        """Just now, in one transaction."""
        items = [change.item for change in changes]
        if (actor := self.chaos.actor) and not _is_repeated(ledger, items):
            actor.wins += 1
        runs = [item for item in items if isinstance(item, Run)]
        for item in items:
            match item:
                case Spec():
                    ledger.specs[item.policy.name, item.gen] = item
                case Backup():
                    self._backup(ledger, item, runs)
                case PolicyState() if not any(isinstance(other, ConfigState) for other in items):
                    _slots_kept(ledger, item, runs)
        for run in runs:
            self._run(ledger, run)
        for item in items:
            if isinstance(item, PolicyState):
                ledger.policies[item.policy] = item
        for name in {run.policy for run in runs}:
            _open_runs_named(ledger, name)

    def _run(self, ledger: Ledger, run: Run) -> None:
        old = ledger.runs.get(run.run_id)
        if old is not None and (old.rev, old.token) == (run.rev, run.token):
            return
        ledger.runs[run.run_id] = run
        _step_recorded(ledger, old, run)
        if old is not None:
            _moves_on(old, run)
            self._claim_kept(ledger, old, run)
        must(self.chaos.crashes or not run.crashes, f"a step crashed: {run.last_error}")
        must(not run.settled or run.state is State.SUCCEEDED or run.reason, f"{run.run_id} is {run.state}, no reason")
        if run.snapshot_uuid is not None:
            found = self.made.get(run.snapshot_uuid)
            must(found and found.owner == ledger.owner(run), f"{run.run_id} took a snapshot that is not its own")
        if run.state is State.SUCCEEDED and (old is None or not old.settled):
            self._good(ledger, run)
        if run.told:
            _was_told(ledger, run)

    def _claim_kept(self, ledger: Ledger, old: Run, run: Run) -> None:
        """Until a claim ends, only its actor moves the run, or whoever brings the proof that the act has returned."""
        actor = self.chaos.actor
        assert actor, "only actors move what exists"
        if old.busy_until is not None and self.chaos.clock.now() < old.busy_until:
            by_proof = actor.wakeup is not None and actor.wakeup.claim == old.token
            what = f"{run.run_id} was moved while an actor may still be acting"
            must(old.token in actor.tokens or by_proof, what)
        actor.tokens.add(run.token)

    def _good(self, ledger: Ledger, run: Run) -> None:
        actor = self.chaos.actor
        look = actor.looked.get(run.snapshot) if actor else None
        must(look and look.snapshot, f"{run.run_id} SUCCEEDED without a look that found its snapshot")
        assert isinstance(look, Look)
        assert look.snapshot
        done = look.snapshot.done
        must(isinstance(done, Complete), f"{run.run_id} SUCCEEDED, and the engine said {done}")
        assert isinstance(done, Complete)
        must(not done.partial and not done.shards_failed, f"{run.run_id} SUCCEEDED with a partial snapshot")
        must(look.snapshot.owner == ledger.owner(run), f"{run.run_id} SUCCEEDED with another's snapshot")
        asked = self.made[done.uuid].holds
        lost = [name for name, uuid in asked.items() if name not in done.indices and look.indices.get(name) == uuid]
        must(asked and not lost, f"{run.run_id} SUCCEEDED without {lost}")
        must(run.run_id in ledger.backups, f"{run.run_id} SUCCEEDED without a backup in the catalogue")

    def _backup(self, ledger: Ledger, backup: Backup, runs: Sequence[Run]) -> None:
        known = ledger.backups.get(backup.run_id)
        must(known is None or known.snapshot_uuid == backup.snapshot_uuid, f"two backups of {backup.run_id}")
        ended = [run for run in runs if run.run_id == backup.run_id and run.settled]
        must(known or (ended and ended[0].state is backup.outcome), f"a backup beside no end of {backup.run_id}")
        ledger.backups[backup.run_id] = backup

    # What is started ------------------------------------------------------------------------------------------------

    def starting(self, ledger: Ledger, order: StartOrder) -> None:
        """Just before the engine is asked."""
        run = ledger.runs.get(order.owner.run_id)
        actor = self.chaos.actor
        must(run is not None, f"a start for {order.owner.run_id}, which does not exist")
        assert run is not None
        must(not run.settled, f"a start for {run.run_id}, which is {run.state}")
        must(run.state is State.STARTING and run.busy_until, f"a start for {run.run_id} without a claim")
        must(actor and run.token in actor.tokens, f"a start for {run.run_id}, whose claim is another's")
        must(order.owner == ledger.owner(run), f"a start under the name of another: {order.owner}")
        must(order.snapshot == run.snapshot, f"{run.run_id} starts {order.snapshot}, its row says {run.snapshot}")
        must(actor and order.indices == actor.resolved, f"{run.run_id} starts with other indices than were resolved")

    def made_snapshot(self, name: str, snapshot: FakeSnapshot, alive: dict[str, str]) -> None:
        self.made[snapshot.uuid] = Made(snapshot.owner, {index: alive[index] for index in snapshot.indices})
        if (owner := snapshot.owner) is None:
            return
        known = self.starts[owner.installation, owner.run_id]
        must(set(known) <= {name}, f"{owner.run_id} has snapshots of two names")
        known.append(name)

    def deleting(self, snapshot: FakeSnapshot | None, ledger: Ledger) -> None:
        owner = snapshot.owner if snapshot else None
        mine = owner is not None and owner.installation == ledger.installation
        must(snapshot is None or mine, f"{ledger.name} deletes a snapshot of {owner}")

    # What is told ---------------------------------------------------------------------------------------------------

    def emitted(self, ledger: Ledger, events: Sequence[Event]) -> None:
        for event in events:
            if not event.detail_type.endswith("Run State Change"):
                continue
            state = ledger.transitions.get(event.key)
            must(state == event.detail["state"], f"event {event.key} says {event.detail['state']}, stored is {state}")
            known = ledger.events.setdefault(event.key, event)
            must(known.at == event.at, f"event {event.key} came again with another instant")

    def reported(self, ledger: Ledger, report: Report) -> None:
        run = ledger.runs.get(report.key.removesuffix("#end"))
        if run is None:
            return
        must(run.settled, f"the end of {run.run_id} was told, and it is {run.state}")
        must(report.attributes["state"] == run.state, f"told was {report.attributes['state']}, stored is {run.state}")
        known = ledger.reports.setdefault(report.key, report)
        must(known.subject == report.subject, f"{report.key} was told in other words: {report.subject!r}")


def _is_repeated(ledger: Ledger, items: Sequence[object]) -> bool:
    """Sent a second time by a library that had lost the answer."""
    known = [ledger.runs.get(item.run_id) for item in items if isinstance(item, Run)]
    return any(old and any(isinstance(item, Run) and item.token == old.token for item in items) for old in known)


def _step_recorded(ledger: Ledger, old: Run | None, run: Run) -> None:
    if old is None or old.state is not run.state:
        must(run.steps[-1].state is run.state, f"{run.run_id} became {run.state} without a step")
        must(run.steps[-1].rev == run.rev, f"{run.run_id} became {run.state} with a step of another revision")
        ledger.transitions[f"{run.run_id}#{run.rev}"] = run.state
    elif old.steps:
        must(run.steps == old.steps, f"{run.run_id} changed its story and not its state")


def _moves_on(old: Run, run: Run) -> None:
    must(run.rev == old.rev + 1, f"{run.run_id} was written out of turn")
    if old.settled:
        changed = [item.name for item in fields(Run) if getattr(old, item.name) != getattr(run, item.name)]
        must(set(changed) <= BOOKKEEPING, f"{run.run_id} was {old.state} and changed {changed}")
    must(RANK.get(run.state, 9) >= RANK.get(old.state, 9), f"{run.run_id} went back from {old.state} to {run.state}")
    must(run.snapshot == old.snapshot, f"{run.run_id} has two names of a snapshot")
    must(old.snapshot_uuid in (None, run.snapshot_uuid), f"{run.run_id} changed its snapshot")


def _was_told(ledger: Ledger, run: Run) -> None:
    keys = {f"{run.run_id}#{step.rev}" for step in run.steps}
    must(keys <= set(ledger.events), f"{run.run_id} is marked told, and its transitions are not out")
    must(f"{run.run_id}#end" in ledger.reports, f"{run.run_id} is marked told, and nobody heard of it")


def _open_runs_named(ledger: Ledger, policy: str) -> None:
    """At any moment: one open run and one that waits, and the policy names both."""
    found = {run.run_id for run in ledger.runs.values() if run.policy == policy and not run.settled}
    state = ledger.policies[policy]
    named = {name for name in (state.open_run, state.queued_run) if name}
    must(found == named, f"open are {sorted(found)}, and policy {policy} names {sorted(named)}")
    if state.queued_run:
        must(ledger.runs[state.queued_run].state is State.QUEUED, f"{state.queued_run} waits and has started")


def _slots_kept(ledger: Ledger, after: PolicyState, runs: Sequence[Run]) -> None:
    """Whoever moves the cursor stores what becomes of each slot that it passes, once."""
    before = ledger.policies[after.policy]
    must(after.cursor >= before.cursor, f"the cursor of {after.policy} went back to {after.cursor}")
    passed = []
    for slot in slots(ledger.specs[after.policy, before.spec_gen].policy, before.cursor):
        if slot > after.cursor:
            break
        passed.append(slot_name(slot))
    new = [run for run in runs if run.run_id not in ledger.runs and run.requested_by == "schedule"]
    gaps = [run for run in new if run.missed]
    ran = [run.slot for run in new if not run.missed]
    must(len(ran) <= 1 and len(gaps) <= 1, f"{len(ran)} runs and {len(gaps)} gaps in one write")
    held = sum(run.missed for run in gaps) + len(ran)
    must(not passed or held == len(passed), f"{len(passed)} slots of {after.policy} passed, {held} accounted for")
    must(set(ran) <= set(passed), f"{ran} are no slots of {after.policy} that passed")
