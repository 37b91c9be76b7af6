"""What goes wrong around the stages of a play, as values like those of `actions.py`: snapshots, indices, repositories,
outages, an index that is behind."""

from dataclasses import dataclass, replace

from chalicelib.core.model import Kind
from chalicelib.core.spec import Repository
from tests.faults.actions import OnStage
from tests.faults.play import Play


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What becomes of the `pick`th snapshot that runs: `complete`, `partial`, `missing` (an index is not in it),
    `break`, `vanish`, `fleeting` (complete, and gone at the next look), `swapped` (then another one of its owner is
    there). When none runs, the next one that does has that fate at its first look."""

    what: str
    pick: int = 0

    def __call__(self, play: Play) -> None:
        if moving := sorted(play.engine.moving):
            play.engine.end(moving[self.pick % len(moving)], self.what)
        else:
            play.engine.fate = self.what


@dataclass(frozen=True, kw_only=True)
class Server:
    """It is restarted, and what ran is gone; removals that it accepted are `slow`, or `blocked` until they are
    `free`."""

    what: str

    def __call__(self, play: Play) -> None:
        if self.what == "restarted":
            for name in play.engine.moving:
                play.engine.vanish(name)
        else:
            play.engine.slow_delete, play.engine.blocked = (self.what == "slow") * 2, self.what == "blocked"


@dataclass(frozen=True, kw_only=True)
class Stranger(OnStage):
    """Somebody removes the snapshot of the `pick`th open backup; with `puts`, and puts another one there: `nobody`'s,
    the `other` stage's, or one that holds our own metadata (`copy`)."""

    pick: int = 0
    puts: str | None = None

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        at_work = [run for run in stage.ledger.at_work if run.kind is Kind.BACKUP]
        runs = sorted(at_work, key=lambda run: run.run_id)
        run = runs[self.pick % len(runs)] if runs else None
        if run is None or run.repository not in play.engine.repositories:
            return
        play.engine.vanish(run.snapshot)
        own = stage.ledger.owner(run)
        if self.puts:
            owners = {"nobody": None, "other": replace(own, installation=f"not-{stage.name}"), "copy": own}
            play.engine.stranger(run.repository, run.snapshot, owners[self.puts])


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index is made (anew), `deleted`, or `red`."""

    name: str
    what: str

    def __call__(self, play: Play) -> None:
        if self.what == "deleted":
            play.engine.indices.pop(self.name, None)
        else:
            play.engine.somebody_makes(self.name, red=self.what == "red")


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
    """The next `calls` of a part get no answer (`silent`), or a no (`refusing`), or kill who asks (`deadly`)."""

    part: str
    calls: int
    how: str = "silent"

    def __call__(self, play: Play) -> None:
        getattr(play.chaos, self.how)[self.part] = self.calls


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
