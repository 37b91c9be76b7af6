"""A backup run: STARTING → RUNNING → VERIFYING → SUCCEEDED, or PARTIAL, FAILED, TIMED_OUT, MISSED, CANCELLED.

    STARTING   absent → claim and start, each minute until `start_by` · in progress → RUNNING · complete → VERIFYING
    RUNNING    in progress → stay · complete, or ending → VERIFYING · absent, or another uuid → FAILED
    VERIFYING  in progress → stay · complete → judged by `core/contract.py` · absent → FAILED
    cancelled  absent → CANCELLED · in progress → claim and delete, until it is absent · complete before that → too late
    any        broken → FAILED · a stranger's → FAILED · past the deadline without an end → TIMED_OUT

No answer never reaches `decide` as an observation: see `no_answer`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core import contract, pace, terms
from chalicelib.core.model import Finding, IndexCount, Progress, Run, Selection, Severity, Shards, State
from chalicelib.core.observations import Absent, Broken, Complete, InProgress, Observation, Owner, Sizes
from chalicelib.core.ports import StartOrder
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.spec import Repository
from chalicelib.core.workflows import Decision, cancel, ends
from chalicelib.core.workflows.ends import finding

if TYPE_CHECKING:
    from chalicelib.core.evidence import Evidence
    from chalicelib.core.proving import Facts

NOTHING = Selection(indices=(), unmatched=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look brought. STARTING asks for the `selection` and the `counts` of what it holds, VERIFYING for
    `sizes`, `counts` anew, and, when something is missing, the selection; `expected` is what the start stored.

    `accepted`: the claim's act is known to have been answered with yes. `uncounted`: why there are no counts. `facts`:
    what a drill will compare, read before the start and again after the end; None where none does. `capsule`: where the
    cluster's configuration was stored beside it, and `beside` what was wrong with that.
    """

    observation: Observation
    installation: str
    accepted: bool = False
    selection: Selection = NOTHING
    counts: tuple[IndexCount, ...] = ()
    uncounted: str | None = None
    expected: "Evidence | None" = None
    sizes: Sizes | None = None
    capsule: str | None = None
    beside: tuple[Finding, ...] = ()
    facts: "Facts | None" = None


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
    if run.cancel and (cancelled := cancel.decide(run, seen.observation, now, accepted=seen.accepted)):
        return cancelled
    match seen.observation:
        case Absent():
            return _absent(run, spec, seen, now)
        case InProgress() as moving:
            return _in_progress(run, moving, now)
        case Broken() as broken:
            return ends.fail(
                finding("snapshot.broken", run.snapshot, broken.reason, "read the server's log; run it again")
            )
        case Complete() as complete:
            if run.state is not State.VERIFYING:
                return Decision(
                    state=State.VERIFYING,
                    changes={"snapshot_uuid": complete.uuid, "progress": _progress(complete)},
                    again=timedelta(0),
                )
            return _judged(run, spec, seen, complete)


def _not_ours(run: Run, seen: Seen) -> Decision | None:
    """A snapshot of our name that we did not make: another installation's, a human's, or a replacement of ours."""
    found = seen.observation
    if isinstance(found, Absent):
        return None
    if run.snapshot_uuid is not None and found.uuid != run.snapshot_uuid:
        message = f"{run.snapshot} was replaced while the run was open: uuid {found.uuid}, ours was {run.snapshot_uuid}"
        return ends.fail(
            finding("snapshot.replaced", run.snapshot, message, "find out who deletes snapshots on this cluster")
        )
    if run.snapshot_uuid is not None and found.owner is None and isinstance(found, InProgress):
        return None  # the cheap question carries no metadata; the uuid was compared
    if found.owner != owner_of(run, seen.installation):
        whose = f"installation {found.owner.installation}" if found.owner else "nobody (no Snapwarden metadata)"
        message = f"the name {run.snapshot} is taken by a snapshot of {whose}"
        return ends.fail(
            finding("snapshot.name_taken", run.snapshot, message, "delete or rename it, then run it again")
        )
    return None


def owner_of(run: Run, installation: str) -> Owner:
    return Owner(installation=installation, policy=run.policy, slot=run.slot, run_id=run.run_id)


