"""Which documents a restored index has that the live one lacks or has otherwise, and what is in the way of copying
them. Pure.

Nothing is ever deleted, and nobody's write is lost: what live lacks is created, never overwritten; what is different
is replaced only in the version that was just read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.copying import Barred, Found, Live, Side, Write, Written, same
from chalicelib.core.model import Finding, IndexRef, Severity
from chalicelib.core.permissions import permitted
from chalicelib.core.plan_words import conflict
from chalicelib.core.plans import Difference, Move, Plan, Wish, named
from chalicelib.core.prose import counted
from chalicelib.core.rows import Spec
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.wire import dump

PAGE_BYTES, FIRST_PAGE, MOST = 4 * 1024 * 1024, 100, 1000
"""Of a page: its sources; its documents, at first and at most."""
REINDEX = "a _reindex with op_type create from the restored stream into the live one"
INSTEAD = "--indices with those that `restore.allow` allows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A restored index, as the restore wrote it down, and the name of the live one. `difference`: None until counted,
    and where something is in the way."""

    restored: IndexRef
    live: str
    difference: Difference | None = None
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """One page, each document in one place."""

    missing: tuple[Write, ...]
    different: tuple[Write, ...]
    same: int
    barred: tuple[Barred, ...]


def sort_out(page: Sequence[Found], live: Sequence[Live]) -> Sorted:
    missing, different, equal, barred = [], [], 0, []
    for found, held in zip(page, live, strict=True):
        if held is None:
            missing.append(Write(found=found, over=None))
        elif isinstance(held, Barred):
            barred.append(held)
        elif same(found.source, held.source):
            equal += 1
        else:
            different.append(Write(found=found, over=held))
    return Sorted(missing=tuple(missing), different=tuple(different), same=equal, barred=tuple(barred))


