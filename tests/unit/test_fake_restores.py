"""What tests script into the fake's restores; that it behaves like real ones is tests/contract/test_engine_rest*."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import NameTaken, Refused, Retryable
from chalicelib.core.model import IndexRef
from tests.fakes.elasticsearch import FakeEngine
from tests.record_answers import order
from tests.record_restores import WISH


def backed_up() -> FakeEngine:
    engine = FakeEngine(indices=())
    engine.create_index("orders", shards=2, documents=5)
    engine.start(order("main", "good"))
    engine.complete("good")
    return engine


def test_a_restore_takes_its_looks_and_cannot_be_counted_before() -> None:
    engine = backed_up()
    engine.restore_looks = 2
    engine.restorer.restore(WISH)
    seen = []
    for _ in range(3):
        (found,) = engine.restorer.restored(WISH)
        wanted = (IndexRef(name=found.name, uuid=found.uuid, shards=2),)
        counted = engine.counts(wanted, refresh=False)
        seen.append((found.shards_done, [count.docs for count in counted]))
        if not found.done:
            with pytest.raises(Retryable):
                engine.delete("main", "good")
    assert seen == [(0, []), (2, [5]), (2, [5])]


def test_a_lost_blob_fails_its_shard_when_the_restore_is_over() -> None:
    engine = backed_up()
    engine.restore_looks = 2
    engine.lose_blob("good", "orders", 1)
    engine.restorer.restore(WISH)
    seen = [engine.restorer.restored(WISH)[0] for _ in range(2)]
    assert [(each.shards_done, [shard.shard for shard in each.failed]) for each in seen] == [(0, []), (1, [1])]


def test_a_restore_of_which_the_answer_was_lost_was_made_and_a_refused_one_was_not() -> None:
    engine = backed_up()
    engine.refuse("restore", "403")
    with pytest.raises(Refused, match="403"):
        engine.restorer.restore(WISH)
    assert engine.restorer.restored(WISH) == ()
    engine.refuse("restore", NameTaken("just now"))
    with pytest.raises(NameTaken):
        engine.restorer.restore(WISH)
    engine.outage(1)
    with pytest.raises(Retryable):
        engine.restorer.restore(WISH)
    assert engine.restorer.restored(WISH) == ()
    engine.lose_next_answer("restore")
    with pytest.raises(Retryable):
        engine.restorer.restore(WISH)
    assert [each.done for each in engine.restorer.restored(WISH)] == [True]


def test_what_was_written_since_the_backup_is_not_in_what_is_restored() -> None:
    engine = backed_up()
    engine.write("orders", 7)
    engine.restorer.restore(WISH)
    (made,) = engine.restorer.restored(WISH)
    (count,) = engine.counts((IndexRef(name=made.name, uuid=made.uuid, shards=2),), refresh=True)
    assert (count.docs, count.max_seq_no) == (5, (2, 1))


def test_too_many_shards_are_refused() -> None:
    engine = backed_up()
    engine.shard_limit = 3
    assert engine.restorer.surroundings().shard_limit == 3
    with pytest.raises(Refused, match="2 shards"):
        engine.restorer.restore(replace(WISH, prefix="new-"))
