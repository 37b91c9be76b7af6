"""The one cluster of all stages of a play, and what befalls it."""

from datetime import datetime
from typing import Any

from chalicelib.core.drilling import REGISTRATION
from chalicelib.core.spec import Repository
from tests.fakes.elasticsearch_copies import FakeCopier
from tests.fakes.elasticsearch_in_place import FakeInPlace
from tests.faults.chaos import Chaos
from tests.faults.watched import FOR_EVER, SeenEngine
from tests.faults.watched_restores import WatchedCopier, WatchedRestorer
from tests.faults.witness import Witness
from tests.faults.world import FusedEngine


class SharedEngine(FusedEngine, SeenEngine):
    """`late_by`: seconds that the next start is on its way, its sender without an answer. `busy_since`, `full_since`:
    since when it has other work, or a disk that is full."""

    @property
    def restorer(self) -> FakeInPlace:
        return WatchedRestorer(self, self.witness, self.ledgers, self.postponed)

    @property
    def copier(self) -> FakeCopier:
        return WatchedCopier(self, self.witness, self.ledgers)

    def watched_by(self, chaos: Chaos, witness: Witness) -> "SharedEngine":
        self.chaos, self.witness, witness.cluster = chaos, witness, self
        self.ledgers, self.late, self.late_by, self.fate, self.strangers = {}, [], 0, None, set()
        self.busy_since: datetime | None = None
        self.full_since: datetime | None = None
        self.roomy = self.nodes
        return self

    def somebody_makes(self, name: str, **rest: Any) -> None:
        """An index, perhaps anew; where an alias has that name, the server refuses."""
        if not any(name in index.aliases for index in self.indices.values()):
            self.create_index(name, **rest)

    def bound(self, name: str) -> None:
        """A snapshot of somebody else's runs that must hold all of it."""
        if "main" in self.repositories:
            self.bind("main", f"theirs-{len(self.requests)}", name)

    def unbind(self) -> None:
        for name, snapshot in self.moving.items():
            if snapshot.binds:
                self.complete(name)

    def heal(self, *, looks: int | None) -> None:
        """What is broken in it is mended, and what runs ends at the `looks`th look; None: it never does. Of restored
        indices the shards that were lost stay so."""
        self._looks, self._silent, self._lose, self.late_by, self.fate = looks, 0, None, 0, None
        self._refusals.clear()
        self.slow_delete, self.blocked = 0, False
        self.heap, self.relocating, self.nodes = {"local": 20}, 0, self.roomy
        self.busy_since = self.full_since = None
        self.unbind()
        self.restore_looks = 0
        for origin in self._origins():
            origin.looks_left = 0 if looks is not None else FOR_EVER
        for name in {"orders", "orders-old", *(name for name, index in self.indices.items() if not index.origin)}:
            if name not in self.indices or self.indices[name].red:
                self.somebody_makes(name)
        for name, repository in self.repositories.items():
            self.mend_repository(name)
            place = name.removeprefix(REGISTRATION)
            only_read = {"readonly": "true"} if name.startswith(REGISTRATION) else {}
            repository.definition = Repository(type="fs", settings={"location": place, **only_read})
            for snapshot in repository.snapshots.values():
                snapshot.looks_left = looks
