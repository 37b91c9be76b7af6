"""What the end of a drill means: for the backup that it restored, for the proofs of its policy, and for its promise.

All of it is written in the transaction that settles the run. A drill that could not run (DEFERRED, MISSED, CANCELLED,
TIMED_OUT, a refusal) proves nothing and condemns nothing: the promise grows older.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.core import leftovers, promise, results
from chalicelib.core import proofs as judging
from chalicelib.core.errors import Refused
from chalicelib.core.model import Run, State
from chalicelib.core.ports import Change, Create, Update
from chalicelib.core.rows import Backup, BackupState, Drilled, LastGood, PolicyState, Proofs, Proved
from chalicelib.core.spec import Check
from chalicelib.service import drill_slots
from chalicelib.service import plans as planner
from chalicelib.service.world import World


def settled(world: World, policy: PolicyState, run: Run) -> tuple[Run, PolicyState, tuple[Change, ...]]:
    """The run, its policy, and the rows that are written beside the run."""
    before = policy.last_drill
    recovers = run.good and before is not None and before.state is not State.SUCCEEDED
    run = replace(run, recovers=recovers)
    after = drill_slots.noted(leftovers.noted(policy, run), run)
    after = replace(after, rev=policy.rev + 1, token=world.token())
    proved, codes = _proved(world, run), judging.condemning(run.findings, elsewhere=run.source is not None)
    if not (proved or codes):
        return run, after, (Update(after),)
    backups = world.store.backups(run.policy)
    backup = next((one for one in backups if one.snapshot_uuid == run.snapshot_uuid), None)
    if backup is None or backup.state is BackupState.GONE:
        return run, after, (Update(after),)
    now = run.finished_at or run.created_at
    whole = judging.condemned(backup) and len(proved) >= backup.indices > 0
    left = _left_open(world, run, backup) if whole else ()
    cleared, ever = whole and not left, len(_ever_proved(world, backup, proved))
    entry = judging.judged(backup, run.run_id, now, ever, codes, gen=run.spec_gen, cleared=cleared)
    entry = replace(entry, rev=backup.rev + 1, token=world.token())
    if entry.good and not backup.good:
        run = replace(run, findings=(*run.findings, judging.rehabilitated(backup)))
        required = promise.required(world.spec(policy.policy, policy.spec_gen).policy)
        after = replace(after, last_good=results.reached(after.last_good, entry, required))
    elif left and not codes:
        run = replace(run, findings=(*run.findings, judging.not_rehabilitated(backup, left)))
    after, rows = _judged(world, after, run, backup, entry, backups, proved, codes)
    return run, after, (Update(after), *rows)


def _judged(
    world: World,
    policy: PolicyState,
    run: Run,
    backup: Backup,
    entry: Backup,
    backups: tuple[Backup, ...],
    names: tuple[str, ...],
    codes: tuple[str, ...],
) -> tuple[PolicyState, tuple[Change, ...]]:
    """`backup` before the drill, `entry` after it."""
    now = run.finished_at or run.created_at
    spec = world.spec(policy.policy, policy.spec_gen).policy
    known = world.store.proofs(policy.policy)
    mine = known or Proofs(policy=policy.policy)
    if codes:
        policy = results.without(policy, backup, backups, promise.required(spec))
        mine = judging.withdrawn(mine, backup.backup_id)
    measure = _measure(backup, backups, mine)
    selection = _selection(world, measure)
    if entry.good and names:
        new = Proved(
            run_id=run.run_id,
            backup_id=backup.backup_id,
            taken_at=backup.taken_at,
            at=now,
            indices=tuple(sorted(names)),
        )
        mine = judging.added(mine, new, selection, measure.taken_at)
    policy = _promised(policy, mine, selection, failed=bool(codes))
    policy = replace(policy, catalog_rev=policy.catalog_rev + 1)
    if names:
        policy = replace(policy, drilled=_drilled(run, backup, names, mine, selection, now))
    if policy.active:
        policy = promise.rewound(policy, spec, now)
    mine = replace(mine, rev=known.rev + 1 if known else 1, token=world.token())
    return policy, (Update(entry), Update(mine) if known else Create(mine))


def _left_open(world: World, run: Run, backup: Backup) -> tuple[str, ...]:
    """What had condemned the backup, and this drill did not ask again. Retryable as the store is."""
    gens = sorted({gen for gens in backup.failed_in.values() for gen in gens})
    then = {gen: checks for gen in gens if (checks := _checks(world, run.policy, gen)) is not None}
    return judging.left_open(backup, then, _checks(world, run.policy, run.spec_gen) or ())


def _checks(world: World, policy: str, gen: int) -> tuple[Check, ...] | None:
    """None: that generation is not there, or this release can't read it. Such a drill must end all the same: what
    nobody knows condemns on."""
    try:
        spec = world.store.spec(policy, gen)
    except Refused:
        return None
    return spec.policy.drill.checks if spec and spec.policy.drill else None


def _proved(world: World, run: Run) -> tuple[str, ...]:
    found = world.store.evidence(run.run_id, "proved", 1) if run.plan else None
    return tuple(index.name for index in found.indices) if found else ()


def _ever_proved(world: World, backup: Backup, names: tuple[str, ...]) -> set[str]:
    """By this drill and by those before it."""
    found = set(names)
    for run_id in backup.drills:
        evidence = world.store.evidence(run_id, "proved", 1)
        found |= {index.name for index in evidence.indices} if evidence else set()
    return found


def _measure(backup: Backup, backups: tuple[Backup, ...], known: Proofs) -> Backup:
    """The newest backup that any drill proved something of, this one included: what it was to hold is what has to be
    proved. A drill of an older one must not bring back what has left the selection since."""
    drilled = {proved.backup_id for proved in known.drills} | {backup.backup_id}
    return max((one for one in backups if one.backup_id in drilled), key=lambda one: (one.taken_at, one.run_id))


def _selection(world: World, backup: Backup) -> set[str]:
    """What the backup was to hold; empty when that is no longer known, and then nothing is promised by it."""
    found = planner.evidence(world, backup, "expected")
    return {index.name for index in found.indices} if found else set()


def _promised(policy: PolicyState, mine: Proofs, selection: set[str], *, failed: bool) -> PolicyState:
    """The clock of L4: all of the selection is proved, or it goes on from where it was; after a drill that failed what
    is left must be enough, or there is none."""
    known = {level: newest for level, newest in policy.last_good.items() if level != judging.LEVEL}
    if oldest := judging.oldest(mine, selection):
        known[judging.LEVEL] = LastGood(backup_id=oldest.backup_id, taken_at=oldest.taken_at)
        return replace(policy, last_good=known)
    return replace(policy, last_good=known) if failed else policy


def _drilled(
    run: Run, backup: Backup, names: tuple[str, ...], mine: Proofs, selection: set[str], now: datetime
) -> Drilled:
    standing = judging.newest(mine)
    return Drilled(
        run_id=run.run_id,
        backup_id=backup.backup_id,
        at=now,
        seconds=run.restore_seconds,
        proved=len(names),
        indices=backup.indices,
        standing=sum(name in standing for name in selection),
        selected=len(selection),
        dropped=mine.dropped,
    )
