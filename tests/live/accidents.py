"""The real driver and engine on a real server, in real time; store, queue and telling are in memory, so that a case
costs what its snapshot takes and no more. Nothing ticks: the run's own messages bring it to its end.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from chalicelib import bootstrap
from chalicelib.core.config import load
from chalicelib.core.messages import Report
from chalicelib.core.model import Run, State
from chalicelib.core.ports import Clock, Engine, StartOrder
from chalicelib.core.rows import Spec
from chalicelib.service import apply as applying
from chalicelib.service import request, work
from chalicelib.service.world import World
from chalicelib.store.memory import MemoryStore
from infra.local.elasticsearch import Elasticsearch, kill_server
from infra.local.servers import Server
from tests.elastic_admin import Admin, wait
from tests.fakes.bus import FakeBus
from tests.fakes.metrics import FakeMetrics
from tests.fakes.notifier import FakeNotifier
from tests.fakes.queue import FakeQueue
from tests.fakes.secrets import FakeSecrets
from tests.fakes.vault import FakeVault
from tests.servers import started


class Breakable:
    """A server that can be killed and started again on its port. Up once made."""

    def __init__(self, definition: Elasticsearch) -> None:
        self._definition = definition
        self.server = started(definition)

    @property
    def repositories(self) -> Path:
        assert self.server.repositories is not None
        return self.server.repositories

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing flushed."""
        kill_server(self.server.identity)
        self.server.stop()  # what is left of it: its launcher

    @contextmanager
    def down(self) -> Iterator[None]:
        """Killed, until the block ends."""
        self.kill()
        try:
            yield
        finally:
            self.server = started(replace(self._definition, port=self.server.port))


class RealTime:
    """The system's clock; `skip` passes a time in which nothing would happen."""

    def __init__(self) -> None:
        self._skipped = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._skipped

    def skip(self, by: timedelta) -> None:
        self._skipped += by


