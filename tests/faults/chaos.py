"""What goes wrong, and when: every call by which an actor touches the world passes here, and here it is that the actor
dies, freezes, gets no answer, or gets one twice.

An actor is one invocation: a tick, a step of a run, a request, an apply. Actors nest: while one is frozen in a call,
others live on. That is how a look grows old before its write, and a write before its act.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Message
from tests.fakes.clock import FakeClock
from tests.fakes.elasticsearch_records import FakeIndex, FakeSnapshot
from tests.faults.world import Fuse, Killed

PARTS = ("engine", "store", "queue", "bus", "notifier")
PART_OF = {"commit": "store", "plan": "store", "send": "queue", "emit": "bus", "report": "notifier"}
"""Effects of other names are the engine's."""
ONCE = ("start", "restore", "clone", "repoint")
"""Calls that no library repeats by itself."""


class Defect(Exception):
    """A mistake of ours that nobody expected, planted."""


class Action(Protocol):
    """One thing that happens to the stages (`actions.py`). `play` is a `play.Play`."""

    def __call__(self, play: Any) -> None: ...


@dataclass(frozen=True)
class Fault:
    """What happens to an actor at its `nth` effect, or, with `reads`, its nth call of any kind.

    `kill`: it dies. `silence`: no answer comes. `crash`: a defect of ours. Each `after` the effect, or instead of it.
    `twice`: the answer got lost on the way and a library sends the same once more. `freeze`: nothing, but time.
    `meanwhile` is what others do before the actor goes on.
    """

    what: str
    nth: int = 0
    after: bool = False
    reads: bool = False
    meanwhile: tuple[Action, ...] = ()


@dataclass
class Actor:
    """`lives`: the function's timeout; whoever is frozen for longer is dead when he thaws. None: a program at a
    terminal, which may be stopped for hours. `message`: what it handles. `hurried`: it was frozen after its last look,
    so that it cannot know how little time is left. `proves`: its message says that the act of a claim returned."""

    stage: str
    started_at: datetime
    lives: timedelta | None
    faults: tuple[Fault, ...] = ()
    skew: timedelta = timedelta(0)
    message: Message | None = None
    effects: int = 0
    calls: int = 0
    wins: int = 0
    sends: int = 0
    done: bool = False
    hurried: bool = False
    asked: int = 0
    proves: bool = False
    sent: list[Message] = field(default_factory=list)
    claims: set[str] = field(default_factory=set)
    looked: dict[str, Any] = field(default_factory=dict)
    resolved: tuple[str, ...] = ()
    held: dict[str, FakeSnapshot] = field(default_factory=dict)
    restored: dict[int, dict[str, FakeIndex]] = field(default_factory=dict)


class Chaos(Fuse):
    """One for all stages of a play. `silent`, `refusing`, `deadly` and `buggy`: how many of the next calls of a part
    get no answer, or a no, or kill the function, or make it crash."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.actors: list[Actor] = []
        self.silent: dict[str, float] = {}
        self.refusing: dict[str, int] = {}
        self.deadly: dict[str, float] = {}
        self.buggy: dict[str, float] = {}
        self.crashes = 0
        self.happen: Callable[[Action], None] = lambda action: None

    @property
    def actor(self) -> Actor | None:
        return self.actors[-1] if self.actors else None

    def heal(self) -> None:
        self.silent.clear()
        self.deadly.clear()
        self.buggy.clear()
        self.refusing.clear()

    def remaining(self) -> timedelta:
        """Until the current actor is killed."""
        if not (actor := self.actor) or actor.lives is None:
            return timedelta.max
        return actor.lives - (self.clock.now() - actor.started_at)

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        """One effect."""
        if not (actor := self.actor):
            return act()
        actor.effects += 1
        actor.sends += name == "send"
        return self._call(actor, PART_OF.get(name, "engine"), name, act)

    def read(self, part: str) -> None:
        """One call that only asks, just before it is answered."""
        if actor := self.actor:
            actor.asked += part == "engine"
            self._call(actor, part, "read", lambda: None)

    def _call(self, actor: Actor, part: str, name: str, act: Callable[[], Any]) -> Any:
        actor.calls += 1
        self._outage(part, name)
        fault = self._due(actor, is_effect=name != "read")
        if fault is None:
            return act()
        if not fault.after and fault.what != "twice":
            self._strike(actor, fault, name)
            return act()
        answer = act()
        self._strike(actor, fault, name)
        if fault.what != "twice" or name in ONCE:
            return answer
        again = act()
        if name == "commit" and not fault.meanwhile:
            assert again == answer, "a write that is sent again by itself has the answer that was lost"
        return again

    def _due(self, actor: Actor, *, is_effect: bool) -> Fault | None:
        for fault in actor.faults:
            if fault.nth == (actor.calls if fault.reads else actor.effects) - 1 and (is_effect or fault.reads):
                actor.faults = tuple(other for other in actor.faults if other is not fault)
                return fault
        return None

    def _outage(self, part: str, name: str) -> None:
        if self.silent.get(part, 0) > 0:
            self.silent[part] -= 1
            raise Retryable(f"{part} {name}: no answer")
        if self.deadly.get(part, 0) > 0:
            self.deadly[part] -= 1
            raise Killed(f"{part} {name}")
        if self.buggy.get(part, 0) > 0:
            self.buggy[part] -= 1
            self.crashes += 1
            raise Defect(f"{part} {name}")
        if part != "store" and self.refusing.get(part, 0) > 0:
            self.refusing[part] -= 1
            raise Refused(f"{part} {name}: no")

    def _strike(self, actor: Actor, fault: Fault, name: str) -> None:
        for action in fault.meanwhile:
            self.happen(action)
        actor.hurried = name != "read" and bool(fault.meanwhile)
        if fault.what == "kill" or (actor.lives is not None and self.remaining() <= timedelta(0)):
            raise Killed(name)
        if fault.what == "silence":
            raise Retryable(f"{name}: the answer was lost")
        if fault.what == "crash":
            self.crashes += 1
            raise Defect(name)


class ActorsClock:
    """The clock on the wall, as the current actor's machine shows it."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos

    def now(self) -> datetime:
        actor = self._chaos.actor
        return self._chaos.clock.now() + (actor.skew if actor else timedelta(0))
