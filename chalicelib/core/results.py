"""What the end of a run means for its policy. Pure; stored in the transaction that settles the run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from chalicelib.core import promise
from chalicelib.core.model import Finding, Run, Severity, State
from chalicelib.core.rows import Backup, Cause, Good, LastGood, LastResult, PolicyState
from chalicelib.core.spec import LEVELS, Policy

TOLD_AGAIN = timedelta(hours=20)
"""One cause that comes back with each slot is told once a day: with less than 24 h in between, because a nightly run
may fail some hours earlier than the night before."""


def judged(policy: PolicyState, run: Run) -> Run:
    """The settled run with what only its policy knows: whether it recovers, whether its cause is an old one."""
    if run.good:
        return replace(run, recovers=policy.cause is not None)
    code, subject = why(run)
    before = policy.cause
    if before is None or (before.code, before.subject) != (code, subject):
        return run
    at = run.finished_at or run.created_at
    return replace(run, repeats=before.count, quiet=at - before.told_at < TOLD_AGAIN)


def why(run: Run) -> tuple[str, str]:
    """What a cause is recognized by: the first error, else the first warning, else the state itself."""
    if found := worst(run):
        return found.code, found.subject.replace(run.snapshot, "").replace(run.run_id, "")
    return f"run.{run.state.value.lower()}", run.target


def worst(run: Run) -> Finding | None:
    """The first error, else the first warning. None: nothing but information."""
    found = sorted(run.findings, key=lambda finding: list(Severity).index(finding.severity))
    return found[0] if found and found[0].severity is not Severity.INFO else None


def recorded(policy: PolicyState, spec: Policy, run: Run, backup: Backup | None, token: str) -> PolicyState:
    """The policy after the run: no longer its open run, the waiting one moved up, results and clocks recorded."""
    open_run, queued_run = policy.open_run, policy.queued_run
    if queued_run == run.run_id:
        queued_run = None
    if open_run == run.run_id:
        open_run, queued_run = queued_run, None
    now = run.finished_at or run.created_at
    after = replace(
        noted(policy, run),
        rev=policy.rev + 1,
        token=token,
        open_run=open_run,
        queued_run=queued_run,
        catalog_rev=policy.catalog_rev + (1 if backup else 0),
    )
    if backup is None or run.state not in (State.SUCCEEDED, State.PARTIAL) or backup.errors:
        return after
    after = replace(after, last_good=reached(policy.last_good, backup, promise.required(spec)))
    if backup.good:
        after = replace(after, recent=promise.remembered(policy.recent, good(backup)))
    return promise.rewound(after, spec, now) if after.active else after


def noted(policy: PolicyState, run: Run) -> PolicyState:
    """How the settled run ended, and why."""
    result = LastResult(run_id=run.run_id, state=run.state, at=run.finished_at or run.created_at)
    return replace(policy, last_result=result, cause=_cause(policy, run))


def reached(known: Mapping[str, LastGood], backup: Backup, required: str) -> Mapping[str, LastGood]:
    """The newest backup of each level, this one included. One that is not good, because a check could not run, reached
    nothing that its policy asks for: at most the levels below."""
    newer: dict[str, LastGood] = {
        level: LastGood(backup_id=backup.backup_id, taken_at=backup.taken_at)
        for level in LEVELS
        if level <= backup.level
        and (backup.good or level < required)
        and (level not in known or known[level].taken_at < backup.taken_at)
    }
    return {**known, **newer}


def good(backup: Backup) -> Good:
    return Good(
        backup_id=backup.backup_id,
        indices=backup.indices,
        docs=backup.docs,
        bytes=backup.bytes,
        seconds=(backup.ended_at - backup.taken_at).total_seconds(),
    )


def _cause(policy: PolicyState, run: Run) -> Cause | None:
    """Kept while the same one comes back; a run that says nothing about the data leaves it as it is."""
    if run.good:
        return None
    if run.state in (State.SKIPPED, State.CANCELLED):
        return policy.cause
    code, subject = why(run)
    at = run.finished_at or run.created_at
    before = policy.cause
    if before is None or (before.code, before.subject) != (code, subject):
        return Cause(code=code, subject=subject, since=at, told_at=at)
    return replace(before, count=before.count + 1, told_at=before.told_at if run.quiet else at)
