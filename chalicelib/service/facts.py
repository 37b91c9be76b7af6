"""What proves a restore later, read with each backup whose policy drills: mappings and documents. It must not cost the
backup: refused, or without an answer for a while, it is written down as not read, and why.

One invocation reads it all, so it is bounded: by time, by bytes, by requests; and indices come in an order that each
run draws anew, so that those that are not reached today are reached another day.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from chalicelib.core import drawing, mappings, recording, samples
from chalicelib.core.model import IndexCount, IndexRef, Run
from chalicelib.core.ports import Engine
from chalicelib.core.proving import Facts, IndexFacts, Read
from chalicelib.core.rows import Spec
from chalicelib.service.world import World

T = TypeVar("T")
TIME = timedelta(seconds=20)
KEPT = timedelta(seconds=35)
"""Of the invocation: for the act, and for one request that takes as long as any may."""
SOURCES = 64_000_000
MAPPINGS = 16_000_000
ANSWER = 8_000_000
"""Bytes of sources in one answer: what it becomes in memory is several times as much."""
TOGETHER = 20
NAMES = 50
FIRST = 3
"""Documents of an index from which the size of the others is told."""
IN_ONE_GET = 5_000


class Ask(Protocol):
    """`patiently` of one run."""

    def __call__(self, question: Callable[[], T], /) -> tuple[T | None, str | None]: ...


def wanted(spec: Spec) -> bool:
    return mappings.wanted(spec.policy) or samples.wanted(spec.policy) > 0


def before(
    run: Run,
    spec: Spec,
    engine: Engine,
    world: World,
    indices: Sequence[IndexRef],
    counts: Sequence[IndexCount],
    ask: Ask,
) -> Facts:
    """`counts`: what was counted for the backup itself; none where nobody asked for it. `ask`: or why not."""
    many, key, order = samples.wanted(spec.policy), world.token(), _shuffled(run, indices)
    reading = _Reading(world, engine, ask, calls=6 + 2 * len(order))
    texts, unmapped = reading.mappings(spec, order)
    if many and not counts:
        found, why = ask(lambda: engine.counts(order, refresh=False))
        counts = found or ()
    else:
        why = None
    sampled = reading.samples(order, {count.name: count for count in counts}, many, key, why) if many else {}
    return recording.gathered(order, sampled, texts, unmapped, key=key, wanted=many)


def afterwards(spec: Spec, engine: Engine, world: World, then: Facts, ask: Ask) -> Facts:
    order = [IndexRef(name=index.name, uuid=index.uuid) for index in then.indices]
    reading = _Reading(world, engine, ask, calls=4 + len(order))
    texts, unmapped = reading.mappings(spec, order)
    sampled = reading.stable(then) if then.wanted else {}
    return recording.gathered(order, sampled, texts, unmapped, key="", wanted=then.wanted)


def _shuffled(run: Run, indices: Sequence[IndexRef]) -> list[IndexRef]:
    return drawing.chosen(run.run_id.encode(), indices, len(indices))


@dataclass
class _Reading:
    """What is left of what one reading may cost."""

    world: World
    engine: Engine
    ask: Ask
    calls: int

    def __post_init__(self) -> None:
        self._ends = self.world.clock.now() + min(TIME, self.world.remaining() - KEPT)
        self._calls = self.engine.calls + self.calls
        self._sources = SOURCES

    def mappings(self, spec: Spec, order: Sequence[IndexRef]) -> tuple[Mapping[str, str], str | None]:
        """Those that were read, and why the others were not."""
        if not mappings.wanted(spec.policy):
            return {}, "no drill compares it"
        found: dict[str, str] = {}
        size = 0
        for at in range(0, len(order), NAMES):
            names = [index.name for index in order[at : at + NAMES]]
            why = self._over() or (f"{MAPPINGS // 10**6} MB of mappings were read" if size > MAPPINGS else None)
            if why:
                return found, why
            texts, why = self.ask(partial(self.engine.prover.mappings, names))
            if why:
                return found, why
            found.update(texts or {})
            size += sum(map(len, (texts or {}).values()))
        return found, None

    def samples(
        self, order: Sequence[IndexRef], counts: Mapping[str, IndexCount], many: int, key: str, why: str | None
    ) -> dict[str, IndexFacts]:
        found = {
            index.name: _unread(index, "it is closed" if index.closed else why or "it could not be counted")
            for index in order
        }
        counted = [(index, counts[index.name]) for index in order if index.name in counts]
        for at in range(0, len(counted), TOGETHER):
            group = dict(counted[at : at + TOGETHER])
            read = self._sampled(list(group.values()), samples.candidates(many), key.encode())
            for index in group:
                found[index.name] = _candidates(index, read[index.name])
        return found

    def stable(self, then: Facts) -> dict[str, IndexFacts]:
        found = {}
        for group in _by_documents(then.indices):
            asked = {IndexRef(name=index.name, uuid=index.uuid): index.documents for index in group}
            live = self._asked(group, partial(self.engine.prover.documents, asked, None))
            for index in group:
                seen = live[index.name]
                found[index.name] = IndexFacts(
                    name=index.name,
                    uuid=index.uuid,
                    stable=() if seen.why else samples.stable(index, seen.documents),
                    unread=index.unread or seen.why,
                )
        return found

    def _sampled(self, counts: list[IndexCount], many: int, key: bytes) -> dict[str, Read]:
        """A few documents of each index first: they tell how many may be read at once."""
        found = self._asked(counts, lambda: self.engine.prover.sample(counts, min(FIRST, many), key))
        rest = [count for count in counts if not (found[count.name].why or found[count.name].complete)]
        for part, each in _by_bytes(rest, found, many):
            if sum(_expected(count, found, each) for count in part) > self._sources:
                found |= {count.name: Read(why=f"{SOURCES // 10**6} MB of documents were read") for count in part}
                continue
            found |= self._asked(part, partial(self.engine.prover.sample, part, each, key))
            self._sources -= sum(found[count.name].bytes for count in part)
        return found

    def _asked(
        self, wanted: Sequence[IndexCount | IndexFacts], question: Callable[[], Mapping[str, Read]]
    ) -> dict[str, Read]:
        """Of each of them, if only why not."""
        why = self._over()
        answer: Mapping[str, Read] | None = None
        if why is None:
            answer, why = self.ask(question)
        return {each.name: (answer or {}).get(each.name) or Read(why=why or "no answer") for each in wanted}

    def _over(self) -> str | None:
        """A question may take two requests."""
        if self.world.clock.now() >= self._ends:
            return f"it took longer than {TIME.seconds} s to read the others"
        return "reading the others took all requests that it may" if self.engine.calls + 2 > self._calls else None


def _unread(index: IndexRef, why: str) -> IndexFacts:
    return IndexFacts(name=index.name, uuid=index.uuid, unread=why)


def _candidates(index: IndexRef, read: Read) -> IndexFacts:
    if read.why:
        return _unread(index, read.why)
    held = len(read.documents) if read.complete else None
    return IndexFacts(name=index.name, uuid=index.uuid, documents=read.documents, bytes=read.bytes, held=held)


def _expected(count: IndexCount, first: Mapping[str, Read], many: int) -> int:
    seen = first[count.name]
    return min(many, count.docs) * (seen.bytes // max(len(seen.documents), 1) + 1)


def _by_bytes(
    counts: Sequence[IndexCount], first: Mapping[str, Read], many: int
) -> Iterator[tuple[list[IndexCount], int]]:
    """What fits into one answer, with how many documents of each. Of one that alone does not, fewer."""
    part: list[IndexCount] = []
    for count in counts:
        size = _expected(count, first, many)
        if size > ANSWER:
            yield [count], max(1, many * ANSWER // size)
            continue
        if part and sum(_expected(each, first, many) for each in part) + size > ANSWER:
            yield part, many
            part = []
        part.append(count)
    if part:
        yield part, many


def _by_documents(indices: Sequence[IndexFacts]) -> Iterator[list[IndexFacts]]:
    """Those that have any."""
    part: list[IndexFacts] = []
    for index in indices:
        if part and sum(len(each.documents) for each in part) + len(index.documents) > IN_ONE_GET:
            yield part
            part = []
        if index.documents:
            part.append(index)
    if part:
        yield part
