"""The end of a run: one transaction moves the run, its policy and the catalogue together."""

from dataclasses import replace

from chalicelib.core import results, traffic
from chalicelib.core.errors import Contended, Retryable
from chalicelib.core.model import Kind, Run
from chalicelib.core.ports import Change, Create, Delete, Update
from chalicelib.core.rows import Backup, PolicyState
from chalicelib.core.traffic import Traffic
from chalicelib.core.workflows import Decision
from chalicelib.service import queueing
from chalicelib.service.world import World

TRIES = 6


def store(world: World, after: Run, decision: Decision) -> tuple[Run, PolicyState] | None:
    """Stores the settled row `after` with its backup, frees the policy, and wakes the run that waited.

    Answers the run and its policy as they were stored; None: somebody else moved the run first. The policy's row is
    written by others too, so losing it is repeated a few times. Raises Retryable when it stays contended.
    """
    for _ in range(TRIES):
        policy = world.store.state(after.policy)
        if policy is None:
            raise Retryable(f"the state of policy {after.policy} could not be read")
        settled, freed, rows = _ended(world, policy, after, decision)
        evidence = [Create(each) for each in decision.evidence]
        try:
            if world.store.commit(Update(settled), *rows, *evidence, *_given_back(world, after)):
                measure(world, settled, decision.backup)
                _wake_others(world, settled, freed)
                return settled, freed
        except Contended:
            continue
        current = world.store.run(after.run_id)
        if current is None or current.rev != after.rev - 1:
            return None
    raise Retryable(f"the state of policy {after.policy} is written by others all the time")


def _ended(
    world: World, policy: PolicyState, after: Run, decision: Decision
) -> tuple[Run, PolicyState, tuple[Change, ...]]:
    """The run and its policy after it, and what is written beside the run: what a restore brought is nothing that its
    policy remembers, but for what it may have left; what a drill proved is."""
    if after.kind is Kind.DRILL:
        from chalicelib.service import proofs  # few runs are drills

        return proofs.settled(world, policy, after)
    if after.kind is not Kind.BACKUP:
        from chalicelib.service import in_use  # of restores

        given_back = in_use.given_back(world, after)
        if not after.leftover:
            return after, policy, given_back
        from chalicelib.core import leftovers

        left = replace(leftovers.noted(policy, after), rev=policy.rev + 1, token=world.token())
        return after, left, (Update(left), *given_back)
    spec = world.spec(after.policy, policy.spec_gen).policy if decision.backup else None
    settled = results.judged(policy, after)
    freed = results.recorded(policy, spec, settled, decision.backup, world.token())
    return settled, freed, (Update(freed), *((Create(decision.backup),) if decision.backup else ()))


def give_back(world: World, after: Run, *rows: Change) -> Run | None:
    """Stores the open row `after` without lease and slot, which others get now; the run as it was stored. None and
    Retryable as `store`."""
    yielded = replace(after, fence=None)
    for _ in range(TRIES):
        freed = replace(
            after, finished_at=world.clock.now()
        )  # by which the next one knows that others are on their way
        try:
            if world.store.commit(Update(yielded), *rows, *_given_back(world, freed)):
                for run_id in dict.fromkeys(queueing.next_ones(world, yielded)):
                    world.wake(run_id)
                return yielded
        except Contended:
            continue
        current = world.store.run(after.run_id)
        if current is None or current.rev != after.rev - 1:
            return None
    raise Retryable(f"the slots of target {after.target} are written by others all the time")


def _given_back(world: World, run: Run) -> tuple[Change, ...]:
    """The lease and the slot of a run that worked, the place of one that waited."""
    place = (Delete(run.waiting),) if run.waiting else ()
    if run.fence is None:
        return place
    return (*place, *traffic.release(Traffic(*world.store.traffic(run.lease, run.target)), run, world.token()))


def is_superseded(world: World, run: Run) -> bool:
    """The policy was applied anew since the run was made."""
    policy = world.store.state(run.policy)
    return policy is not None and policy.spec_gen != run.spec_gen


def _wake_others(world: World, ended: Run, policy: PolicyState) -> None:
    """Each once. A lost message loses nothing: those who wait look by themselves, later."""
    behind = ended.fence is not None or ended.waiting is not None  # the one behind it may be next
    line = queueing.next_ones(world, ended) if behind else ()
    moved_up = policy.open_run if ended.kind is Kind.BACKUP else None  # a restore holds nobody up but by the lease
    for run_id in dict.fromkeys((moved_up, ended.part_of, *line)):
        if run_id:
            world.wake(run_id)


def measure(world: World, run: Run, backup: Backup | None = None) -> None:
    """Counts an end, by whoever won the write that stored it."""
    world.metrics.count("RunsFinished", Kind=run.kind.value, State=run.state.value)
    for finding in run.findings:
        world.metrics.count("Findings", Severity=finding.severity.value)
    if backup and run.finished_at and run.started_at:
        world.metrics.seconds("BackupSeconds", (backup.ended_at - backup.taken_at).total_seconds())
        world.metrics.seconds("DetectionLagSeconds", max((run.finished_at - backup.ended_at).total_seconds(), 0.0))
    if run.kind in (Kind.RESTORE, Kind.DRILL):
        _measure_restore(world, run)


def _measure_restore(world: World, run: Run) -> None:
    """What was restored: how long that took; what was only tried says nothing of it. A drill is the whole of it, with
    its checks and the removal."""
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    whole = run.kind is Kind.RESTORE and run.salvage is None and run.rebuild is None
    restored = run.restore_seconds if run.restore_seconds is not None else took if whole else None
    if restored is not None and (run.good or run.restore_seconds is not None):
        world.metrics.seconds("RestoreSeconds", restored)
    if run.kind is Kind.DRILL and took is not None:
        world.metrics.seconds("DrillSeconds", took, Policy=run.policy)
