"""Which of the configurations that stand beside backups a restore of everything puts back."""

from collections.abc import Iterator

from chalicelib.core import capsules, rebuild_pieces
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.plans import Wish
from chalicelib.core.rebuild_findings import Recorded
from chalicelib.core.rebuilding import Source
from chalicelib.core.rows import Backup
from chalicelib.service.world import World


def recorded(world: World, wish: Wish, sources: list[Source]) -> Recorded:
    """The newest there is, or that of the backup which the wish names. It is compared with others, of another policy or
    of the backup before it: one that was made after the loss lacks what is to come back. BadInput when the backup that
    is named has none."""
    known = sorted(_with_capsules(world, wish, sources), key=lambda backup: backup.taken_at, reverse=True)
    if wish.backup is not None:
        known = [backup for backup in known if backup.backup_id == wish.backup]
        if not known:
            message = f"no configuration is stored beside {wish.backup}"
            expected = "a good backup of a policy of this target: snapwarden backups"
            raise BadInput(Problem(message, key="--configuration", expected=expected))
    opened = [
        (backup, capsules.opened(content))
        for backup in known
        if backup.capsule is not None and (content := world.vault.get(backup.capsule)) is not None
    ]
    if not opened:
        return Recorded()
    (newest, capsule), *others = opened
    for other, theirs in others:
        if lost := rebuild_pieces.lost(theirs, capsule):
            return Recorded(key=newest.capsule, capsule=capsule, older=lost, older_of=other.backup_id)
    return Recorded(key=newest.capsule, capsule=capsule)


def _with_capsules(world: World, wish: Wish, sources: list[Source]) -> Iterator[Backup]:
    """Each source's backup and the good one before it; of one that is named, all that there are."""
    for source in sources:
        known = [one for one in world.store.backups(source.backup.policy) if one.capsule and one.good]
        if wish.backup is None:
            known = [one for one in known if one.taken_at <= source.backup.taken_at][:2]
        yield from known
