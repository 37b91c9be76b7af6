"""The witness of drills and swaps can see: with a bug planted in memory, each play breaks an invariant, and is told."""

from collections.abc import Callable

import pytest

from chalicelib.core import comparing, drilling, guards, swapping
from chalicelib.core import proofs as judging
from chalicelib.core.model import Kind
from chalicelib.core.plans import Mode, Plan
from chalicelib.core.restores import Contents
from chalicelib.core.swaps import CloneOrder
from chalicelib.core.workflows import restore_ends, swap, swap_ends
from chalicelib.service import proving
from tests.fakes.elasticsearch_swaps import FakeSwapper
from tests.faults.actions import Deliver, Live
from tests.faults.machine import BACKED_UP
from tests.faults.play import Play
from tests.faults.proving import Busy, Drill, Made
from tests.faults.restoring import Backup, Restore, Slow, Wanted, Written
from tests.faults.swapping import Aliased, Settle

Patch = pytest.MonkeyPatch
OLD = Written(index="orders-old", documents=5)
SWAP = Restore(mode=Mode.SWAP)


def drilling_play(*before: object) -> Play:
    play = Play(prove="L2", drill="30 4 * * *")
    play.do(OLD, *BACKED_UP, *before)  # type: ignore[arg-type]
    return play


def swapping_play() -> Play:
    """`orders` is used by an alias, `orders-old` by its own name."""
    play = Play(prove="L2")
    play.do(Aliased(what="given"), OLD, *BACKED_UP)
    return play


def test_a_clone_that_lacks_a_document(monkeypatch: Patch) -> None:
    whole = FakeSwapper.clone

    def short(restorer: FakeSwapper, order: CloneOrder) -> None:
        whole(restorer, order)
        restorer._cluster.delete_documents(order.name, 1)

    monkeypatch.setattr(FakeSwapper, "clone", short)
    monkeypatch.setattr(swap, "_compared", lambda *args: None)
    with pytest.raises(AssertionError, match="does not hold what it held"):
        swapping_play().do(SWAP, Live(minutes=3))


def test_the_old_one_deleted_when_the_new_one_is_gone(monkeypatch: Patch) -> None:
    monkeypatch.setattr(swapping, "is_live", lambda *args: True)
    play = swapping_play()
    play.do(SWAP, Live(minutes=3), Wanted(what="deleted"))
    with pytest.raises(AssertionError, match="is deleted, and restored-orders is gone"):
        play.do(Settle(what="finish"), Live(minutes=3))


def test_a_live_index_that_goes_on_refusing_writes(monkeypatch: Patch) -> None:
    monkeypatch.setattr(swap_ends, "blocked_by_us", lambda *args: ())
    play = swapping_play()
    play.engine.refuse("clone", "403")
    with pytest.raises(AssertionError, match="ended, and orders-old is blocked"):
        play.do(SWAP, Live(minutes=3))


def test_a_drill_on_a_busy_cluster(monkeypatch: Patch) -> None:
    monkeypatch.setattr(guards, "says_no", lambda *args: None)
    with pytest.raises(AssertionError, match="had other work"):
        drilling_play(Busy(what="heap")).do(Drill(), Live(minutes=2))


def test_a_proof_by_another_snapshot(monkeypatch: Patch) -> None:
    blind: Callable[[Plan, str], Contents] = drilling.of_plan
    monkeypatch.setattr(drilling, "of_plan", lambda plan, uuid: blind(plan, plan.snapshot_uuid))
    play = drilling_play(Busy(what="relocating"), Drill(policy="weekly"), Live(minutes=1), Backup(what="replaced"))
    with pytest.raises(AssertionError, match="by the data of another snapshot"):
        play.do(Busy(what="idle"), Live(minutes=3))


def restored() -> Play:
    """What a drill made is there, and not whole yet."""
    play = drilling_play(Slow(looks=3), Drill())
    while not any(name.startswith("drill-") for name in play.engine.indices):
        play.do(Deliver())
    return play


def test_a_proof_of_what_was_damaged(monkeypatch: Patch) -> None:
    monkeypatch.setattr(proving, "check_samples", lambda *args, **how: ())
    play = restored()
    with pytest.raises(AssertionError, match="is proved, and"):
        play.do(Made(what="altered"), Made(what="altered", pick=1), Live(minutes=2))


def test_a_backup_that_stays_good(monkeypatch: Patch) -> None:
    monkeypatch.setattr(judging, "condemning", lambda *args, **how: ())
    play = restored()
    with pytest.raises(AssertionError, match="is good, and its drill found"):
        play.do(Made(what="altered"), Made(what="altered", pick=1), Live(minutes=2))


def test_a_false_alarm(monkeypatch: Patch) -> None:
    def alarmed(plan: Plan, *args: object) -> object:
        return tuple(comparing._wrong(move.name, "m") for move in plan.moves)

    monkeypatch.setattr(comparing, "counts", alarmed)
    with pytest.raises(AssertionError, match="and nothing was damaged"):
        drilling_play().do(Drill(), Live(minutes=2))


def test_what_a_drill_left_and_nobody_was_told(monkeypatch: Patch) -> None:
    monkeypatch.setattr(restore_ends, "left_over", lambda *args: ())
    play = restored()
    play.do(Made(what="bound"), Live(minutes=40))
    (run,) = (run for run in play.stages[0].ledger.runs.values() if run.kind is Kind.DRILL)
    with pytest.raises(BaseException, match=r"and left \['drill-orders'\]"):
        play.witness.restores.nothing_left(play.stages[0].ledger, run)
