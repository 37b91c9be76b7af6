"""What every engine tells that proves a restore: mappings, documents, hits, and how the cluster is."""

import json
from dataclasses import replace

import pytest

from chalicelib.core import samples
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexCount, IndexRef, Severity
from chalicelib.core.proving import Document, IndexFacts, Read
from tests.contract.engine_worlds import EngineWorld, backed_up, order, registered
from tests.contract.restoring import counts, until_over, wish

KEY = b"a key of a run"
MANY = 60


def filled(world: EngineWorld, name: str, *, shards: int = 1, documents: int = MANY) -> str:
    """An index with as many documents more, called d0, d1, …"""
    index = world.own(name)
    world.index(index, shards=shards)
    for number in range(documents):
        world.put(index, f"d{number}", json.dumps({"n": number, "text": "x" * 20}))
    return index


def sampled(world: EngineWorld, index: str, wanted: int, key: bytes = KEY) -> Read:
    return world.engine.prover.sample(counts(world, index), wanted, key)[index]


def ref(count: IndexCount) -> IndexRef:
    return IndexRef(name=count.name, uuid=count.uuid)


def restored(world: EngineWorld, repository: str, name: str) -> IndexCount:
    wanted = wish(world, repository, name)
    world.engine.restorer.restore(wanted)
    until_over(world.engine.restorer, wanted)
    (count,) = counts(world, world.own("r-") + world.own(name))
    return count


def test_documents_are_drawn_from_all_shards_and_no_more_than_wanted(any_world: EngineWorld) -> None:
    world = any_world
    index = filled(world, "a", shards=3)
    (count,) = counts(world, index)
    calls = world.engine.calls
    few = world.engine.prover.sample([count], 10, KEY)[index]
    assert world.engine.calls == calls + 1
    assert (len({each.id for each in few.documents}), few.complete, few.why) == (10, False, None)
    assert few.bytes >= 10 * 20
    whole = sampled(world, index, 1000)
    assert (len({each.id for each in whole.documents}), whole.complete) == (MANY + 1, True)
    assert {each.term for each in whole.documents} == {1}
    assert max(each.seq_no for each in whole.documents) == max(count.max_seq_no)


def test_each_key_draws_others_and_has_other_digests(any_world: EngineWorld) -> None:
    index = filled(any_world, "a")
    one, other = sampled(any_world, index, 20), sampled(any_world, index, 20, b"another")
    assert {each.id for each in one.documents} != {each.id for each in other.documents}
    known = {each.id: each.digest for each in sampled(any_world, index, 100).documents}
    again = {each.id: each.digest for each in sampled(any_world, index, 100, b"another").documents}
    assert known.keys() == again.keys()
    assert not set(known.values()) & set(again.values())


def test_many_indices_are_read_in_one_request(any_world: EngineWorld) -> None:
    world = any_world
    names = [filled(world, name, documents=20) for name in "abc"]
    found = counts(world, *names)
    calls = world.engine.calls
    read = world.engine.prover.sample(found, 5, KEY)
    assert world.engine.calls == calls + 1
    assert {name: len(each.documents) for name, each in read.items()} == dict.fromkeys(names, 5)
    asked = {ref(count): read[count.name].documents for count in found}
    calls = world.engine.calls
    again = world.engine.prover.documents(asked, KEY)
    assert world.engine.calls == calls + 2
    assert {name: set(each.documents) for name, each in again.items()} == {
        name: set(each.documents) for name, each in read.items()
    }


def test_one_index_that_cannot_be_read_costs_no_other(any_world: EngineWorld) -> None:
    world = any_world
    good, gone = filled(world, "good", documents=5), filled(world, "gone", documents=5)
    found = counts(world, good, gone)
    world.drop(gone)
    read = world.engine.prover.sample(found, 5, KEY)
    assert len(read[good].documents) == 5
    assert read[gone].why
    assert read[gone].documents == ()


def test_replaced_and_deleted_documents_are_drawn_around(any_world: EngineWorld) -> None:
    """Nearly all numbers are those of documents that were written again: they hit nothing."""
    world = any_world
    index = filled(world, "a", documents=5)
    for _ in range(12):
        for number in range(5):
            world.put(index, f"d{number}", json.dumps({"n": number}))
    found = sampled(world, index, 4)
    assert (len(found.documents), found.complete, found.why) == (4, False, None)
    assert sampled(world, index, 50).complete
    assert len(sampled(world, index, 50).documents) == 6


