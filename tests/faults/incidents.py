"""Holds and second persons, as values like those of `actions.py`."""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core.errors import BadInput, Conflict
from chalicelib.service import approvals, holds
from tests.faults.actions import Acting
from tests.faults.play import Play
from tests.faults.restoring import PEOPLE
from tests.faults.second_person import typing

TARGET = "shop"


@dataclass(frozen=True, kw_only=True)
class Hold(Acting):
    """Somebody holds the target, or releases it."""

    what: str = "held"

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults), suppress(BadInput, Conflict):
            if self.what == "held":
                holds.hold(stage.world, TARGET, by="tester", why="an incident")
            else:
                holds.release(stage.world, TARGET, by="tester")


@dataclass(frozen=True, kw_only=True)
class Approve(Acting):
    """The `who`th person says yes to the plan that was made `back` plans ago."""

    who: int = 1
    back: int = 0

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        with (
            play.acting(stage, lives=None, skew=self.skew, faults=self.faults),
            typing(stage, PEOPLE[self.who % len(PEOPLE)]),
            suppress(BadInput, Conflict),
        ):
            if known := list(stage.ledger.plans):
                approvals.approve(stage.world, known[-1 - self.back % len(known)])
