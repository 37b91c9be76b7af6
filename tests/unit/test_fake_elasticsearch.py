"""What tests script into the fake; that it behaves like the real one is tests/contract/test_engines.py."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import Refused, RepositoryMissing, Retryable
from chalicelib.core.observations import Absent, Broken, Complete, InProgress
from tests.fakes.clock import FakeClock
from tests.fakes.elasticsearch import FakeEngine
from tests.record_answers import ALL, OWNER, order


def test_a_snapshot_ends_by_the_clock() -> None:
    clock = FakeClock()
    engine = FakeEngine(clock=clock, takes=timedelta(minutes=3))
    engine.start(order("main", "snap"))
    assert isinstance(engine.look("main", "snap"), InProgress)
    clock.advance(timedelta(minutes=3))
    ending = engine.look("main", "snap", running=True)
    assert isinstance(ending, InProgress)
    assert ending.ending
    done = engine.look("main", "snap")
    assert isinstance(done, Complete)
    assert done.ended_at - done.started_at == timedelta(minutes=3)


def test_a_snapshot_ends_by_looks() -> None:
    engine = FakeEngine(looks=2)
    engine.start(order("main", "snap"))
    seen = [engine.look("main", "snap", running=running) for running in (False, True, True, False)]
    assert [type(each) for each in seen] == [InProgress, InProgress, InProgress, Complete]
    assert [getattr(each, "ending", None) for each in seen] == [False, False, True, None]
    assert (engine.sent("status"), engine.sent("look")) == (2, 2)


def test_a_lost_answer_did_its_work_and_an_outage_did_not() -> None:
    engine = FakeEngine()
    engine.outage(1)
    with pytest.raises(Retryable):
        engine.start(order("main", "snap"))
    assert engine.look("main", "snap") == Absent()
    engine.lose_next_answer()
    with pytest.raises(Retryable):
        engine.start(order("main", "snap"))
    assert isinstance(engine.look("main", "snap"), InProgress)
    assert (engine.sent("start"), engine.calls) == (2, 4)


def test_ends_that_are_not_good() -> None:
    engine = FakeEngine(indices=("orders", "users"))
    for name in ("partial", "broken", "vanished", "lacking"):
        engine.start(order("main", name, "orders", "users"))
    engine.complete("partial", partial=("users",))
    engine.complete("lacking", missing=("users",))
    engine.break_("broken", "aborted")
    engine.vanish("vanished")

    partial, broken, lacking = (engine.look("main", name) for name in ("partial", "broken", "lacking"))
    assert isinstance(partial, Complete)
    assert (partial.partial, partial.shards_failed, partial.indices) == (True, 1, ("orders", "users"))
    assert isinstance(broken, Broken)
    assert (broken.owner, broken.reason) == (OWNER, "aborted")
    assert isinstance(lacking, Complete)
    assert lacking.indices == ("orders",)
    assert engine.look("main", "vanished") == Absent()
    assert engine.snapshots() == ("broken", "lacking", "partial")


def test_a_removal_that_takes_its_time_is_seen_in_progress_then_broken_then_absent() -> None:
    engine = FakeEngine()
    for name in ("running", "finished"):
        engine.start(order("main", name))
    engine.complete("finished")
    engine.slow_delete, engine.blocked = 1, True
    for name in ("running", "finished"):
        engine.delete("main", name)
        engine.delete("main", name)

    ending = engine.look("main", "running", running=True)
    assert isinstance(ending, InProgress)
    assert ending.ending
    assert [_kinds(engine, name) for name in ("running", "finished")] == [[InProgress] * 3, [Complete] * 3]
    engine.blocked = False
    assert [_kinds(engine, name) for name in ("running", "finished")] == [[Broken, Absent, Absent], [Absent] * 3]
    assert engine.snapshots() == ()


def _kinds(engine: FakeEngine, snapshot: str) -> list[type]:
    return [type(engine.look("main", snapshot)) for _ in range(3)]


def test_documents_count_once_they_were_refreshed_and_every_write_raises_a_sequence_number() -> None:
    engine = FakeEngine(indices=())
    engine.create_index("orders", shards=2, documents=3)
    wanted = engine.resolve(ALL).indices
    engine.write("orders", 2)
    engine.delete_documents("orders", 1)

    stale, fresh = (engine.counts(wanted, refresh=refresh)[0] for refresh in (False, True))
    assert (stale.docs, stale.max_seq_no) == (3, (2, 2))
    assert (fresh.docs, fresh.max_seq_no) == (4, (2, 2))
    assert (engine.sent("refresh"), engine.sent("stats")) == (1, 2)


def test_refusals_come_once_and_only_where_they_were_ordered() -> None:
    engine = FakeEngine()
    engine.refuse("start", "403")
    assert engine.resolve(ALL).indices
    with pytest.raises(Refused, match="403"):
        engine.start(order("main", "snap"))
    engine.start(order("main", "snap"))


def test_repositories_that_are_broken_or_gone() -> None:
    engine = FakeEngine()
    engine.stranger("main", "snap")
    found = engine.look("main", "snap")
    assert isinstance(found, Complete)
    assert found.owner is None
    engine.break_repository("main")
    with pytest.raises(Retryable):
        engine.look("main", "snap")
    engine.mend_repository("main")
    assert engine.look("main", "snap") == found
    engine.forget_repository("main")
    with pytest.raises(RepositoryMissing):
        engine.look("main", "snap")
