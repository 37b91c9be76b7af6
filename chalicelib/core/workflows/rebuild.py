"""The state table of a restore of everything.

    PLANNED --> RESTORING, phase by phase --> SUCCEEDED | FAILED

It holds neither a lease nor a slot: each phase of indices is a restore of its own, which does. A phase that fails keeps
none of the others back; the run fails at its end and names them. Nothing that came back is taken away again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import pace
from chalicelib.core.errors import Refused
from chalicelib.core.model import Asked, Finding, Progress, Run, Severity, Shards, State
from chalicelib.core.plans import Plan
from chalicelib.core.prose import counted
from chalicelib.core.rebuild_progress import Rebuild
from chalicelib.core.rebuilds import Does, Phase, Piece
from chalicelib.core.workflows import Decision, cancel, ends
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.restore_ends import few

TOLD = ("rebuild.no_backup", "rebuild.too_big", "rebuild.redacted", "rebuild.incomplete", "rebuild.no_capsule")
"""Findings of a plan that stay true when all of it is done."""
AT_ONCE = 20
"""Pieces that one act puts back."""
WATCHES = timedelta(seconds=30)
"""The longest between two looks at the run of a phase, whose end wakes this one anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Have the server take these pieces, each with its place in its phase. `run`: as it was when that was decided."""

    run: Run
    pieces: tuple[tuple[int, Piece], ...]

    @property
    def calls(self) -> int:
        return len(self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Place the run of the phase that `run` is in. Safe to repeat: its id derives from its plan."""

    run: Run
    plan: Plan
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Have the run of a phase end, by whoever wanted the whole to end."""

    run_id: str
    asked: Asked
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Of the phase that is in work: its run (None: it has none yet) and how many indices that leaves out, or what it
    has still to put back; `found`: what can't be; `cannot`: nothing can be said of it."""

    plan: Plan
    part: Run | None = None
    left_out: int = 0
    pieces: tuple[tuple[int, Piece], ...] = ()
    found: tuple[Finding, ...] = ()
    cannot: Refused | None = None


def decide(run: Run, seen: Seen, now: datetime) -> Decision:
    if run.attempts == 0:
        return _begin(run, seen, now)
    if run.cancel:
        return _cancel(run, seen)
    if now >= run.deadline_at:
        return _timed_out(run, seen)
    phase = current(run, seen.plan)
    if phase.does is Does.INDICES:
        return _restored(run, seen, phase)
    if seen.cannot is not None:
        return _cannot(run, seen, seen.cannot, now)
    if pieces := seen.pieces[:AT_ONCE]:
        return Decision(
            state=run.state, act=Configure(run=run, pieces=pieces), changes={"refusals": 0}, again=pace.FIRST_LOOK
        )
    return _next(run, seen.plan, failed=_rebuild(run).refused > 0, found=seen.found)


def _cannot(run: Run, seen: Seen, error: Refused, now: datetime) -> Decision:
    """A refusal that lasts ends the phase, and keeps none of the others back."""
    refusals = run.refusals + 1
    if refusals >= pace.MAX_REFUSALS:
        phase = current(run, seen.plan)
        return _next(run, seen.plan, failed=True, found=(_failed(phase, str(error), seen.plan.plan_id),))
    changes = {"last_error": str(error), "refusals": refusals}
    return Decision(state=run.state, changes=changes, again=pace.after_refusal(run, refusals, now))


def first(plan: Plan) -> int:
    """The number of the first phase that is done."""
    return next((phase.number for phase in plan.phases if not phase.skipped), len(plan.phases) + 1)


def current(run: Run, plan: Plan) -> Phase:
    return plan.phases[_rebuild(run).at - 1]


def brought(run: Run, after: int, refused: dict[str, str], error: Exception | None, now: datetime) -> Decision:
    """After an act that put pieces back: the place where it goes on, those refused, by path, and the error that cut it
    short."""
    rebuild = _rebuild(run)
    found = tuple(_refused(path, why) for path, why in refused.items())
    changes: dict[str, Any] = {
        "rebuild": replace(rebuild, after=after, refused=rebuild.refused + len(refused)),
        "findings": few((*run.findings, *found)),
        "last_error": str(error) if error else None,
    }
    return Decision(state=run.state, changes=changes, again=pace.next_look(run, now) if error else timedelta(0))


