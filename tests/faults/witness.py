"""Sees everything that happens to the stages of a play, beneath whatever goes wrong above it, and says at once what
must never be: the invariants of the architecture, each checked in the very write, start, event or report that would
break it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.core.evidence import Evidence
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.messages import Event, Report, Wakeup
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.observations import Complete, Owner
from chalicelib.core.ports import Change, Create, Delete, StartOrder, Update
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec
from chalicelib.service.backups import ACT_TIMEOUT
from tests.fakes.elasticsearch_records import FakeSnapshot
from tests.faults import ledger as check
from tests.faults import permits
from tests.faults.chaos import Actor, Chaos
from tests.faults.ledger import Ledger, Look, Made, must
from tests.faults.witness_in_place import InPlaceWitness
from tests.faults.witness_proofs import ProofWitness
from tests.faults.witness_restores import RestoreWitness
from tests.faults.witness_salvages import SalvageWitness
from tests.faults.witness_swaps import SwapWitness

if TYPE_CHECKING:
    from tests.faults.shared import SharedEngine


class Witness:
    cluster: "SharedEngine"

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.made: dict[str, Made] = {}
        self.restores = RestoreWitness(self)
        self.swaps = SwapWitness(self)
        self.in_place = InPlaceWitness(self)
        self.salvages = SalvageWitness(self)
        self.proofs = ProofWitness(self)
        self.names: dict[tuple[str, str], set[str]] = defaultdict(set)

    # What is stored ------------------------------------------------------------------------------------------------

    def committed(self, ledger: Ledger, changes: Sequence[Change]) -> None:
        """Just now, in one transaction."""
        items = [change.item for change in changes if isinstance(change, Create | Update)]
        runs = [item for item in items if isinstance(item, Run)]
        if self.chaos.actor and not any(_known(ledger, run) for run in runs):
            self.chaos.actor.wins += 1
        self._beside(ledger, changes, runs)
        for run in runs:
            if not _known(ledger, run):
                self._run(ledger, ledger.runs.get(run.run_id), run)
        for item in items:
            if isinstance(item, PolicyState):
                before, ledger.policies[item.policy] = ledger.policies.get(item.policy), item
                ledger.promises.update(check.promise_facts(item))
                self.proofs.promised(ledger, before, item)
        for run in runs:
            if run.settled:
                self.swaps.settled(ledger, run)
                self.in_place.settled(ledger, run)
                self.proofs.settled(ledger, run)
        for name in {run.policy for run in runs}:
            check.open_runs_named(ledger, name)
        check.roads_kept(ledger, self.chaos.clock.now())
        check.in_use_marked(ledger)

    def _beside(self, ledger: Ledger, changes: Sequence[Change], runs: Sequence[Run]) -> None:
        for change in changes:
            match change:
                case Delete(item):
                    ledger.waiters.pop(item.run_id, None)
                case Create(Waiter() as item):
                    ledger.waiters[item.run_id] = item
                case Create(Spec() as item):
                    ledger.specs[item.policy.name, item.gen] = item
                case Create(Evidence() as item):
                    self._evidence(ledger, item)
                case Create(Backup() as item) | Update(Backup() as item):
                    self._backup(ledger, item, runs)
                case Update(PolicyState() as item):
                    check.slots_kept(ledger, item, runs)
                case Create(Approval() as given) | Update(Approval() as given):
                    permits.approved(ledger, given, runs)
                case Create(item) | Update(item):
                    self._others(ledger, item)

    def _others(self, ledger: Ledger, item: object) -> None:
        match item:
            case Lease():
                ledger.leases[item.lease] = item
            case Slots():
                ledger.slots[item.target] = item
            case Proofs():
                ledger.proofs[item.policy] = item

    def _evidence(self, ledger: Ledger, item: Evidence) -> None:
        ledger.evidence[item.run_id, item.kind] = item
        if item.plan is not None:
            ledger.plans[item.plan.plan_id] = item.plan
        if item.kind == "proved":
            self.proofs.proved(ledger, self.chaos.actor, item)

    def _run(self, ledger: Ledger, old: Run | None, run: Run) -> None:
        ledger.runs[run.run_id] = run
        permits.begins_nothing_held(ledger, old, run)
        if old is None:
            self.salvages.begins(run)
        self.in_place.begins(ledger, self.chaos.actor, old, run)
        check.step_recorded(ledger, old, run)
        if old is not None:
            check.moves_on(old, run)
            self._claim_kept(old, run)
        must(self.chaos.crashes or not run.crashes, f"a step crashed: {run.last_error}")
        reasoned = run.reason or run.state is State.SUCCEEDED
        must(not run.settled or reasoned, f"{run.run_id} is {run.state} without a reason")
        if run.snapshot_uuid is not None and run.kind is Kind.BACKUP:
            found = self.made.get(run.snapshot_uuid)
            must(found and found.owner == ledger.owner(run), f"{run.run_id} took a snapshot that is not its own")
        if run.state is State.SUCCEEDED and (old is None or not old.settled):
            if run.kind is Kind.BACKUP:
                self._good(ledger, run)
            elif run.salvage is not None:
                self.salvages.succeeded(ledger, run)
            elif run.kind is Kind.RESTORE and run.swapped_at is None:
                self.restores.succeeded(ledger, self.chaos.actor, run)
        if run.told:
            check.was_told(ledger, run)

    def _claim_kept(self, old: Run, run: Run) -> None:
        """Until a claim ends, only its actor moves the run, or whoever brings the proof that the act has returned."""
        actor = self.chaos.actor
        assert actor, "only actors move what exists"
        busy = old.busy_until is not None and self.chaos.clock.now() < old.busy_until
        if busy and not check.changed(old, run) <= check.WISH:
            by_proof = isinstance(actor.message, Wakeup) and actor.message.claim == old.claim
            what = f"{run.run_id} was moved while an actor may still be acting"
            must(old.claim in actor.claims or by_proof, what)
        if run.claim and run.claim != old.claim:
            enough = actor.hurried or self.chaos.remaining() > ACT_TIMEOUT
            must(enough, f"{run.run_id} was claimed with too little time left to act")
            actor.claims.add(run.claim)

    def _good(self, ledger: Ledger, run: Run) -> None:
        look = self.chaos.actor and self.chaos.actor.looked.get(run.snapshot)
        must(look and look.snapshot, f"{run.run_id} SUCCEEDED without a look that found its snapshot")
        assert isinstance(look, Look)
        assert look.snapshot
        done = look.snapshot.done
        must(isinstance(done, Complete), f"{run.run_id} SUCCEEDED, and the engine said {done}")
        assert isinstance(done, Complete)
        must(not done.partial and not done.shards_failed, f"{run.run_id} SUCCEEDED with a partial snapshot")
        must(look.snapshot.owner == ledger.owner(run), f"{run.run_id} SUCCEEDED with another's snapshot")
        must(done.uuid == run.snapshot_uuid, f"{run.run_id} SUCCEEDED with another snapshot than it was followed by")
        must(look.snapshot.deleting is None, f"{run.run_id} SUCCEEDED with a snapshot that is being deleted")
        asked = self.made[done.uuid].holds
        lost = [name for name, uuid in asked.items() if name not in done.indices and look.indices.get(name) == uuid]
        must(asked and not lost, f"{run.run_id} SUCCEEDED without {lost}")
        must(run.run_id in ledger.backups, f"{run.run_id} SUCCEEDED without a backup in the catalogue")

    def _backup(self, ledger: Ledger, backup: Backup, runs: Sequence[Run]) -> None:
        known = ledger.backups.get(backup.run_id)
        self.proofs.catalogued(ledger, backup)
        must(known is None or known.snapshot_uuid == backup.snapshot_uuid, f"two backups of {backup.run_id}")
        ended = [run for run in runs if run.run_id == backup.run_id and run.settled]
        must(known or (ended and ended[0].state is backup.outcome), f"a backup beside no end of {backup.run_id}")
        if known is None or backup.rev > known.rev:
            ledger.backups[backup.run_id] = backup

    # What is started and removed -----------------------------------------------------------------------------------

    def starting(self, ledger: Ledger, order: StartOrder, actor: Actor) -> None:
        """Just before the engine is asked."""
        run = ledger.runs.get(order.owner.run_id)
        must(run is not None, f"a start for {order.owner.run_id}, which does not exist")
        assert run is not None
        check.claimed(run, actor, "start")
        must(not actor.proves, f"{run.run_id} is started again, and is known to have been")
        must(run.state is State.STARTING, f"a start for {run.run_id}, which is {run.state}")
        must(order.owner == ledger.owner(run), f"a start under the name of another: {order.owner}")
        must(order.snapshot == run.snapshot, f"{run.run_id} starts {order.snapshot}, its row says {run.snapshot}")
        must(order.indices == actor.resolved, f"{run.run_id} starts with other indices than were resolved")

    def deleting(self, ledger: Ledger, snapshot: str, actor: Actor) -> None:
        """Just before the engine is asked."""
        if "-doctor-" in snapshot:
            tried = ledger.installation, f"doctor:{snapshot.partition('-doctor-')[2]}"
            others = [owner for owner, names in self.names.items() if snapshot in names and owner != tried]
            must(not others, f"{snapshot} is removed as if it had been tried out, and belongs to {others}")
            return
        backups = [run for run in ledger.open if run.kind is Kind.BACKUP]
        found = [run for run in backups if run.snapshot == snapshot and run.cancel]
        must(found, f"{snapshot} is removed, and nobody cancelled its run")
        check.claimed(found[0], actor, "removal")
        look = actor.looked.get(snapshot)
        must(look and look.snapshot, f"{snapshot} is removed by one who did not look")
        assert isinstance(look, Look)
        assert look.snapshot
        must(look.snapshot.owner == ledger.owner(found[0]), f"{snapshot} is removed and belongs to another")

    def made_snapshot(self, name: str, snapshot: FakeSnapshot, alive: dict[str, str]) -> None:
        self.made[snapshot.uuid] = Made(snapshot.owner, {index: alive[index] for index in snapshot.indices})
        if isinstance(owner := snapshot.owner, Owner):
            self.names[owner.installation, owner.run_id].add(name)
            must(len(self.names[owner.installation, owner.run_id]) == 1, f"{owner.run_id} has snapshots of two names")

    # What is told ---------------------------------------------------------------------------------------------------

    def _swept(self, ledger: Ledger, run: Run, report: Report) -> None:
        must(run.leftover, f"{report.key}, and {run.run_id} left nothing")
        left = self.restores.left(ledger, run) if report.key.endswith("swept") else []
        must(not left, f"{report.key}, and {left} are there")

    def emitted(self, ledger: Ledger, events: Sequence[Event]) -> None:
        for event in events:
            known = ledger.events.setdefault(event.key, event)
            must(known.detail_type == event.detail_type, f"event {event.key} came again as another one")
            if event.detail_type.endswith("Run State Change"):
                state = ledger.transitions.get(event.key)
                told = event.detail["state"]
                must(state == told, f"event {event.key} says {told}, stored is {state}")
                must(known.at == event.at, f"event {event.key} came again with another instant")
            elif event.key.startswith("promise:"):
                must(event.key in ledger.promises, f"event {event.key}, and no such thing was stored")
            else:
                run = ledger.runs[event.key.split("#")[0]]
                held = {finding.code for finding in run.findings} if run.settled else set()
                must(event.detail["code"] in held, f"event {event.key}, and no such finding was stored")

    def reported(self, ledger: Ledger, report: Report) -> None:
        known = ledger.reports.setdefault(report.key, report)
        if report.key.startswith("promise:"):
            must(report.key.rpartition("#")[0] in ledger.promises, f"report {report.key}, and no such thing was stored")
            return
        if report.key.startswith("hold:"):
            return
        run = ledger.runs[report.key.split("#")[0]]
        if "#sweep#" in report.key:
            self._swept(ledger, run, report)
            return
        must(run.settled, f"the end of {run.run_id} was told, and it is {run.state}")
        must(report.attributes["state"] == run.state, f"told was {report.attributes['state']}, stored is {run.state}")
        must(known.subject == report.subject, f"{report.key} was told in other words: {report.subject!r}")


def _known(ledger: Ledger, run: Run) -> bool:
    """Sent a second time by a library that had lost the answer."""
    old = ledger.runs.get(run.run_id)
    return old is not None and (old.rev, old.token) == (run.rev, run.token)
