"""The capsule and the emergency script of a backup: stored when it is judged, read when somebody asks.

Both are beside the point of a run: whatever goes wrong with them, the backup is judged as if they had been stored.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.core import capsules, emergency
from chalicelib.core.capsules import Configuration, Difference
from chalicelib.core.emergency import Subject
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Kind, Run
from chalicelib.core.observations import Complete
from chalicelib.core.ports import Engine
from chalicelib.core.rows import Backup, BackupState, Spec
from chalicelib.core.workflows import backup as workflow
from chalicelib.service.backups import patiently
from chalicelib.service.world import World

log = logging.getLogger(__name__)

ASKING = timedelta(seconds=35)
"""What a server may take that answers its three questions just in time."""
STORING = timedelta(seconds=22)
"""What one object may take: three attempts of botocore (bootstrap.AWS_CALL)."""


def recorded(run: Run, spec: Spec, engine: Engine, seen: workflow.Seen, world: World) -> workflow.Seen:
    """Stores both, the capsule last: an entry of the catalogue that names it has the script, too. What gives no answer
    is asked again for a while, then the backup is kept without; so it is when a defect of ours is in the way."""
    observation, expected = seen.observation, seen.expected
    if not isinstance(observation, Complete) or expected is None:
        return seen
    try:
        stored, why = patiently(run, world.clock.now(), lambda: _store(run, spec, engine, observation, expected, world))
    except (Retryable, Refused):
        raise
    except Exception as crash:
        log.exception("a capsule could not be made", extra={"run_id": run.run_id})
        stored, why = None, f"{type(crash).__name__}: {crash}"
    if stored is None:
        return replace(seen, beside=(capsules.missing(run.policy, why or "nobody knows why"),))
    return replace(seen, capsule=capsules.key(run.policy, run.snapshot), beside=capsules.incomplete(stored))


def _store(run: Run, spec: Spec, engine: Engine, complete: Complete, expected: Evidence, world: World) -> Configuration:
    _need(world, ASKING)
    found = engine.configuration()
    subject = Subject(
        backup_id=run.snapshot,
        snapshot=run.snapshot,
        uuid=complete.uuid,
        repository=run.repository,
        taken_at=complete.started_at,
        indices=complete.indices,
        broken=frozenset(failure.index for failure in complete.failures),
    )
    script = emergency.script(subject, expected, spec, found)
    capsule = capsules.sealed(found, backup_id=run.snapshot, policy=run.policy, target=run.target)
    for key, content in (
        (emergency.key(run.policy, run.snapshot), script.encode()),
        (capsules.key(run.policy, run.snapshot), capsule),
    ):
        _need(world, STORING)
        world.vault.put(key, content)
    return found


def _need(world: World, time: timedelta) -> None:
    """A function that is killed here would lose what the look found out."""
    if world.remaining() <= time:
        raise Retryable("too little time was left for it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The capsule of a backup against that of the good backup before it, `against` (None: there is none, or it has no
    capsule). `why`: it could not be compared."""

    key: str | None
    against: str | None = None
    difference: Difference | None = None
    why: str | None = None


def compared(world: World, run: Run) -> Compared | None:
    """None: the run made no backup. Reads two objects, so only for whoever asks for it."""
    if run.kind is not Kind.BACKUP or not run.settled:
        return None
    catalogue = world.store.backups(run.policy)
    own = next((backup for backup in catalogue if backup.run_id == run.run_id), None)
    if own is None:
        return None
    before = next((backup for backup in catalogue if _comes_before(backup, own)), None)
    if own.capsule is None or before is None or before.capsule is None:
        return Compared(key=own.capsule)
    try:
        old, new = _opened(world, before.capsule), _opened(world, own.capsule)
    except (Retryable, Refused) as error:
        return Compared(key=own.capsule, against=before.backup_id, why=str(error))
    return Compared(key=own.capsule, against=before.backup_id, difference=capsules.difference(old, new))


def public(found: Compared) -> Mapping[str, object]:
    shown = {"key": found.key, "against": found.against, "not_compared": found.why}
    return {**shown, "difference": capsules.public(found.difference) if found.difference else None}


def emergency_script(world: World, backup: Backup) -> str:
    """As it was stored with the backup. One of a backup without is made from the catalogue, and knows neither aliases
    nor data streams. Refused when not even that is possible."""
    if backup.capsule is not None:
        stored = world.vault.get(emergency.key(backup.policy, backup.backup_id))
        if stored is not None:
            return stored.decode()
    run = world.store.run(backup.run_id)
    attempts = run.attempts if run else 1
    expected = world.store.evidence(backup.run_id, "expected", attempts)
    if run is None or expected is None or not expected.indices:
        raise Refused(f"what {backup.backup_id} holds is not written down, and no script was stored with it")
    subject = Subject(
        backup_id=backup.backup_id,
        snapshot=backup.snapshot,
        uuid=backup.snapshot_uuid,
        repository=backup.repository,
        taken_at=backup.taken_at,
        indices=tuple(index.name for index in expected.indices),
    )
    return emergency.script(subject, expected, world.spec(backup.policy, run.spec_gen), None)


def recorded_with(world: World, backup: Backup) -> Configuration | None:
    """What was stored with the backup, None: nothing was. Refused when it is gone since, or can't be read."""
    return _opened(world, backup.capsule) if backup.capsule else None


def _comes_before(backup: Backup, own: Backup) -> bool:
    """The catalogue is sorted, newest first. One that is gone took its capsule along."""
    return backup.good and backup.taken_at < own.taken_at and backup.state is not BackupState.GONE


def _opened(world: World, key: str) -> Configuration:
    content = world.vault.get(key)
    if content is None:
        raise Refused(f"{key} is not in the bucket any more")
    return capsules.opened(content)
