"""A new measure after a legitimate change: without it, no backup would ever be good again after a big deletion."""

from dataclasses import replace

from chalicelib.core import promise, results
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Asked, Run
from chalicelib.core.ports import Update
from chalicelib.core.rows import Backup, BackupState, PolicyState
from chalicelib.core.spec import Level, Policy
from chalicelib.service import query
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World

SHRUNKEN = "contract.max_shrink"
COUNTED: Level = "L2"
"""What a backup has reached that was counted and keeps all other terms."""


def accept(world: World, backup_id: str, *, by: str, why: str) -> Backup:
    """The next backups, those under way included, are compared with this one. When it failed for nothing but having
    shrunk, it is good from now on, at the level that it had reached but for that.

    Raises BadInput for a backup that is unknown, gone, or wrong in other ways, Conflict when rows are written all the
    time.
    """

    def accepted() -> Backup | None:
        backup = query.backup(world, backup_id)
        state = query.named(world, backup.policy)
        spec = world.spec(backup.policy, state.spec_gen)
        _check(backup, spec.policy)
        now = world.clock.now()
        measure = replace(
            backup,
            accepted=Asked(by=by, why=why, at=now),
            good=True,
            errors=(),
            level=backup.level if backup.good else COUNTED,
            rev=backup.rev + 1,
            token=world.token(),
        )
        after = replace(
            state,
            recent=(results.good(measure),),
            last_good=results.reached(state.last_good, measure, promise.required(spec.policy)),
            catalog_rev=state.catalog_rev + 1,
            rev=state.rev + 1,
            token=world.token(),
        )
        after = promise.rewound(after, spec.policy, now) if after.active else after
        remeasured = _remeasured(world, after)
        if not world.stored(Update(measure), Update(after), *map(Update, remeasured)):
            return None
        for run in remeasured:
            world.queue.send(Wakeup(run_id=run.run_id, rev=run.rev))
        return measure

    return in_turn(f"{backup_id} or its policy", accepted)


def _remeasured(world: World, policy: PolicyState) -> list[Run]:
    """The open runs of the policy, which took the measure along when they were made. A look that is under way loses its
    write, so that none is judged by the old one; its message is stale now, too."""
    runs = [world.store.run(run_id) for run_id in (policy.open_run, policy.queued_run) if run_id]
    usual = promise.usual(policy.recent)
    return [replace(run, usual=usual, rev=run.rev + 1, token=world.token()) for run in runs if run and not run.settled]


def _check(backup: Backup, policy: Policy) -> None:
    if backup.state is not BackupState.KEPT:
        raise BadInput(Problem(f"{backup.backup_id} is {backup.state}", expected="a backup that is kept"))
    if backup.good:
        return
    wrong = ", ".join(code for code in backup.errors if code != SHRUNKEN)
    if not wrong and not (backup.errors and _counted(backup, policy)):
        wrong = f"proved no further than {backup.level}"
    if wrong:
        message = f"{backup.backup_id} can't be made the measure: {wrong}"
        raise BadInput(Problem(message, expected=f"a good one, or one with nothing wrong but {SHRUNKEN}"))


def _counted(backup: Backup, policy: Policy) -> bool:
    """A check that could not run is not a pass, whoever accepts the rest."""
    return backup.docs is not None and (policy.contract.min_bytes is None or backup.bytes is not None)
