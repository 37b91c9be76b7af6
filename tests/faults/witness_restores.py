"""What must hold of restores: only what a restore made is removed or released, and of one that did not succeed nothing
is left that nobody was told of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.core import planning
from chalicelib.core.messages import Sweep
from chalicelib.core.model import IndexRef, Kind, Run, State
from chalicelib.core.plans import Mode
from chalicelib.core.restores import RestoreOrder
from tests.fakes.elasticsearch_cluster import FakeCluster
from tests.fakes.elasticsearch_records import FakeIndex
from tests.faults import permits
from tests.faults.chaos import Actor
from tests.faults.ledger import Ledger, claimed, must

if TYPE_CHECKING:
    from tests.faults.witness import Witness

TOLD = ("restore.leftover", "restore.old_kept", "restore.swap_unclear", "restore.left_as")
"""Findings that name what stays on the cluster."""


@dataclass(frozen=True)
class MadeIndex:
    """An index that a restore made. `snapshot`: the uuid of what it was made from. `held`: as it was then."""

    name: str
    mark: int
    snapshot: str
    documents: int
    held: FakeIndex


class RestoreWitness:
    def __init__(self, witness: "Witness") -> None:
        self._witness = witness
        self.indices: dict[str, MadeIndex] = {}

    def restoring(self, ledger: Ledger, actor: Actor, order: RestoreOrder) -> None:
        """Just before the engine is asked."""
        run = of_mark(ledger, order.mark)
        claimed(run, actor, "restore")
        must(run.state is State.RESTORING, f"a restore for {run.run_id}, which is {run.state}")
        permits.permitted(ledger, run)
        plan = ledger.plans[run.plan or ""]
        wanted = planning.order(plan)
        if run.kind is Kind.DRILL:
            wanted = replace(wanted, repository=run.through or wanted.repository, hidden=True)
            self._witness.proofs.begins(actor, run)
        must(order == wanted, f"{run.run_id} restores other than was planned")

    def made(self, cluster: FakeCluster, order: RestoreOrder, before: Collection[str]) -> None:
        """`before`: uuids of what was there already, which a restore in place keeps."""
        for name, index in cluster.indices.items():
            known = self.of(index.uuid, order.mark)
            if index.mark != order.mark or known is not None:
                continue
            snapshot = cluster.repositories[order.repository].snapshots[order.snapshot].uuid
            made = MadeIndex(name, order.mark, snapshot, index.documents, index.copy())
            if index.uuid in before:
                self._witness.in_place.restored_over(made)
            else:
                self.indices[index.uuid] = made

    def of(self, uuid: str, mark: int) -> MadeIndex | None:
        """What was restored with that mark, anew or over a live index."""
        made = self.indices.get(uuid)
        return made if made and made.mark == mark else self._witness.in_place.over.get((uuid, mark))

    def removing(self, ledger: Ledger, actor: Actor, index: IndexRef) -> None:
        """Just before the engine is asked."""
        run = self._owner(ledger, index, "removed")
        if isinstance(actor.message, Sweep):
            left = ledger.policies[run.policy].leftovers
            must(run.settled and run.run_id in left, f"{index.name} is swept, and {run.run_id} did not leave it")
            found = self._witness.cluster.indices.get(index.name)
            kept = found and found.uuid == index.uuid and found.mark is None
            must(not kept, f"{index.name} is swept, and was released to people")
            return
        claimed(run, actor, "removal")
        must(run.ending, f"{index.name} is removed, and {run.run_id} is not about to end")
        must(not _lets_go(ledger, run), f"{index.name} is removed, and {run.run_id} may have let go of it")

    def releasing(self, ledger: Ledger, actor: Actor, index: IndexRef, cluster: FakeCluster) -> None:
        """Just before the engine is asked."""
        run = self._witness.in_place.replacing(ledger, actor) or self._owner(ledger, index, "released")
        made = self.of(index.uuid, ledger.plans[run.plan or ""].mark)
        must(made and made.name == index.name, f"{index.name} is released, and {run.run_id} did not restore it")
        claimed(run, actor, "release")
        must(run.checked and not run.ending, f"{index.name} is released, and {run.run_id} did not check it")
        renames = run.kind is Kind.RESTORE and ledger.plans[run.plan or ""].wish.mode is Mode.RENAME
        must(run.released or not renames, f"{index.name} is released, and the row of {run.run_id} does not say so")
        found = cluster.indices.get(index.name)
        if found and found.uuid == index.uuid:
            must(not found.red, f"{index.name} is released, and not whole")

    def succeeded(self, ledger: Ledger, actor: Actor | None, run: Run) -> None:
        plan = ledger.plans[run.plan or ""]
        look: Mapping[str, FakeIndex] = actor.restored.get(plan.mark, {}) if actor else {}
        must(plan.moves, f"{run.run_id} SUCCEEDED with nothing")
        for move in plan.moves:
            found = look.get(move.name)
            must(found, f"{run.run_id} SUCCEEDED without {move.name}")
            assert found is not None
            made = self.of(found.uuid, plan.mark)
            must(made, f"{run.run_id} SUCCEEDED with {move.name}, which is another's")
            assert made is not None
            must(found.mark is None and found.writable, f"{run.run_id} SUCCEEDED and {move.name} is not released")
            must(not found.red, f"{run.run_id} SUCCEEDED and {move.name} is not whole")
            if self._witness.in_place.superseded(made):
                continue
            whole = found.documents == made.documents or self._witness.in_place.holds(run, made, found)
            must(whole, f"{run.run_id} SUCCEEDED and {move.name} lacks documents")
            must(made.snapshot == plan.snapshot_uuid, f"{run.run_id} SUCCEEDED with the data of another snapshot")

    def left(self, ledger: Ledger, run: Run) -> list[str]:
        """What is there of all that the restore made, by mark or uuid."""
        if run.plan is None:
            return []
        mark = ledger.plans[run.plan].mark
        known = {uuid for uuid, made in self.indices.items() if made.mark == mark}
        held = self._witness.cluster.indices.items()
        return [name for name, index in held if index.mark == mark or index.uuid in known]

    def nothing_left(self, ledger: Ledger, run: Run) -> None:
        """Of a drill that ended, and of a restore that did not succeed."""
        stays = run.kind is Kind.RESTORE and run.state in (State.SUCCEEDED, State.ROLLED_BACK)
        if not run.settled or stays:
            return
        named = {finding.subject for finding in run.findings if finding.code in TOLD}
        untold = [name for name in self.left(ledger, run) if name not in named and run.run_id not in named]
        must(not untold, f"{run.run_id} is {run.state} ({run.reason}), and left {untold}: {run.findings}")

    def swept(self, ledger: Ledger, run: Run) -> None:
        """When all has been well for hours: what a run could not remove is gone, or people were told that it stays."""
        told = f"{run.run_id}#sweep#left-over" in ledger.reports
        must(told or not (run.leftover and self.left(ledger, run)), f"what {run.run_id} left is there")

    def _owner(self, ledger: Ledger, index: IndexRef, done: str) -> Run:
        made = self.indices.get(index.uuid)
        must(made and made.name == index.name, f"{index.name} is {done}, and no restore of ours made it")
        assert made is not None
        return of_mark(ledger, made.mark)


def _lets_go(ledger: Ledger, run: Run) -> bool:
    """Of new names that have aliases to be put on, not before a release is decided; of others once they are checked."""
    plan = ledger.plans[run.plan or ""]
    if run.kind is not Kind.RESTORE or plan.wish.mode is not Mode.RENAME:
        return False
    return run.released or (run.checked and not any(move.attach for move in plan.moves))


def of_mark(ledger: Ledger, mark: int) -> Run:
    found = [run for run in ledger.runs.values() if run.plan and ledger.plans[run.plan].mark == mark]
    must(found, f"no run has the mark {mark}")
    return found[0]
