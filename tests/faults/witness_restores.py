"""What must hold of restores: only what a restore made is removed or released, and of one that did not succeed nothing
is left that nobody was told of."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core import planning
from chalicelib.core.model import IndexRef, Kind, Run, State
from chalicelib.core.plans import Mode
from chalicelib.core.restores import RestoreOrder
from tests.fakes.elasticsearch_cluster import FakeCluster
from tests.fakes.elasticsearch_records import FakeIndex
from tests.faults import permits
from tests.faults.chaos import Actor
from tests.faults.ledger import Ledger, claimed, must


@dataclass(frozen=True)
class MadeIndex:
    """An index that a restore made. `snapshot`: the uuid of what it was made from."""

    name: str
    mark: int
    snapshot: str
    documents: int


class RestoreWitness:
    def __init__(self) -> None:
        self.indices: dict[str, MadeIndex] = {}

    def restoring(self, ledger: Ledger, actor: Actor, order: RestoreOrder) -> None:
        """Just before the engine is asked."""
        run = _of_mark(ledger, order.mark)
        claimed(run, actor, "restore")
        must(run.state is State.RESTORING, f"a restore for {run.run_id}, which is {run.state}")
        permits.permitted(ledger, run)
        must(order == planning.order(ledger.plans[run.plan or ""]), f"{run.run_id} restores other than was planned")

    def made(self, cluster: FakeCluster, order: RestoreOrder) -> None:
        for name, index in cluster.indices.items():
            if index.mark == order.mark and index.uuid not in self.indices:
                snapshot = cluster.repositories[order.repository].snapshots[order.snapshot].uuid
                self.indices[index.uuid] = MadeIndex(name, order.mark, snapshot, index.documents)

    def removing(self, ledger: Ledger, actor: Actor, index: IndexRef) -> None:
        """Just before the engine is asked."""
        run = self._owner(ledger, index, "removed")
        claimed(run, actor, "removal")
        must(run.ending, f"{index.name} is removed, and {run.run_id} is not about to end")
        renames = run.kind is Kind.RESTORE and ledger.plans[run.plan or ""].wish.mode is Mode.RENAME
        must(not (run.checked and renames), f"{index.name} is removed, and {run.run_id} may have let go of it")

    def releasing(self, ledger: Ledger, actor: Actor, index: IndexRef, cluster: FakeCluster) -> None:
        """Just before the engine is asked."""
        run = self._owner(ledger, index, "released")
        claimed(run, actor, "release")
        must(run.checked and not run.ending, f"{index.name} is released, and {run.run_id} did not check it")
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
            made = self.indices.get(found.uuid)
            must(made and made.mark == plan.mark, f"{run.run_id} SUCCEEDED with {move.name}, which is another's")
            assert made is not None
            must(found.mark is None and found.writable, f"{run.run_id} SUCCEEDED and {move.name} is not released")
            must(not found.red, f"{run.run_id} SUCCEEDED and {move.name} is not whole")
            must(found.documents == made.documents, f"{run.run_id} SUCCEEDED and {move.name} lacks documents")
            must(made.snapshot == plan.snapshot_uuid, f"{run.run_id} SUCCEEDED with the data of another snapshot")

    def nothing_left(self, ledger: Ledger, run: Run, indices: Mapping[str, FakeIndex]) -> None:
        """Of a restore that ended and did not succeed."""
        if not run.settled or run.state is State.SUCCEEDED:
            return
        mark = ledger.plans[run.plan or ""].mark
        named = {finding.subject for finding in run.findings if finding.code == "restore.leftover"}
        left = [
            name
            for name, index in indices.items()
            if index.mark == mark or (index.uuid in self.indices and self.indices[index.uuid].mark == mark)
        ]
        untold = [name for name in left if name not in named and run.run_id not in named]
        must(not untold, f"{run.run_id} is {run.state} ({run.reason}), and left {untold}: {run.findings}")

    def _owner(self, ledger: Ledger, index: IndexRef, done: str) -> Run:
        made = self.indices.get(index.uuid)
        must(made and made.name == index.name, f"{index.name} is {done}, and no restore of ours made it")
        assert made is not None
        return _of_mark(ledger, made.mark)


def _of_mark(ledger: Ledger, mark: int) -> Run:
    found = [run for run in ledger.runs.values() if run.plan and ledger.plans[run.plan].mark == mark]
    must(found, f"no run has the mark {mark}")
    return found[0]
