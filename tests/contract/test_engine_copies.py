"""How every engine tells what two indices hold, document by document, and how it copies single ones."""

import json
from dataclasses import replace

import pytest

from chalicelib.core.copying import Barred, Found, Held, Side, Write, Written, same
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from tests.contract.engine_worlds import EngineWorld

EXACT = '{ "big":1234567890123456789, "f":1.10, "g":0.1234567890123456789012345, "s":"\\u00e9 é", "t":"" }'
"""No float of ours holds all of these digits; the order, the space and the escapes are the document's own."""


def side(world: EngineWorld, name: str) -> Side:
    (found,) = world.engine.copier.sides([world.own(name)])
    return found


def ref(world: EngineWorld, name: str) -> IndexRef:
    found = side(world, name)
    assert found.uuid is not None
    return IndexRef(name=found.name, uuid=found.uuid, shards=found.shards)


def everything(world: EngineWorld, index: IndexRef, *, most: int = 100) -> list[Found]:
    """By pages of so many."""
    found: list[Found] = []
    for shard in range(index.shards):
        after = -1
        while page := world.engine.copier.page(index, shard, after, most):
            assert [each.seq_no for each in page] == sorted({each.seq_no for each in page})
            assert page[0].seq_no > after
            found += page
            after = page[-1].seq_no
    return found


def pair(world: EngineWorld) -> tuple[IndexRef, IndexRef]:
    world.bare(world.own("from"), shards=3)
    world.bare(world.own("into"), shards=2)
    return ref(world, "from"), ref(world, "into")


def held(world: EngineWorld, index: IndexRef, *wanted: Found) -> list[str | None]:
    return [each.source if isinstance(each, Held) else None for each in world.engine.copier.live(index, wanted)]


def found(name: str, source: str = EXACT, routing: str | None = None) -> Found:
    return Found(id=name, routing=routing, seq_no=0, source=source)


def test_pages_bring_every_document_once_exactly_as_it_was_written(any_world: EngineWorld) -> None:
    world = any_world
    source, _ = pair(world)
    for number in range(25):
        world.put(source.name, f"n{number}", EXACT, routing=f"r{number % 4}" if number % 5 == 0 else None)
    world.put(source.name, "n3", '{"f": 2.50}')
    world.refresh(source.name)
    calls = world.engine.calls
    pages = everything(world, source, most=4)
    assert world.engine.calls > calls + 6
    assert sorted(each.id for each in pages) == sorted(f"n{number}" for number in range(25))
    texts = {each.id: each.source for each in pages}
    assert {texts.pop("n3")} | set(texts.values()) == {'{"f": 2.50}', EXACT}
    assert {each.routing for each in pages} == {None, "r0", "r1", "r2", "r3"}
    assert world.engine.copier.count(source.name) == 25


def test_what_is_copied_is_what_was_read(any_world: EngineWorld) -> None:
    """Also of a document that somebody wrote in several lines, which a request of lines can't hold as it is."""
    world = any_world
    source, live = pair(world)
    lines = '{\n  "f": 1.10,\r\n  "s": "a\\nb"\n}'
    world.put(source.name, "exact", EXACT, routing="x")
    world.put(source.name, "lines", lines)
    world.refresh(source.name)
    pages = everything(world, source)
    writes = [Write(found=each, over=None) for each in pages]
    assert world.engine.copier.live(live, pages) == (None, None)
    calls = world.engine.calls
    assert world.engine.copier.write(source, live, writes) == (Written(done=True),) * 2
    assert world.engine.calls == calls + 2
    there = dict(zip((each.id for each in pages), held(world, live, *pages), strict=True))
    assert there["exact"] == EXACT
    assert there["lines"] is not None
    assert same(there["lines"], lines)
    assert json.loads(there["lines"]) == {"f": 1.1, "s": "a\nb"}


def test_nobody_s_write_is_overwritten(any_world: EngineWorld) -> None:
    world = any_world
    source, live = pair(world)
    world.put(live.name, "there", '{"n": 1}')
    world.put(live.name, "moved", '{"n": 1}')
    there, moved = world.engine.copier.live(live, [found("there"), found("moved")])
    assert isinstance(there, Held)
    assert isinstance(moved, Held)
    world.put(live.name, "moved", '{"n": 2}')
    gone = replace(there, seq_no=there.seq_no)
    writes = [
        Write(found=found("there"), over=None),
        Write(found=found("moved"), over=moved),
        Write(found=found("deleted"), over=gone),
        Write(found=found("there", '{"n": 3}'), over=there),
        Write(found=found("missing", '{"n": 4}'), over=None),
    ]
    left = Written(done=False)
    assert world.engine.copier.write(source, live, writes) == (
        *(left, left, left),
        *(Written(done=True), Written(done=True)),
    )
    wanted = [found(name) for name in ("there", "moved", "deleted", "missing")]
    assert held(world, live, *wanted) == ['{"n": 3}', '{"n": 2}', None, '{"n": 4}']
    assert world.engine.copier.write(source, live, writes)[-1] == left, "done twice, it is done once"


