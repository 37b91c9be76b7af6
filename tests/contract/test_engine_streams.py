"""How every engine restores data streams as such, and removes them again."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import NameTaken, Refused
from chalicelib.core.model import IndexRef
from chalicelib.core.restores import Restored, RestoreOrder
from chalicelib.core.streams import StreamRef, Template
from tests.contract.engine_worlds import EngineWorld, FakeWorld, order, registered
from tests.contract.restoring import counts, live, until_over, wish


def _restored(world: EngineWorld) -> tuple[RestoreOrder, tuple[Restored, ...]]:
    """A stream of two backing indices, and an index, under new names."""
    repository, stream = registered(world, "main"), world.own("logs")
    world.index(world.own("a"))
    members = [world.stream(stream), world.roll_over(stream)]
    world.engine.start(order(repository, "snap", world.own("a"), *members))
    world.finish(repository, "snap")
    wanted = replace(wish(world, repository, "a"), streams=(stream,), indices=(world.own("a"), *members))
    world.engine.restorer.restore(wanted)
    return wanted, until_over(world.engine.restorer, wanted)


def _backing(wanted: RestoreOrder, found: tuple[Restored, ...]) -> StreamRef:
    """The restored stream with its indices."""
    held = sorted((index for index in found if index.name.startswith(".ds-")), key=lambda index: index.name)
    refs = tuple(IndexRef(name=index.name, uuid=index.uuid, shards=1) for index in held)
    return StreamRef(name=wanted.new_streams[0], indices=refs)


def _names(world: EngineWorld, refs: StreamRef) -> list[str]:
    return sorted(index.name for index in live(world, *(ref.name for ref in refs.indices)))


def test_a_stream_comes_back_as_a_stream_with_all_of_its_indices(any_world: EngineWorld) -> None:
    """Under its new name, which stands in the middle of those of its indices. They carry the mark and count alike."""
    wanted, found = _restored(any_world)
    prefix = any_world.own("r-")
    old = sorted(index for index in wanted.indices if index.startswith(".ds-"))
    new = sorted(each.name for each in found if each.name.startswith(".ds-"))
    assert new == [name.replace(".ds-", f".ds-{prefix}") for name in old]
    assert {each.name for each in found} == set(wanted.names)
    assert all(each.ours and each.done for each in found)
    around = any_world.engine.restorer.surroundings()
    assert {any_world.own("logs"), prefix + any_world.own("logs")} <= set(around.streams)
    assert [count.docs for count in counts(any_world, *new)] == [count.docs for count in counts(any_world, *old)]
    with pytest.raises(NameTaken):
        any_world.engine.restorer.restore(wanted)


@pytest.mark.parametrize("kind", ["index", "alias"])
def test_the_new_name_of_a_stream_must_be_free(any_world: EngineWorld, kind: str) -> None:
    world = any_world
    repository, stream = registered(world, "main"), world.own("logs")
    member = world.stream(stream)
    world.engine.start(order(repository, "snap", member))
    world.finish(repository, "snap")
    taken = world.own(f"{kind}-") + stream
    world.index(taken if kind == "index" else world.own("a"))
    if kind == "alias":
        world.alias(world.own("a"), taken)

    wanted = replace(wish(world, repository, prefix=f"{kind}-"), streams=(stream,), indices=(member,))
    before = world.engine.restorer.surroundings().indices
    with pytest.raises(NameTaken, match="already"):
        world.engine.restorer.restore(wanted)
    assert world.engine.restorer.surroundings().indices == before


def test_a_stream_goes_with_all_that_is_its_and_again_is_no_error(any_world: EngineWorld) -> None:
    """Where the server deletes none, what is left is the newest index, which can't go without its stream; it says so
    each time."""
    world = any_world
    wanted, found = _restored(world)
    stream, restorer = _backing(wanted, found), world.engine.restorer
    for _ in range(2):
        if world.deletes_streams():
            restorer.remove_stream(stream)
        else:
            with pytest.raises(Refused, match="write index"):
                restorer.remove_stream(stream)
    assert _names(world, stream) == ([] if world.deletes_streams() else [stream.indices[-1].name])
    assert live(world, wanted.names[0]), "the index beside it is nobody's business"
    assert world.own("logs") in restorer.surroundings().streams


def test_a_stream_that_holds_what_others_made_is_left_as_it_is(any_world: EngineWorld) -> None:
    """Somebody rolled it over, and writes to it; or it was made anew under the same name."""
    world = any_world
    wanted, found = _restored(world)
    stream, restorer = _backing(wanted, found), world.engine.restorer
    template = {"index_patterns": [f"{stream.name}*"], "data_stream": {}, "priority": 600}
    world.configure("index_templates", world.own("again"), template)
    assert [one for one in restorer.surroundings().templates if one.name == world.own("again")] == [
        Template(name=world.own("again"), patterns=(f"{stream.name}*",), priority=600, streams=True)
    ]
    anew = tuple(replace(index, uuid="another") for index in stream.indices)
    with pytest.raises(Refused, match="did not make"):
        restorer.remove_stream(replace(stream, indices=anew))
    for index in stream.indices:
        restorer.release(index, {})
    foreign = world.roll_over(stream.name)
    with pytest.raises(Refused, match=foreign):
        restorer.remove_stream(stream)
    assert len(live(world, foreign, *(index.name for index in stream.indices))) == 3


def test_what_came_back_with_a_stream_and_was_not_expected_is_seen(any_world: EngineWorld) -> None:
    """The server restores all that is the stream's, whatever we think that is."""
    wanted, found = _restored(any_world)
    fewer = replace(wanted, indices=wanted.indices[:-1])
    assert any_world.engine.restorer.restored(fewer) == found


def test_an_index_is_removed_but_never_the_newest_of_a_stream(any_world: EngineWorld) -> None:
    wanted, found = _restored(any_world)
    first, newest = _backing(wanted, found).indices
    with pytest.raises(Refused, match="write index"):
        any_world.engine.restorer.remove(newest)
    assert any_world.engine.restorer.remove(first)


def test_the_fake_leaves_what_the_trimmed_servers_leave() -> None:
    """A stream that is removed on a server that deletes none: as the real ones do it, above."""
    world = FakeWorld()
    world.fake.deletes_streams = False
    wanted, found = _restored(world)
    stream = _backing(wanted, found)
    with pytest.raises(Refused, match="write index"):
        world.engine.restorer.remove_stream(stream)
    assert _names(world, stream) == [stream.indices[-1].name]
