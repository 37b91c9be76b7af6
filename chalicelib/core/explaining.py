"""Why a run ended as it did, whether that happened before, and what mended it then. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core import drilling, results
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.prose import counted, instant, size, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An earlier `run` that ended for the same cause, and the first good one after it, `fixed_by`."""

    run: Run
    fixed_by: Run | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`cause` is one line. `row`: how many in a row ended for it, up to and including this one. `before`: the last
    similar one, if possible of an earlier time, so that something mended it. `since`: the first good run after this
    one; `good_before`: the last good one before it. `next_step` is None when there is nothing to do."""

    run: Run
    cause: str
    code: str | None
    row: int
    before: Episode | None
    since: Run | None
    good_before: Run | None
    next_step: str | None


def explain(run: Run, others: Sequence[Run], now: datetime) -> Explanation:
    """`others`: runs of its policy, newest first."""
    failed = run.settled and not run.good
    undrilled = drilling.undrilled(run.findings)
    earlier = [other for other in others if other.created_at < run.created_at and other.settled]
    finding = results.worst(run) if failed else None
    return Explanation(
        run=run,
        cause=_cause(run, now) + (f"; {drilling.never(undrilled)}" if undrilled else ""),
        code=finding.code if finding else None,
        row=_row(run, earlier) if failed else 0,
        before=_before(run, earlier) if failed else None,
        since=_first_good(others, run) if failed else None,
        good_before=next((other for other in earlier if other.good), None),
        next_step=finding.next_step if finding else _next_step(run) or _of_undrilled(run),
    )


def waits_for_people(run: Run) -> bool:
    """It has swapped, and done what it can until somebody decides: perhaps for a day."""
    return run.state is State.SWAPPED and run.ending is None and run.finish is None and run.rollback is None


def differed(failed: Run, good: Run, keys: Sequence[str], *, by_hand: bool) -> Iterator[str]:
    """What was another thing when it went well, in words. `keys` of the file that changed between the two. `by_hand`:
    somebody is known to have done something beside."""
    if failed.spec_gen != good.spec_gen:
        changed = ", ".join(keys) or "nothing of this policy"
        yield f"the file was applied anew (generation {failed.spec_gen} to {good.spec_gen}: {changed})"
    if failed.attempts and good.attempts != failed.attempts:
        yield f"it was asked for {counted(good.attempts, 'time')} instead of {failed.attempts}"
    for noun, was, became in (("indices", failed.indices, good.indices), ("documents", failed.docs, good.docs)):
        if was is not None and became is not None and was != became:
            yield f"{became:,} {noun} instead of {was:,}"
    another = failed.kind is Kind.RESTORE and failed.snapshot != good.snapshot  # each backup has its own
    if another:
        yield f"it was restored from {good.snapshot} instead of {failed.snapshot}"
    if failed.spec_gen == good.spec_gen and not by_hand and not another:
        yield "the file was the same: it was mended on the server, or passed by itself"


def _cause(run: Run, now: datetime) -> str:
    if not run.settled:
        return _open(run, now)
    finding = results.worst(run)
    if run.good and run.salvage is not None:
        return f"it is good: {run.reason}"
    if run.state is State.SUCCEEDED and run.good and run.kind is Kind.RESTORE and run.reason:
        return f"it is good: what could be restored came back from {run.snapshot}; {run.reason}"
    if run.good and run.kind is Kind.RESTORE:
        return f"it is good: all of it came back from {run.snapshot}"
    if run.good:
        what = f"{run.reason}, which the contract allows" if run.state is State.PARTIAL else "complete"
        return f"it is good: {what}" + (f", proved to {run.level}" if run.level else "")
    if run.state is State.SUCCEEDED:
        return finding.message if finding else f"complete, but proved no further than {run.level}"
    return run.reason or (finding.message if finding else f"it ended as {run.state}")


def _open(run: Run, now: datetime) -> str:
    if run.cancel:
        return f"{run.cancel.by} cancelled it {span(now - run.cancel.at)} ago; it is being removed from the server"
    if waits_for_people(run):
        until = f", at {instant(run.kept_until)} at the latest" if run.kept_until else ""
        return f"it has swapped, and waits: what was live before is kept until `finish` or `rollback`{until}"
    if run.state is State.SWAPPED and not run.last_error:
        return _leaving(run)
    if run.last_error:
        return run.last_error if run.state is State.QUEUED else f"no end is known yet; the last error: {run.last_error}"
    if run.state is State.QUEUED:
        whom = "the open run of its policy" if run.kind is Kind.BACKUP else "its repository"
        whom = "another salvage on the cluster" if run.salvage is not None else whom
        return f"it waits for {whom}, until {instant(run.start_by)} at the latest"
    if run.state is State.PLANNED:
        return "it is about to look whether the world is still as it was planned"
    if run.state is State.STARTING:
        return "it is about to start" if not run.attempts else "the server was asked for it and has not begun yet"
    seen = run.progress
    moved = f": {seen.done:,} of {seen.total:,} {seen.unit}" if seen else ""
    if seen and seen.bytes_total:
        moved += f", {size(seen.bytes_done or 0)} of {size(seen.bytes_total)}"
    if run.ending:
        follows = "is checked and stays" if run.released else "is being removed"
        return f"{run.reason or 'it failed'}; what it made {follows}"
    checked = run.state in (State.VERIFYING, State.CHECKING)
    return f"it is being checked{moved}" if checked else f"it is in progress{moved}"


def _leaving(run: Run) -> str:
    """Of one that has swapped and is on its way to its end."""
    for word, asked in (("finish", run.finish), ("rollback", run.rollback)):
        if asked:
            return f"{asked.by} asked for its {word}, which is under way"
    return "its time is over: what was live before is being deleted"


def _next_step(run: Run) -> str | None:
    if waits_for_people(run):
        of = f"{run.run_id} --wait"
        return f"it is good: snapwarden restore finish {of}; it is not: snapwarden restore rollback {of}"
    if not run.settled:
        watch = f"snapwarden show {run.run_id} --follow"
        return f"snapwarden doctor {run.target}; {watch}" if run.last_error and run.state is not State.QUEUED else watch
    if run.good or run.state is State.SKIPPED:
        return None
    if run.salvage is not None:
        return f"snapwarden salvage {run.salvage.of_run} --dry-run"
    return f"snapwarden restore plan --policy {run.policy}" if run.plan else f"snapwarden backup {run.policy} --wait"


def _of_undrilled(run: Run) -> str | None:
    return next((found.next_step for found in run.findings if found.code in drilling.UNDRILLED), None)


def _row(run: Run, earlier: Sequence[Run]) -> int:
    """What says nothing about the data (SKIPPED, CANCELLED) is passed over."""
    count = 1
    for other in earlier:
        if other.good or (_telling(other) and _why(other) != _why(run)):
            break
        count += _why(other) == _why(run)
    return count


def _telling(run: Run) -> bool:
    return run.state not in (State.SKIPPED, State.CANCELLED)


def _before(run: Run, earlier: Sequence[Run]) -> Episode | None:
    similar = [other for other in earlier if not other.good and _why(other) == _why(run)]
    episodes = [Episode(run=other, fixed_by=_first_good(earlier, other)) for other in similar]
    mended = (episode for episode in episodes if episode.fixed_by)
    return next(mended, episodes[0] if episodes else None)


def _first_good(runs: Sequence[Run], after: Run) -> Run | None:
    later = (run for run in reversed(runs) if run.created_at > after.created_at)
    return next((run for run in later if run.good), None)


def _why(run: Run) -> tuple[str, str]:
    """What two runs have in common that ended for one cause. What a restore's is about is each time another: the new
    names, the plan."""
    code, subject = results.why(run)
    return (code, "") if run.kind is Kind.RESTORE else (code, subject)