def _absent(run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
    if run.state is not State.STARTING or seen.accepted:
        message = (
            f"{run.snapshot} vanished: the server had accepted it and no longer knows it (a crash, a deletion, "
            "or the repository could not be written)"
        )
        return ends.fail(
            finding(
                "snapshot.vanished",
                run.snapshot,
                message,
                "look for a restart, a DELETE, or errors of the repository in the server's log; run it again",
            )
        )
    if run.attempts and ends.may_come(run, now):
        return ends.wait_for_start(run, now)  # two under way: nobody could tell which one the snapshot came from
    if run.attempts and now >= min(run.start_by, run.deadline_at):
        message = f"asked {run.attempts} times and no snapshot appeared: {run.last_error or 'no answer'}"
        return ends.fail(
            finding("snapshot.not_started", run.snapshot, message, "read the server's log, then run it again")
        )
    if now >= run.deadline_at:
        return ends.timed_out(run, "the snapshot was not there")
    if now >= run.start_by:
        reason = f"could not start before {ends.too_late(run)}"
        return Decision(state=State.MISSED, changes={"reason": reason})
    if problem := _unready(run, spec, seen.selection):
        return ends.fail(problem)
    return _claim(run, spec, seen, now)


def _unready(run: Run, spec: Spec, seen: Selection) -> Finding | None:
    written = spec.target.repositories[run.repository]
    if not seen.indices:
        patterns = ", ".join(spec.policy.select.indices)
        message = f"no index on {run.target} matches {patterns}"
        return finding("select.no_match", run.policy, message, "correct `select.indices` of the policy, then apply")
    if seen.registered is None and not written.manage:
        message = f"repository {run.repository} is not registered on {run.target}, and `manage: false` forbids to do it"
        return finding(
            "repository.missing", run.repository, message, "register it on the server, or drop `manage: false`"
        )
    if seen.registered is not None and (difference := contract.repository_difference(written, seen.registered)):
        message = f"repository {run.repository} on {run.target} differs from the file: {difference}"
        next_step = (
            "change the file back and apply (with `manage: false` it may leave `settings` out), or remove the "
            f"registration (DELETE _snapshot/{run.repository}; the data stay): the next run registers it anew"
        )
        return finding("repository.differs", run.repository, message, next_step)
    return None


def _claim(run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
    select, indices = spec.policy.select, seen.selection.indices
    order = StartOrder(
        repository=run.repository,
        snapshot=run.snapshot,
        indices=tuple(index.name for index in indices),
        global_state=select.global_state,
        feature_states=select.feature_states,
        owner=owner_of(run, seen.installation),
    )
    attempt = run.attempts + 1
    return Decision(
        state=State.STARTING,
        changes={"attempts": attempt, "started_at": run.started_at or now, "claimed_at": now, "indices": len(indices)},
        act=Start(
            order=order,
            register=spec.target.repositories[run.repository] if seen.selection.registered is None else None,
        ),
        again=pace.FIRST_LOOK,
        evidence=(_expected(run, spec, seen, attempt), *_facts(run, seen, "facts", attempt)),
    )


def _expected(run: Run, spec: Spec, seen: Seen, attempt: int) -> "Evidence":
    return replace(
        _evidence(run, "expected", attempt),
        indices=seen.selection.indices,
        unmatched=seen.selection.unmatched,
        aliases=terms.meant(spec.policy.contract, seen.selection.aliases),
        counts=seen.counts,
        uncounted=seen.uncounted,
    )


def _facts(run: Run, seen: Seen, kind: str, attempt: int) -> tuple["Evidence", ...]:
    return (replace(_evidence(run, kind, attempt), facts=seen.facts),) if seen.facts else ()


def _evidence(run: Run, kind: str, attempt: int) -> "Evidence":
    from chalicelib.core.evidence import Evidence  # looks at a snapshot that is running have none

    return Evidence(run_id=run.run_id, kind=kind, n=attempt)


def _in_progress(run: Run, moving: InProgress, now: datetime) -> Decision:
    if now >= run.deadline_at:
        seen = f"in progress, {moving.shards_done} of {moving.shards_total} shards; it may still be running"
        return ends.timed_out(run, seen)
    progress = Progress(
        done=moving.shards_done,
        total=moving.shards_total,
        bytes_done=moving.bytes_done,
        bytes_total=moving.bytes_total,
    )
    state = State.RUNNING if run.state is State.STARTING else run.state
    if moving.ending and state is State.RUNNING:
        return Decision(state=State.VERIFYING, changes={"refusals": 0, "last_error": None}, again=timedelta(0))
    return Decision(
        state=state,
        changes={"snapshot_uuid": moving.uuid, "progress": progress, "refusals": 0, "last_error": None},
        again=pace.next_look(replace(run, state=state), now),
    )


def _judged(run: Run, spec: Spec, seen: Seen, complete: Complete) -> Decision:
    expected = seen.expected or _evidence(run, "expected", run.attempts)
    judged = contract.Judged(
        backup_id=run.snapshot,
        complete=complete,
        expected=expected,
        live=seen.selection.indices,
        sizes=seen.sizes,
        after=seen.counts,
        uncounted=seen.uncounted,
        usual=run.usual,
        claimed_at=run.claimed_at,
    )
    verdict = contract.judge(spec.policy, judged)
    backup = _entry(run, seen, complete, verdict)
    changes = {
        "reason": verdict.reason,
        "findings": (*run.findings, *verdict.findings, *seen.beside),
        "level": verdict.level,
        "good": verdict.good,
        "indices": backup.indices,
        "docs": verdict.docs,
        "bytes": backup.bytes,
        "bytes_added": backup.bytes_added,
        "shards": backup.shards,
        "progress": _progress(complete),
    }
    after = replace(_evidence(run, "after", run.attempts), counts=seen.counts, uncounted=seen.uncounted)
    return Decision(
        state=verdict.state,
        changes=changes,
        backup=backup,
        evidence=(
            *((after,) if contract.needs_counts(spec.policy) else ()),
            *_facts(run, seen, "stable", run.attempts),
        ),
    )


def _entry(run: Run, seen: Seen, complete: Complete, verdict: contract.Verdict) -> Backup:
    """For the catalogue."""
    return Backup(
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
        docs=verdict.docs,
        closed=verdict.closed,
        bytes=seen.sizes.total if seen.sizes else None,
        bytes_added=seen.sizes.added if seen.sizes else None,
        shards=Shards(total=complete.shards_total, failed=complete.shards_failed),
        good=verdict.good,
        capsule=seen.capsule,
        errors=tuple({finding.code: 0 for finding in verdict.findings if finding.severity is Severity.ERROR}),
    )


def _progress(complete: Complete) -> Progress:
    return Progress(done=complete.shards_total - complete.shards_failed, total=complete.shards_total)
