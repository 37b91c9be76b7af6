"""The end of a run: one transaction moves the run, its policy and the catalogue together."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from chalicelib.core.errors import Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Run, State
from chalicelib.core.ports import Create, Update
from chalicelib.core.rows import Backup, LastGood, LastResult, PolicyState
from chalicelib.core.spec import LEVELS
from chalicelib.core.workflows import Decision
from chalicelib.service.world import World

TRIES = 4
QUEUED_LOOKS = timedelta(minutes=15)


def store(world: World, after: Run, decision: Decision) -> Run | None:
    """Stores the settled row `after` with its backup, frees the policy, and wakes the run that waited.

    Answers the row as it was stored; None: somebody else moved the run first. The policy's row is written by others
    too, so losing it is repeated a few times. Raises Retryable when it stays contended.
    """
    for _ in range(TRIES):
        policy = world.store.state(after.policy)
        if policy is None:
            raise Retryable(f"the state of policy {after.policy} could not be read")
        freed = _freed(policy, after, decision.backup, world.token())
        settled = replace(after, recovers=_recovers(policy, after))
        backup = [Create(decision.backup)] if decision.backup else []
        if world.store.commit(Update(settled), Update(freed), *backup):
            _measure(world, settled, decision.backup)
            _wake_next(world, freed)
            return settled
        current = world.store.run(after.run_id)
        if current is None or current.rev != after.rev - 1:
            return None
    raise Retryable(f"the state of policy {after.policy} is written by others all the time")


def from_queue(world: World, run: Run, timeout: timedelta) -> Decision:
    """A waiting run starts when the policy's open run is itself; past `start_by` it was MISSED. Its `timeout` counts
    from then on: what it waited is not what it takes."""
    now = world.clock.now()
    policy = world.store.state(run.policy)
    if policy is not None and not policy.active:
        return Decision(state=State.MISSED, changes={"reason": "the policy was retired while it waited"})
    if policy is not None and policy.open_run == run.run_id:
        return Decision(state=State.STARTING, changes={"deadline_at": now + timeout}, again=timedelta(0))
    if now >= run.start_by:
        waited = policy.open_run if policy else "another run"
        reason = f"{waited} was still running when its time to start ended at {run.start_by:%Y-%m-%d %H:%M}Z (catch_up)"
        return Decision(state=State.MISSED, changes={"reason": reason})
    return Decision(state=State.QUEUED, again=min(run.start_by - now, QUEUED_LOOKS))


def is_superseded(world: World, run: Run) -> bool:
    """The policy was applied anew since the run was made."""
    policy = world.store.state(run.policy)
    return policy is not None and policy.spec_gen != run.spec_gen


def _freed(policy: PolicyState, run: Run, backup: Backup | None, token: str) -> PolicyState:
    """The policy after the run: no longer its open run, the waiting one moved up, results recorded."""
    open_run, queued_run = policy.open_run, policy.queued_run
    if queued_run == run.run_id:
        queued_run = None
    if open_run == run.run_id:
        open_run, queued_run = queued_run, None
    return replace(
        policy,
        rev=policy.rev + 1,
        token=token,
        open_run=open_run,
        queued_run=queued_run,
        last_result=LastResult(run_id=run.run_id, state=run.state, at=run.finished_at or run.created_at),
        last_good=_last_good(policy.last_good, run, backup),
        catalog_rev=policy.catalog_rev + (1 if backup else 0),
    )


def _last_good(known: Mapping[str, LastGood], run: Run, backup: Backup | None) -> Mapping[str, LastGood]:
    if backup is None or run.state is not State.SUCCEEDED:
        return known
    reached = [level for level in LEVELS if level <= backup.level]
    newer: dict[str, LastGood] = {
        level: LastGood(backup_id=backup.backup_id, taken_at=backup.taken_at)
        for level in reached
        if level not in known or known[level].taken_at < backup.taken_at
    }
    return {**known, **newer}


def _recovers(policy: PolicyState, run: Run) -> bool:
    return (
        run.state is State.SUCCEEDED
        and policy.last_result is not None
        and policy.last_result.state is not State.SUCCEEDED
    )


def _wake_next(world: World, policy: PolicyState) -> None:
    """A lost message loses nothing: the waiting run looks by itself, later."""
    if policy.open_run and (waiting := world.store.run(policy.open_run)) and not waiting.settled:
        world.queue.send(Wakeup(run_id=waiting.run_id, rev=waiting.rev))


def _measure(world: World, run: Run, backup: Backup | None) -> None:
    world.metrics.count("RunsFinished", Kind=run.kind.value, State=run.state.value)
    for finding in run.findings:
        world.metrics.count("Findings", Severity=finding.severity.value)
    if backup and run.finished_at and run.started_at:
        world.metrics.seconds("BackupSeconds", (backup.ended_at - backup.taken_at).total_seconds())
        world.metrics.seconds("DetectionLagSeconds", max((run.finished_at - backup.ended_at).total_seconds(), 0.0))