def not_begun(run: Run, plan: Plan, error: Exception) -> Decision:
    """The run of a phase could not be placed, and never will be."""
    phase = current(run, plan)
    return _next(run, plan, failed=True, found=(_failed(phase, str(error), phase.plan or ""),))


def no_answer(run: Run, error: Exception, now: datetime, *, refused: bool, last: bool) -> Decision:
    """Without a look the plan is not at hand: a refusal that lasts ends the run. What came back stays."""
    refusals = run.refusals + 1 if refused else 0
    changes: dict[str, Any] = {"last_error": str(error), "refusals": refusals}
    if run.attempts == 0 and now >= run.start_by:
        return Decision(state=State.MISSED, changes={"reason": f"could not begin in time: {error}"})
    if last or now >= run.deadline_at:
        return Decision(state=State.TIMED_OUT, changes={**changes, "reason": f"not done by its deadline: {error}"})
    if refusals >= pace.MAX_REFUSALS or (refused and run.attempts == 0):
        found = finding("restore.refused", run.target, str(error), "mend what the message names, and plan again")
        return Decision(
            state=State.FAILED, changes={**changes, "reason": str(error), "findings": (*run.findings, found)}
        )
    again = pace.after_refusal(run, refusals, now) if refused else pace.next_look(run, now)
    return Decision(state=run.state, changes=changes, again=again)


def _begin(run: Run, seen: Seen, now: datetime) -> Decision:
    if now >= run.start_by:
        return Decision(state=State.MISSED, changes={"reason": f"could not begin before {ends.too_late(run)}"})
    if seen.plan.approval and not (run.approved_by or run.glass):
        message = f"{seen.plan.approval[0]} is beyond `restore.allow`, and nobody approved it"
        return ends.fail(finding("restore.approval", seen.plan.plan_id, message, "plan it, and have it approved"))
    changes: dict[str, Any] = {"attempts": 1, "started_at": now, "claimed_at": now}
    known = [each for each in seen.plan.findings if each.code in TOLD]
    changes |= {"progress": _progress(seen.plan, run), "findings": few(known)}
    return Decision(state=State.RESTORING, changes=changes, gives_back=True, again=timedelta(0))


def _restored(run: Run, seen: Seen, phase: Phase) -> Decision:
    part = seen.part
    if part is None:
        return Decision(
            state=run.state, act=Begin(run=run, plan=seen.plan), changes={"refusals": 0}, again=pace.FIRST_LOOK
        )
    if not part.settled:
        changes = {"refusals": 0, "last_error": None, "progress": _progress(seen.plan, run, part)}
        return Decision(state=run.state, changes=changes, again=WATCHES)
    if part.good:
        rebuild = _rebuild(run)
        left_out, unproved = rebuild.left_out + seen.left_out, rebuild.unproved + len(part.unproved)
        noted = (_noted(phase, part),) if part.reason else ()
        counted_in = replace(run, rebuild=replace(rebuild, left_out=left_out, unproved=unproved))
        return _next(counted_in, seen.plan, found=noted)
    why = part.reason or f"it ended as {part.state}"
    return _next(run, seen.plan, failed=True, found=(_failed(phase, why, part.run_id),))


def _next(run: Run, plan: Plan, *, failed: bool = False, found: tuple[Finding, ...] = ()) -> Decision:
    rebuild = _rebuild(run)
    after = replace(
        rebuild,
        at=next((phase.number for phase in plan.phases[rebuild.at :] if not phase.skipped), len(plan.phases) + 1),
        failed=(*rebuild.failed, rebuild.at) if failed else rebuild.failed,
        after=0,
        refused=0,
    )
    changes: dict[str, Any] = {
        "rebuild": after,
        "findings": few((*run.findings, *found)),
        "refusals": 0,
        "last_error": None,
        "progress": _progress(plan, replace(run, rebuild=after)),
    }
    if after.at <= len(plan.phases):
        return Decision(state=State.RESTORING, changes=changes, again=timedelta(0))
    return _ended(plan, after, changes)


