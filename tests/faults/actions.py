"""What can happen to the stages of a play, each as a value that can be written down: a search prints its finds as a
list of these, and `test_found.py` keeps them. A new dimension is a class here and a line in `machine.py`."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.core.errors import BadInput
from chalicelib.core.messages import Drain, Wakeup
from chalicelib.core.model import State
from chalicelib.service import accept as accepting
from chalicelib.service import control, doctor, promises, request
from tests.faults.chaos import Fault
from tests.faults.files import file
from tests.faults.ledger import must
from tests.faults.play import Play
from tests.faults.player import Player

CHANGES = {"changed": {"timeout": "2h"}, "moved": {"jitter": "5m"}, "retimed": {"schedule": "*/15 * * * *"}}


@dataclass(frozen=True, kw_only=True)
class OnStage:
    """`which` stage, counted round."""

    which: int = 0

    def stage(self, play: Play) -> Player:
        return play.stages[self.which % len(play.stages)]


@dataclass(frozen=True, kw_only=True)
class Acting(OnStage):
    """An actor whose clock is `skew` seconds off, at most 5 between any two."""

    skew: int = 0
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tick(Acting):
    """`late`: seconds between the instant that the event names and its arrival."""

    late: int = 0

    def __call__(self, play: Play) -> None:
        play.tick(self.stage(play), late=self.late, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Page(Acting):
    """One more page of what was due `late` seconds ago on a shard, as a tick that finds too much asks for it."""

    shard: int = 0
    late: int = 0

    def __call__(self, play: Play) -> None:
        message = Drain(shard=self.shard, now=play.clock.now() - timedelta(seconds=self.late))
        play.work(self.stage(play), message, comes_back=False, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Deliver(Acting):
    """The `pick`th of the messages that are visible, in whatever order they were sent. When none is, and nobody is
    frozen, time moves on to the next message, or to the next minute and its tick. `lost`: unless it is handled, it
    never comes back."""

    pick: int = 0
    lost: bool = False

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        if not play.chaos.actors:
            at = stage.queue.next_at or play.clock.now() + timedelta(minutes=1)
            play.move(max((at - play.clock.now()).total_seconds(), 0))
            if stage.queue.next_at is None:
                play.tick(stage, skew=self.skew, faults=self.faults)
                return
        visible = stage.queue.receive(100)
        chosen = visible.pop(self.pick % len(visible)) if visible else None
        for message in visible:
            stage.queue.come_back(message, 0)
        if chosen:
            play.work(stage, chosen, comes_back=not self.lost, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Repeat(Acting):
    """A message that was sent `back` messages ago arrives, perhaps again."""

    back: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        if stage.queue.sent:
            message = stage.queue.sent[-1 - self.back % len(stage.queue.sent)]
            play.work(stage, message, comes_back=False, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Twin(Acting):
    """The message whose handler is frozen arrives a second time; `fresh`: one that knows what he wrote meanwhile."""

    fresh: bool = False

    def __call__(self, play: Play) -> None:
        actor = play.chaos.actor
        if actor is None or not isinstance(message := actor.message, Wakeup):
            return
        stage = next(stage for stage in play.stages if stage.name == actor.stage)
        if self.fresh:
            message = Wakeup(run_id=message.run_id, rev=stage.ledger.runs[message.run_id].rev)
        play.work(stage, message, comes_back=False, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Poke(Acting):
    """Somebody who just read the row of the `pick`th open run wakes it: as the sweeper does, and whoever ends."""

    pick: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        if runs := sorted(stage.ledger.open, key=lambda run: run.run_id):
            run = runs[self.pick % len(runs)]
            message = Wakeup(run_id=run.run_id, rev=run.rev)
            play.work(stage, message, comes_back=False, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Lose(OnStage):
    """Messages that wait, all or the `pick`th."""

    pick: int | None = None

    def __call__(self, play: Play) -> None:
        queue = self.stage(play).queue
        if self.pick is None:
            queue.drop_all()
        elif queue.waiting:
            queue.lose(queue.waiting[self.pick % len(queue.waiting)])


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Time passes, and nobody is there."""

    seconds: int

    def __call__(self, play: Play) -> None:
        play.move(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Live:
    """Some minutes as they should be, but for outages that are on."""

    minutes: int = 1

    def __call__(self, play: Play) -> None:
        play.live(self.minutes)


@dataclass(frozen=True, kw_only=True)
class Request(Acting):
    """Backup Now, at a terminal. `number`: of the request, one of the first three, or None: a new one."""

    number: int | None = 0
    policy: str = "nightly"

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        was_active = stage.ledger.policies[self.policy].active  # it may change while the actor is frozen
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults):
            try:
                request_id = f"now-{play.steps if self.number is None else self.number}"
                request.backup_now(stage.world, self.policy, request_id=request_id, requested_by="tester")
            except BadInput:
                must(not (was_active and stage.ledger.policies[self.policy].active), "a request was refused")


@dataclass(frozen=True, kw_only=True)
class Cancel(Acting):
    """Somebody cancels the `pick`th open run."""

    pick: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        if not (runs := sorted(stage.ledger.open, key=lambda run: run.run_id)):
            return
        run_id = runs[self.pick % len(runs)].run_id
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults):
            try:
                control.cancel(stage.world, run_id, by="tester", why="")
            except BadInput:
                run = stage.ledger.runs[run_id]
                must(run.settled or run.state is State.SWAPPED, f"{run_id} could not be cancelled")


@dataclass(frozen=True, kw_only=True)
class Accept(Acting):
    """Somebody makes the `pick`th backup the new measure."""

    pick: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        if not (known := sorted(backup.backup_id for backup in stage.ledger.backups.values())):
            return
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults), suppress(BadInput):
            accepting.accept(stage.world, known[self.pick % len(known)], by="tester", why="")


@dataclass(frozen=True, kw_only=True)
class Doctor(Acting):
    """Somebody has everything tried out, with a snapshot that is deleted again."""

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults):
            doctor.doctor(stage.world, wait=play.move)


@dataclass(frozen=True, kw_only=True)
class Policy(Acting):
    """A policy is paused, resumed, or its broken promise muted for an hour."""

    what: str
    policy: str = "nightly"

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults), suppress(BadInput):
            match self.what:
                case "paused":
                    control.pause(stage.world, self.policy, by="tester", why="")
                case "resumed":
                    control.resume(stage.world, self.policy, by="tester")
                case _:
                    until = stage.world.clock.now() + timedelta(hours=1)
                    promises.mute(stage.world, self.policy, until, by="tester", why="")


@dataclass(frozen=True, kw_only=True)
class Apply(Acting):
    """The file, applied anew. `to`: `same`, `changed`, `moved` (other jitter), `retimed` (another schedule), or
    `retired` (the policy leaves the file)."""

    to: str = "same"

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        terms = {**play.terms, **CHANGES.get(self.to, {})}
        text = file(policies=("weekly",), **terms) if self.to == "retired" else file(**terms)
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults):
            stage.apply(text, prune=True)
