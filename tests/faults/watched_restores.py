"""Restores with a witness beneath the fuse, as `watched.py` has it for the other parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from chalicelib.core.copying import Write, Written
from chalicelib.core.model import IndexRef
from chalicelib.core.restores import Contents, Restored, RestoreOrder
from chalicelib.core.streams import StreamRef
from chalicelib.core.swaps import CloneOrder, Repoint
from tests.fakes.elasticsearch_copies import FakeCopier
from tests.fakes.elasticsearch_in_place import FakeInPlace
from tests.faults.chaos import Actor, Chaos
from tests.faults.ledger import Ledger
from tests.faults.witness import Witness
from tests.faults.world import FusedCopier, FusedEngine, FusedRestorer


class _SeenRestorer(FakeInPlace):
    chaos: Chaos
    witness: Witness
    ledgers: Mapping[str, Ledger]
    postponed: Callable[[str, Callable[[], None]], bool]

    @property
    def _asking(self) -> tuple[Ledger, Actor]:
        assert self.chaos.actor is not None
        return self.ledgers[self.chaos.actor.stage], self.chaos.actor

    def restore(self, order: RestoreOrder) -> None:
        self.witness.restores.restoring(*self._asking, order)
        if self.postponed("restore", partial(self._now, order)):
            with self._cluster._request("restore", order.snapshot):
                return
        self._now(order)

    def _now(self, order: RestoreOrder) -> None:
        before = {index.uuid for index in self._cluster.indices.values()}
        try:
            super().restore(order)
        finally:
            self.witness.restores.made(self._cluster, order, before)

    def contents(self, repository: str, snapshot: str) -> Contents | None:
        answer = super().contents(repository, snapshot)
        if answer and (actor := self.chaos.actor):
            actor.held[snapshot] = replace(self._cluster.repositories[repository].snapshots[snapshot])
        return answer

    def restored(self, order: RestoreOrder) -> tuple[Restored, ...]:
        answer = super().restored(order)
        if actor := self.chaos.actor:
            actor.restored[order.mark] = {one.name: self._cluster.indices[one.name].copy() for one in answer}
        return answer

    def remove(self, *indices: IndexRef) -> bool:
        for index in indices:
            self._removing(index)
        return super().remove(*indices)

    def remove_stream(self, stream: StreamRef) -> None:
        for index in stream.indices:
            self._removing(index)
        super().remove_stream(stream)

    def _removing(self, index: IndexRef) -> None:
        ledger, actor = self._asking
        if not self.witness.swaps.removing(ledger, actor, index):
            self.witness.restores.removing(ledger, actor, index)

    def release(self, index: IndexRef, settings: Mapping[str, object], *, lifecycle: bool = False) -> None:
        self.witness.restores.releasing(*self._asking, index, self._cluster)
        super().release(index, settings, lifecycle=lifecycle)

    def close(self, index: IndexRef) -> None:
        self.witness.in_place.closing(*self._asking, index)
        super().close(index)

    def open(self, index: IndexRef) -> None:
        self.witness.in_place.opening(*self._asking, index)
        super().open(index)

    def block(self, index: IndexRef) -> None:
        self.witness.swaps.blocking(*self._asking, index)
        super().block(index)

    def clone(self, order: CloneOrder) -> None:
        self.witness.swaps.cloning(*self._asking, order)
        super().clone(order)
        self.witness.swaps.cloned(order)

    def reopen(self, index: IndexRef) -> None:
        self.witness.swaps.reopening(*self._asking, index)
        super().reopen(index)

    def repoint(self, actions: Sequence[Repoint]) -> None:
        before = {name: held.copy() for name, held in self._cluster.indices.items()}
        self.witness.swaps.repointing(*self._asking, actions)
        super().repoint(actions)
        self.witness.swaps.repointed(*self._asking, before)


class WatchedRestorer(FusedRestorer, _SeenRestorer):
    def __init__(
        self,
        engine: FusedEngine,
        witness: Witness,
        ledgers: Mapping[str, Ledger],
        postponed: Callable[[str, Callable[[], None]], bool],
    ) -> None:
        super().__init__(engine)
        assert isinstance(engine.fuse, Chaos)
        self.chaos, self.witness, self.ledgers, self.postponed = engine.fuse, witness, ledgers, postponed


class _SeenCopier(FakeCopier):
    chaos: Chaos
    witness: Witness
    ledgers: Mapping[str, Ledger]

    def write(self, source: IndexRef, live: IndexRef, writes: Sequence[Write]) -> tuple[Written, ...]:
        if writes:
            assert self.chaos.actor is not None
            ledger = self.ledgers[self.chaos.actor.stage]
            self.witness.salvages.writing(ledger, self.chaos.actor, source, live, writes)
        return super().write(source, live, writes)


class WatchedCopier(FusedCopier, _SeenCopier):
    def __init__(self, engine: FusedEngine, witness: Witness, ledgers: Mapping[str, Ledger]) -> None:
        super().__init__(engine)
        assert isinstance(engine.fuse, Chaos)
        self.chaos, self.witness, self.ledgers = engine.fuse, witness, ledgers
