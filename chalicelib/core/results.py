"""What the end of a run means for its policy. Pure; stored in the transaction that settles the run."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from chalicelib.core import promise
from chalicelib.core.model import Finding, Run, Severity, State
from chalicelib.core.rows import Backup, BackupState, Cause, Good, LastGood, LastResult, PolicyState, Told
from chalicelib.core.spec import LEVELS, Policy

TOLD_AGAIN = timedelta(hours=20)
"""One cause that comes back with each slot is told once a day: with less than 24 h in between, because a nightly run
may fail some hours earlier than the night before."""
MOST = 8
"""Causes of a policy that are told within that time; after them only what has a code that nobody heard of: subjects and
messages that differ each time must not become a mail each time."""
NO_VERDICT = (State.SKIPPED, State.CANCELLED)
"""Ends that say nothing about the data."""
LISTED = (BackupState.KEPT, BackupState.PLANNED)
"""Backups that can be restored."""


def judged(policy: PolicyState, run: Run) -> Run:
    """The settled run with what only its policy knows: whether it recovers, whether its cause is an old one."""
    if run.good:
        return replace(run, recovers=policy.cause is not None)
    if run.state in NO_VERDICT:
        return run
    before = policy.cause
    repeats = before.count if before and (before.code, before.subject) == why(run) else 0
    return replace(run, repeats=repeats, quiet=_heard(policy, run))


def why(run: Run) -> tuple[str, str]:
    """What a cause is recognized by: the first error, else the first warning, else the state itself."""
    if found := worst(run):
        return found.code, found.subject.replace(run.snapshot, "").replace(run.run_id, "")
    return f"run.{run.state.value.lower()}", run.target


def worst(run: Run) -> Finding | None:
    """The first error, else the first warning. None: nothing but information."""
    found = sorted(run.findings, key=lambda finding: list(Severity).index(finding.severity))
    return found[0] if found and found[0].severity is not Severity.INFO else None


def recorded(policy: PolicyState, spec: Policy | None, run: Run, backup: Backup | None, token: str) -> PolicyState:
    """The policy after the run: no longer its open run, the waiting one moved up, results and clocks recorded. What the
    file says, `spec`, matters only where there is a `backup`."""
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
    if backup is None or spec is None or run.state not in (State.SUCCEEDED, State.PARTIAL) or backup.errors:
        return after
    after = replace(after, last_good=reached(policy.last_good, backup, promise.required(spec)))
    if backup.good:
        after = replace(after, recent=promise.remembered(policy.recent, good(backup)))
    return promise.rewound(after, spec, now) if after.active else after


def noted(policy: PolicyState, run: Run) -> PolicyState:
    """How the settled run ended, and why."""
    result = LastResult(run_id=run.run_id, state=run.state, at=run.finished_at or run.created_at)
    return replace(policy, last_result=result, cause=_cause(policy, run), told=_told(policy, run))


def reached(known: Mapping[str, LastGood], backup: Backup, required: str) -> Mapping[str, LastGood]:
    """The newest backup of each level, this one included. One that is not good, because a check could not run, reached
    nothing that its policy asks for: at most the levels below. What drills prove is none of its own."""
    newer: dict[str, LastGood] = {
        level: LastGood(backup_id=backup.backup_id, taken_at=backup.taken_at)
        for level in LEVELS
        if level <= min(backup.level, promise.PROVABLE)
        and (backup.good or level < required)
        and (level not in known or known[level].taken_at < backup.taken_at)
    }
    return {**known, **newer}


def without(policy: PolicyState, bad: Backup, others: Iterable[Backup], required: str) -> PolicyState:
    """The policy when a backup that it relied on turned out to be bad: of each level that it stood for, the newest of
    the others. Drills decide about theirs."""
    kept = {level: newest for level, newest in policy.last_good.items() if newest.backup_id != bad.backup_id}
    lost = [level for level in policy.last_good if level not in kept and level <= promise.PROVABLE]
    found: Mapping[str, LastGood] = {}
    for backup in others:
        usable = backup.good or backup.outcome in (State.SUCCEEDED, State.PARTIAL)
        if backup.backup_id != bad.backup_id and backup.state in LISTED and usable and not backup.errors:
            found = reached(found, backup, required)
    kept |= {level: found[level] for level in lost if level in found}
    recent = tuple(one for one in policy.recent if one.backup_id != bad.backup_id)
    return replace(policy, last_good=kept, recent=recent)


def good(backup: Backup) -> Good:
    return Good(
        backup_id=backup.backup_id,
        indices=backup.indices,
        docs=None if backup.closed else backup.docs,
        bytes=backup.bytes,
        seconds=(backup.ended_at - backup.taken_at).total_seconds(),
    )


def _cause(policy: PolicyState, run: Run) -> Cause | None:
    """Kept while the same one comes back."""
    if run.good:
        return None
    if run.state in NO_VERDICT:
        return policy.cause
    code, subject = why(run)
    at = run.finished_at or run.created_at
    before = policy.cause
    if before is None or (before.code, before.subject) != (code, subject):
        return Cause(code=code, subject=subject, since=at, told_at=None if run.quiet else at)
    return replace(before, count=before.count + 1, told_at=before.told_at if run.quiet else at)


def _told(policy: PolicyState, run: Run) -> tuple[Told, ...]:
    """Forgotten after a day, and with the first good run: what fails after people heard that it is well is news."""
    if run.good:
        return ()
    if run.quiet or run.state in NO_VERDICT:
        return policy.told
    now = _telling(run)
    return (*(before for before in _fresh(policy, now) if not _same(before, now)), now)


def _heard(policy: PolicyState, run: Run) -> bool:
    """People know: of this very cause, no less than half as bad, or of so many that one more of its kind is no news."""
    now = _telling(run)
    fresh = _fresh(policy, now)
    if len(fresh) >= MOST and any(before.code == now.code for before in fresh):
        return True
    return any(_same(before, now) and now.extent < 2 * before.extent for before in fresh)


def _fresh(policy: PolicyState, now: Told) -> list[Told]:
    return [before for before in policy.told if now.at - before.at < TOLD_AGAIN]


def _same(one: Told, other: Told) -> bool:
    return (one.code, one.subject, one.words) == (other.code, other.subject, other.words)


def _telling(run: Run) -> Told:
    code, subject = why(run)
    found = worst(run)
    message = found.message if found else run.reason or ""
    words = " ".join(word for word in message.split() if not any(map(str.isdigit, word)))
    digest = hashlib.sha256(words.encode()).hexdigest()[:16]
    at = run.finished_at or run.created_at
    return Told(code=code, subject=subject, words=digest, extent=_extent(run, code), at=at)


def _extent(run: Run, code: str) -> int:
    """How bad it is: what is lost, in percent of what is left, or how often it was found, whichever is more."""
    found = sum(finding.code == code for finding in run.findings)
    lost = [(run.shards.failed, run.shards.total - run.shards.failed)] if run.shards else []
    if run.usual and code.startswith("contract."):
        sides = ((run.usual.docs, run.docs), (run.usual.bytes, run.bytes))
        lost += [(usual - now, now) for usual, now in sides if usual is not None and now is not None][:1]
    return max(1, found, *(100 * gone // max(left, 1) for gone, left in lost))
