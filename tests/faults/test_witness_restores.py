"""The witness of restores in place and of salvages can see: with a bug planted in memory, each play breaks an
invariant, and is told."""

from typing import Any

import pytest

from chalicelib.core import in_place, salvaging
from chalicelib.core.copying import Written
from chalicelib.core.model import IndexRef
from chalicelib.core.plans import Mode
from chalicelib.core.workflows import ends, in_place_ends
from chalicelib.core.workflows import in_place as workflow
from chalicelib.service import replacing
from tests.fakes.elasticsearch_copies import FakeCopier
from tests.faults.actions import Live
from tests.faults.copying import Salvage, Spoiled
from tests.faults.machine import BACKED_UP
from tests.faults.play import Play
from tests.faults.restoring import Restore, Wanted

Patch = pytest.MonkeyPatch
IN_PLACE = Restore(mode=Mode.IN_PLACE)


def playing(*before: object) -> Play:
    play = Play(prove="L2")
    play.do(*BACKED_UP, *before)  # type: ignore[arg-type]
    return play


def test_a_restore_in_place_that_nothing_saved(monkeypatch: Patch) -> None:
    monkeypatch.setattr(in_place, "unsafe", lambda *args: None)
    play = playing()
    play.engine.refuse("start", "403")
    with pytest.raises(AssertionError, match="did not see its safety backup whole"):
        play.do(IN_PLACE, Live(minutes=5))


def test_a_restore_in_place_that_does_not_look_at_what_was_saved(monkeypatch: Patch) -> None:
    monkeypatch.setattr(replacing, "_safety", lambda world, plan, engine: (replacing._saved(world, plan) or [None])[0])
    monkeypatch.setattr(in_place, "unsafe", lambda *args: None)
    with pytest.raises(AssertionError, match="did not see its safety backup whole"):
        playing().do(IN_PLACE, Live(minutes=5))


def test_a_live_index_that_stays_closed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(in_place_ends, "_closed_by_us", lambda *args: ())
    monkeypatch.setattr(in_place_ends, "_states", lambda *args: iter(()))
    play = playing()
    play.engine.refuse("restore", "403")
    with pytest.raises(AssertionError, match="and orders is as it left it"):
        play.do(IN_PLACE, Live(minutes=5))


def test_what_was_live_is_deleted(monkeypatch: Patch) -> None:
    monkeypatch.setattr(in_place_ends, "made", in_place_ends.marked)
    monkeypatch.setattr(workflow, "_gone", lambda *args: ends.finding("restore.vanished", "x", "m", "n"))
    with pytest.raises(AssertionError, match="is removed, and no restore of ours made it"):
        playing().do(IN_PLACE, Live(minutes=5))


def test_what_is_not_released_and_called_done(monkeypatch: Patch) -> None:
    monkeypatch.setattr(workflow, "_release", lambda run, seen: workflow._done(run, seen))
    with pytest.raises(AssertionError, match="is not released"):
        playing().do(IN_PLACE, Live(minutes=5))


def salvaging_play() -> Play:
    return playing(Restore(), Live(minutes=2), Spoiled(), Spoiled(what="changed"))


def test_documents_that_a_salvage_skips(monkeypatch: Patch) -> None:
    whole = FakeCopier.write

    def short(copier: FakeCopier, source: IndexRef, live: IndexRef, writes: Any) -> tuple[Written, ...]:
        whole(copier, source, live, writes[1:])
        return tuple(Written(done=True) for _ in writes)

    monkeypatch.setattr(FakeCopier, "write", short)
    with pytest.raises(AssertionError, match=r"SUCCEEDED, and .* (of orders differs|is not in orders)"):
        salvaging_play().do(Salvage(), Live(minutes=2))


def test_a_salvage_that_replaces_although_it_must_not(monkeypatch: Patch) -> None:
    whole = salvaging.wanted
    monkeypatch.setattr(salvaging, "wanted", lambda found, *, missing_only: whole(found, missing_only=False))
    with pytest.raises(AssertionError, match="replaces"):
        salvaging_play().do(Salvage(missing_only=True), Live(minutes=2))


def test_a_salvage_into_another_index(monkeypatch: Patch) -> None:
    play = salvaging_play()
    play.do(Salvage(what="plan"), Wanted(what="made"))
    at = salvaging.at

    def elsewhere(*args: Any) -> Any:
        found = at(*args)
        if found is None:
            return None
        restored, live = found
        return restored, type(live)(name=live.name, uuid=play.engine.indices[live.name].uuid)

    monkeypatch.setattr(salvaging, "at", elsewhere)
    monkeypatch.setattr(salvaging, "in_the_way", lambda *args: ())
    with pytest.raises(AssertionError, match="which is not planned"):
        play.do(Salvage(what="start"), Live(minutes=2))
