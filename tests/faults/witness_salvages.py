"""What must hold of salvages: documents come from what was restored, into the live index of the plan, and in the end
all of them are there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.core.copying import Write
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import IndexRef, Run, State
from chalicelib.core.plans import Mode
from tests.fakes.elasticsearch_records import Address, FakeIndex
from tests.faults.chaos import Actor
from tests.faults.ledger import Ledger, claimed, must

if TYPE_CHECKING:
    from tests.faults.witness import Witness


class SalvageWitness:
    """Counts what others do to documents. `spoiled`: the number of the last change of a document, by the uuid of its
    index; `replaced`: that of all of it, by a restore in place; `begun`: the last one before a run was stored."""

    def __init__(self, witness: "Witness") -> None:
        self._witness = witness
        self.spoiled: dict[tuple[str, Address], int] = {}
        self.replaced: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        self._count = 0

    def spoils(self, index: FakeIndex, address: Address) -> None:
        self._count += 1
        self.spoiled[index.uuid, address] = self._count

    def replaces(self, uuid: str) -> None:
        self._count += 1
        self.replaced[uuid] = self._count

    def begins(self, run: Run) -> None:
        self.begun[run.run_id] = self._count

    def writing(self, ledger: Ledger, actor: Actor, source: IndexRef, live: IndexRef, writes: Sequence[Write]) -> None:
        """Just before the engine is asked."""
        assert isinstance(actor.message, Wakeup)
        run = ledger.runs[actor.message.run_id]
        claimed(run, actor, "write")
        plan = ledger.plans[run.plan or ""]
        must(plan.wish.mode is Mode.SALVAGE, f"{run.run_id} writes documents, and is {plan.wish.mode}")
        must(run.state is State.RESTORING, f"{run.run_id} writes documents, and is {run.state}")
        pairs = {(move.difference.uuid, move.difference.live_uuid) for move in plan.moves if move.difference}
        must((source.uuid, live.uuid) in pairs, f"{run.run_id} writes to {live.name}, which is not planned")
        found = self._witness.cluster.indices.get(source.name)
        for write in writes:
            must(not (write.over and plan.wish.missing_only), f"{run.run_id} replaces {write.found.id}")
            if found and found.uuid == source.uuid:
                held = found.sources.get((write.found.id, write.found.routing))
                must(held and held.source == write.found.source, f"{run.run_id} writes what {source.name} never held")

    def succeeded(self, ledger: Ledger, run: Run) -> None:
        """Just now. What somebody changes while it copies is theirs."""
        plan = ledger.plans[run.plan or ""]
        there = self._witness.cluster.indices
        for move in plan.moves:
            restored, live = there.get(move.source), there.get(move.name)
            of = move.difference
            if not (of and restored and live) or (restored.uuid, live.uuid) != (of.uuid, of.live_uuid):
                continue
            since = self.begun[run.run_id]
            if self.replaced.get(live.uuid, 0) > since:
                continue
            for address, document in restored.searchable.items():
                if self.spoiled.get((live.uuid, address), 0) > since:
                    continue
                held = live.sources.get(address)
                must(held, f"{run.run_id} SUCCEEDED, and {address} is not in {move.name}")
                same = held and held.source == document.source
                must(same or plan.wish.missing_only, f"{run.run_id} SUCCEEDED, and {address} of {move.name} differs")