def test_what_was_written_again_has_another_number_at_once(any_world: EngineWorld) -> None:
    """Without any refresh, or documents that changed during a backup would seem stable."""
    world = any_world
    index = filled(world, "a", documents=3)
    (count,) = counts(world, index)
    before = {each.id: each for each in sampled(world, index, 100).documents if each.id in ("d0", "d1", "d2")}
    world.put(index, "d1", json.dumps({"n": 1, "text": "x" * 20}))
    now = world.engine.prover.documents({ref(count): tuple(before.values())}, KEY)[index]
    after = {each.id: each for each in now.documents}
    assert (after["d0"], after["d2"]) == (before["d0"], before["d2"])
    assert after["d1"].seq_no > before["d1"].seq_no
    assert after["d1"].digest == before["d1"].digest


def test_documents_that_are_gone_are_left_out_and_those_of_another_index_too(any_world: EngineWorld) -> None:
    world = any_world
    index = filled(world, "a", documents=3)
    (count,) = counts(world, index)
    missing = Document(id="missing", routing=None, seq_no=0, term=1, digest="")
    known = sampled(world, index, 100).documents
    assert len(world.engine.prover.documents({ref(count): (*known, missing)}, None)[index].documents) == 4
    other = IndexRef(name=index, uuid="another")
    assert world.engine.prover.documents({other: known}, None)[index] == Read()
    world.drop(index)
    assert world.engine.prover.documents({ref(count): known}, None)[index] == Read()


def test_without_a_key_no_source_is_read(any_world: EngineWorld) -> None:
    index = filled(any_world, "a", documents=3)
    (count,) = counts(any_world, index)
    known = sampled(any_world, index, 100).documents
    found = any_world.engine.prover.documents({ref(count): known}, None)[index]
    assert (len(found.documents), {each.digest for each in found.documents}, found.bytes) == (4, {""}, 0)


def test_routing_is_kept_and_needed(any_world: EngineWorld) -> None:
    world = any_world
    index = filled(world, "a", shards=5, documents=0)
    for number in range(20):
        world.put(index, f"r{number}", "{}", routing=f"shop{number}")
    (count,) = counts(world, index)
    known = sampled(world, index, 100).documents
    assert {each.routing for each in known if each.id.startswith("r")} == {f"shop{number}" for number in range(20)}
    assert set(world.engine.prover.documents({ref(count): known}, KEY)[index].documents) == set(known)
    bare = {replace(each, digest="") for each in known}
    assert set(world.engine.prover.documents({ref(count): known}, None)[index].documents) == bare, "nor is it lost"


def test_an_index_without_sources_is_none_that_can_be_read(any_world: EngineWorld) -> None:
    """Their hash would be that of nothing, and equal for all."""
    world = any_world
    index = world.own("bare")
    world.bare(index, whole=False)
    for number in range(3):
        world.put(index, f"d{number}", "{}")
    found = sampled(world, index, 10)
    assert (found.documents, found.why) == ((), "it keeps no sources")


def test_an_empty_index_is_read_completely(any_world: EngineWorld) -> None:
    index = any_world.own("empty")
    any_world.bare(index)
    assert sampled(any_world, index, 10) == Read(complete=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [("0.10000000000000000001", "0.1"), ("12345678901234567890123", "12345678901234567890124"), ("1.0", '"1.0"')],
)
def test_numbers_are_not_rounded(any_world: EngineWorld, one: str, other: str) -> None:
    """What differs in the 20th digit is another document."""
    world = any_world
    index = world.own("a")
    world.index(index)
    for name, number in (("d1", one), ("d2", other), ("d3", one)):
        world.put(index, name, f'{{"raw": {{"a": [{number}]}}}}' if "." in one else f'{{"text": {number}}}')
    digests = {each.id: each.digest for each in sampled(world, index, 10).documents}
    assert digests["d1"] == digests["d3"]
    assert digests["d1"] != digests["d2"]


