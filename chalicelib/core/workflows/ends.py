"""How runs end, or go on, when there is no observation to decide by. No answer is no state."""

from datetime import datetime, timedelta

from chalicelib.core import pace
from chalicelib.core.errors import NameTaken
from chalicelib.core.model import Finding, Run, Severity, State
from chalicelib.core.workflows import Decision

LATE_START = timedelta(seconds=60)
"""A server that was asked for a snapshot without answering in time has begun with it by then, or never will."""


def fail(*findings: Finding) -> Decision:
    """The run ends as FAILED; the first error is its reason."""
    return Decision(state=State.FAILED, changes={"reason": findings[0].message, "findings": findings})


def no_answer(run: Run, error: Exception, now: datetime, *, refused: bool) -> Decision:
    """What follows when the look (or the act) brought an error instead of an answer: nothing is known.

    Past the deadline the run ends with the last thing seen. A refusal before anything was started ends it at once;
    later it is repeated `pace.MAX_REFUSALS` times in a row, over ten minutes, because a rotated secret must not lose a
    backup.
    """
    refusals = run.refusals + 1 if refused else 0
    if now >= run.deadline_at:
        return timed_out(run, str(error))
    if refused and (run.attempts == 0 or refusals >= pace.MAX_REFUSALS):
        return _refused(run, error)
    return Decision(
        state=run.state,
        changes={"last_error": str(error), "refusals": refusals},
        again=pace.after_refusal(run, refusals, now) if refused else pace.next_look(run, now),
    )


def superseded(run: Run, error: Exception) -> Decision:
    """Nothing was started, the target gives no answer, and the policy was corrected meanwhile: this run, which keeps
    what the file said before, must not hold up those that follow."""
    message = f"{error}; nothing was started, and the policy was applied anew since"
    return fail(finding("run.superseded", run.policy, message, f"snapwarden backup {run.policy}"))


def not_accepted(run: Run, error: Exception, now: datetime, *, refused: bool) -> Decision:
    """What follows when the act brought an error. Only a refusal of the first attempt is known to have done nothing;
    after anything else the snapshot may be there, so the next look asks. A taken name may be our own lost answer."""
    if refused and run.attempts == 1 and not isinstance(error, NameTaken):
        return _refused(run, error)
    return Decision(state=run.state, changes={"last_error": str(error)}, again=pace.next_look(run, now))


def may_come(run: Run, now: datetime) -> bool:
    """A start whose answer was lost may still make the snapshot: ending the run now would leave that behind, at work
    and nobody's."""
    return now < (run.claimed_at or run.created_at) + LATE_START


def wait_for_start(run: Run, now: datetime) -> Decision:
    if now >= run.deadline_at:
        return timed_out(run, "nothing, but a start without an answer may still be under way")
    return Decision(state=run.state, again=pace.next_look(run, now))


def _refused(run: Run, error: Exception) -> Decision:
    next_step = f"grant or correct what the message names, then: snapwarden backup {run.policy}"
    return fail(finding("engine.refused", run.target, str(error), next_step))


def too_late(run: Run) -> str:
    """The end of its time to start, in words."""
    return f"{run.start_by:%Y-%m-%d %H:%M}Z" + (" (catch_up)" if run.requested_by == "schedule" else "")


def timed_out(run: Run, last_seen: str) -> Decision:
    reason = f"no end seen before the deadline {run.deadline_at:%Y-%m-%d %H:%M:%S}Z; last seen: {last_seen}"
    next_step = "look at the server, then raise `timeout` or run it again"
    if run.attempts:
        next_step += (
            f"; the snapshot may still finish (GET _snapshot/{run.repository}/{run.snapshot}): it is then neither in "
            "the catalogue nor removed, and the next run does not depend on it"
        )
    found = finding("run.timed_out", run.snapshot, reason, next_step)
    return Decision(state=State.TIMED_OUT, changes={"reason": reason, "findings": (*run.findings, found)})


def finding(code: str, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, subject=subject, message=message, next_step=next_step)
