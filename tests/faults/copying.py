"""Salvages and what goes wrong before and around them, as values like those of `actions.py` and `mishaps.py`."""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core.errors import BadInput, Conflict
from chalicelib.core.model import Kind
from chalicelib.core.plans import Mode
from chalicelib.service import salvages
from tests.faults.actions import Acting
from tests.faults.play import Play


@dataclass(frozen=True, kw_only=True)
class Salvage(Acting):
    """From the `pick`th good restore beside the live data, counted from the newest. `what`: `both`, or only the dry run
    (`plan`), or only `start`."""

    pick: int = 0
    what: str = "both"
    missing_only: bool = False

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        good = [
            run.run_id
            for run in stage.ledger.runs.values()
            if run.kind is Kind.RESTORE and run.good and stage.ledger.plans[run.plan or ""].wish.mode is Mode.RENAME
        ]
        if not good:
            return
        run_id = good[-1 - self.pick % len(good)]
        with (
            play.acting(stage, lives=None, skew=self.skew, faults=self.faults),
            suppress(BadInput, Conflict),
        ):
            if self.what != "start":
                salvages.plan(stage.world, run_id, by="tester", missing_only=self.missing_only)
            if self.what != "plan":
                salvages.start(stage.world, run_id, by="tester", missing_only=self.missing_only)


@dataclass(frozen=True, kw_only=True)
class Spoiled:
    """Of a live index every second document is `erased`, or `changed`."""

    index: str = "orders"
    what: str = "erased"

    def __call__(self, play: Play) -> None:
        index = play.engine.indices.get(self.index)
        if index is None or index.closed or not index.writable:
            return
        for address in list(index.sources)[::2]:
            name, routing = address
            play.witness.salvages.spoils(index, address)
            if self.what == "erased":
                index.erase(name, routing=routing)
            else:
                index.put(name, '{"n":-1}', routing=routing)