class Hurried:
    """Delays pass five times as fast: the driver is safe whenever a message comes, and two seconds between looks are
    no part of any accident."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._since = clock, clock.now()

    def now(self) -> datetime:
        return self._since + (self._clock.now() - self._since) * 5


class Scene:
    """One stage with the policy `nightly` on one cluster. Names of indices and its repository begin with `own`, which
    no other scene has; the repository's directory is fresh, because deduplication makes a second snapshot instant."""

    def __init__(self, server: Server) -> None:
        assert server.repositories is not None
        self.own = f"own{uuid4().hex[:8]}"
        self.admin = Admin(server.url)
        self.folder = server.repositories / self.own
        self.clock = RealTime()
        self.store = MemoryStore()
        self.vault = FakeVault()
        self.queue, self.bus, self.notifier = FakeQueue(Hurried(self.clock)), FakeBus(), FakeNotifier()
        self.before_start: Callable[[], object] = lambda: None
        """What somebody else does after the last question and before the snapshot is asked for."""
        self.world = World(
            stage="local",
            store=self.store,
            queue=self.queue,
            bus=self.bus,
            notifier=self.notifier,
            metrics=FakeMetrics(),
            vault=self.vault,
            clock=self.clock,
            engine=self._connect,
            token=bootstrap.new_token,
        )

    def _connect(self, spec: Spec) -> Engine:
        engine = bootstrap.connect(spec, FakeSecrets())
        start = engine.start

        def late(order: StartOrder) -> None:
            self.before_start()
            start(order)

        engine.start = late  # type: ignore[method-assign]
        return engine

    def leave(self) -> None:
        """Without its indices and with an idle server; repositories stay as they are, and streams, which the trimmed
        server cannot delete."""
        if self.own in self.admin.send("GET", "/_snapshot"):
            self.unthrottle()
        for name in self.admin.send("GET", f"/*{self.own}*/_settings?expand_wildcards=open,closed,hidden"):
            if not name.startswith(".ds-"):
                wait(partial(self._drop, name), f"{name} is deleted")

    def _drop(self, name: str) -> bool:
        """False: a snapshot of it runs."""
        return "error" not in self.admin.send("DELETE", f"/{name}", ok=(200, 400))

    def name(self, index: str) -> str:
        return f"{self.own}-{index}"

    def index(self, index: str, **more: Any) -> str:
        self.admin.create_index(self.name(index), **more)
        return self.name(index)

    def slow(self, *more: str) -> None:
        """`nightly` takes 6 MB, and `more` indices, into a throttled repository: its snapshot runs for a minute, or
        until `unthrottle`. It is registered already, because the server verifies it only when no snapshot runs; and the
        file says nothing of the throttle, so that it may go."""
        big = self.index("big", documents=2000)
        settings = {"location": self.own, "max_snapshot_bytes_per_sec": "100kb"}
        self.admin.send("PUT", f"/_snapshot/{self.own}?verify=false", {"type": "fs", "settings": settings})
        self.apply(big, *more)

    def apply(
        self,
        *indices: str,
        prove: str = "L1",
        restore: dict[str, Any] | None = None,
        targets: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """`nightly` takes `indices`, names or patterns; `more` of its keys. `restore`: that block of its target.
        `targets`: others of the file."""
        shop = {
            "engine": "elasticsearch",
            "hosts": [self.admin.url],
            "auth": {"none": True},
            "repositories": {self.own: {"type": "fs", "settings": {"location": self.own}}},
            **({"restore": restore} if restore else {}),
        }
        nightly = {
            "target": "shop",
            "repository": self.own,
            "select": {"indices": list(indices)},
            "timeout": "4h",
            "prove": prove,
            "notify": {"on": ["failure", "recovery", "success"]},
            **more,
        }
        written = {"version": 1, "targets": {"shop": shop, **(targets or {})}, "policies": {"nightly": nightly}}
        config = load(json.dumps(written).encode(), "snapwarden.yaml")
        applying.apply(config, self.store, self.clock, "tester", new_token=self.world.token)

    def start(self, request_id: str = "") -> Run:
        """A backup now; no step of it has been taken."""
        return request.backup_now(
            self.world, "nightly", request_id=request_id or bootstrap.new_token(), requested_by="tester"
        )

    def running(self) -> Run:
        """A backup now, seen in progress."""
        return self.play(self.start(), lambda run: run.state is State.RUNNING, "it is seen in progress")

    def to_deadline(self, run: Run) -> Run:
        """What becomes of an open run when its time is over."""
        self.clock.skip(run.deadline_at - self.clock.now())
        return self.ended(run)

    def ended(self, run: Run) -> Run:
        """The end of a run, told once, with nothing left to do; never a success that the server itself denies. What
        was on its way when somebody cancelled it comes late, and changes nothing."""
        run = self.play(run, lambda run: run.told, "its end is told")
        while self.queue.next_at is not None:
            time.sleep(0.05)
            self.deliver()
        assert self.row(run) == run
        assert run.wake_at is None
        assert [report.key for report in self.reports(run)] == [f"{run.run_id}#end"]
        if run.state is State.SUCCEEDED:
            found = self.snapshot(run)
            assert (found["state"], found["uuid"], found["shards"]["failed"]) == ("SUCCESS", run.snapshot_uuid, 0)
        return run

    def play(self, run: Run, holds: Callable[[Run], bool], what: str, *, timeout: float = 120.0) -> Run:
        """Delivers messages as they become visible, until the row of the run `holds`. The minutes that are waited
        after a refusal are skipped."""
        deadline = time.monotonic() + timeout
        while not holds(run := self.row(run)):
            assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}; {run}"
            assert not run.told, f"it ended before {what}: {run}"
            if run.refusals:
                self.clock.skip(timedelta(minutes=1))
            self.deliver()
            time.sleep(0.05)
        return run

    def finished_unseen(self) -> Run:
        """A backup now, seen in progress, that ended well on the server; nobody has looked since."""
        run = self.running()
        self.unthrottle()
        self.admin.wait_for_end(self.own, run.snapshot)
        assert self.snapshot(run)["state"] == "SUCCESS"
        return run

    def deliver(self) -> None:
        for message in self.queue.receive():
            work.handle(self.world, message)

    def row(self, run: Run) -> Run:
        found = self.store.run(run.run_id)
        assert found is not None
        return found

    def reports(self, run: Run) -> Sequence[Report]:
        return [report for report in self.notifier.reports if report.key.startswith(run.run_id)]

    def states(self, run: Run) -> list[str]:
        return [step.state.value for step in run.steps]

    def unthrottle(self) -> None:
        self.admin.unthrottle(self.own, self.own)

    def snapshot(self, run: Run) -> dict[str, Any]:
        """As the server itself tells it."""
        (found,) = self.admin.send("GET", f"/_snapshot/{run.repository}/{run.snapshot}")["snapshots"]
        return dict(found)

    def stranger(self, snapshot: str, index: str) -> str:
        """Somebody else's complete snapshot under this name; its uuid."""
        path = f"/_snapshot/{self.own}/{snapshot}?wait_for_completion=true"
        return str(self.admin.send("PUT", path, {"indices": index})["snapshot"]["uuid"])


def codes(run: Run) -> list[str]:
    return [finding.code for finding in run.findings]
