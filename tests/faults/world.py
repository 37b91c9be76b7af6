"""A whole stage in memory: the real driver, tick and telling over fakes, with a clock that is moved by hand, and a fuse
that can kill the process at any side effect."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chalicelib.core.config import load
from chalicelib.core.copying import Write, Written
from chalicelib.core.errors import Retryable
from chalicelib.core.messages import Event, Message, Report
from chalicelib.core.model import IndexRef, Run
from chalicelib.core.ports import Change, StartOrder
from chalicelib.core.restores import RestoreOrder
from chalicelib.core.spec import Repository
from chalicelib.core.swaps import CloneOrder, Repoint
from chalicelib.service import apply as applying
from chalicelib.service import request
from chalicelib.service import tick as ticking
from chalicelib.service.work import handle
from chalicelib.service.world import World
from chalicelib.store.memory import MemoryStore
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.elasticsearch import FakeEngine
from tests.fakes.elasticsearch_copies import FakeCopier
from tests.fakes.elasticsearch_in_place import FakeInPlace
from tests.fakes.metrics import FakeMetrics
from tests.fakes.notifier import FakeNotifier
from tests.fakes.queue import FakeQueue
from tests.fakes.vault import FakeVault

START = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
SLOT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
RUN_ID = "backup:nightly:2026-11-21T02:00Z"
FILE = """\
version: 1
targets:
  shop:
    engine: elasticsearch
    hosts: [http://localhost:9200]
    auth: {none: true}
    repositories: {main: {type: fs, settings: {location: main}}}
policies:
  nightly:
    target: shop
    repository: main
    select: {indices: ["orders*"]}
    schedule: "0 2 * * *"
    catch_up: 6h
    timeout: 4h
    notify: {on: [failure, recovery, success]}
"""


class Killed(BaseException):
    """The process dies here: no handler of ours may catch it."""


class Fuse:
    """Counts side effects; kills the process just before or just after the one that it is set to."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.kill_at: int | None = None
        self.after = False

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        number = len(self.effects)
        self.effects.append(name)
        if number == self.kill_at and not self.after:
            raise Killed(name)
        answer = act()
        if number == self.kill_at:
            raise Killed(name)
        return answer


class FusedStore(MemoryStore):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    def commit(self, *changes: Change) -> bool:
        return bool(self.fuse.around("commit", lambda: super(FusedStore, self).commit(*changes)))


class FusedEngine(FakeEngine):
    fuse: Fuse

    @property
    def restorer(self) -> FakeInPlace:
        return FusedRestorer(self)

    @property
    def copier(self) -> FakeCopier:
        return FusedCopier(self)

    def delete(self, repository: str, snapshot: str) -> None:
        self.fuse.around("delete", lambda: super(FusedEngine, self).delete(repository, snapshot))

    def start(self, order: StartOrder) -> None:
        self.fuse.around("start", lambda: super(FusedEngine, self).start(order))

    def register(self, name: str, repository: Repository) -> None:
        self.fuse.around("register", lambda: super(FusedEngine, self).register(name, repository))


class FusedRestorer(FakeInPlace):
    def __init__(self, engine: FusedEngine) -> None:
        super().__init__(engine)
        self.fuse = engine.fuse

    def restore(self, order: RestoreOrder) -> None:
        self.fuse.around("restore", lambda: super(FusedRestorer, self).restore(order))

    def remove(self, index: IndexRef) -> bool:
        return bool(self.fuse.around("remove", lambda: super(FusedRestorer, self).remove(index)))

    def release(self, index: IndexRef, settings: Mapping[str, object], *, lifecycle: bool = False) -> None:
        self.fuse.around("release", lambda: super(FusedRestorer, self).release(index, settings, lifecycle=lifecycle))

    def block(self, index: IndexRef) -> None:
        self.fuse.around("block", lambda: super(FusedRestorer, self).block(index))

    def clone(self, order: CloneOrder) -> None:
        self.fuse.around("clone", lambda: super(FusedRestorer, self).clone(order))

    def reopen(self, index: IndexRef) -> None:
        self.fuse.around("reopen", lambda: super(FusedRestorer, self).reopen(index))

    def close(self, index: IndexRef) -> None:
        self.fuse.around("close", lambda: super(FusedRestorer, self).close(index))

    def open(self, index: IndexRef) -> None:
        self.fuse.around("open", lambda: super(FusedRestorer, self).open(index))

    def repoint(self, actions: Sequence[Repoint]) -> None:
        self.fuse.around("repoint", lambda: super(FusedRestorer, self).repoint(actions))


class FusedCopier(FakeCopier):
    def __init__(self, engine: FusedEngine) -> None:
        super().__init__(engine)
        self.fuse = engine.fuse

    def write(self, source: IndexRef, live: IndexRef, writes: Sequence[Write]) -> tuple[Written, ...]:
        written: tuple[Written, ...] = self.fuse.around(
            "write", lambda: super(FusedCopier, self).write(source, live, writes)
        )
        return written


class FusedQueue(FakeQueue):
    fuse: Fuse

    def send(self, message: Message, *, delay: int = 0) -> None:
        self.fuse.around("send", lambda: super(FusedQueue, self).send(message, delay=delay))


class FusedBus(FakeBus):
    fuse: Fuse

    def emit(self, events: Sequence[Event]) -> None:
        self.fuse.around("emit", lambda: super(FusedBus, self).emit(events))


class FusedNotifier(FakeNotifier):
    fuse: Fuse

    def report(self, report: Report) -> None:
        self.fuse.around("report", lambda: super(FusedNotifier, self).report(report))


class FusedVault(FakeVault):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    def put(self, key: str, content: bytes) -> None:
        self.fuse.around("put", lambda: super(FusedVault, self).put(key, content))


class Stage:
    """`live(minutes)` plays real time: messages arrive, a tick each minute. A killed process loses its message.
    `who`: by whose credentials somebody calls (None: nobody can say)."""

    clock: FakeClock
    fuse: Fuse
    store: FusedStore
    engine: FusedEngine
    queue: FusedQueue
    bus: FusedBus
    notifier: FusedNotifier
    who: str | None = "arn:aws:iam::123456789012:user/anna"

    def __init__(self, file: str = FILE, *, looks: int | None = 1, indices: Sequence[str] = ("orders",)) -> None:
        self.make_parts(looks, indices)
        for part in (self.engine, self.queue, self.bus, self.notifier):
            part.fuse = self.fuse
        self.metrics = FakeMetrics()
        self.vault = FusedVault(self.fuse)
        numbers = count(1)
        self.world = World(
            stage="local",
            store=self.store,
            queue=self.queue,
            bus=self.bus,
            notifier=self.notifier,
            metrics=self.metrics,
            vault=self.vault,
            clock=self.clock,
            engine=lambda spec: self.engine,
            token=lambda: f"{self.name}-{next(numbers):08}",
            identity=self.whoami,
            local=True,
        )
        self.apply(file)
        self.fuse.effects.clear()

    def whoami(self) -> str:
        if self.who is None:
            raise Retryable("AWS does not say who calls")
        return self.who

    def make_parts(self, looks: int | None, indices: Sequence[str]) -> None:
        """What stands for the world; another kind of stage brings its own."""
        self.name = "token"
        self.clock = FakeClock(START)
        self.fuse = Fuse()
        self.store = FusedStore(self.fuse)
        self.engine = FusedEngine(indices, repositories=(), clock=self.clock, looks=looks)
        self.queue, self.bus, self.notifier = FusedQueue(self.clock), FusedBus(), FusedNotifier()

    def apply(self, file: str, *, prune: bool = False) -> None:
        config = load(file.encode(), "snapwarden.yaml")
        applying.apply(config, self.store, self.clock, "tester", prune=prune, new_token=self.world.token)

    def run(self, run_id: str = RUN_ID) -> Run:
        found = self.store.run(run_id)
        assert found is not None, f"there is no run {run_id}"
        return found

    def backup(self, request_id: str = "now-1") -> Run:
        return request.backup_now(self.world, "nightly", request_id=request_id, requested_by="tester")

    def tick(self) -> None:
        try:
            ticking.tick(self.world, self.clock.now())
        except Killed:
            self.fuse.kill_at = None

    def deliver(self) -> None:
        """Every message that is visible now. One whose handler dies or fails is lost here, as if the queue had been
        emptied: the sweeper must do."""
        for message in self.queue.receive():
            try:
                handle(self.world, message)
            except Killed:
                self.fuse.kill_at = None
            except Retryable:
                pass

    def live(self, minutes: float, *, step: float = 1.0) -> None:
        end = self.clock.now() + timedelta(minutes=minutes)
        while self.clock.now() < end:
            if self.clock.now().second < step:
                self.tick()
            self.deliver()
            self.clock.advance(step)

    def until_slot(self) -> None:
        self.clock.set(SLOT)
