"""Two stages on one cluster, each with its own table, queue, bus and topic, and one witness who sees all of it.

What happens to them is an action (`actions.py`); `Play.calm` lets everything be healthy again and says whether all
ended as it should.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.messages import Message, Wakeup
from chalicelib.core.model import Kind, State
from chalicelib.core.plans import Wish
from chalicelib.service import control, holds, plans, request, restores
from chalicelib.service import tick as ticking
from chalicelib.service.work import handle
from chalicelib.service.world import FUNCTION_TIMEOUT
from tests.fakes.clock import FakeClock
from tests.faults.chaos import Action, Actor, Chaos, Defect, Fault
from tests.faults.files import POLICIES, file
from tests.faults.ledger import Violated, must
from tests.faults.player import Player
from tests.faults.shared import SharedEngine
from tests.faults.witness import Witness
from tests.faults.world import SLOT, Killed

VISIBILITY = 360
"""Seconds until a message whose handler failed comes back; infra/foundation.yaml."""
MINUTE = timedelta(minutes=1)
COARSE = 5
"""Minutes between two ticks of a calm that lasts for hours."""
STORM = 200
"""Messages of one stage in one healthy minute."""
A_LIFE = 40
"""Those of one run that is through in that minute: `pace.PROMPT_LOOKS`, and a few beside."""
CALMS = {"healthy": 180, "stuck": 60 * 24, "dark": 60 * 24, "deadly": 60 * 24, "buggy": 60 * 24}
"""Minutes until everything that was open has ended, when all is well but, perhaps, snapshots that never end, or an
engine that never answers again, kills each function that asks it, or makes it crash: `catch_up`, the timeouts of those
who go first, and an hour to tell."""


def _judged(stage: Player, message: Message) -> tuple[bool, bool, bool]:
    """Whether the message is stale already, whether its run waits, and whether it proves that an act has returned."""
    run = stage.ledger.runs.get(message.run_id) if isinstance(message, Wakeup) else None
    if run is None or not isinstance(message, Wakeup):
        return False, False, False
    proves = message.claim is not None and message.claim == run.claim
    return message.rev < run.rev and not proves, run.state is State.QUEUED, proves


class Play:
    def __init__(
        self,
        *,
        stages: int = 1,
        same_prefix: bool = False,
        looks: int | None = 1,
        calm: str = "healthy",
        **terms: Any,
    ) -> None:
        """`same_prefix`: the installation ids of both stages begin alike, so that their snapshots have equal names."""
        self.clock = FakeClock(SLOT - MINUTE)
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
        message: Message | None = None,
    ) -> Iterator[Actor]:
        """The body is one actor. What the world did to it ends here; a defect of ours does not."""
        self.steps += 1
        actor = Actor(stage.name, self.clock.now(), lives, faults, timedelta(seconds=skew), message)
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

    def work(self, stage: Player, message: Message, *, comes_back: bool = True, **actor: Any) -> None:
        """One message. What is stale does nothing; only who won a row sends the next, but one that lost its place in
        line, and whoever ends or waits wakes at most three others."""
        stale, waits, proves = _judged(stage, message)
        with self.acting(stage, message=message, **actor) as invocation:
            invocation.proves = proves
            handle(stage.world, message)
            invocation.done = True
        idle = not (invocation.wins or invocation.sends or invocation.asked)
        must(idle or not stale, f"{message} was stale and led to something")
        if isinstance(message, Wakeup):
            allowed = 4 if invocation.wins else int(waits)
            must(invocation.sends <= allowed, f"{message} led to {invocation.sends} messages")
        if comes_back and not invocation.done:
            stage.queue.come_back(message, VISIBILITY)

    # The end --------------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Whatever happened before: all that was open ends, and is told; and what is asked for now succeeds."""
        self.do(self._ends)

    def _ends(self, play: "Play") -> None:
        self.chaos.heal()
        for stage in self.stages:
            stage.store.stale = 0
            self._released(stage)
            if self.calm_kind != "healthy":
                self._asks(stage)
        self.engine.heal(looks=0 if self.calm_kind == "healthy" else None)
        if self.calm_kind == "dark":
            self.chaos.silent["engine"] = float("inf")
        if self.calm_kind == "deadly":
            self.chaos.deadly["engine"] = float("inf")
        if self.calm_kind == "buggy":
            self.chaos.buggy["engine"] = float("inf")
        before = [(stage, list(stage.untold)) for stage in self.stages]
        self.live(3)
        self._live_until(lambda: not any(set(runs) & set(stage.untold) for stage, runs in before))
        for stage in self.stages:
            self._promises_watched(stage)
            self._nothing_left(stage)
            self.witness.proofs.gives_way(stage.ledger, self.clock.now())
        if self.calm_kind == "healthy":
            self._still_works()

    def _released(self, stage: Player) -> None:
        """An incident ends."""
        with self.acting(stage, lives=None), suppress(BadInput):
            holds.release(stage.world, "shop", by="tester")

    def _asks(self, stage: Player) -> None:
        """So that something is open."""
        with self.acting(stage, lives=None), suppress(BadInput):
            request.backup_now(stage.world, POLICIES[0], request_id="before-the-calm", requested_by="tester")

    def _promises_watched(self, stage: Player) -> None:
        """A promise is called broken when it breaks, and told."""
        before = self.clock.now() - 2 * COARSE * MINUTE
        for state in stage.ledger.policies.values():
            late = [clock for clock in (state.breach_at, state.remind_at) if clock is not None and clock < before]
            must(not state.active or not late, f"the promise of {state.policy} was due at {late}")

    def _nothing_left(self, stage: Player) -> None:
        """What is said never to have been, or to be gone, is not on the engine."""
        for restore in stage.ledger.runs.values():
            if restore.kind is not Kind.BACKUP:
                self.witness.restores.nothing_left(stage.ledger, restore)
                self.witness.swaps.nothing_left(stage.ledger, restore)
        for repository in self.engine.repositories.values():
            for name, snapshot in repository.snapshots.items():
                run = stage.ledger.runs.get(snapshot.owner.run_id) if snapshot.owner else None
                copied = snapshot.uuid in self.engine.strangers
                if run is None or snapshot.owner != stage.ledger.owner(run) or copied:
                    continue
                gone = run.state in (State.CANCELLED, State.MISSED) or any(
                    finding.code == "snapshot.not_started" for finding in run.findings
                )
                must(not gone, f"{run.run_id} is {run.state} ({run.reason}), and {name} is there")

    def _still_works(self) -> None:
        for stage in self.stages:
            self._live_until(lambda stage=stage: self._reapplied(stage))  # type: ignore[misc]
            self._live_until(lambda stage=stage: not stage.ledger.open)  # type: ignore[misc]
            for policy in POLICIES:
                with self.acting(stage, lives=None):
                    request.backup_now(stage.world, policy, request_id=stage.name, requested_by="tester")
                run_id = f"backup:{policy}:{stage.name}"
                self._live_until(lambda stage=stage, run_id=run_id: stage.run(run_id).told)  # type: ignore[misc]
                run = stage.run(run_id)
                must(run.state is State.SUCCEEDED, f"all is well, and {run_id} is {run.state}: {run.reason}")
            if stage.ledger.plans:
                self._restores(stage, run.run_id)
            self._swept(stage)

    def _restores(self, stage: Player, backup: str) -> None:
        wish = Wish(
            policy=POLICIES[-1], backup=stage.ledger.backups[backup].backup_id, prefix=f"restored-{stage.name}-"
        )
        with self.acting(stage, lives=None):
            plan = plans.plan(stage.world, wish, by="tester")
            run_id = restores.start(stage.world, plan.plan_id, by="tester").run_id
        self._live_until(lambda: stage.run(run_id).told)
        run = stage.run(run_id)
        must(run.state is State.SUCCEEDED, f"all is well, and {run_id} is {run.state}: {run.reason}")

    def _swept(self, stage: Player) -> None:
        """Long enough after the last drill, too, for what it could not remove."""
        self._live_until(lambda: not any(state.leftovers for state in stage.ledger.policies.values()))
        for run in list(stage.ledger.runs.values()):
            self.witness.restores.swept(stage.ledger, run)

    def _reapplied(self, stage: Player) -> bool:
        with self.acting(stage, lives=None) as actor:
            stage.apply(file(**self.terms))
            for policy in POLICIES:
                if stage.ledger.policies[policy].paused:
                    control.resume(stage.world, policy, by="tester")
            actor.done = True
        return actor.done

    def _live_until(self, done: Callable[[], bool]) -> None:
        stride = 1 if self.calm_kind == "healthy" else COARSE
        for _ in range(CALMS[self.calm_kind] // stride):
            if done():
                return
            self.live(1, stride=stride)
        open_now = {stage.name: [stage.run(run_id) for run_id in stage.untold] for stage in self.stages}
        must(done(), f"in {CALMS[self.calm_kind]} minutes of calm it did not come to an end: {open_now}")

    def live(self, times: int, *, stride: int = 1) -> None:
        """Real time: a tick, and `stride` minutes in which each message is handled when it is due. Nothing more goes
        wrong than went wrong before."""
        for _ in range(times):
            for stage in self.stages:
                self.tick(stage)
            end = self.clock.now() + stride * MINUTE
            handled = 0
            waiting = sum(not run.settled for stage in self.stages for run in stage.ledger.runs.values())
            while (at := min((at for stage in self.stages if (at := stage.queue.next_at)), default=end)) < end:
                self.move(max((at - self.clock.now()).total_seconds(), 0))
                for stage in self.stages:
                    for message in stage.queue.receive():
                        handled += 1
                        self.work(stage, message)
                allowed = STORM * stride * len(self.stages) + A_LIFE * waiting
                must(handled < allowed, "a storm of messages")
            self.move((end - self.clock.now()).total_seconds())
