"""The state table of a drill: a restore that proves the backup, and leaves nothing.

    PLANNED --(claim, then restore)--> RESTORING --> CHECKING --(claim, then remove)--> SUCCEEDED

In every case all that it made is removed first, by exact name and uuid; `Run.ending` says as what the run ends then.
While anything on the cluster speaks against it, it does not start, or gives up: DEFERRED, which proves nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import drilling, guards, pace, planning
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Finding, IndexRef, Run, Severity, Shards, State
from chalicelib.core.plans import Move, Plan
from chalicelib.core.prose import counted
from chalicelib.core.restores import RestoreOrder
from chalicelib.core.spec import Drill
from chalicelib.core.workflows import Decision, cancel
from chalicelib.core.workflows.drill_seen import Watched
from chalicelib.core.workflows.restore_ends import SHOWN, clean, far, few, give_up, too_late
from chalicelib.core.workflows.restore_progress import vanished, wait
from chalicelib.core.workflows.restore_seen import Restore, Seen, own

PATIENCE = timedelta(minutes=2)
"""So long a guard that flickers is asked again before the start."""
AGAIN = timedelta(seconds=10)
UNREGISTERED = "drill.no_second_registration"
BROKEN_BACKUP = frozenset({"restore.replaced"})
"""Conflicts that are the backup's own fault; the others say that the drill could not run."""


def order(run: Run, plan: Plan) -> RestoreOrder:
    """What the run restores, through the registration that it chose when it began."""
    return replace(planning.order(plan), repository=run.through or plan.repository, hidden=True)


def decide(run: Run, drill: Drill, watched: Watched, now: datetime) -> Decision:
    decision = _decide(run, drill, watched, now)
    if run.refusals:  # as for restores: the server answered
        decision = replace(decision, changes={"refusals": 0, **decision.changes})
    return decision


def _decide(run: Run, drill: Drill, watched: Watched, now: datetime) -> Decision:
    if watched.cannot:
        return _deferred(run, watched.cannot)
    if run.plan is None:
        return _taken_up(run, watched)
    seen = watched.seen
    assert seen is not None
    if run.ending is not None:
        return clean(run, seen, now)
    if run.cancel and run.attempts:
        return give_up(run, seen, now, State.CANCELLED, cancel.reason(run))
    if now >= run.deadline_at and run.attempts:
        return give_up(run, seen, now, State.TIMED_OUT, f"not done by its deadline; last seen: {far(run)}")
    if run.state is State.PLANNED:
        return _start(run, watched, seen, now)
    return _under_way(run, drill, watched, seen, now)


def _taken_up(run: Run, watched: Watched) -> Decision:
    """What is in the way says that the drill could not run, and nothing of the backup, unless the backup is no longer
    the one that was made."""
    plan = watched.plan
    stored = (Evidence(run_id=plan.plan_id, kind="plan", n=1, plan=plan),)
    found = few((*watched.findings, *drilling.in_its_words(plan.findings)))
    changes: dict[str, Any] = {
        "plan": plan.plan_id,
        "snapshot": plan.snapshot,
        "snapshot_uuid": plan.snapshot_uuid,
        "expected_seconds": watched.expected.total_seconds() if watched.expected else None,
        "bytes": plan.bytes,
        "findings": found,
    }
    if plan.conflicts:
        return Decision(state=_of(plan.conflicts), changes={**changes, **_why(plan.conflicts)}, evidence=stored)
    return Decision(state=State.PLANNED, changes=changes, evidence=stored, again=timedelta(0))


def _start(run: Run, watched: Watched, seen: Seen, now: datetime) -> Decision:
    if seen.restored:  # an earlier attempt was carried out after all
        return Decision(state=State.RESTORING, again=timedelta(0))
    if now >= run.start_by and not run.attempts:
        return too_late(run)
    if seen.anew is None or watched.around is None:
        raise ValueError(f"{run.run_id}: nothing is restored without a look at what is in the way")
    if conflicts := seen.anew.conflicts:
        changes = {**_why(conflicts), "findings": few((*run.findings, *drilling.in_its_words(conflicts)))}
        return Decision(state=_of(conflicts), changes=changes)
    if found := guards.says_no(seen.plan, watched.around):
        return _held(run, found, now, patience=PATIENCE)
    if watched.register:
        return Decision(state=State.PLANNED, act=watched.register, again=timedelta(0))
    changes = {
        "attempts": run.attempts + 1,
        "claimed_at": now,
        "last_error": None,
        "held_since": None,
        "through": watched.through,
        "deadline_at": min(run.deadline_at, now + drilling.budget(_expected(run))),
    }
    act = Restore(order=order(replace(run, through=watched.through), seen.plan))
    return Decision(state=State.RESTORING, changes=changes, act=act, again=pace.FIRST_LOOK)


def _held(run: Run, found: Finding, now: datetime, *, patience: timedelta) -> Decision:
    """Before the start: what may be over in a moment is asked again."""
    since = run.held_since or now
    if not guards.flickers(found) or now - since >= patience:
        return _deferred(run, found)
    changes = {"held_since": since, "last_error": found.message}
    return Decision(state=run.state, changes=changes, again=AGAIN)