def test_what_was_restored_is_exactly_what_was_read(any_world: EngineWorld) -> None:
    """Ids, routing, numbers, terms and sources survive a restore; the sources are hashed to the same."""
    world = any_world
    repository = registered(world, "main")
    index = filled(world, "a", shards=3)
    world.put(index, "odd", '{"z": 1.50,  "a": [1.0, 2.50, null], "ü": {"b": true}}')
    world.put(index, "routed", "{}", routing="shop")
    known = sampled(world, index, 1000).documents
    world.engine.start(order(repository, "snap", index))
    world.finish(repository, "snap")
    made = restored(world, repository, "a")
    found = world.engine.prover.documents({ref(made): known}, KEY)[made.name]
    assert len(known) == MANY + 3
    assert set(found.documents) == set(known)
    there = world.engine.prover.mappings([index, made.name, world.own("missing")])
    assert sorted(there) == sorted([index, made.name])
    assert there[index] == there[made.name]


@pytest.mark.parametrize("source", ['{"n": 7, "text": "y"}', None], ids=["altered", "dropped"])
def test_planted_damage_of_a_sampled_document_is_found(any_world: EngineWorld, source: str | None) -> None:
    world = any_world
    repository = registered(world, "main")
    index = filled(world, "a")
    read = sampled(world, index, 1000)
    (count,) = counts(world, index)
    world.engine.start(order(repository, "snap", index))
    world.finish(repository, "snap")
    before = IndexFacts(name=index, uuid=count.uuid, documents=read.documents, held=len(read.documents))
    live = world.engine.prover.documents({ref(count): read.documents}, None)[index]
    after = IndexFacts(name=index, uuid=count.uuid, stable=samples.stable(before, live.documents))
    made = restored(world, repository, "a")

    def compared() -> list[tuple[str, Severity]]:
        must = samples.chosen(before, after)
        assert len(must) == MANY + 1
        found = world.engine.prover.documents({ref(made): must}, KEY)[made.name]
        return [(each.code, each.severity) for each in samples.compare(made.name, 50, before, after, found)]

    assert compared() == []
    world.spoil(made.name, "d7", source)
    assert compared() == [("restore.sample", Severity.ERROR)]


def test_a_field_more_is_another_mapping(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a")
    made = restored(world, repository, "a")
    before = world.engine.prover.mappings([made.name])[made.name]
    world.maps(made.name, "another")
    assert json.loads(before) != json.loads(world.engine.prover.mappings([made.name])[made.name])


def test_hits_are_counted_until_there_are_enough(any_world: EngineWorld) -> None:
    index = filled(any_world, "a", documents=5)
    counts(any_world, index)
    prover = any_world.engine.prover
    assert prover.hits(index, {"term": {"n": 3}}, enough=10, seconds=5) == 1
    assert prover.hits(index, {"match_all": {}}, enough=100, seconds=5) == 6
    assert prover.hits(index, {"match_all": {}}, enough=2, seconds=5) == 2
    refused: tuple[tuple[str, dict[str, object]], ...] = (
        (index, {"nonsense": {}}),
        (any_world.own("missing"), {"match_all": {}}),
    )
    for name, query in refused:
        with pytest.raises((Refused, Retryable)):
            prover.hits(name, query, enough=1, seconds=5)


def test_how_the_cluster_is(any_world: EngineWorld) -> None:
    found = any_world.engine.prover.vitals()
    assert found.status in ("green", "yellow", "red")
    assert [(name, 0 < used < 100) for name, used in found.heap] == [("local", True)]


def test_patterns_are_refused_and_silence_is_no_answer(any_world: EngineWorld) -> None:
    prover, everything = any_world.engine.prover, IndexRef(name="*", uuid="u")
    for ask in (
        lambda: prover.mappings(["*"]),
        lambda: prover.sample([IndexCount(name="*", uuid="u", docs=1, max_seq_no=(0,))], 1, KEY),
        lambda: prover.documents({everything: ()}, None),
        lambda: prover.hits("*", {"match_all": {}}, enough=1, seconds=1),
    ):
        with pytest.raises(Refused):
            ask()
    with pytest.raises(Retryable):
        any_world.silence().prover.vitals()
