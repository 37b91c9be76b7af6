"""Swaps and what goes wrong around them, as values like those of `actions.py` and `mishaps.py`."""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core import swapping
from chalicelib.core.errors import BadInput
from chalicelib.core.model import State
from chalicelib.core.swaps import Alias
from chalicelib.service import control
from tests.faults.actions import Acting, OnStage
from tests.faults.play import Play

ALIAS = "live"
WRITES = Alias(name=ALIAS, is_write_index=True)
OTHER = "another"


@dataclass(frozen=True, kw_only=True)
class Settle(Acting):
    """Somebody wants the `pick`th run that has swapped to `finish`, or its `rollback`."""

    what: str
    pick: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        swapped = sorted(run.run_id for run in stage.ledger.open if run.state is State.SWAPPED)
        if not swapped:
            return
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults), suppress(BadInput):
            getattr(control, self.what)(stage.world, swapped[self.pick % len(swapped)], by="tester", why="")


@dataclass(frozen=True, kw_only=True)
class Aliased:
    """What people do with an alias: it is `given` to `orders` as its write index; `shared` with an index of another
    name; `moved` to another index alone; `taken` off."""

    what: str

    def __call__(self, play: Play) -> None:
        there = play.engine.indices
        if self.what == "given" and "orders" in there and ALIAS not in there:
            if not any(ALIAS in index.details for index in there.values()):
                _give(play, "orders", WRITES)
            return
        if self.what == "shared":
            if OTHER not in there:
                play.engine.somebody_makes(OTHER)
            _give(play, OTHER, Alias(name=ALIAS))
            return
        bearers = [name for name, index in there.items() if ALIAS in index.aliases]
        for name in bearers:
            _take(play, name)
        if self.what == "moved" and bearers:
            if OTHER not in there:
                play.engine.somebody_makes(OTHER)
            _give(play, OTHER, WRITES)


def _give(play: Play, name: str, alias: Alias) -> None:
    _take(play, name)
    index = play.engine.indices[name]
    index.aliases, index.details = (*index.aliases, alias.name), {**index.details, alias.name: alias}


def _take(play: Play, name: str) -> None:
    index = play.engine.indices[name]
    index.aliases = tuple(alias for alias in index.aliases if alias != ALIAS)
    index.details = {key: value for key, value in index.details.items() if key != ALIAS}


@dataclass(frozen=True, kw_only=True)
class Forbidden:
    """The next request of a kind is answered no: `block`, `clone`, `repoint`, `reopen`, `remove` and the like."""

    what: str

    def __call__(self, play: Play) -> None:
        play.engine.refuse(self.what, "403 no")


@dataclass(frozen=True, kw_only=True)
class Used(OnStage):
    """Of the newest plan of a swap: its `pick`th live index, or what the swap put aside of it, is `deleted`; somebody
    makes an index of the `clone`'s name; somebody has it `opened` for writes, and writes; a snapshot of somebody else's
    is `bound` to it until it is `free`."""

    what: str
    pick: int = 0

    def __call__(self, play: Play) -> None:
        if self.what == "free":
            play.engine.unbind()
        plans = [plan for plan in self.stage(play).ledger.plans.values() if swapping.touched(plan.moves)]
        moves = [move for move in plans[-1].moves if move.live and move.live.index] if plans else []
        if not moves:
            return
        move = moves[self.pick % len(moves)]
        assert move.live
        assert move.live.index
        aside = swapping.clone_name(move.live.index, plans[-1].plan_id)
        name = move.live.index if move.live.index in play.engine.indices else aside
        match self.what:
            case "deleted":
                play.engine.indices.pop(name, None)
            case "clone" if aside not in play.engine.indices:
                play.engine.somebody_makes(aside)
            case "opened" if name == move.live.index:
                play.engine.indices[name].writable = True
                play.engine.write(name, 1)
            case "bound" if name in play.engine.indices:
                play.engine.bound(name)
