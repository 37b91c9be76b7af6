"""Shards that no node takes: the deciders are asked at the right time, and what they say decides.

A shard that no node may take is given up by the server at once and for good, even where only somebody has switched
allocation off for a minute. One that waits (too many recoveries at once, say) is waited for, and why is in the row.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from chalicelib.core.model import Finding, Progress, Run, State
from chalicelib.core.prose import counted
from chalicelib.core.restores import FailedShard, Restored, Unallocated
from chalicelib.core.workflows.ends import finding

STILL = timedelta(seconds=60)
"""Without any movement for so long, and in two looks, it is worth a question why."""
SHOWN = 20
AGAIN = "where a node left or restarted, plan it again; otherwise restore from another backup"
MEND = "mend what it names, then make a new plan: the server does not try such a shard again"


def to_explain(run: Run, mine: Sequence[Restored], now: datetime) -> tuple[str, int] | None:
    """The index and shard about which the deciders are asked, if any: the first that no node may take; or, when nothing
    has moved for a while, the first that is on no node."""
    if run.state is not State.RESTORING or run.ending is not None:
        return None
    given_up = [(shard.index, shard.shard) for index in mine for shard in index.failed if shard.unallocated]
    if given_up:
        return given_up[0]
    if run.moved_at is None or now - run.moved_at < STILL or _of(mine) != _known(run.progress):
        return None
    return next(((index.name, shard) for index in mine for shard in index.waiting), None)


def moved_at(run: Run, progress: Progress, now: datetime) -> datetime:
    """When something moved last, as of this look."""
    return run.moved_at if run.moved_at and run.progress == progress else now


def waits(said: Unallocated | None) -> str | None:
    """What is waited for."""
    return f"shard {said.shard} of {said.index} is on no node yet: {said.why}" if said else None


def reason(failed: Sequence[FailedShard], said: Unallocated | None) -> str:
    first = failed[0]
    why = _why(first, said)
    return f"{counted(len(failed), 'shard')} could not be restored, the first of {first.index}: {why}"


def findings(failed: Sequence[FailedShard], said: Unallocated | None) -> Iterator[Finding]:
    for shard in failed[:SHOWN]:
        subject = f"{shard.index}[{shard.shard}]"
        message = f"shard {shard.shard} of {shard.index} could not be restored: {_why(shard, said)}"
        if shard.unallocated:
            yield finding("restore.not_allocated", subject, message, MEND)
        else:
            yield finding("restore.shard_failed", subject, message, AGAIN)


def given_up(said: Unallocated) -> FailedShard:
    """One that still stands in the server's list, and that no node will ever take."""
    return FailedShard(index=said.index, shard=said.shard, reason="no node may take it", unallocated=True)


def _why(shard: FailedShard, said: Unallocated | None) -> str:
    """In the deciders' words, which say more; they were asked about one shard only."""
    asked = said is not None and (said.index, said.shard) == (shard.index, shard.shard)
    return f"{shard.reason}: {said.why}" if said and asked and shard.unallocated else shard.reason


def _of(mine: Sequence[Restored]) -> tuple[int, int]:
    return sum(index.shards_done for index in mine), sum(index.bytes_done for index in mine)


def _known(progress: Progress | None) -> tuple[int, int | None] | None:
    return (progress.done, progress.bytes_done) if progress else None
