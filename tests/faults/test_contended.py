"""DynamoDB cancels a transaction when others write the same rows in that very moment: nothing was stored, nobody was
told no. Whoever reads again and tries again gets through; no traceback, and no slot is lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.core.errors import Conflict, Contended
from chalicelib.core.model import State
from chalicelib.core.ports import Change
from chalicelib.service import accept as accepting
from chalicelib.service import control
from tests.faults.world import SLOT, Stage


def contended(stage: Stage, times: int) -> None:
    """The next `times` commits."""
    stage.world.installation()
    original, left = stage.store.commit, iter(range(times))

    def commit(*changes: Change) -> bool:
        if next(left, None) is not None:
            raise Contended("others are writing the same rows")
        return original(*changes)

    stage.store.commit = commit  # type: ignore[method-assign]


def resume(stage: Stage) -> object:
    return control.resume(stage.world, "nightly", by="ann")


def accept(stage: Stage) -> object:
    return accepting.accept(stage.world, stage.store.backups("nightly")[0].backup_id, by="ann", why="meant")


ASKED = {"resume": resume, "accept": accept}


def staged(what: str) -> Stage:
    stage = Stage()
    stage.until_slot()
    stage.live(1)
    if what == "resume":
        control.pause(stage.world, "nightly", by="ann", why="a move")
    return stage


@pytest.mark.parametrize(("what", "ask"), ASKED.items())
def test_what_people_ask_for_gets_through(what: str, ask: Callable[[Stage], object]) -> None:
    stage = staged(what)
    contended(stage, 1)
    assert ask(stage)


@pytest.mark.parametrize(("what", "ask"), ASKED.items())
def test_or_is_answered_by_one_message(what: str, ask: Callable[[Stage], object]) -> None:
    stage = staged(what)
    contended(stage, 100)
    with pytest.raises(Conflict, match="try again"):
        ask(stage)


@pytest.mark.parametrize("times", [1, 2])
def test_a_tick_leaves_the_slot_to_the_next_one(times: int) -> None:
    stage = Stage()
    stage.until_slot()
    contended(stage, times)
    stage.tick()
    assert stage.store.runs(policy="nightly") == ()
    stage.live(3)
    assert stage.run().state is State.SUCCEEDED


def test_so_it_does_with_slots_that_were_missed() -> None:
    stage = Stage()
    stage.clock.set(SLOT + timedelta(days=2, hours=12))
    contended(stage, 1)
    stage.tick()
    stage.live(3)
    (missed,) = stage.store.runs(policy="nightly")
    assert (missed.state, missed.missed) == (State.MISSED, 3)
