"""One stage of a play: with its own table, queue, bus and topic, on a cluster that it may share."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from chalicelib.core.config import Config, load
from chalicelib.service import apply as applying
from tests.faults.chaos import ActorsClock, Chaos
from tests.faults.ledger import Ledger
from tests.faults.shared import SharedEngine
from tests.faults.watched import WatchedBus, WatchedNotifier, WatchedQueue, WatchedStore
from tests.faults.witness import Witness
from tests.faults.world import Stage


@lru_cache(maxsize=64)
def loaded(text: str) -> Config:
    return load(text.encode(), "snapwarden.yaml")


class Player(Stage):
    """One stage of a play."""

    store: WatchedStore
    queue: WatchedQueue
    engine: SharedEngine

    def __init__(self, name: str, file: str, chaos: Chaos, engine: SharedEngine, witness: Witness) -> None:
        self._parts = (name, chaos, engine)
        self.chaos, self.witness, self.ledger = chaos, witness, Ledger(name)
        super().__init__(file)
        self.world = replace(self.world, clock=ActorsClock(chaos), remaining=chaos.remaining)
        self.ledger.installation = self.world.installation()

    def make_parts(self, looks: int | None, indices: Sequence[str]) -> None:
        self.name, chaos, self.engine = self._parts
        self.fuse, self.clock = chaos, chaos.clock
        self.store, self.queue = WatchedStore(chaos), WatchedQueue(chaos.clock)
        self.bus, self.notifier = WatchedBus(), WatchedNotifier()
        for part in (self.store, self.bus, self.notifier):
            part.witness, part.ledger = self.witness, self.ledger

    def apply(self, file: str, *, prune: bool = False) -> None:
        clock = ActorsClock(self.chaos)
        applying.apply(loaded(file), self.store, clock, "tester", prune=prune, new_token=self.world.token)

    @property
    def untold(self) -> list[str]:
        return [run.run_id for run in self.ledger.runs.values() if not run.told]
