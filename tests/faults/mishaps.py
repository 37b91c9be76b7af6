"""What goes wrong around the stages of a play, as values like those of `actions.py`: snapshots, indices, repositories,
outages, an index that is behind."""

from dataclasses import dataclass

from chalicelib.core.model import Owner, State
from chalicelib.core.spec import Repository
from tests.fakes.elasticsearch_records import FakeSnapshot
from tests.faults.actions import OnStage
from tests.faults.play import Play


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What becomes of the `pick`th snapshot that is or was to be made: `complete`, `partial`, `missing` (an index is
    not in it), `break`, `vanish`, `replace` (another snapshot of that name), `crash` (none that runs is left).
    Removals that were accepted are `slow`, or `blocked` until they are `free`."""

    what: str
    pick: int = 0
    by: str | None = None

    def __call__(self, play: Play) -> None:
        engine = play.engine
        runs = [run for stage in play.stages for run in stage.ledger.runs.values() if not run.settled]
        there = {name: one for repository in engine.repositories.values() for name, one in repository.snapshots.items()}
        moving = [name for name, snapshot in there.items() if snapshot.done is None]
        if self.what in ("slow", "blocked", "free"):
            engine.slow_delete, engine.blocked = (self.what == "slow") * 2, self.what == "blocked"
        elif self.what == "crash":
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
            if names := sorted({run.snapshot for run in runs} & set(there)):
                engine.vanish(names[self.pick % len(names)])
        elif moving:
            self._end(play, sorted(moving)[self.pick % len(moving)], there)

    def _end(self, play: Play, name: str, there: dict[str, FakeSnapshot]) -> None:
        first = tuple(there[name].indices)[:1]
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