def test_a_document_that_the_mapping_refuses_is_told_and_the_others_are_written(any_world: EngineWorld) -> None:
    world = any_world
    source, live = pair(world)
    world.refuse(live.name, "bad", '{"n": 1}')
    writes = [Write(found=found(name, '{"n": "word"}'), over=None) for name in ("bad",)]
    writes.append(Write(found=found("good", '{"m": 1}'), over=None))
    bad, good = world.engine.copier.write(source, live, writes)
    assert (bad.done, good) == (False, Written(done=True))
    assert "parsing_exception" in (bad.why or "")


def test_a_document_without_the_routing_that_is_asked_for_is_barred(any_world: EngineWorld) -> None:
    world = any_world
    world.bare(world.own("routed"), routed=True)
    live = ref(world, "routed")
    (found_,) = world.engine.copier.live(live, [found("x")])
    assert isinstance(found_, Barred)
    assert "routing" in found_.why


def test_what_the_two_sides_are(any_world: EngineWorld) -> None:
    world = any_world
    world.bare(world.own("plain"), shards=3)
    world.bare(world.own("cut"), whole=False)
    world.bare(world.own("blocked"))
    world.block(world.own("blocked"))
    world.bare(world.own("closed"))
    world.close(world.own("closed"))
    world.alias(world.own("plain"), world.own("alias"))
    names = [world.own(name) for name in ("plain", "cut", "blocked", "closed", "alias", "missing")]
    calls = world.engine.calls
    plain, cut, blocked, closed, alias, missing = world.engine.copier.sides(names)
    assert world.engine.calls == calls + 1
    assert (plain.shards, plain.closed, plain.blocked, plain.whole, plain.pipeline) == (3, False, False, True, None)
    assert [each.name for each in (plain, cut, blocked, closed, alias, missing)] == names
    assert (cut.whole, blocked.blocked, closed.closed) == (False, True, True)
    assert (alias.uuid, alias.behind, missing.uuid, missing.behind) == (None, (world.own("plain"),), None, ())


def test_an_index_that_is_gone_or_was_made_anew_is_not_written_to_and_not_made(any_world: EngineWorld) -> None:
    """The very request would make it, from nothing."""
    world = any_world
    source, live = pair(world)
    write = [Write(found=found("x"), over=None)]
    with pytest.raises(Refused, match="made anew"):
        world.engine.copier.write(source, replace(live, uuid="another"), write)
    with pytest.raises(Refused, match="made anew"):
        world.engine.copier.write(replace(source, uuid="another"), live, write)
    world.drop(live.name)
    with pytest.raises(Refused, match="made anew"):
        world.engine.copier.write(source, live, write)
    with pytest.raises(Refused):
        world.engine.copier.live(live, [found("x")])
    with pytest.raises(Refused):
        world.engine.copier.page(live, 0, -1, 10)
    assert side(world, "into").uuid is None


def test_writes_that_are_blocked_are_not_refusals_of_documents(any_world: EngineWorld) -> None:
    world = any_world
    source, live = pair(world)
    world.block(live.name)
    with pytest.raises(Retryable):
        world.engine.copier.write(source, live, [Write(found=found("x"), over=None)])


def test_a_closed_index_is_refused(any_world: EngineWorld) -> None:
    world = any_world
    source, live = pair(world)
    world.close(live.name)
    for ask in (
        lambda: world.engine.copier.live(live, [found("x")]),
        lambda: world.engine.copier.page(live, 0, -1, 10),
        lambda: world.engine.copier.count(live.name),
        lambda: world.engine.copier.write(source, live, [Write(found=found("x"), over=None)]),
    ):
        with pytest.raises(Refused):
            ask()


def test_patterns_are_refused_and_nothing_is_asked_for_nothing(world: EngineWorld) -> None:
    source, live = pair(world)
    calls = world.engine.calls
    with pytest.raises(Refused):
        world.engine.copier.count("*")
    assert world.engine.copier.live(live, []) == ()
    assert world.engine.copier.write(source, live, []) == ()
    assert world.engine.calls == calls


def test_silence_is_retryable(world: EngineWorld) -> None:
    with pytest.raises(Retryable):
        world.silence().copier.count("x")
