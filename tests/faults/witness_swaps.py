"""What must hold of swaps, said of each act: whoever reads a live name finds all of the old or all of the new, and
there is a way back until it is finished."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.core import swapping
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import IndexRef, Run, State
from chalicelib.core.plans import Mode, Move, Plan, Side
from chalicelib.core.swaps import CloneOrder, Does, Repoint
from tests.fakes.elasticsearch_records import FakeIndex
from tests.faults.chaos import Actor
from tests.faults.ledger import Ledger, claimed, must
from tests.faults.witness_restores import TOLD

if TYPE_CHECKING:
    from tests.faults.witness import Witness


@dataclass(frozen=True)
class Cloned:
    """By its uuid. `held`: as it was made."""

    mark: int
    source: str
    held: FakeIndex


class SwapWitness:
    """`blocked`: by uuid of a live index, the marks of those who had it refuse writes."""

    def __init__(self, witness: "Witness") -> None:
        self._witness = witness
        self.clones: dict[str, Cloned] = {}
        self.blocked: dict[str, set[int]] = defaultdict(set)

    @property
    def _there(self) -> dict[str, FakeIndex]:
        return self._witness.cluster.indices

    def _readers(self, name: str, there: Mapping[str, FakeIndex]) -> set[str]:
        return {index.uuid for own, index in there.items() if name == own or name in index.aliases}

    # Acts, each just before the engine is asked ----------------------------------------------------------------------

    def blocking(self, ledger: Ledger, actor: Actor, index: IndexRef) -> None:
        run, plan = _asking(ledger, actor, "block")
        sources = {order.source.uuid for order in swapping.clones(plan)}
        must(run.state is State.SWAPPING and not run.ending, f"{index.name} is blocked, and {run.run_id} ends")
        must(index.uuid in sources, f"{index.name} is blocked, and nobody wants a clone of it")
        self.blocked[index.uuid].add(plan.mark)

    def cloning(self, ledger: Ledger, actor: Actor, order: CloneOrder) -> None:
        run, plan = _asking(ledger, actor, "clone")
        must(run.state is State.SWAPPING and not run.ending, f"{order.name} is made, and {run.run_id} ends")
        must(order in swapping.clones(plan), f"{order.name} is not planned")

    def cloned(self, order: CloneOrder) -> None:
        made = self._there[order.name]
        self.clones[made.uuid] = Cloned(order.mark, order.source.uuid, made.copy())

    def reopening(self, ledger: Ledger, actor: Actor, index: IndexRef) -> None:
        run, plan = _asking(ledger, actor, "reopening")
        must(run.ending in (*UNDONE, State.ROLLED_BACK), f"{index.name} takes writes again, and {run.run_id} goes on")
        mine = plan.mark in self.blocked[index.uuid] or self._mark(index.uuid) == plan.mark
        must(mine, f"{index.name} takes writes again, and {run.run_id} did not block it")

    def removing(self, ledger: Ledger, actor: Actor, index: IndexRef) -> bool:
        """Whether it was for a swap."""
        run = ledger.runs.get(actor.message.run_id) if isinstance(actor.message, Wakeup) else None
        if run is None or run.state not in (State.SWAPPING, State.SWAPPED):
            return False
        claimed(run, actor, "removal")
        plan = ledger.plans[run.plan or ""]
        found = self._there.get(index.name)
        found = found if found and found.uuid == index.uuid else None
        if run.state is State.SWAPPING:
            self._undoing(run, plan, index, found)
            return True
        old = ledger.evidence[run.run_id, "old"].indices
        must(run.ending is State.SUCCEEDED, f"{index.name} is deleted, and {run.run_id} is not at its finish")
        must(index.uuid in {ref.uuid for ref in old}, f"{index.name} is deleted, and was never put aside")
        for move in plan.moves if not actor.hurried else ():
            new = self._there.get(move.name)
            must(new and self._is_restored(plan, new.uuid), f"{index.name} is deleted, and {move.name} is gone")
        return True

    def _undoing(self, run: Run, plan: Plan, index: IndexRef, found: FakeIndex | None) -> None:
        must(run.ending, f"{index.name} is removed, and {run.run_id} is not about to end")
        must(not (found and found.aliases), f"{index.name} is removed, and has {found and found.aliases}")
        if clone := self.clones.get(index.uuid):
            must(clone.mark == plan.mark, f"{index.name} is removed, and another run made it")
            alive = clone.source in {held.uuid for held in self._there.values()}
            must(alive or found is None, f"the clone {index.name} is removed, and what it was made of is gone")
        else:
            must(self._is_restored(plan, index.uuid), f"{index.name} is removed, and {run.run_id} did not make it")

    def repointing(self, ledger: Ledger, actor: Actor, actions: Sequence[Repoint]) -> None:
        run, plan = _asking(ledger, actor, "repointing")
        if run.state is State.SWAPPED and run.ending is State.SUCCEEDED:
            self._letting_follow(ledger, actor, plan, actions)
            return
        back = run.state is State.SWAPPED
        must(
            tuple(actions) == (swapping.back(plan) if back else swapping.forth(plan)), f"{run.run_id} moves other names"
        )
        must(run.ending is (State.ROLLED_BACK if back else None), f"{run.run_id} moves names, and is {run.state}")

    def _letting_follow(self, ledger: Ledger, actor: Actor, plan: Plan, actions: Sequence[Repoint]) -> None:
        """At the finish: what goes is what was put aside, and its name is given to what was restored of it."""
        gone = {action.index: action.uuid for action in actions if action.does is Does.REMOVE_INDEX}
        given = {action.alias.name: action.index for action in actions if action.does is Does.ADD and action.alias}
        must(given.keys() == gone.keys(), f"{set(gone)} is deleted, and {set(given)} is given a new bearer")
        for name, uuid in gone.items():
            must(uuid, f"{name} is deleted, whichever index it is")
            self.removing(ledger, actor, IndexRef(name=name, uuid=uuid or ""))
            must((name, given[name]) in {(move.source, move.name) for move in plan.moves}, f"{name} is given away")

    def repointed(self, ledger: Ledger, actor: Actor, before: Mapping[str, FakeIndex]) -> None:
        """Just after it: the server accepted it."""
        run, plan = _asking(ledger, actor, "repointing")
        if run.ending is State.SUCCEEDED:
            self._one_writer()
            return
        for move, side in _sides(plan):
            new = self._there.get(move.name)
            aside = self._there.get(swapping.put_aside(plan, side) or "")
            for alias in swapping.moving(move, side):
                readers = self._readers(alias.name, self._there)
                if run.state is State.SWAPPED:
                    self._is_back(run, side, alias.name, readers, new, aside)
                else:
                    self._is_forth(run, plan, side, alias.name, readers, new, aside, before, hurried=actor.hurried)
        self._one_writer()

    def _is_forth(
        self,
        run: Run,
        plan: Plan,
        side: Side,
        name: str,
        readers: set[str],
        new: FakeIndex | None,
        aside: FakeIndex | None,
        before: Mapping[str, FakeIndex],
        *,
        hurried: bool,
    ) -> None:
        """`hurried`: others lived on between the look and the act, which no server lets anybody make one."""
        must(new and new.uuid in readers, f"{run.run_id}: whoever reads {name} does not find the new one")
        assert new
        made = self._witness.restores.indices.get(new.uuid)
        must(made and made.mark == plan.mark, f"{run.run_id}: {name} means an index that it did not make")
        must(made and made.held.sources == new.sources and not new.red, f"{run.run_id}: {name} lacks documents")
        if side.index is None:
            return
        must(side.uuid not in readers, f"{run.run_id}: {name} means the old one as well")
        must(aside, f"{run.run_id}: {side.index} is lost, and {name} has moved")
        assert aside
        if side.cloned:
            must(self._mark(aside.uuid) == plan.mark, f"{run.run_id}: the way back of {name} is another's")
            live = before[side.index]
            same = aside.sources == live.sources or hurried
            must(same, f"{run.run_id}: the clone of {name} does not hold what it held")

    def _is_back(
        self, run: Run, side: Side, name: str, readers: set[str], new: FakeIndex | None, aside: FakeIndex | None
    ) -> None:
        must(not new or new.uuid not in readers, f"{run.run_id}: {name} still means the new one")
        if side.index is None:
            return
        must(aside and aside.uuid in readers, f"{run.run_id}: {name} was rolled back to nothing")
        must(aside and (aside.writable or side.blocked), f"{run.run_id}: {name} is back, and refuses writes")

    def _one_writer(self) -> None:
        writers: dict[str, list[str]] = defaultdict(list)
        for name, index in self._there.items():
            for alias, details in index.details.items():
                if details.is_write_index:
                    writers[alias].append(name)
        must(all(len(names) <= 1 for names in writers.values()), f"two write indices: {dict(writers)}")

    # The end ---------------------------------------------------------------------------------------------------------

    def settled(self, ledger: Ledger, run: Run) -> None:
        """Just now: no live index is left to refuse writes, but by somebody else's doing, or said aloud."""
        plan = ledger.plans.get(run.plan or "")
        if plan is None or plan.wish.mode is not Mode.SWAP:
            return
        told = {found.code for found in run.findings} & {"restore.still_blocked", "restore.swap_unclear"}
        for order in swapping.clones(plan):
            live = self._there.get(order.source.name)
            ours = live and live.uuid == order.source.uuid and self.blocked[live.uuid] == {plan.mark}
            must(
                not ours or (live and live.writable) or told, f"{run.run_id} ended, and {order.source.name} is blocked"
            )

    def nothing_left(self, ledger: Ledger, run: Run) -> None:
        """Of what a swap cloned or put aside, and that is of no use to anybody."""
        plan = ledger.plans.get(run.plan or "")
        if plan is None or plan.wish.mode is not Mode.SWAP or not run.settled or run.state is State.ROLLED_BACK:
            return
        named = {finding.subject for finding in run.findings if finding.code in TOLD}
        old = ledger.evidence.get((run.run_id, "old"))
        aside = {ref.uuid for ref in old.indices} if old else set()
        left = [name for name, held in self._there.items() if held.uuid in aside or self._mark(held.uuid) == plan.mark]
        untold = [name for name in left if not named & {name, run.run_id, plan.plan_id}]
        must(not untold, f"{run.run_id} is {run.state} ({run.reason}), and left {untold}: {run.findings}")

    def _mark(self, uuid: str) -> int | None:
        return self.clones[uuid].mark if uuid in self.clones else None

    def _is_restored(self, plan: Plan, uuid: str) -> bool:
        made = self._witness.restores.indices.get(uuid)
        return made is not None and made.mark == plan.mark


UNDONE = (State.FAILED, State.CANCELLED, State.TIMED_OUT)


def _asking(ledger: Ledger, actor: Actor, act: str) -> tuple[Run, Plan]:
    assert isinstance(actor.message, Wakeup)
    run = ledger.runs[actor.message.run_id]
    claimed(run, actor, act)
    return run, ledger.plans[run.plan or ""]


def _sides(plan: Plan) -> Iterator[tuple[Move, Side]]:
    return ((move, move.live) for move in plan.moves if move.live)