def _under_way(run: Run, drill: Drill, watched: Watched, seen: Seen, now: datetime) -> Decision:
    """A shard that is lost is told before a guard that it may have alarmed."""
    lost = any(index.failed for index in own(seen))
    found = guards.says_no(seen.plan, watched.around) if watched.around and not lost else None
    if found and (run.held_since or not guards.flickers(found)):
        return give_up(run, seen, now, State.DEFERRED, found.message, found)
    decision = wait(run, seen, now) if run.state is State.RESTORING else _check(run, drill, watched, seen, now)
    if decision.changes.get("ending") or decision.state.settled:
        return decision
    held = {"held_since": now, "last_error": found.message} if found else {"held_since": None}
    again = AGAIN if found else decision.again
    return replace(decision, changes={**decision.changes, **held}, again=again)


def _check(run: Run, drill: Drill, watched: Watched, seen: Seen, now: datetime) -> Decision:
    """A few indices at each look. Unproved is each of which something was wrong, or could not be told."""
    mine = own(seen)
    if len(mine) < len(seen.plan.moves) or not all(index.done for index in mine):
        return vanished(run, seen, now)
    part = seen.plan.moves[run.compared : run.compared + watched.compared]
    doubted = {found.subject for found in watched.findings if found.severity is not Severity.INFO}
    known = {index.name for index in watched.sources}
    unproved = (
        *run.unproved,
        *(n for n, move in enumerate(part, run.compared) if {move.name} & doubted or move.source not in known),
    )
    changes: dict[str, Any] = {
        "compared": run.compared + len(part),
        "unproved": unproved,
        "findings": _kept((*run.findings, *watched.findings)),
        "last_error": None,
    }
    after = replace(run, **changes)
    if after.compared < len(seen.plan.moves):
        return Decision(state=State.CHECKING, changes=changes, again=timedelta(0))
    return _judged(after, drill, watched, seen, changes)


def _judged(run: Run, drill: Drill, watched: Watched, seen: Seen, changes: dict[str, Any]) -> Decision:
    """All is compared: what was proved is written down, and what was made is removed."""
    moves = seen.plan.moves
    proved = [move for n, move in enumerate(moves) if n not in set(run.unproved)]
    late = tuple(drilling.rto(run, drill))
    wrong = [found for found in run.findings if found.severity is Severity.ERROR]
    changes |= {"findings": (*run.findings, *late), "checked": True, "indices": len(moves)}
    changes["shards"] = Shards(total=sum(move.shards for move in moves), failed=0)
    if wrong:
        changes |= {"ending": State.FAILED, "reason": wrong[0].message}
    elif not proved:
        names = {move.name for move in moves}
        first = next((found.message for found in run.findings if found.subject in names), "its run's evidence is lost")
        changes |= {"ending": State.FAILED, "reason": f"nothing could be compared: {first}"}
    else:
        whole = len(proved) == len(moves)
        partly = None if whole else f"{len(proved)} of {counted(len(moves), 'index', 'indices')} proved"
        reason = late[0].message if late else partly
        changes |= {"ending": State.SUCCEEDED, "good": whole and not late, "reason": reason}
    evidence = (_proved(run, proved, watched.sources),) if proved else ()
    return Decision(state=State.CHECKING, changes=changes, evidence=evidence, again=timedelta(0))


def _kept(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Of each code no more than a row and its reader can take; how many indices are unproved is told beside."""
    shown: Counter[str] = Counter()
    kept = []
    for found in findings:
        shown[found.code] += 1
        if shown[found.code] <= SHOWN:
            kept.append(found)
    return tuple(kept)


def _proved(run: Run, moves: Sequence[Move], sources: Sequence[IndexRef]) -> Evidence:
    """The indices as they were in the backup."""
    by_name = {index.name: index for index in sources}
    refs = tuple(IndexRef(name=move.source, uuid=by_name[move.source].uuid, shards=move.shards) for move in moves)
    return Evidence(run_id=run.run_id, kind="proved", n=1, indices=refs)


def makes_way(run: Run, waiting: str) -> Decision:
    """Nothing was touched, and the server does not say whether it may be: others go first."""
    return _deferred(run, guards.makes_way(waiting))


def unregistered(run: Run, error: Exception) -> Decision:
    """The second registration was refused: the drill goes through the repository itself."""
    message = f"the repository could not be registered a second time: {error}"
    next_step = "grant cluster:admin/repository/put, so that drills have a bandwidth of their own"
    found = Finding(
        code=UNREGISTERED, severity=Severity.WARNING, subject=run.repository, message=message, next_step=next_step
    )
    return Decision(state=run.state, changes={"findings": (*run.findings, found)}, again=timedelta(0))


def unreadable(run: Run, error: Exception) -> Decision:
    """The registration was refused, and elsewhere there is no other one to go through."""
    return _deferred(run, drilling.elsewhere(run, run.target, str(error)))


def _deferred(run: Run, found: Finding) -> Decision:
    """Nothing was touched."""
    changes = {"reason": found.message, "findings": (*run.findings, found)}
    return Decision(state=State.DEFERRED, changes=changes)


def _of(conflicts: Sequence[Finding]) -> State:
    return State.FAILED if any(found.code in BROKEN_BACKUP for found in conflicts) else State.DEFERRED


def _why(conflicts: Sequence[Finding]) -> dict[str, Any]:
    broken = [found for found in conflicts if found.code in BROKEN_BACKUP]
    return {"reason": (*broken, *conflicts)[0].message}


def _expected(run: Run) -> timedelta:
    return timedelta(seconds=run.expected_seconds or 0)
