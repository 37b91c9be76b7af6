"""The parts of a stage with a witness beneath the fuse: a call whose caller dies, or hears nothing, is seen all the
same when it has its effect."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.evidence import Evidence
from chalicelib.core.messages import Event, Message, Report
from chalicelib.core.model import Selection
from chalicelib.core.observations import Observation, Owner
from chalicelib.core.ports import Change, Create, Due, Record, StartOrder
from chalicelib.store.keys import Key
from chalicelib.store.memory import MemoryStore
from tests.fakes.bus import FakeBus
from tests.fakes.elasticsearch import FakeEngine
from tests.fakes.elasticsearch_records import FakeSnapshot
from tests.fakes.notifier import FakeNotifier
from tests.faults.chaos import Chaos
from tests.faults.ledger import Ledger, Look, must
from tests.faults.witness import Witness
from tests.faults.world import FusedBus, FusedNotifier, FusedQueue, FusedStore

T = TypeVar("T", bound=Record)
EFFECTS = (
    *("start", "register", "delete", "restore", "remove", "release", "block", "clone", "reopen", "repoint"),
    *("close", "open", "write"),
)
FOR_EVER = 10**9


class _SeenStore(MemoryStore):
    witness: Witness
    ledger: Ledger

    def commit(self, *changes: Change) -> bool:
        won = super().commit(*changes)
        if won:
            self.witness.committed(self.ledger, changes)
        return won


class WatchedStore(FusedStore, _SeenStore):
    """`stale`: how many of the next questions to the due index are answered from before."""

    def __init__(self, chaos: Chaos) -> None:
        super().__init__(chaos)
        self._chaos = chaos
        self._shards = 2  # a tick asks each of them
        self.stale = 0
        self._answered: dict[tuple[str, int], tuple[Due, ...]] = {}

    def commit(self, *changes: Change) -> bool:
        if all(isinstance(change, Create) and _is_plan(change.item) for change in changes):
            # under the hash of itself, without a token: nobody asks who stored it
            return bool(self._chaos.around("plan", lambda: super(FusedStore, self).commit(*changes)))
        return super().commit(*changes)

    def _get(self, kind: type[T], key: Key) -> T | None:
        self._chaos.read("store")
        return super()._get(kind, key)

    def _due(self, pk: str, now: datetime, limit: int) -> tuple[Due, ...]:
        if self._chaos.actor and self._chaos.silent.get("store", 0) > 0:
            self._chaos.read("store")
        answer = super()._due(pk, now, limit)
        known = self._answered.get((pk, limit), ())
        if self.stale > 0 and known:
            self.stale -= 1
            return known
        self._answered[pk, limit] = answer
        return answer


def _is_plan(item: object) -> bool:
    return isinstance(item, Evidence) and item.plan is not None


class WatchedQueue(FusedQueue):
    """Messages can be lost, and come back."""

    def send(self, message: Message, *, delay: int = 0) -> None:
        assert isinstance(self.fuse, Chaos)
        if actor := self.fuse.actor:
            must(message not in actor.sent, f"{message} is sent twice")
            actor.sent.append(message)
        super().send(message, delay=delay)

    @property
    def waiting(self) -> list[Message]:
        return [message for _, _, message in self._waiting]

    def come_back(self, message: Message, after: int) -> None:
        """A copy of a message that was sent before."""
        self._waiting.append((self._clock.now() + timedelta(seconds=after), len(self.sent), message))

    def lose(self, message: Message) -> None:
        del self._waiting[self.waiting.index(message)]


class _SeenBus(FakeBus):
    witness: Witness
    ledger: Ledger

    def emit(self, events: Sequence[Event]) -> None:
        super().emit(events)
        self.witness.emitted(self.ledger, events)


class WatchedBus(FusedBus, _SeenBus):
    pass


class _SeenNotifier(FakeNotifier):
    witness: Witness
    ledger: Ledger

    def report(self, report: Report) -> None:
        super().report(report)
        self.witness.reported(self.ledger, report)


class WatchedNotifier(FusedNotifier, _SeenNotifier):
    pass


class SeenEngine(FakeEngine):
    chaos: Chaos
    witness: Witness
    ledgers: dict[str, Ledger]
    late: list[tuple[datetime, Callable[[], None]]]
    late_by: int
    fate: str | None
    strangers: set[str]

    @property
    def alive(self) -> dict[str, str]:
        return {name: index.uuid for name, index in self.indices.items()}

    @property
    def moving(self) -> dict[str, FakeSnapshot]:
        """Snapshots that run."""
        held = (item for repository in self.repositories.values() for item in repository.snapshots.items())
        return {name: snapshot for name, snapshot in held if snapshot.done is None}

    def end(self, snapshot: str, how: str) -> None:
        first = tuple(self.moving[snapshot].indices)[:1]
        if how == "vanish":
            self.vanish(snapshot)
        elif how == "break":
            self.break_(snapshot)
        else:
            self.complete(
                snapshot,
                partial=first if how == "partial" else (),
                missing=first if how == "missing" else (),
            )

    def stranger(self, repository: str, snapshot: str, owner: Owner | None = None) -> None:
        super().stranger(repository, snapshot, owner)
        self.strangers.add(self.repositories[repository].snapshots[snapshot].uuid)

    def look(self, repository: str, snapshot: str, **rest: Any) -> Observation:
        fate = self.fate if snapshot in self.moving else None
        if fate:
            self.end(snapshot, fate)
            self.fate = None
        answer = super().look(repository, snapshot, **rest)
        if actor := self.chaos.actor:
            found = self.repositories[repository].snapshots.get(snapshot)
            actor.looked[snapshot] = Look(replace(found) if found else None, self.alive)
            if found and fate in ("fleeting", "swapped"):
                self.vanish(snapshot)
            if found and fate == "swapped":
                self.stranger(repository, snapshot, found.owner)
        return answer

    def resolve(self, *args: Any, **rest: Any) -> Selection:
        answer = super().resolve(*args, **rest)
        if actor := self.chaos.actor:
            actor.resolved = tuple(index.name for index in answer.indices)
            actor.looked = {name: replace(look, indices=self.alive) for name, look in actor.looked.items()}
        return answer

    def start(self, order: StartOrder) -> None:
        actor = self.chaos.actor
        assert actor is not None
        self.witness.starting(self.ledgers[actor.stage], order, actor)
        if self.postponed("start", partial(super().start, order)):
            with self._request("start", order.snapshot):
                return
        super().start(order)

    def delete(self, repository: str, snapshot: str) -> None:
        actor = self.chaos.actor
        assert actor is not None
        self.witness.deleting(self.ledgers[actor.stage], snapshot, actor)
        super().delete(repository, snapshot)

    def postponed(self, method: str, act: Callable[[], None]) -> bool:
        """Whether it is on its way for long, so that the answer to the request that sends it is lost. What is answered
        no has arrived."""
        if any(refused == method for refused, _ in self._refusals):
            return False
        if self.late_by:
            self.late.append((self._clock.now() + timedelta(seconds=self.late_by), act))
            self.lose_next_answer()
        late, self.late_by = bool(self.late_by), 0
        return late

    def arrive(self) -> None:
        """Starts and restores that were on their way for long; what they do there is nothing that an actor asks."""
        due = [act for at, act in self.late if at <= self._clock.now()]
        self.late = [(at, act) for at, act in self.late if at > self._clock.now()]
        actors, self.chaos.actors = self.chaos.actors, []
        for act in due:
            with suppress(Refused, Retryable):
                act()
        self.chaos.actors = actors

    def restoring(self, snapshot: str) -> bool:
        return any(origin.looks_left and origin.snapshot == snapshot for origin in self._origins())

    @contextmanager
    def _request(self, method: str, subject: str) -> Iterator[None]:
        if method not in EFFECTS:  # those are effects, and pass the fuse
            self.chaos.read("engine")
        with super()._request(method, subject):
            yield

    def _put(self, repository: str, snapshot: str, owner: Owner | None, indices: Iterable[str]) -> None:
        super()._put(repository, snapshot, owner, indices)
        self.witness.made_snapshot(snapshot, self.repositories[repository].snapshots[snapshot], self.alive)
