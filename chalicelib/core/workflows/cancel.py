"""A run that somebody wants to end: what is at work on the engine is removed first, and the end is only called so when
the engine says that it is gone.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core import pace
from chalicelib.core.model import Run, Severity, State
from chalicelib.core.observations import Absent, Broken, Complete, Observation
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows.ends import finding, may_come, timed_out, wait_for_start


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Have the engine remove the backup, which is ours and was in progress a moment ago."""

    repository: str
    snapshot: str
    calls: int = 1


def decide(run: Run, seen: Observation, now: datetime, *, accepted: bool) -> Decision | None:
    """For an open run with `cancel`, whose snapshot is known to be ours. None: cancelling changes nothing (any more),
    the run goes on and is judged. A snapshot that was complete before we asked for its removal is a backup; one that
    we asked to remove never becomes one."""
    match seen:
        case Absent() if run.state is State.STARTING and run.last_error and not accepted and may_come(run, now):
            return wait_for_start(run, now)
        case Absent():
            return cancelled(run)
        case Complete() | Broken() if not run.aborts:
            return None
        case _ if now >= run.deadline_at:
            return timed_out(run, "the snapshot was still there after it was to be removed")
        case _ if run.aborts and run.last_error is None and (run.claim is None or accepted):
            return Decision(state=run.state, again=pace.next_look(run, now))  # accepted: a deletion waits for others
    changes = {"aborts": run.aborts + 1, "snapshot_uuid": seen.uuid, "last_error": None}
    act = Abort(repository=run.repository, snapshot=run.snapshot)
    return Decision(state=run.state, changes=changes, act=act, again=pace.FIRST_LOOK)


def cancelled(run: Run) -> Decision:
    """Nothing of it is on the engine."""
    return Decision(state=State.CANCELLED, changes={"reason": reason(run)})


def reason(run: Run) -> str:
    """By whom it was cancelled, and why."""
    asked = run.cancel
    return f"cancelled by {asked.by}{f': {asked.why}' if asked.why else ''}" if asked else "cancelled"


def refused(run: Run, error: Exception, now: datetime) -> Decision:
    """The engine does not let us remove it: the run goes on as if nobody had asked, and says so. Asked once more, it
    tries once more: somebody may have granted it meanwhile."""
    message = f"could not be cancelled on the server: {error}; it goes on"
    found = finding("run.cancel_refused", run.snapshot, message, "grant `cluster:admin/snapshot/delete` to cancel runs")
    found = replace(found, severity=Severity.WARNING)
    changes = {"cancel": None, "aborts": 0, "findings": (*run.findings, found), "last_error": str(error)}
    return Decision(state=run.state, changes=changes, again=pace.next_look(run, now))
