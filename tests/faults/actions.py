"""What can happen to the stages of a play, each as a value that can be written down: a search prints its finds as a
list of these, and `test_found.py` keeps them. A new dimension is a class here and a line in `machine.py`."""

from dataclasses import dataclass

from chalicelib.core.errors import BadInput
from chalicelib.core.model import Owner, State
from chalicelib.core.spec import Repository
from chalicelib.service import request
from tests.fakes.elasticsearch_records import FakeSnapshot
from tests.faults.chaos import Fault
from tests.faults.play import Play, Player, file


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
class Deliver(Acting):
    """The `pick`th of the messages that are visible, in whatever order they were sent. `lost`: unless it is handled, it
    never comes back."""

    pick: int = 0
    lost: bool = False

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        visible = stage.queue.receive(100)
        chosen = visible.pop(self.pick % len(visible)) if visible else None
        for wakeup in visible:
            stage.queue.come_back(wakeup, 0)
        if chosen:
            play.work(stage, chosen, comes_back=not self.lost, skew=self.skew, faults=self.faults)


@dataclass(frozen=True, kw_only=True)
class Repeat(Acting):
    """A message that was sent `back` messages ago arrives, perhaps again."""

    back: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        if stage.queue.sent:
            wakeup = stage.queue.sent[-1 - self.back % len(stage.queue.sent)]
            play.work(stage, wakeup, comes_back=False, skew=self.skew, faults=self.faults)


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
    """Backup Now, at a terminal."""

    number: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults):
            try:
                request_id = f"now-{self.number}"
                request.backup_now(stage.world, "nightly", request_id=request_id, requested_by="tester")
            except BadInput:
                assert not stage.ledger.policies["nightly"].active, "only a retired policy is refused"


@dataclass(frozen=True, kw_only=True)
class Apply(Acting):
    """The file, applied anew. `to`: `same`, `changed`, or `retired` (the policy leaves the file)."""

    to: str = "same"

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        text = file(**{**play.terms, "timeout": "2h"}) if self.to == "changed" else file(**play.terms)
        if self.to == "retired":
            text = text.replace("  nightly:", "  other:").replace(text[text.index("schedule:") :].split("\n")[0], "")
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults):
            stage.apply(text, prune=True)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What becomes of the `pick`th snapshot that is or was to be made: `complete`, `partial`, `missing` (an index is
    not in it), `break`, `vanish`, `replace` (another snapshot of that name), `crash` (none that runs is left)."""

    what: str
    pick: int = 0
    by: str | None = None

    def __call__(self, play: Play) -> None:
        engine = play.engine
        runs = [run for stage in play.stages for run in stage.ledger.runs.values() if not run.settled]
        there = {name: one for repository in engine.repositories.values() for name, one in repository.snapshots.items()}
        moving = [name for name, snapshot in there.items() if snapshot.done is None]
        if self.what == "crash":
            for name in moving:
                engine.vanish(name)
        elif self.what == "replace":
            names = sorted({run.snapshot for run in runs if run.state is not State.QUEUED})
            if names and "main" in engine.repositories:
                name = names[self.pick % len(names)]
                engine.vanish(name)
                owner = Owner(installation=self.by, policy="p", slot="s", run_id=name) if self.by else None
                engine.stranger("main", name, owner)
        elif self.what == "vanish":
            if there:
                engine.vanish(sorted(there)[self.pick % len(there)])
        elif moving:
            self._end(play, sorted(moving)[self.pick % len(moving)], there)

    def _end(self, play: Play, name: str, there: dict[str, FakeSnapshot]) -> None:
        first = there[name].indices[:1]
        if self.what == "break":
            play.engine.break_(name)
        else:
            play.engine.complete(
                name,
                partial=first if self.what == "partial" else (),
                missing=first if self.what == "missing" else (),
            )


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index is made (anew), `deleted`, or `red`."""

    name: str
    what: str

    def __call__(self, play: Play) -> None:
        if self.what == "deleted":
            play.engine.indices.pop(self.name, None)
        else:
            play.engine.create_index(self.name, red=self.what == "red")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """The repository's: `forgotten` (its snapshots with it), `unreadable`, `mended`, `altered`."""

    what: str

    def __call__(self, play: Play) -> None:
        if not (repository := play.engine.repositories.get("main")):
            return
        if self.what == "forgotten":
            play.engine.forget_repository("main")
        elif self.what == "altered":
            repository.definition = Repository(type="fs", settings={"location": "elsewhere"})
        else:
            repository.readable = self.what == "mended"


@dataclass(frozen=True, kw_only=True)
class Outage:
    """The next `calls` of a part get no answer, or (`refused`) a no."""

    part: str
    calls: int
    refused: bool = False

    def __call__(self, play: Play) -> None:
        (play.chaos.refusing if self.refused else play.chaos.silent)[self.part] = self.calls


@dataclass(frozen=True, kw_only=True)
class Late:
    """The next start is on its way for so long that its sender gives up, and arrives in the end."""

    seconds: int

    def __call__(self, play: Play) -> None:
        play.engine.late_by = self.seconds


@dataclass(frozen=True, kw_only=True)
class Stale(OnStage):
    """The next questions to the due index are answered as the last ones were."""

    answers: int = 40

    def __call__(self, play: Play) -> None:
        self.stage(play).store.stale = self.answers
