"""What every engine and every fake of one keeps to."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import NameTaken, Refused, RepositoryMissing, Retryable
from chalicelib.core.observations import Absent, Complete, InProgress
from chalicelib.core.spec import Repository, Select
from tests.contract.engine_worlds import (
    OWNER,
    EngineWorld,
    backed_up,
    names,
    order,
    registered,
    unmatched,
)


def test_a_whole_backup(any_world: EngineWorld) -> None:
    world = any_world
    repository, slow = world.own("slow"), world.own("orders")
    world.slow(repository, slow)
    assert world.engine.look(repository, "snap") == Absent()
    assert world.engine.look(repository, "snap", running=True) == Absent()

    before = world.engine.calls
    world.engine.resolve(Select(indices=(slow,)))
    world.engine.start(order(repository, "snap", slow))
    assert world.engine.calls == before + 2

    first, cheap = world.engine.look(repository, "snap"), world.engine.look(repository, "snap", running=True)
    assert world.engine.calls == before + 4
    assert isinstance(first, InProgress)
    assert isinstance(cheap, InProgress)
    assert (first.owner, cheap.uuid, first.shards_total) == (OWNER, first.uuid, 1)
    assert cheap.bytes_done is not None
    with pytest.raises(NameTaken):
        world.engine.start(order(repository, "snap", slow))

    world.finish(repository, "snap")
    before = world.engine.calls
    ending = world.engine.look(repository, "snap", running=True)
    assert world.engine.calls == before + 1
    assert isinstance(ending, InProgress)
    assert (ending.uuid, ending.ending, first.ending, cheap.ending) == (first.uuid, True, False, False)
    done = world.engine.look(repository, "snap")
    assert isinstance(done, Complete)
    assert (done.uuid, done.owner, done.indices, done.partial) == (first.uuid, OWNER, (slow,), False)
    assert (done.shards_total, done.shards_failed, done.failures) == (1, 0, ())
    assert timedelta(0) <= done.ended_at - done.started_at < timedelta(minutes=5)
    assert done.started_at.tzinfo is not None

    sizes = world.engine.sizes(repository, "snap")
    assert sizes.total >= sizes.added > 0


def test_resolving_takes_open_closed_and_hidden_indices_sorted_with_their_uuids(any_world: EngineWorld) -> None:
    world = any_world
    for name in ("c", "a", "b"):
        world.index(world.own(name), hidden=name == "b")
    world.close(world.own("c"))

    found = world.engine.resolve(Select(indices=(world.own("*"),))).indices
    assert [index.name for index in found] == [world.own(name) for name in "abc"]
    assert len({index.uuid for index in found}) == 3
    assert [(index.shards, index.closed) for index in found] == [(1, False), (1, False), (1, True)]
    assert found == world.engine.resolve(Select(indices=(world.own("*"),))).indices


def test_an_index_made_anew_has_another_uuid(world: EngineWorld) -> None:
    world.index(world.own("a"))
    before = world.engine.resolve(Select(indices=(world.own("a"),))).indices
    world.drop(world.own("a"))
    world.index(world.own("a"))

    after = world.engine.resolve(Select(indices=(world.own("a"),))).indices
    assert [index.name for index in after] == [index.name for index in before]
    assert after != before


def test_resolving_what_is_not_there_is_empty(world: EngineWorld) -> None:
    world.index(world.own("a"))
    assert names(world, world.own("zz*"), world.own("missing")) == []
    assert names(world, world.own("missing"), world.own("a")) == [world.own("a")]


def test_resolving_aliases_and_streams_gives_their_indices(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("a"))
    world.alias(world.own("a"), world.own("live"))
    backing = world.stream(world.own("logs"))

    assert names(world, world.own("live")) == [world.own("a")]
    assert names(world, world.own("logs")) == [backing]
    assert names(world, world.own("l*"), world.own("a")) == [backing, world.own("a")]


def test_patterns_that_match_nothing_are_told_in_their_order(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("orders"))
    world.index(world.own("hidden"), hidden=True)
    world.index(world.own("closed"))
    world.close(world.own("closed"))
    world.alias(world.own("orders"), world.own("live"))

    before = world.engine.calls
    assert unmatched(world, "zz*", "orders", "custmers", "o*s", "aa") == ["zz*", "custmers", "aa"]
    assert unmatched(world, "live", "liv*", "*ve", "hidden", "closed", "live-2", "liv") == ["live-2", "liv"]
    assert unmatched(world, "o*", "orders", "custmers", exclude=("*",)) == ["custmers"]
    assert unmatched(world, "orders", "clos*") == []
    assert world.engine.calls == before + 4


def test_a_stream_is_matched_by_its_name_its_aliases_and_its_indices(any_world: EngineWorld) -> None:
    world = any_world
    world.index(world.own("orders"))
    backing = world.stream(world.own("logs"))
    world.alias(world.own("logs"), world.own("every"))

    before = world.engine.calls
    assert unmatched(world, "logs", "orders") == []
    assert unmatched(world, "every", "orders") == []
    assert world.engine.calls == before + 2
    assert names(world, world.own("every")) == [backing]
    assert unmatched(world, "ev*", "l*", "custmers", "every", "evry", exclude=("logs",)) == ["custmers", "evry"]
    assert world.engine.resolve(Select(indices=(backing, world.own("zz*")))).unmatched == (world.own("zz*"),)


def test_system_indices_and_what_is_never_taken(world: EngineWorld) -> None:
    system, made = world.system_index(), "drill-" + world.own("a")
    world.index(made)
    found = world.engine.resolve(Select(indices=(system, made)))
    assert (found.indices, found.unmatched) == ((), (system,))
    world.drop(made)


def test_excluding_matches_names_of_indices_and_streams_but_not_of_aliases(world: EngineWorld) -> None:
    world.index(world.own("a"))
    world.index(world.own("tmp-b"))
    world.alias(world.own("a"), world.own("tmp-live"))
    world.stream(world.own("tmp-logs"))

    assert names(world, world.own("*"), exclude=(world.own("tmp-*"),)) == [world.own("a")]
    assert names(world, world.own("*"), exclude=("*",)) == []


def test_system_indices_are_never_taken(any_world: EngineWorld) -> None:
    system = any_world.system_index()
    assert system not in names(any_world, "*")
    assert names(any_world, system) == []


@pytest.mark.parametrize("prefix", ["drill-", "restored-"])
def test_what_drills_and_restores_make_is_never_taken(world: EngineWorld, prefix: str) -> None:
    made = prefix + world.own("a")
    world.index(made)
    assert names(world, made, "*" + world.own("a")) == []
    world.drop(made)


@pytest.mark.parametrize("pattern", ["*", "exactly"])
def test_what_a_restore_made_is_taken_once_a_selected_alias_points_at_it(world: EngineWorld, pattern: str) -> None:
    """Whoever swaps it in, or gives it the alias by hand, works with it from then on."""
    made, live = "restored-" + world.own("a"), world.own("live")
    world.index(made)
    world.alias(made, live)
    assert made in names(world, live if pattern == "exactly" else pattern)
    assert names(world, live, exclude=("restored-*",)) == []
    assert names(world, made) == []
    world.drop(made)


def test_a_backup_of_a_stream_holds_its_index(world: EngineWorld) -> None:
    repository = registered(world, "main")
    backing = world.stream(world.own("logs"))
    world.engine.start(order(repository, "snap", *names(world, world.own("logs"))))
    world.finish(repository, "snap")

    done = world.engine.look(repository, "snap")
    assert isinstance(done, Complete)
    assert done.indices == (backing,)


def test_an_index_deleted_since_it_was_resolved_does_not_stop_the_others(world: EngineWorld) -> None:
    repository = registered(world, "main")
    world.index(world.own("a"))
    world.engine.start(order(repository, "snap", world.own("a"), world.own("gone")))
    world.finish(repository, "snap")

    done = world.engine.look(repository, "snap")
    assert isinstance(done, Complete)
    assert (done.indices, done.partial) == ((world.own("a"),), False)


def test_a_red_index_leaves_a_partial_backup_of_the_others(any_world: EngineWorld) -> None:
    world = any_world
    repository = registered(world, "main")
    world.index(world.own("a"))
    world.index(world.own("red"), red=True)
    world.engine.start(order(repository, "snap", world.own("a"), world.own("red")))
    world.finish(repository, "snap")

    done = world.engine.look(repository, "snap")
    assert isinstance(done, Complete)
    assert (done.partial, done.shards_total, done.shards_failed) == (True, 2, 1)
    assert [(failure.index, failure.shard) for failure in done.failures] == [(world.own("red"), 0)]
    assert isinstance(world.engine.look(repository, "snap", running=True), InProgress)


def test_a_name_is_taken_for_good(world: EngineWorld) -> None:
    repository = backed_up(world, "a")
    before = world.engine.look(repository, "snap")
    with pytest.raises(NameTaken, match="snap"):
        world.engine.start(order(repository, "snap", world.own("a")))
    assert world.engine.look(repository, "snap") == before


@pytest.mark.parametrize("name", ["Capitals", "with space"])
def test_a_name_that_cannot_be(world: EngineWorld, name: str) -> None:
    repository = registered(world, "main")
    world.index(world.own("a"))
    with pytest.raises(Refused, match=name) as refused:
        world.engine.start(order(repository, name, world.own("a")))
    assert not isinstance(refused.value, NameTaken)


@pytest.mark.parametrize("indices", [(), ("*",)])
def test_a_start_without_exact_names_is_refused(world: EngineWorld, indices: tuple[str, ...]) -> None:
    repository = registered(world, "main")
    with pytest.raises(Refused, match="exact names"):
        world.engine.start(order(repository, "snap", *indices))
    assert world.engine.look(repository, "snap") == Absent()


def test_without_its_repository_nothing_can_be_said_of_a_backup(any_world: EngineWorld) -> None:
    missing = any_world.own("missing")
    assert any_world.engine.repository(missing) is None
    for running in (False, True):
        with pytest.raises(RepositoryMissing, match=missing):
            any_world.engine.look(missing, "snap", running=running)
    with pytest.raises(RepositoryMissing):
        any_world.engine.sizes(missing, "snap")
    with pytest.raises(RepositoryMissing):
        any_world.engine.start(order(missing, "snap", "a"))


def test_registering_is_repeatable_and_can_be_read_back(world: EngineWorld) -> None:
    name = registered(world, "main")
    assert registered(world, "main") == name
    assert world.engine.repository(name) == Repository(type="fs", settings={"location": name})


def test_resolving_brings_the_registration_along(any_world: EngineWorld) -> None:
    world = any_world
    name = registered(world, "main")
    known, patterns = world.engine.repository(name), (("*",), (world.own("zz*"),))
    assert known is not None
    assert [world.engine.resolve(Select(indices=each), repository=name).registered for each in patterns] == [known] * 2
    for each in patterns:
        assert world.engine.resolve(Select(indices=each), repository=world.own("missing")).registered is None
        assert world.engine.resolve(Select(indices=each)).registered is None


def test_a_backup_in_an_unreadable_repository_is_not_absent(any_world: EngineWorld) -> None:
    world = any_world
    repository = backed_up(world, "a")
    before = world.engine.look(repository, "snap")
    world.break_repository(repository)
    for running in (False, True):
        with pytest.raises(Retryable):
            world.engine.look(repository, "snap", running=running)
    with pytest.raises(Retryable):
        world.engine.sizes(repository, "snap")

    world.mend_repository(repository)
    assert world.engine.look(repository, "snap") == before


def test_sizes_of_what_is_not_there_are_unknown(world: EngineWorld) -> None:
    with pytest.raises(Retryable):
        world.engine.sizes(registered(world, "main"), "missing")


def test_no_answer_is_retryable_and_counted(world: EngineWorld) -> None:
    engine = world.silence()
    before = engine.calls
    with pytest.raises(Retryable):
        engine.repository("main")
    assert engine.calls == before + 1
