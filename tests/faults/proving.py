"""Drills and what goes wrong around them, as values like those of `actions.py` and `mishaps.py`."""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core.errors import BadInput
from chalicelib.core.restores import DataNode
from chalicelib.service import drills
from tests.faults.actions import Acting
from tests.faults.play import Play

PREFIX = "drill-"
FULL = (DataNode(name="local", spare=0, size=10**12),)


@dataclass(frozen=True, kw_only=True)
class Drill(Acting):
    """Somebody asks for a drill. `number`: of the request, or None: a new one."""

    number: int | None = None
    policy: str = "nightly"

    def __call__(self, play: Play) -> None:
        stage = self.stage(play)
        request_id = f"drill-{play.steps if self.number is None else self.number}"
        with play.acting(stage, lives=None, skew=self.skew, faults=self.faults), suppress(BadInput):
            drills.request(stage.world, self.policy, request_id=request_id, by="tester")


@dataclass(frozen=True, kw_only=True)
class Busy:
    """The cluster has other work: `heap`, `relocating`, a node whose disk is `full`; or `idle` again."""

    what: str

    def __call__(self, play: Play) -> None:
        play.engine.heap = {"local": 90 if self.what == "heap" else 20}
        play.engine.relocating = int(self.what == "relocating")
        play.engine.nodes = FULL if self.what == "full" else play.engine.roomy
        if self.what == "idle":
            play.engine.busy_since = play.engine.full_since = None
        else:
            play.engine.busy_since = play.engine.busy_since or play.clock.now()
        play.engine.full_since = (play.engine.full_since or play.clock.now()) if self.what == "full" else None


@dataclass(frozen=True, kw_only=True)
class Made:
    """Of the `pick`th index that a drill made and that is there: somebody `deleted` it, made one of that name `anew`,
    took care that it can't be removed (`bound`, until it is `free`); or all its documents became `altered`, or its
    `mapping`, behind the server's back."""

    what: str
    pick: int = 0

    def __call__(self, play: Play) -> None:
        engine = play.engine
        if self.what == "free":
            engine.unbind()
        names = sorted(name for name in engine.indices if name.startswith(PREFIX))
        if not names:
            return
        name = names[self.pick % len(names)]
        match self.what:
            case "deleted":
                engine.delete_index(name)
            case "anew":
                engine.somebody_makes(name)
            case "bound":
                engine.bound(name)
            case "altered" | "mapping":
                play.witness.proofs.damages(engine.indices[name], mapping=self.what == "mapping")
