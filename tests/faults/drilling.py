"""Stages whose policy has drills, and ends of drills as the run of one would bring them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Finding, IndexRef, Kind, Run, Severity, State
from chalicelib.core.plans import Mode, Move, Plan, Wish, named
from chalicelib.core.ports import Create
from chalicelib.core.rows import Backup, PolicyState
from chalicelib.core.wire import dump
from chalicelib.core.workflows import Decision
from chalicelib.service import drills, settle
from tests.faults.world import FILE, Stage

DRILL = '    drill: {schedule: "0 4 * * 0", rto: 1m}\n'
"""The first Sunday after the start is the day after it."""
DRILLS = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    prove: L2\n    rpo: {L2: 26h, L4: 8d}\n" + DRILL)
PREFIX = "drill-"


def state_of(stage: Stage) -> PolicyState:
    state = stage.store.state("nightly")
    assert state is not None
    return state


def drill_runs(stage: Stage) -> tuple[Run, ...]:
    return stage.store.runs(policy="nightly", kind=Kind.DRILL, limit=50)


def backed_up(stage: Stage, request_id: str) -> Backup:
    stage.backup(request_id)
    stage.live(1)
    return stage.store.backups("nightly")[0]


def wrong(code: str = "restore.counts", severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, severity=severity, subject="orders", message="m", next_step="n")


def planned(stage: Stage, backup: Backup, *names: str) -> Plan:
    """Stored, as the run of a drill stores what it thought through."""
    moves = tuple(Move(source=name, name=PREFIX + name, shards=1, bytes=10) for name in names)
    plan = Plan(
        plan_id="",
        made_at=stage.clock.now(),
        made_by="schedule",
        wish=Wish(policy="nightly", mode=Mode.RENAME, prefix=PREFIX, backup=backup.backup_id),
        spec_gen=1,
        target="shop",
        repository="main",
        backup_id=backup.backup_id,
        snapshot=backup.snapshot,
        snapshot_uuid=backup.snapshot_uuid,
        taken_at=backup.taken_at,
        ended_at=backup.ended_at,
        level=backup.level,
        version="8.19.2",
        server="8.19.2",
        moves=moves,
    )
    plan = named(plan, dump(plan))
    assert stage.store.commit(Create(Evidence(run_id=plan.plan_id, kind="plan", n=1, plan=plan)))
    return plan


def at_work(stage: Stage, backup: Backup, slot: str, *names: str, proved: tuple[str, ...] | None = None) -> Run:
    """The open run of a drill that restored `names`, and proved all of them or those given. Nobody wakes it."""
    spec = stage.world.spec("nightly", state_of(stage).spec_gen)
    now = stage.clock.now()
    run = drills.new(stage.world, spec, slot, by="schedule", start_by=now + timedelta(hours=6))
    run = replace(
        run,
        wake_at=None,
        plan=planned(stage, backup, *names).plan_id,
        snapshot=backup.snapshot,
        snapshot_uuid=backup.snapshot_uuid,
        attempts=1,
        started_at=now,
        state=State.CHECKING,
    )
    refs = tuple(IndexRef(name=name, uuid=f"uuid-{name}") for name in (names if proved is None else proved))
    evidence = Evidence(run_id=run.run_id, kind="proved", n=1, indices=refs)
    assert stage.store.commit(Create(run), Create(evidence))
    return run


def ended(stage: Stage, run: Run, state: State = State.SUCCEEDED, *found: Finding, **changes: Any) -> Run:
    """The settled row of the run, as the driver hands it to be stored."""
    return replace(
        run,
        **{"restore_seconds": 12.0, "good": state is State.SUCCEEDED, **changes},
        state=state,
        findings=found,
        finished_at=stage.clock.now(),
        wake_at=stage.clock.now(),
        rev=run.rev + 1,
        token=stage.world.token(),
    )


def settled(stage: Stage, run: Run, state: State = State.SUCCEEDED, *found: Finding, **changes: Any) -> PolicyState:
    stored = settle.store(stage.world, ended(stage, run, state, *found, **changes), Decision(state=state))
    assert stored is not None
    return stored[1]


def drilled(stage: Stage, backup: Backup, slot: str, *names: str, **changes: Any) -> PolicyState:
    """A drill that proved these indices of the backup."""
    return settled(stage, at_work(stage, backup, slot, *names), **changes)
