"""A backup run: STARTING → RUNNING → VERIFYING → SUCCEEDED, or PARTIAL, FAILED, TIMED_OUT, MISSED.

    STARTING   absent → claim and start, again and again until `start_by` · in progress → RUNNING · complete → VERIFYING
    RUNNING    in progress → stay · complete → VERIFYING · absent → FAILED (it vanished) · another uuid → FAILED
    VERIFYING  complete → judged by `core/contract.py`
    any        broken → FAILED · a stranger's → FAILED · past the deadline without an end → TIMED_OUT

No answer never reaches `decide` as an observation: see `no_answer`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.core import contract, pace
from chalicelib.core.errors import NameTaken
from chalicelib.core.model import (
    Absent,
    Broken,
    Complete,
    Finding,
    IndexRef,
    InProgress,
    Observation,
    Owner,
    Progress,
    Run,
    Severity,
    Shards,
    Sizes,
    State,
)
from chalicelib.core.ports import StartOrder
from chalicelib.core.rows import Backup, Evidence, Spec
from chalicelib.core.spec import Repository
from chalicelib.core.workflows import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look brought. `live` and `registered` are asked in STARTING, `live` and `sizes` in VERIFYING.

    `accepted`: the claim's act is known to have been answered with yes.
    """

    observation: Observation
    installation: str
    accepted: bool = False
    live: tuple[IndexRef, ...] = ()
    registered: Repository | None = None
    expected: tuple[IndexRef, ...] = ()
    unmatched: tuple[str, ...] = ()
    sizes: Sizes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Register the repository when `register` is given, then ask for the backup."""

    order: StartOrder
    register: Repository | None

    @property
    def calls(self) -> int:
        return 2 if self.register else 1


def decide(run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
    """What follows for an open run from what was seen at `now`."""
    if stranger := _not_ours(run, seen):
        return stranger
    match seen.observation:
        case Absent():
            return _absent(run, spec, seen, now)
        case InProgress() as moving:
            return _in_progress(run, moving, now)
        case Broken() as broken:
            return fail(_finding("snapshot.broken", run.snapshot, broken.reason, "read the server's log; run it again"))
        case Complete() as complete:
            if run.state is not State.VERIFYING:
                return Decision(
                    state=State.VERIFYING,
                    changes={"snapshot_uuid": complete.uuid, "progress": _progress(complete)},
                    again=timedelta(0),
                )
            return _judged(run, seen, complete)


def fail(*findings: Finding) -> Decision:
    """The run ends as FAILED; the first error is its reason."""
    return Decision(state=State.FAILED, changes={"reason": findings[0].message, "findings": findings})


def no_answer(run: Run, error: Exception, now: datetime, *, refused: bool) -> Decision:
    """What follows when the look (or the act) brought an error instead of an answer: nothing is known.

    Past the deadline the run ends with the last thing seen. A refusal before anything was started ends it at once;
    later it is repeated `pace.MAX_REFUSALS` times in a row, because a rotated secret must not lose a backup.
    """
    refusals = run.refusals + 1 if refused else 0
    if now >= run.deadline_at:
        return timed_out(run, str(error))
    if refused and (run.attempts == 0 or refusals >= pace.MAX_REFUSALS):
        return _refused(run, error)
    return Decision(
        state=run.state,
        changes={"last_error": str(error), "refusals": refusals},
        again=pace.next_look(run, now),
    )


def superseded(run: Run, error: Exception) -> Decision:
    """Nothing was started, the target gives no answer, and the policy was corrected meanwhile: this run, which keeps
    what the file said before, must not hold up those that follow."""
    message = f"{error}; nothing was started, and the policy was applied anew since"
    return fail(_finding("run.superseded", run.policy, message, f"snapwarden backup {run.policy}"))


def not_accepted(run: Run, error: Exception, now: datetime, *, refused: bool) -> Decision:
    """What follows when the act brought an error. Only a refusal of the first attempt is known to have done nothing;
    after anything else the snapshot may be there, so the next look asks. A taken name may be our own lost answer."""
    if refused and run.attempts == 1 and not isinstance(error, NameTaken):
        return _refused(run, error)
    return Decision(state=run.state, changes={"last_error": str(error)}, again=pace.next_look(run, now))


def _refused(run: Run, error: Exception) -> Decision:
    next_step = f"grant or correct what the message names, then: snapwarden backup {run.policy}"
    return fail(_finding("engine.refused", run.target, str(error), next_step))


def timed_out(run: Run, last_seen: str) -> Decision:
    reason = f"no end seen before the deadline {run.deadline_at:%Y-%m-%d %H:%M:%S}Z; last seen: {last_seen}"
    finding = _finding(
        "run.timed_out", run.snapshot, reason, "look at the server, then raise `timeout` or run it again"
    )
    return Decision(state=State.TIMED_OUT, changes={"reason": reason, "findings": (*run.findings, finding)})


def _not_ours(run: Run, seen: Seen) -> Decision | None:
    """A snapshot of our name that we did not make: another installation's, a human's, or a replacement of ours."""
    found = seen.observation
    if isinstance(found, Absent):
        return None
    if run.snapshot_uuid is not None and found.uuid != run.snapshot_uuid:
        message = f"{run.snapshot} was replaced while the run was open: uuid {found.uuid}, ours was {run.snapshot_uuid}"
        return fail(
            _finding("snapshot.replaced", run.snapshot, message, "find out who deletes snapshots on this cluster")
        )
    if run.snapshot_uuid is not None and found.owner is None and isinstance(found, InProgress):
        return None  # the cheap question carries no metadata; the uuid was compared
    if found.owner != owner_of(run, seen.installation):
        whose = f"installation {found.owner.installation}" if found.owner else "nobody (no Snapwarden metadata)"
        message = f"the name {run.snapshot} is taken by a snapshot of {whose}"
        return fail(_finding("snapshot.name_taken", run.snapshot, message, "delete or rename it, then run it again"))
    return None


def owner_of(run: Run, installation: str) -> Owner:
    return Owner(installation=installation, policy=run.policy, slot=run.slot, run_id=run.run_id)


def _absent(run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
    if run.state is not State.STARTING or seen.accepted:
        message = f"{run.snapshot} vanished: the server had accepted it and no longer knows it (crash, or deleted)"
        return fail(
            _finding("snapshot.vanished", run.snapshot, message, "look for a restart or a DELETE; run it again")
        )
    if run.attempts and now >= min(run.start_by, run.deadline_at):
        message = f"asked {run.attempts} times and no snapshot appeared: {run.last_error or 'no answer'}"
        return fail(_finding("snapshot.not_started", run.snapshot, message, "read the server's log, then run it again"))
    if now >= run.deadline_at:
        return timed_out(run, "the snapshot was not there")
    if now >= run.start_by:
        reason = f"could not start before {run.start_by:%Y-%m-%d %H:%M}Z (catch_up)"
        return Decision(state=State.MISSED, changes={"reason": reason})
    if problem := _unready(run, spec, seen):
        return fail(problem)
    return _claim(run, spec, seen, now)


def _unready(run: Run, spec: Spec, seen: Seen) -> Finding | None:
    written = spec.target.repositories[run.repository]
    if not seen.live:
        patterns = ", ".join(spec.policy.select.indices)
        message = f"no index on {run.target} matches {patterns}"
        return _finding("select.no_match", run.policy, message, "correct `select.indices` of the policy, then apply")
    if seen.registered is None and not written.manage:
        message = f"repository {run.repository} is not registered on {run.target}, and `manage: false` forbids to do it"
        return _finding(
            "repository.missing", run.repository, message, "register it on the server, or drop `manage: false`"
        )
    if seen.registered is not None and (difference := contract.repository_difference(written, seen.registered)):
        message = f"repository {run.repository} on {run.target} differs from the file: {difference}"
        return _finding("repository.differs", run.repository, message, "make the file and the server agree, then apply")
    return None


def _claim(run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
    select = spec.policy.select
    order = StartOrder(
        repository=run.repository,
        snapshot=run.snapshot,
        indices=tuple(index.name for index in seen.live),
        global_state=select.global_state,
        feature_states=select.feature_states,
        owner=owner_of(run, seen.installation),
    )
    attempt = run.attempts + 1
    return Decision(
        state=State.STARTING,
        changes={"attempts": attempt, "started_at": run.started_at or now, "indices": len(seen.live)},
        act=Start(order=order, register=spec.target.repositories[run.repository] if seen.registered is None else None),
        again=pace.FIRST_LOOK,
        evidence=Evidence(run_id=run.run_id, kind="expected", n=attempt, indices=seen.live),
    )


def _in_progress(run: Run, moving: InProgress, now: datetime) -> Decision:
    if now >= run.deadline_at:
        seen = f"in progress, {moving.shards_done} of {moving.shards_total} shards; it may still be running"
        return timed_out(run, seen)
    progress = Progress(
        done=moving.shards_done,
        total=moving.shards_total,
        bytes_done=moving.bytes_done,
        bytes_total=moving.bytes_total,
    )
    state = State.RUNNING if run.state is State.STARTING else run.state
    return Decision(
        state=state,
        changes={"snapshot_uuid": moving.uuid, "progress": progress, "refusals": 0, "last_error": None},
        again=pace.next_look(run, now),
    )


def _judged(run: Run, seen: Seen, complete: Complete) -> Decision:
    verdict = contract.judge(complete, expected=seen.expected, live=seen.live, unmatched=seen.unmatched)
    backup = Backup(
        backup_id=run.snapshot,
        run_id=run.run_id,
        policy=run.policy,
        target=run.target,
        repository=run.repository,
        snapshot=run.snapshot,
        snapshot_uuid=complete.uuid,
        taken_at=complete.started_at,
        ended_at=complete.ended_at,
        outcome=verdict.state,
        level=verdict.level,
        indices=len(complete.indices),
        bytes=seen.sizes.total if seen.sizes else None,
        bytes_added=seen.sizes.added if seen.sizes else None,
        shards=Shards(total=complete.shards_total, failed=complete.shards_failed),
    )
    changes = {
        "reason": verdict.reason,
        "findings": verdict.findings,
        "level": verdict.level,
        "indices": backup.indices,
        "bytes": backup.bytes,
        "bytes_added": backup.bytes_added,
        "shards": backup.shards,
        "progress": _progress(complete),
    }
    return Decision(state=verdict.state, changes=changes, backup=backup)


def _progress(complete: Complete) -> Progress:
    return Progress(done=complete.shards_total - complete.shards_failed, total=complete.shards_total)


def _finding(code: str, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, subject=subject, message=message, next_step=next_step)