def page_size(documents: int, size: int) -> int:
    """Of the next page, when this one had so many bytes in so many documents."""
    return MOST if not size else max(1, min(MOST, PAGE_BYTES * documents // size))


def page_bytes(page: Sequence[Found]) -> int:
    return sum(len(found.source) for found in page)


def counts(so_far: Difference, found: Sorted) -> Difference:
    """What can't be taken by the live index is missing there."""
    return replace(
        so_far,
        missing=so_far.missing + len(found.missing) + len(found.barred),
        different=so_far.different + len(found.different),
        same=so_far.same + found.same,
    )


def plan(old: Plan, wish: Wish, spec: Spec, pairs: Sequence[Pair], found: Sequence[Finding], now: datetime) -> Plan:
    """`old`: what the restore carried out; `found`: what is in the way."""
    moves = tuple(
        Move(
            source=pair.restored.name,
            name=pair.live,
            shards=pair.restored.shards,
            bytes=pair.bytes,
            difference=pair.difference,
        )
        for pair in pairs
    )
    beyond, permission = permitted(spec.target.restore, [move.name for move in moves], instead=INSTEAD)
    made = replace(
        old,
        plan_id="",
        made_at=now,
        wish=wish,
        spec_gen=spec.gen,
        moves=moves,
        findings=(*found, *permission),
        approval=beyond,
        spare=None,
        calls=(),
    )
    return named(made, dump(made))


def left_out(old: Plan) -> Iterator[Finding]:
    """Servers take documents for a data stream by its own name only, so its indices are copied into nothing."""
    for stream in dict.fromkeys(old.streams.values()):
        message = f"{stream} is a data stream, from which nothing is copied"
        yield Finding(
            code="salvage.data_stream", severity=Severity.WARNING, subject=stream, message=message, next_step=REINDEX
        )


def in_the_way(pairs: Sequence[Pair], restored: Sequence[Side], live: Sequence[Side]) -> tuple[Finding, ...]:
    """Conflicts first looked for, and looked for again before anything is written. Sides in the order of the pairs."""
    return tuple(
        finding
        for pair, source, target in zip(pairs, restored, live, strict=True)
        for finding in (*_restored(pair, source), *_live(pair, target))
    )


def _restored(pair: Pair, side: Side) -> Iterator[Finding]:
    name = pair.restored.name
    if side.uuid != pair.restored.uuid:
        gone = "gone" if side.uuid is None else "another one now, made anew"
        yield conflict("salvage.restored_gone", name, f"{name} is {gone}", "restore once more, then salvage from that")
    elif side.closed:
        yield conflict("salvage.restored_closed", name, f"{name} is closed", f"POST {name}/_open")
    elif not side.whole:
        yield _no_source(name)


def _live(pair: Pair, side: Side) -> Iterator[Finding]:
    name = pair.live
    if side.behind:
        message = f"{name} is an alias now, of {', '.join(side.behind[:3])}"
        fix = "copy by hand (POST _reindex) to the one that is to have them, or put the restored index behind it"
        yield conflict("salvage.live_is_alias", name, message, fix)
    elif side.uuid is None:
        fix = f"put {pair.restored.name} in its place (POST _aliases), and salvage the others with --indices"
        yield conflict("salvage.live_gone", name, f"there is no index {name} any more", fix)
    elif pair.difference and side.uuid != pair.difference.live_uuid:
        yield conflict("salvage.live_changed", name, f"{name} was made anew since the dry run", "dry run again")
    elif side.closed:
        yield conflict("salvage.live_closed", name, f"{name} is closed", f"POST {name}/_open")
    elif side.blocked:
        fix = f"PUT {name}/_settings: take index.blocks off"
        yield conflict("salvage.live_blocked", name, f"{name} refuses writes (index.blocks)", fix)
    elif not side.whole:
        yield _no_source(name)
    if side.pipeline:
        message = f"{name} has the final pipeline {side.pipeline}, which changes what is copied"
        note = conflict("salvage.final_pipeline", name, message, "see that it does no harm a second time")
        yield replace(note, severity=Severity.WARNING)


def _no_source(name: str) -> Finding:
    message = f"{name} does not keep documents as they were written (`_source` is off, or cut)"
    return conflict("salvage.no_source", name, message, "there is nothing to copy: restore or swap the whole index")


def begun(plan: Plan) -> Salvage:
    """Of a plan without conflicts: every move was compared."""
    total = sum(move.difference.total for move in plan.moves if move.difference)
    return Salvage(of_run=plan.wish.of_run or "", total=total)


def at(plan: Plan, salvage: Salvage) -> tuple[IndexRef, IndexRef] | None:
    """The restored and the live index that are to be looked at now; None: all were."""
    if salvage.move >= len(plan.moves):
        return None
    move = plan.moves[salvage.move]
    of = move.difference
    if of is None:
        raise ValueError(f"{plan.plan_id}: {move.name} was never compared")
    return IndexRef(name=move.source, uuid=of.uuid, shards=of.shards), IndexRef(name=move.name, uuid=of.live_uuid)


def wanted(found: Sorted, *, missing_only: bool) -> tuple[Write, ...]:
    return found.missing if missing_only else (*found.missing, *found.different)


def gone_on(salvage: Salvage, plan: Plan, page: Sequence[Found], found: Sorted, done: Sequence[Written]) -> Salvage:
    """After one page. `done`: what became of those that were wanted, in their order. A page that is not full is the
    last one of its primary."""
    writes = wanted(found, missing_only=plan.wish.missing_only)
    pairs = list(zip(writes, done, strict=True))
    whys = [written.why for written in done if written.why] + [barred.why for barred in found.barred]
    counted_on = replace(
        salvage,
        created=salvage.created + sum(written.done and write.over is None for write, written in pairs),
        replaced=salvage.replaced + sum(written.done and write.over is not None for write, written in pairs),
        same=salvage.same + found.same,
        skipped=salvage.skipped + (len(found.different) if plan.wish.missing_only else 0),
        left=salvage.left + sum(not written.done and written.why is None for written in done),
        refused=salvage.refused + len(whys),
        why=salvage.why or (whys[0] if whys else None),
        bytes=salvage.bytes + sum(len(write.found.source) for write, written in pairs if written.done),
        failures=0,
    )
    if len(page) >= salvage.page:
        return replace(counted_on, after=page[-1].seq_no, page=page_size(len(page), page_bytes(page)))
    shards = plan.moves[salvage.move].shards
    last = salvage.shard + 1 >= shards
    return replace(counted_on, after=-1, move=salvage.move + last, shard=0 if last else salvage.shard + 1)


def told(salvage: Salvage) -> str:
    """What was done so far, in one line."""
    least = "at least " if salvage.unsure else ""
    copied = counted(salvage.created + salvage.replaced, "document")
    were = "was" if salvage.created == 1 else "were"
    parts = [f"{salvage.created:,} {were} missing", f"{salvage.replaced:,} different"]
    rest = ((salvage.same, "the same"), (salvage.skipped, "different and left"), (salvage.left, "written meanwhile"))
    others = [f"{number:,} {what}" for number, what in (*rest, (salvage.refused, "refused")) if number]
    return f"{least}{copied} copied ({', '.join(parts)})" + (f"; of the others {', '.join(others)}" if others else "")
