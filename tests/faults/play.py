"""Two stages on one cluster, each with its own table, queue, bus and topic, and one witness who sees all of it.

What happens to them is an action (`actions.py`); `Play.calm` lets everything be healthy again and says whether all
ended as it should.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from chalicelib.core.config import Config, load
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.service import apply as applying
from chalicelib.service import tick as ticking
from chalicelib.service.advance import advance
from chalicelib.service.world import FUNCTION_TIMEOUT
from tests.fakes.clock import FakeClock
from tests.faults.chaos import Action, Actor, Chaos, Defect, Fault
from tests.faults.watched import SharedEngine, WatchedBus, WatchedNotifier, WatchedQueue, WatchedStore
from tests.faults.witness import Ledger, Violated, Witness, must
from tests.faults.world import SLOT, Killed, Stage

VISIBILITY = 360
"""Seconds until a message whose handler failed comes back; infra/foundation.yaml."""
MINUTE = timedelta(minutes=1)
STORM = 200
"""Messages of one stage in one healthy minute."""
CALMS = {"healthy": 180, "stuck": 60 * 16, "dark": 60 * 16}
"""Minutes until everything that was open has ended, when all is well but, perhaps, snapshots that never end, or an
engine that never answers again: two timeouts, `catch_up`, and an hour to tell."""

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
    schedule: SCHEDULE
    catch_up: CATCH_UP
    timeout: TIMEOUT
    notify: {on: [failure, recovery, success]}
"""


def file(schedule: str = "0 2 * * *", catch_up: str = "6h", timeout: str = "4h") -> str:
    return FILE.replace("SCHEDULE", f'"{schedule}"').replace("CATCH_UP", catch_up).replace("TIMEOUT", timeout)


@lru_cache(maxsize=64)
def loaded(text: str) -> Config:
    return load(text.encode(), "snapwarden.yaml")


class ActorsClock:
    """The clock on the wall, as the current actor's machine shows it."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos

    def now(self) -> datetime:
        actor = self._chaos.actor
        return self._chaos.clock.now() + (actor.skew if actor else timedelta(0))


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


class Play:
    def __init__(
        self,
        *,
        stages: int = 1,
        same_prefix: bool = False,
        looks: int | None = 1,
        calm: str = "healthy",
        **terms: str,
    ) -> None:
        """`same_prefix`: the installation ids of both stages begin alike, so that their snapshots have equal names."""
        self.clock = FakeClock(SLOT - timedelta(minutes=2))
        self.chaos = Chaos(self.clock)
        self.chaos.happen = self._happen
        self.witness = Witness(self.chaos)
        self.engine = SharedEngine(("orders", "orders-old"), repositories=(), clock=self.clock, looks=looks).watched_by(
            self.chaos, self.witness
        )
        self.looks, self.calm_kind, self.terms = looks, calm, terms
        names = ("same-a", "same-b") if same_prefix else ("aaaa", "bbbb")
        self.stages = [Player(name, file(**terms), self.chaos, self.engine, self.witness) for name in names[:stages]]
        self.engine.ledgers = {stage.name: stage.ledger for stage in self.stages}
        self.steps = 0
        self.broken = False

    def do(self, *actions: Action) -> None:
        """AssertionError when one of them brings about what must never be."""
        try:
            for action in actions:
                self._happen(action)
        except Violated as violation:
            self.broken = True
            raise AssertionError(str(violation)) from violation
        except BaseException:
            self.broken = True
            raise

    def _happen(self, action: Action) -> None:
        action(self)

    def move(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.engine.arrive()

    @contextmanager
    def acting(
        self,
        stage: Player,
        *,
        lives: timedelta | None = FUNCTION_TIMEOUT,
        skew: int = 0,
        faults: tuple[Fault, ...] = (),
        wakeup: Wakeup | None = None,
    ) -> Iterator[Actor]:
        """The body is one actor. What the world did to it ends here; a defect of ours does not."""
        self.steps += 1
        actor = Actor(stage.name, self.clock.now(), lives, faults, timedelta(seconds=skew), wakeup)
        self.chaos.actors.append(actor)
        try:
            yield actor
        except (Killed, Retryable, Refused, Defect):
            pass
        except ExceptionGroup as group:
            _, others = group.split((Retryable, Refused, Defect))
            if others:
                raise
        finally:
            self.chaos.actors.pop()

    def tick(self, stage: Player, *, late: int = 0, **actor: Any) -> None:
        with self.acting(stage, **actor):
            ticking.tick(stage.world, stage.world.clock.now() - timedelta(seconds=late))

    def work(self, stage: Player, wakeup: Wakeup, *, comes_back: bool = True, **actor: Any) -> None:
        """One message. Its step sends at most one for each row that it won."""
        with self.acting(stage, wakeup=wakeup, **actor) as invocation:
            advance(stage.world, wakeup)
            invocation.done = True
        must(invocation.sends <= min(2, invocation.wins * 2), f"{wakeup} led to {invocation.sends} messages")
        if comes_back and not invocation.done:
            stage.queue.come_back(wakeup, VISIBILITY)

    # The end --------------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Whatever happened before: all that was open ends, and is told; and what is asked for now succeeds."""
        self.do(self._ends)

    def _ends(self, play: "Play") -> None:
        self.chaos.heal()
        self.engine.heal(looks=1 if self.calm_kind == "healthy" else None)
        if self.calm_kind == "dark":
            self.chaos.silent["engine"] = float("inf")
        before = [(stage, list(stage.untold)) for stage in self.stages]
        self._live_until(lambda: not any(set(runs) & set(stage.untold) for stage, runs in before))
        if self.calm_kind == "healthy":
            self._still_works()

    def _still_works(self) -> None:
        for stage in self.stages:
            self._live_until(lambda stage=stage: self._reapplied(stage))  # type: ignore[misc]
            run_id = stage.backup(f"at-last-{stage.name}").run_id
            self._live_until(lambda stage=stage, run_id=run_id: stage.run(run_id).told)  # type: ignore[misc]
            run = stage.run(run_id)
            must(run.state == "SUCCEEDED", f"all is well, and {run_id} is {run.state}: {run.reason}")

    def _reapplied(self, stage: Player) -> bool:
        with self.acting(stage, lives=None) as actor:
            stage.apply(file(**self.terms))
            actor.done = True
        return actor.done

    def _live_until(self, done: Callable[[], bool]) -> None:
        for _ in range(CALMS[self.calm_kind]):
            if done():
                return
            self.live(1)
        open_now = {stage.name: [stage.run(run_id) for run_id in stage.untold] for stage in self.stages}
        must(done(), f"in {CALMS[self.calm_kind]} minutes of calm it did not come to an end: {open_now}")

    def live(self, minutes: int) -> None:
        """Real time: a tick each minute, each message when it is due. Nothing more goes wrong than went before."""
        for _ in range(minutes):
            for stage in self.stages:
                self.tick(stage)
            end = self.clock.now() + MINUTE
            handled = 0
            while (at := min((at for stage in self.stages if (at := stage.queue.next_at)), default=end)) < end:
                self.move(max((at - self.clock.now()).total_seconds(), 0))
                for stage in self.stages:
                    for wakeup in stage.queue.receive():
                        handled += 1
                        self.work(stage, wakeup)
                must(handled < STORM * len(self.stages), "a storm of messages")
            self.move((end - self.clock.now()).total_seconds())
