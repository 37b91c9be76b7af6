"""Restores with a witness beneath the fuse, as `watched.py` has it for the other parts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from chalicelib.core.model import IndexRef
from chalicelib.core.restores import Restored, RestoreOrder
from chalicelib.core.streams import StreamRef
from tests.fakes.elasticsearch_in_place import FakeInPlace
from tests.faults.chaos import Actor, Chaos
from tests.faults.ledger import Ledger
from tests.faults.witness_restores import RestoreWitness
from tests.faults.world import FusedEngine, FusedRestorer


class _SeenRestorer(FakeInPlace):
    chaos: Chaos
    witness: RestoreWitness
    ledgers: Mapping[str, Ledger]
    postponed: Callable[[Callable[[], None]], bool]

    @property
    def _asking(self) -> tuple[Ledger, Actor]:
        assert self.chaos.actor is not None
        return self.ledgers[self.chaos.actor.stage], self.chaos.actor

    def restore(self, order: RestoreOrder) -> None:
        self.witness.restoring(*self._asking, order)
        if self.postponed(partial(self._now, order)):
            with self._cluster._request("restore", order.snapshot):
                return
        self._now(order)

    def _now(self, order: RestoreOrder) -> None:
        try:
            super().restore(order)
        finally:
            self.witness.made(self._cluster, order)

    def restored(self, order: RestoreOrder) -> tuple[Restored, ...]:
        answer = super().restored(order)
        if actor := self.chaos.actor:
            actor.restored[order.mark] = {one.name: replace(self._cluster.indices[one.name]) for one in answer}
        return answer

    def remove(self, *indices: IndexRef) -> bool:
        for index in indices:
            self.witness.removing(*self._asking, index)
        return super().remove(*indices)

    def remove_stream(self, stream: StreamRef) -> None:
        for index in stream.indices:
            self.witness.removing(*self._asking, index)
        super().remove_stream(stream)

    def release(self, index: IndexRef, settings: Mapping[str, object], *, lifecycle: bool = False) -> None:
        self.witness.releasing(*self._asking, index, self._cluster)
        super().release(index, settings, lifecycle=lifecycle)


class WatchedRestorer(FusedRestorer, _SeenRestorer):
    def __init__(
        self,
        engine: FusedEngine,
        witness: RestoreWitness,
        ledgers: Mapping[str, Ledger],
        postponed: Callable[[Callable[[], None]], bool],
    ) -> None:
        super().__init__(engine)
        assert isinstance(engine.fuse, Chaos)
        self.chaos, self.witness, self.ledgers, self.postponed = engine.fuse, witness, ledgers, postponed