def _ended(plan: Plan, rebuild: Rebuild, changes: dict[str, Any]) -> Decision:
    back = [phase for phase in plan.phases if not phase.skipped and phase.number not in rebuild.failed]
    restored = [phase for phase in back if phase.does is Does.INDICES]
    changes |= {
        "indices": sum(phase.names for phase in restored),
        "bytes": sum(phase.bytes for phase in restored),
        "shards": Shards(total=sum(phase.shards for phase in restored), failed=0),
    }
    if not rebuild.failed:
        return Decision(state=State.SUCCEEDED, changes={**changes, "good": True, "reason": _incomplete(plan, rebuild)})
    numbers = ", ".join(map(str, rebuild.failed))
    tried = counted(len(back) + len(rebuild.failed), "phase")
    which = f"{'phase' if len(rebuild.failed) == 1 else 'phases'} {numbers} of {tried}"
    return Decision(state=State.FAILED, changes={**changes, "reason": f"{which} failed; what came back stays"})


def _incomplete(plan: Plan, rebuild: Rebuild) -> str | None:
    """What somebody must know of it before they rely on it. None: all came back, and all was compared."""
    parts = [f"nothing of {found.subject}" for found in plan.findings if found.code == "rebuild.no_backup"]
    if rebuild.left_out:
        parts.append(f"{counted(rebuild.left_out, 'index', 'indices')} left out (PARTIAL)")
    if rebuild.unproved:
        parts.append(f"{rebuild.unproved:,} not compared")
    if more := sum(found.code in TOLD and found.code != "rebuild.no_backup" for found in plan.findings):
        parts.append(f"{counted(more, 'warning')} of its plan")
    return ", ".join(parts) or None


def _cancel(run: Run, seen: Seen) -> Decision:
    part = seen.part
    if part is not None and not part.settled:
        if part.cancel or run.cancel is None:
            return Decision(state=run.state, again=WATCHES)
        act = Stop(run_id=part.run_id, asked=run.cancel)
        return Decision(state=run.state, act=act, again=pace.FIRST_LOOK)
    done = _rebuild(run).at - 1 + bool(part and part.good)
    reason = f"{cancel.reason(run)}; {done} of {counted(len(seen.plan.phases), 'phase')} were through, and stay"
    return Decision(state=State.CANCELLED, changes={"reason": reason})


def _timed_out(run: Run, seen: Seen) -> Decision:
    reason = f"phase {_rebuild(run).at} of {len(seen.plan.phases)} was not through by the deadline"
    found = run.findings
    if seen.part is not None and not seen.part.settled:
        message = f"{seen.part.run_id} goes on by itself"
        found = (*found, finding("rebuild.goes_on", seen.part.run_id, message, f"snapwarden show {seen.part.run_id}"))
    return Decision(state=State.TIMED_OUT, changes={"reason": reason, "findings": found})


def _progress(plan: Plan, run: Run, part: Run | None = None) -> Progress:
    """In phases; the bytes of those that are through, and of the one in work."""
    at = _rebuild(run).at
    moved = sum(phase.bytes for phase in plan.phases[: at - 1] if not phase.skipped)
    if part and part.progress:
        moved += part.progress.bytes_done or 0
    return Progress(done=at - 1, total=len(plan.phases), unit="phases", bytes_done=moved, bytes_total=plan.bytes)


def _failed(phase: Phase, why: str, subject: str) -> Finding:
    of = f" of {phase.policy}, priority {phase.priority}" if phase.policy else ""
    message = f"phase {phase.number} ({phase.does}{of}) failed: {why}"
    next_step = f"snapwarden explain {subject}; then plan everything anew: what is there is left alone"
    return finding("rebuild.phase_failed", subject, message, next_step)


def _noted(phase: Phase, part: Run) -> Finding:
    message = f"phase {phase.number} ({phase.does} of {phase.policy}): {part.reason}"
    found = finding("rebuild.phase_incomplete", part.run_id, message, f"snapwarden show {part.run_id}")
    return replace(found, severity=Severity.WARNING)


def silent(alias: str) -> Finding:
    message = f"nobody writes through the alias {alias} for now: the index that it wrote to is not back"
    found = finding("rebuild.no_writer", alias, message, "bring that back: plan everything anew")
    return replace(found, severity=Severity.WARNING)


def _refused(path: str, why: str) -> Finding:
    return finding("rebuild.refused", path, f"{path[1:]} was not put back: {why}", "put it back yourself")


def elsewhere(alias: str) -> Finding:
    message = f"the alias {alias} is somewhere else by now, and was left there"
    found = finding("rebuild.alias_elsewhere", alias, message, "decide which index it is to name")
    return replace(found, severity=Severity.WARNING)


def _rebuild(run: Run) -> Rebuild:
    if run.rebuild is None:
        raise ValueError(f"{run.run_id} restores no whole cluster")
    return run.rebuild
