"""The state table of a salvage: documents are copied from a restored index into the live one.

    PLANNED --(claim, then a slice)--> RESTORING --(claim, then a slice)--> … --> SUCCEEDED

A slice is a few pages; what it brought is written down when it has returned. One whose answer is lost is done again
from its beginning: what it copied is there already, and the same. Nothing is ever taken back, so nothing is removed
when it ends otherwise: what was copied stays, and the reason says how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import pace, salvaging
from chalicelib.core.errors import Refused
from chalicelib.core.model import Finding, Progress, Run, Severity, State
from chalicelib.core.plans import Plan
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.workflows import Decision, cancel, restore_ends
from chalicelib.core.workflows.ends import finding

BYTES = 16 * 1024 * 1024
"""Of sources that a slice reads at most, and a page more."""
TIME = timedelta(seconds=10)
"""In which a slice begins with pages: the last one may take as long as its four requests may."""
SLOWEST = timedelta(minutes=5)
"""Between two slices that brought no answer."""
PASSING = frozenset({"salvage.live_blocked"})
"""Conflicts that forbid the start, and are waited for once it has begun: a full disk blocks writes, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Copy on from there. `run`: as it was before the claim. What it costs is counted when it has returned."""

    run: Run
    plan: Plan
    salvage: Salvage
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`found`: what is in the way now, and what is to be known."""

    plan: Plan
    found: tuple[Finding, ...] = ()


def decide(run: Run, seen: Seen, now: datetime, *, accepted: bool) -> Decision:
    salvage = _so_far(run, accepted=accepted)
    if run.attempts and run.cancel:
        return _end(run, salvage, State.CANCELLED, cancel.reason(run))
    if run.attempts and now >= run.deadline_at:
        return _timed_out(run, salvage, run.last_error)
    if not run.attempts and now >= run.start_by:
        return restore_ends.too_late(run)
    if run.refusals >= pace.MAX_REFUSALS:
        return _end(run, salvage, State.FAILED, str(run.last_error), _refused(run, run.last_error))
    if found := _conflicts(run, seen.found):
        return _end(run, salvage, State.FAILED, found[0].message, *found)
    if salvaging.at(seen.plan, salvage) is None:
        return _done(run, seen.plan, salvage)
    changes: dict[str, Any] = {
        "attempts": run.attempts or 1,
        "claimed_at": now,
        "started_at": run.started_at or now,
        "salvage": salvage,
    }
    if not run.attempts:
        changes["findings"] = (*run.findings, *seen.found)
    act = Slice(run=run, plan=seen.plan, salvage=salvage)
    return Decision(state=State.RESTORING, changes=changes, act=act, again=timedelta(0))


def brought(act: Slice, salvage: Salvage, error: Exception | None, now: datetime) -> Decision:
    """What follows a slice, which may have come some way before it met an error."""
    progress = Progress(done=salvage.seen, total=max(salvage.total, salvage.seen), unit="documents")
    changes: dict[str, Any] = {"salvage": salvage, "progress": progress, "last_error": None, "refusals": 0}
    if error is None:
        return Decision(state=State.RESTORING, changes=changes, again=timedelta(0))
    # A smaller page may be what the server can answer in time.
    salvage = replace(salvage, failures=salvage.failures + 1, page=max(1, salvage.page // 4), unsure=True)
    refused = isinstance(error, Refused)
    refusals = act.run.refusals + 1 if refused else 0
    changes |= {"salvage": salvage, "last_error": str(error), "refusals": refusals}
    again = min(pace.FIRST_LOOK * 2 ** min(salvage.failures, 10), SLOWEST)
    if refused:
        again = max(again, pace.after_refusal(act.run, refusals, now))
    return Decision(state=State.RESTORING, changes=changes, again=again)


def no_answer(run: Run, error: Exception, now: datetime, *, last: bool = False) -> Decision:
    """What follows when a look, or the connection for a slice, brought an error."""
    refused = isinstance(error, Refused)
    if not run.attempts:
        return restore_ends.not_begun(run, error, now, refused=refused)
    salvage = _so_far(run, accepted=False)
    if run.cancel:
        return _end(run, salvage, State.CANCELLED, cancel.reason(run))
    if last or now >= run.deadline_at:
        return _timed_out(run, salvage, str(error))
    refusals = run.refusals + 1 if refused else 0
    if refusals >= pace.MAX_REFUSALS:
        return _end(run, salvage, State.FAILED, str(error), _refused(run, error))
    again = pace.after_refusal(run, refusals, now) if refused else pace.next_look(run, now)
    return Decision(state=run.state, changes={"last_error": str(error), "refusals": refusals}, again=again)


def given_up(run: Run, decision: Decision) -> Decision:
    """Too many steps crashed: there is nothing to take back."""
    reason = f"{decision.changes['reason']}; {salvaging.told(_so_far(run, accepted=False))}"
    return replace(decision, changes={**decision.changes, "reason": reason})


def _so_far(run: Run, *, accepted: bool) -> Salvage:
    """With a claim whose act has not proved that it returned, a slice may be lost."""
    if run.salvage is None:
        raise ValueError(f"{run.run_id} copies nothing")
    lost = run.claim is not None and not accepted
    return replace(run.salvage, unsure=True) if lost else run.salvage


def _conflicts(run: Run, found: Sequence[Finding]) -> list[Finding]:
    errors = [each for each in found if each.severity is Severity.ERROR]
    return [each for each in errors if not run.attempts or each.code not in PASSING]


def _done(run: Run, plan: Plan, salvage: Salvage) -> Decision:
    if salvage.refused:
        message = f"{salvage.refused:,} of the documents are refused by the live index, for example: {salvage.why}"
        fix = f"correct the mapping, or copy them by hand; snapwarden salvage {salvage.of_run} --dry-run counts them"
        found = finding("salvage.documents_refused", plan.plan_id, message, fix)
        return _end(run, salvage, State.FAILED, message, found)
    decision = _end(run, salvage, State.SUCCEEDED, "")
    changes = {"good": True, "indices": len(plan.moves), "progress": None}
    return replace(decision, changes={**decision.changes, **changes})


def _timed_out(run: Run, salvage: Salvage, last: str | None) -> Decision:
    return _end(run, salvage, State.TIMED_OUT, f"not done by its deadline{f'; last seen: {last}' if last else ''}")


def _end(run: Run, salvage: Salvage, state: State, why: str, *found: Finding) -> Decision:
    """A run that copied nothing yet says nothing of it."""
    parts = [why] if why else []
    if run.attempts:
        parts.append(salvaging.told(salvage))
    changes: dict[str, Any] = {
        "reason": "; ".join(parts),
        "salvage": salvage,
        "docs": salvage.created + salvage.replaced,
        "bytes": salvage.bytes,
        "findings": (*run.findings, *found),
    }
    if run.refusals:
        changes["refusals"] = 0
    return Decision(state=state, changes=changes)


def _refused(run: Run, error: Exception | str | None) -> Finding:
    return finding("restore.refused", run.target, str(error), "mend what the message names, and dry run again")
