"""How a restore ends otherwise than well: first what it made is removed, by exact name and uuid, then the run ends."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import pace
from chalicelib.core.model import Finding, IndexRef, Run, Severity, State
from chalicelib.core.restores import Restored
from chalicelib.core.streams import groups
from chalicelib.core.workflows import Decision, ends
from chalicelib.core.workflows.ends import LATE_START, finding
from chalicelib.core.workflows.restore_seen import (
    Register,
    Release,
    Remove,
    Restore,
    Seen,
    own,
    progress,
    removal,
    written_down,
)
from chalicelib.core.workflows.swap_seen import Repointing

CLEANING = timedelta(minutes=8)
"""Past the deadline a run that is cleaning up may go on so long: its lease lasts a little longer."""
TRIES, SLOWEST = 20, timedelta(minutes=5)
"""Removals in vain, each later than the one before, until what is left is told."""
SHOWN = 20
BLOCKED = "restore.still_blocked"
LET_IN = 'PUT /INDEX/_settings {"index.blocks.write": null, "index.number_of_replicas": 1}'


def give_up(run: Run, seen: Seen, now: datetime, ending: State, reason: str, *found: Finding) -> Decision:
    """From now on the run only cleans up; written before the first removal, so that a crash doesn't forget it."""
    changes: dict[str, Any] = {"ending": ending, "reason": reason, "findings": (*run.findings, *found), "aborts": 0}
    mine = own(seen)
    if not mine and not may_come(run, now):
        return Decision(state=ending, changes={**changes, "ending": None})
    if mine:
        changes["progress"] = progress(seen)  # the request came through, whole as servers take it: no more may come
    made = () if seen.made or not mine else (written_down(run, mine),)
    return Decision(state=run.state, changes=changes, evidence=made, again=timedelta(0))


def clean(run: Run, seen: Seen, now: datetime) -> Decision:
    ending = run.ending or State.FAILED
    mine = own(seen)
    if not mine and not may_come(run, now):
        return Decision(state=ending)
    if now >= run.deadline_at + CLEANING or run.aborts >= TRIES:
        found = (*run.findings, *left_over(run, mine))
        return Decision(state=ending, changes={"findings": found, "leftover": bool(mine) or run.leftover})
    if not mine:
        return Decision(state=run.state, again=pace.next_look(run, now))
    refs = [IndexRef(name=index.name, uuid=index.uuid) for index in mine]
    act = removal(groups(refs, seen.plan.streams, seen.plan.names), run.aborts)
    changes = {"progress": run.progress or progress(seen)}
    return Decision(state=run.state, changes=changes, act=act, again=pace.once_answered(run))


def not_accepted(
    run: Run, act: Restore | Remove | Release | Repointing, error: Exception, now: datetime, *, refused: bool
) -> Decision:
    """What follows when an act brought an error. A first restore that was refused has made nothing (a later one perhaps
    because of what an earlier one made after all); after anything else the next look tells."""
    changes: dict[str, Any] = {"last_error": str(error)}
    match act:
        case Restore() if refused and run.attempts == 1:
            return ends.fail(_refused(run, error))
        case Restore() if not refused:
            changes["claimed_at"] = now  # it may be under way from now on, and not since it was decided
        case Remove():
            again = min(pace.FIRST_LOOK * 2**run.aborts, SLOWEST)
            return Decision(state=run.state, changes={**changes, "aborts": run.aborts + 1}, again=again)
        case Release() | Repointing() if refused:
            found = (*run.findings, _refused(run, error))
            changes |= {"ending": State.FAILED, "reason": str(error), "findings": found, "aborts": 0}
            return Decision(state=run.state, changes=changes, again=pace.FIRST_LOOK)
        case Release():
            return Decision(state=run.state, changes=changes, again=after_release(run))
    return Decision(state=run.state, changes=changes, again=pace.next_look(run, now))


def after_release(run: Run) -> timedelta:
    """Until the next request to let go, after some in vain; the last one is counted already."""
    waits: timedelta = pace.FIRST_LOOK * 2 ** max(run.aborts - 1, 0)
    return min(waits, SLOWEST)


def not_begun(run: Run, error: Exception, now: datetime, *, refused: bool) -> Decision:
    """What follows when a look before the first claim brought an error: nothing was touched."""
    if now >= run.start_by:
        return too_late(run, f": {error}")
    if refused:
        return ends.fail(_refused(run, error))
    return Decision(state=run.state, changes={"last_error": str(error)}, again=pace.next_look(run, now))


def registering(run: Run, act: Register, now: datetime) -> Decision:
    """Before anything can be read, the repository must be registered where the run restores to."""
    if now >= run.start_by:
        return too_late(run)
    return Decision(state=run.state, act=act, again=timedelta(0))


def too_late(run: Run, why: str = "") -> Decision:
    reason = f"could not begin before its time to start ended at {ends.too_late(run)}{why}"
    return Decision(state=State.MISSED, changes={"reason": reason})


