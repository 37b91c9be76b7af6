"""What must hold of drills: what they say is proved is what the cluster held, and what they say is wrong is."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core import drilling, promise
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Kind, Run, Severity, State
from chalicelib.core.rows import Backup, PolicyState, Proved
from chalicelib.core.traffic import GRACE
from tests.fakes.elasticsearch_records import FakeIndex
from tests.faults.chaos import Actor
from tests.faults.ledger import Ledger, must

if TYPE_CHECKING:
    from tests.faults.witness import Witness

SHARD = "restore.shard_failed"
ABOUT_THE_DATA = {SHARD, "restore.counts", "restore.mapping", "restore.sample", "drill.query"}


class ProofWitness:
    """`names`: of each backup of a stage, what drills really proved."""

    def __init__(self, witness: "Witness") -> None:
        self._witness = witness
        self.damaged: set[str] = set()
        self.names: dict[tuple[str, str], set[str]] = defaultdict(set)

    def damages(self, index: FakeIndex, *, mapping: bool) -> None:
        """Behind the server's back: its mapping, or each of its documents."""
        if mapping:
            index.mapping = {"properties": {"n": {"type": "keyword"}}}
        elif not index.sources:
            return
        for name in () if mapping else list(index.sources):
            index.sources[name] = index.sources[name]._replace(source='{"n":-1}')
        index.refresh()
        self.damaged.add(index.uuid)

    def begins(self, actor: Actor, run: Run) -> None:
        """Just before the engine is asked to restore for a drill."""
        since = self._witness.cluster.busy_since
        must(not since or since > actor.started_at, f"{run.run_id} restores, and the cluster had other work before")
        assert run.claimed_at
        most = drilling.budget(timedelta(seconds=run.expected_seconds or 0))
        must(run.deadline_at <= run.claimed_at + most, f"{run.run_id} may hold up backups until {run.deadline_at}")

    def proved(self, ledger: Ledger, actor: Actor | None, item: Evidence) -> None:
        """Just now it was written down: each index was there, whole, and held what the snapshot did."""
        run = ledger.runs[item.run_id]
        plan = ledger.plans[run.plan or ""]
        assert actor
        since = self._witness.cluster.full_since
        must(not since or since > actor.started_at, f"{run.run_id} goes on with a disk that was full before")
        look, names = actor.restored.get(plan.mark, {}), {move.source: move.name for move in plan.moves}
        held = self._witness.made[plan.snapshot_uuid].holds
        for ref in item.indices:
            found = look.get(names[ref.name])
            made = self._witness.restores.indices.get(found.uuid) if found else None
            must(found and made and made.mark == plan.mark, f"{ref.name} is proved by an index that is not the drill's")
            assert found
            assert made
            same = (found.sources, found.mapping, found.documents) == (
                made.held.sources,
                made.held.mapping,
                made.documents,
            )
            must(same and not found.red, f"{ref.name} is proved, and {found} is not {made.held}")
            must(made.snapshot == plan.snapshot_uuid, f"{ref.name} is proved by the data of another snapshot")
            must(held.get(ref.name) == ref.uuid, f"{ref.name} is proved as {ref.uuid}, and the snapshot holds another")
            self.names[ledger.name, plan.backup_id].add(ref.name)

    def catalogued(self, ledger: Ledger, backup: Backup) -> None:
        must(not (backup.good and backup.failed_in), f"{backup.backup_id} is good, and {backup.failed_in} stands")
        if backup.level == "L4":
            held = set(self._witness.made[backup.snapshot_uuid].holds)
            must(backup.good, f"{backup.backup_id} is L4, and not good")
            must(held <= self.names[ledger.name, backup.backup_id], f"{backup.backup_id} is L4, and not all is proved")

    def promised(self, ledger: Ledger, before: PolicyState | None, state: PolicyState) -> None:
        """After a write: the proofs are such, and when the promise at L4 moves, it moves with them."""
        proofs = ledger.proofs.get(state.policy)
        for proved in proofs.drills if proofs else ():
            wrong = set(proved.indices) - self.names[ledger.name, proved.backup_id]
            must(not wrong, f"{state.policy} counts on proofs of {wrong}, which nobody brought")
        spec = ledger.specs[state.policy, state.spec_gen].policy
        if state.active and state.broken_since is None:
            at = promise.breaks_at(state, spec)
            must(state.breach_at == at, f"the promise of {state.policy} breaks {at}, its clock says {state.breach_at}")
        newest = state.last_good.get("L4")
        if newest is None or (before and before.last_good.get("L4") == newest):
            return
        must(proofs, f"{state.policy} keeps L4 without a proof")
        assert proofs
        backups = {backup.backup_id: backup for backup in ledger.backups.values() if backup.policy == state.policy}
        measures = [backups[proved.backup_id] for proved in proofs.drills]
        measures += [backup for backup in backups.values() if backup.drilled_at]
        kept = any(_covers(ledger, measure, proofs.drills, newest.taken_at) for measure in measures)
        must(kept, f"{state.policy} keeps L4 since {newest.taken_at}, and its proofs say otherwise: {proofs.drills}")

    def settled(self, ledger: Ledger, run: Run) -> None:
        """Just now, with all that was written beside it."""
        if run.kind is not Kind.DRILL:
            return
        must(not run.good or run.state is State.SUCCEEDED, f"{run.run_id} is {run.state}, and counts as a pass")
        wrong = {found.code for found in run.findings if found.severity is Severity.ERROR} & ABOUT_THE_DATA
        plan = ledger.plans.get(run.plan or "")
        if plan is None:
            return
        proved = ledger.evidence.get((run.run_id, "proved"))
        whole = proved and {ref.name for ref in proved.indices} == {move.source for move in plan.moves}
        must(whole or not run.good, f"{run.run_id} is good, and proved not all: {proved}")
        if not wrong:
            return
        mine = {uuid for uuid, made in self._witness.restores.indices.items() if made.mark == plan.mark}
        lost = any((plan.snapshot, move.source) in self._witness.cluster.lost for move in plan.moves)
        must(lost or SHARD not in wrong, f"{run.run_id} lacks shards, and none was lost")
        must(mine & self.damaged or wrong <= {SHARD}, f"{run.run_id} finds {wrong}, and nothing was damaged")
        state = ledger.policies[run.policy]
        bad = [backup for backup in ledger.backups.values() if backup.backup_id == plan.backup_id]
        must(not any(backup.good for backup in bad), f"{plan.backup_id} is good, and its drill found {wrong}")
        relied = {newest.backup_id for newest in state.last_good.values()}
        must(plan.backup_id not in relied, f"{run.policy} counts on {plan.backup_id}, and its drill found {wrong}")

    def gives_way(self, ledger: Ledger, now: datetime) -> None:
        """When all has been well for a while: no drill holds on to what others wait for."""
        for run in ledger.at_work:
            late = run.kind is Kind.DRILL and run.attempts and now > run.deadline_at + GRACE
            must(not late, f"{run.run_id} should have made room by {run.deadline_at}")


def _covers(ledger: Ledger, measure: Backup, drills: Sequence[Proved], since: datetime) -> bool:
    expected = ledger.evidence.get((measure.run_id, "expected"))
    newest: dict[str, datetime] = {}
    for proved in drills:
        for name in proved.indices:
            newest[name] = max(newest.get(name, proved.taken_at), proved.taken_at)
    names = [ref.name for ref in expected.indices] if expected else []
    return bool(names) and all(name in newest and newest[name] >= since for name in names)
