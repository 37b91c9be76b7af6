"""What must hold of restores in place: what is live is replaced only when a safety backup holds it whole, is never
deleted, and in the end is as people were told."""

from collections import defaultdict
from typing import TYPE_CHECKING

from chalicelib.core import in_place
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Finding, IndexRef, Run, Severity, State
from chalicelib.core.observations import Complete
from chalicelib.core.plans import Mode, Plan
from chalicelib.core.workflows.in_place_ends import LEFT
from tests.fakes.elasticsearch_records import FakeIndex
from tests.faults.chaos import Actor
from tests.faults.ledger import Ledger, claimed, must
from tests.faults.witness_restores import MadeIndex

if TYPE_CHECKING:
    from tests.faults.witness import Witness


class InPlaceWitness:
    """`over`: what was restored over a live index, by its uuid and the mark. `shut`: by uuid, the marks of those who
    had it closed."""

    def __init__(self, witness: "Witness") -> None:
        self._witness = witness
        self.over: dict[tuple[str, int], MadeIndex] = {}
        self.shut: dict[str, set[int]] = defaultdict(set)

    def begins(self, ledger: Ledger, actor: Actor | None, old: Run | None, run: Run) -> None:
        """From this write on, live indices may be touched."""
        if not run.in_place or not run.attempts or (old and old.attempts):
            return
        plan = ledger.plans[run.plan or ""]
        if not plan.saves:
            return
        safety = ledger.runs.get(in_place.safety_run(plan))
        must(safety, f"{run.run_id} begins, and no safety backup was asked for")
        assert safety
        held = actor.held.get(safety.snapshot) if actor else None
        must(held and isinstance(held.done, Complete), f"{run.run_id} begins, and did not see its safety backup whole")
        assert held
        assert isinstance(held.done, Complete)
        must(held.owner == ledger.owner(safety), f"{run.run_id} begins, and its safety backup is another's")
        torn = {failure.index for failure in held.done.failures}
        saved = {name: uuid for name, uuid in self._witness.made[held.uuid].holds.items() if name not in torn}
        lost = [
            move.name
            for move in plan.moves
            if move.over and move.over.whole
            if saved.get(move.name) != move.over.uuid or move.name not in held.done.indices
        ]
        must(not lost, f"{run.run_id} begins, and its safety backup lacks {lost}")

    def closing(self, ledger: Ledger, actor: Actor, index: IndexRef) -> None:
        """Just before the engine is asked."""
        run, plan = _asking(ledger, actor, "close")
        must(run.state is State.RESTORING and not run.ending, f"{index.name} is closed, and {run.run_id} ends")
        planned = {ref.uuid for ref in in_place.refs(plan)}
        must(index.uuid in planned, f"{index.name} is closed, and nobody wants it replaced")
        self.shut[index.uuid].add(plan.mark)

    def opening(self, ledger: Ledger, actor: Actor, index: IndexRef) -> None:
        """Just before the engine is asked."""
        run, plan = _asking(ledger, actor, "opening")
        must(run.ending, f"{index.name} is opened, and {run.run_id} goes on")
        must(plan.mark in self.shut[index.uuid], f"{index.name} is opened, and {run.run_id} did not close it")

    def replacing(self, ledger: Ledger, actor: Actor) -> Run | None:
        """The run that the actor moves, if it is a restore in place."""
        run = ledger.runs.get(actor.message.run_id) if isinstance(actor.message, Wakeup) else None
        return run if run and run.in_place else None

    def restored_over(self, made: MadeIndex) -> None:
        """Just now."""
        self.over[made.held.uuid, made.mark] = made
        self._witness.salvages.replaces(made.held.uuid)

    def superseded(self, made: MadeIndex) -> bool:
        """Another restore went over it since, perhaps after this one was done."""
        marks = [mark for uuid, mark in self.over if uuid == made.held.uuid]
        return bool(marks) and marks[-1] != made.mark

    def holds(self, run: Run, made: MadeIndex, found: FakeIndex) -> bool:
        """All that was restored, whatever people have written since they may."""
        kept = made.held.sources.items() - found.sources.items()
        salvages = self._witness.salvages
        since = [salvages.spoiled.get((found.uuid, address), 0) for address, _ in kept]
        return run.in_place and all(number > salvages.begun[run.run_id] for number in since)

    def settled(self, ledger: Ledger, run: Run) -> None:
        """Just now: nothing that was live is closed or refuses writes by our doing, unless said aloud."""
        plan = ledger.plans.get(run.plan or "")
        if plan is None or plan.wish.mode is not Mode.IN_PLACE:
            return
        for name, index in self._witness.cluster.indices.items():
            shut = index.closed and self.shut.get(index.uuid) == {plan.mark}
            half = index.mark == plan.mark
            must(
                not (shut or half) or _told(run, name),
                f"{run.run_id} ended ({run.reason}), and {name} is as it left it",
            )


def _told(run: Run, name: str) -> bool:
    return any(_says(found, run, name) for found in run.findings)


def _says(found: Finding, run: Run, name: str) -> bool:
    aloud = found.code == "restore.leftover" or (found.code == LEFT and found.severity is not Severity.INFO)
    return aloud and found.subject in (name, run.run_id)


def _asking(ledger: Ledger, actor: Actor, act: str) -> tuple[Run, Plan]:
    assert isinstance(actor.message, Wakeup)
    run = ledger.runs[actor.message.run_id]
    claimed(run, actor, act)
    plan = ledger.plans[run.plan or ""]
    must(plan.wish.mode is Mode.IN_PLACE, f"{run.run_id} wants a {act}, and is {plan.wish.mode}")
    return run, plan