def no_answer(run: Run, error: Exception, now: datetime, *, refused: bool, last: bool) -> Decision:
    """What follows when the look after a claim brought an error. The run ends only when nothing can be done any more:
    what it made may be there still, and then people must know."""
    refusals = run.refusals + 1 if refused else 0
    changes: dict[str, Any] = {"last_error": str(error), "refusals": refusals}
    if run.ending is None and now >= run.deadline_at:
        changes |= {"ending": State.TIMED_OUT, "reason": f"not done by its deadline; last seen: {error}"}
    ending = changes.get("ending") or run.ending or State.FAILED
    if last or now >= run.deadline_at + CLEANING or refusals >= pace.MAX_REFUSALS:
        changes |= {
            **_unseen(run, run.findings, error),
            "reason": changes.get("reason") or run.reason or str(error),
        }
        return Decision(state=ending, changes=changes)
    again = pace.after_refusal(run, refusals, now) if refused else pace.next_look(run, now)
    return Decision(state=run.state, changes=changes, again=again)


def given_up(run: Run, decision: Decision) -> Decision:
    """Too many steps crashed: the run cleans up; when those crash too, it ends, and says what that may mean."""
    if run.ending is None:
        changes = {**decision.changes, "ending": decision.state, "crashes": 0}
        return Decision(state=run.state, changes=changes, again=timedelta(0))
    unseen = _unseen(run, decision.changes["findings"], decision.changes["last_error"])
    changes = {**decision.changes, "reason": run.reason, **unseen}
    return Decision(state=run.ending, changes=changes)


def _refused(run: Run, error: Exception) -> Finding:
    return finding("restore.refused", run.target, str(error), "mend what the message names, and plan again")


def _unseen(run: Run, findings: Sequence[Finding], why: Exception | str) -> dict[str, Any]:
    """The end of a run of which nobody could look at what it made. What was let go may be in use by now."""
    if not run.released:
        return {"findings": (*findings, _may_be_there(run, why)), "leftover": True}
    message = f"what {run.run_id} made is checked and stays, and nobody could look whether it takes writes: {why}"
    next_step = f"GET /_cat/indices, and for those that refuse writes: {LET_IN}; or delete them"
    return {"findings": (*findings, finding(BLOCKED, run.run_id, message, next_step))}


def by_name(run: Run, decision: Decision, made: Sequence[IndexRef]) -> Decision:
    """The same end, with what was written down as made in place of the finding that only says that there may be
    something."""
    *known, vague = decision.changes["findings"]
    told = tuple(_named(run, vague, index) for index in made)
    if more := told[SHOWN:]:
        message = f"{len(more)} more, from {more[0].subject} to {more[-1].subject}: {vague.message}"
        told = (*told[:SHOWN], replace(vague, message=message))
    return replace(decision, changes={**decision.changes, "findings": (*known, *told)})


def _named(run: Run, vague: Finding, index: IndexRef) -> Finding:
    message = f"{index.name} (uuid {index.uuid}) was made by {run.run_id}; {vague.message}"
    same = f"GET /{index.name}/_settings/index.uuid says whether it is the same still"
    return replace(vague, subject=index.name, message=message, next_step=f"{same}; {vague.next_step}")


def _may_be_there(run: Run, why: Exception | str) -> Finding:
    message = f"what {run.run_id} made may still be there: {why}"
    return finding("restore.leftover", run.run_id, message, "look for its indices, and delete them yourself")


def left_over(run: Run, mine: Sequence[Restored]) -> Iterator[Finding]:
    """What nobody will remove any more."""
    for index in mine[:SHOWN]:
        message = (
            f"{index.name} (uuid {index.uuid}) was made by {run.run_id} and could not be removed: {run.last_error}"
        )
        yield finding("restore.leftover", index.name, message, f"delete {index.name} yourself")
    if more := mine[SHOWN:]:
        message = f"{len(more)} more are left, from {more[0].name} to {more[-1].name}: those of plan {run.plan}"
        yield finding("restore.leftover", run.run_id, message, "delete those that are of no use to you")


def few(findings: Sequence[Finding], most: int = SHOWN) -> tuple[Finding, ...]:
    """Errors first, and of each code no more than a row and its reader can take; the last says how many there are."""
    codes = Counter(each.code for each in findings)
    shown: Counter[str] = Counter()
    kept = []
    for each in sorted(findings, key=lambda each: each.severity is not Severity.ERROR):
        shown[each.code] += 1
        if shown[each.code] < most or codes[each.code] == most:
            kept.append(each)
        elif shown[each.code] == most:
            more = codes[each.code] - most
            kept.append(replace(each, message=f"{each.message} (and so for {more} more, which are not listed)"))
    return tuple(kept)


def may_come(run: Run, now: datetime) -> bool:
    return run.state is State.RESTORING and run.progress is None and now < (run.claimed_at or now) + LATE_START


def far(run: Run) -> str:
    if run.last_error:
        return run.last_error
    return f"{run.progress.done} of {run.progress.total} shards" if run.progress else "nothing"
