"""The state table of a restore of everything.

    PLANNED --> RESTORING, phase by phase --> SUCCEEDED | FAILED

It holds neither a lease nor a slot: each phase of indices is a restore of its own, which does. A phase that fails keeps
none of the others back; the run fails at its end and names them. Nothing that came back is taken away again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import pace
from chalicelib.core.model import Asked, Finding, Progress, Run, Severity, Shards, State
from chalicelib.core.plans import Plan
from chalicelib.core.prose import counted
from chalicelib.core.rebuilds import Does, Phase, Piece, Rebuild
from chalicelib.core.workflows import Decision, cancel, ends
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.restore_ends import few

AT_ONCE = 20
"""Pieces that one act puts back."""
WATCHES = timedelta(seconds=30)
"""The longest between two looks at the run of a phase, whose end wakes this one anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Have the server take these pieces. `run`: as it was when that was decided."""

    run: Run
    pieces: tuple[Piece, ...]

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
    """Of the phase that is in work: its run (None: it has none yet), or what it has still to put back, without what
    was refused; `found`: what can't be."""

    plan: Plan
    part: Run | None = None
    pieces: tuple[Piece, ...] = ()
    found: tuple[Finding, ...] = ()


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
    if pieces := seen.pieces[:AT_ONCE]:
        return Decision(
            state=run.state, act=Configure(run=run, pieces=pieces), changes={"refusals": 0}, again=pace.FIRST_LOOK
        )
    return _next(run, seen.plan, failed=bool(_rebuild(run).refused), found=seen.found)


def first(plan: Plan) -> int:
    """The number of the first phase that is done."""
    return next((phase.number for phase in plan.phases if not phase.skipped), len(plan.phases) + 1)


def current(run: Run, plan: Plan) -> Phase:
    return plan.phases[_rebuild(run).at - 1]


def brought(run: Run, refused: dict[str, str], error: Exception | None, now: datetime) -> Decision:
    """After an act that put pieces back: those refused, by path, and the error that cut it short."""
    rebuild = _rebuild(run)
    found = tuple(_refused(path, why) for path, why in refused.items())
    changes: dict[str, Any] = {
        "rebuild": replace(rebuild, refused=(*rebuild.refused, *refused)),
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
    changes = {"attempts": 1, "started_at": now, "claimed_at": now, "progress": _progress(seen.plan, run)}
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
        return _next(run, seen.plan)
    why = part.reason or f"it ended as {part.state}"
    return _next(run, seen.plan, failed=True, found=(_failed(phase, why, part.run_id),))


def _next(run: Run, plan: Plan, *, failed: bool = False, found: tuple[Finding, ...] = ()) -> Decision:
    rebuild = _rebuild(run)
    after = replace(
        rebuild,
        at=next((phase.number for phase in plan.phases[rebuild.at :] if not phase.skipped), len(plan.phases) + 1),
        failed=(*rebuild.failed, rebuild.at) if failed else rebuild.failed,
        refused=(),
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
        return Decision(state=State.SUCCEEDED, changes={**changes, "good": True, "reason": None})
    numbers = ", ".join(map(str, rebuild.failed))
    tried = counted(len(back) + len(rebuild.failed), "phase")
    which = f"{'phase' if len(rebuild.failed) == 1 else 'phases'} {numbers} of {tried}"
    return Decision(state=State.FAILED, changes={**changes, "reason": f"{which} failed; what came back stays"})


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
    message = f"phase {phase.number} ({phase.does} of {phase.policy}, priority {phase.priority}) failed: {why}"
    next_step = f"snapwarden explain {subject}; then plan everything anew: what is there is left alone"
    return finding("rebuild.phase_failed", subject, message, next_step)


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
