"""Restores and what goes wrong around them, as values like those of `actions.py` and `mishaps.py`."""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core.errors import BadInput, Conflict
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import plans, restores
from tests.faults.actions import Acting, OnStage
from tests.faults.play import Play
from tests.faults.second_person import ANNA, BEN, typing

PREFIXES = ("restored-", "restored-b-", "copy-")
"""Names of the last one need a second person."""
PEOPLE = (ANNA, BEN)


@dataclass(frozen=True, kw_only=True)
class Restore(Acting):
    """Somebody has a restore of the newest backup planned, and starts what was planned `back` plans ago. `what`:
    `both`, or only `plan`, or only `start`. `who`: by the credentials of which person."""

    policy: str = "nightly"
    prefix: str = PREFIXES[0]
    partial: bool = False
    what: str = "both"
    back: int = 0
    who: int = 0
    mode: Mode = Mode.RENAME

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        with (
            play.acting(stage, lives=None, skew=self.skew, faults=self.faults),
            typing(stage, PEOPLE[self.who % len(PEOPLE)]),
            suppress(BadInput, Conflict),
        ):
            if self.what != "start":
                prefix = "" if self.mode is Mode.IN_PLACE else self.prefix
                wish = Wish(policy=self.policy, prefix=prefix, allow_partial=self.partial, mode=self.mode)
                plans.plan(stage.world, wish)
            if self.what != "plan" and (known := list(stage.ledger.plans)):
                restores.start(stage.world, known[-1 - self.back % len(known)], by="tester")


@dataclass(frozen=True, kw_only=True)
class Backup(OnStage):
    """The newest backup but `pick` loses a `blob` of its first index, is `gone`, or is `replaced` by somebody's of the
    same name."""

    what: str
    pick: int = 0

    def __call__(self, play: Play) -> None:
        known = list(self.stage(play).ledger.backups.values())
        backup = known[-1 - self.pick % len(known)] if known else None
        if backup is None or backup.snapshot not in play.engine.snapshots() or play.engine.restoring(backup.snapshot):
            return
        if self.what == "blob":
            held = play.engine.repositories[backup.repository].snapshots[backup.snapshot].held
            play.engine.lose_blob(backup.snapshot, min(held))
            return
        play.engine.vanish(backup.snapshot)
        if self.what == "replaced":
            play.engine.stranger(backup.repository, backup.snapshot)


@dataclass(frozen=True, kw_only=True)
class Wanted(OnStage):
    """Of the `pick`th name that the newest plan wants somebody deletes the index, or has one `made` (anew)."""

    what: str
    pick: int = 0

    def __call__(self, play: Play) -> None:
        plan = next(reversed(self.stage(play).ledger.plans.values()), None)
        if plan is None or not plan.moves:
            return
        name = plan.moves[self.pick % len(plan.moves)].name
        if self.what == "made":
            play.engine.somebody_makes(name)
        else:
            play.engine.indices.pop(name, None)


@dataclass(frozen=True, kw_only=True)
class Slow:
    """From now on a restore is under way for so many looks."""

    looks: int

    def __call__(self, play: Play) -> None:
        play.engine.restore_looks = self.looks


@dataclass(frozen=True, kw_only=True)
class Written:
    """Somebody writes documents to a live index, perhaps by its only alias; one that refuses writes takes none."""

    index: str = "orders"
    documents: int = 3

    def __call__(self, play: Play) -> None:
        behind = [name for name, held in play.engine.indices.items() if self.index in (name, *held.aliases)]
        if len(behind) == 1 and play.engine.indices[behind[0]].writable:
            play.engine.write(behind[0], self.documents)
