"""How far a restore of everything has come, phase by phase: for whoever looks at its run. Reads only."""

from dataclasses import dataclass

from chalicelib.core import naming
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.rebuild_progress import Rebuild
from chalicelib.core.rebuilds import Does, Phase
from chalicelib.service.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSeen:
    """`names`: how many things it puts back. `state`: `done`, `failed`, `skipped`, `in work`, `waits`, or `not done` of
    one that the end of the whole came before. `run`: of indices, the id of the restore that does it, once there is
    one; `run_state` how far that is."""

    number: int
    does: Does
    names: int
    state: str
    run: str | None = None
    run_state: State | None = None


def phase_run(phase: Phase) -> str:
    """The id of the run of a phase of indices, whether it has one yet or not."""
    return naming.run_id(Kind.RESTORE, phase.policy or "", phase.plan or "")


def phases(world: World, run: Run) -> tuple[PhaseSeen, ...]:
    """In their order; nothing of a run that is no restore of everything, or whose plan is lost."""
    if run.rebuild is None or run.plan is None:
        return ()
    row, rebuild = world.store.evidence(run.plan, "plan", 1), run.rebuild
    if row is None or row.plan is None:
        return ()
    return tuple(_seen(world, run, rebuild, phase) for phase in row.plan.phases)


def _seen(world: World, run: Run, rebuild: Rebuild, phase: Phase) -> PhaseSeen:
    part = None
    if phase.plan is not None and not phase.skipped:
        part = world.store.run(phase_run(phase))
    return PhaseSeen(
        number=phase.number,
        does=phase.does,
        names=phase.names,
        state=_state(run, rebuild, phase, part),
        run=part.run_id if part else None,
        run_state=part.state if part else None,
    )


def _state(run: Run, rebuild: Rebuild, phase: Phase, part: Run | None) -> str:
    """The run of a phase goes on by itself when the whole has ended, and may be good before the whole has seen it."""
    if phase.skipped:
        return "skipped"
    if phase.number in rebuild.failed:
        return "failed"
    if phase.number < rebuild.at or (part and part.good):
        return "done"
    if part is not None:
        return "failed" if part.settled else "in work"
    if run.settled:
        return "not done"
    return "in work" if phase.number == rebuild.at and run.attempts else "waits"
