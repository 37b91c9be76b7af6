"""Backups that a run reads: marked in the transaction that starts it, let go in the one that settles it, so that no
crash leaves a mark for ever."""

from dataclasses import replace

from chalicelib.core.model import Run
from chalicelib.core.ports import Update
from chalicelib.core.rows import Backup
from chalicelib.service.world import World


def taken(backup: Backup, run: Run) -> Update:
    """The row with its mark. Whoever is about to delete the backup wrote it in the meantime, and this write is lost."""
    users = (*(user for user in backup.users if user != run.run_id), run.run_id)
    return Update(replace(backup, users=users, rev=backup.rev + 1, token=run.token))


def given_back(world: World, run: Run) -> tuple[Update, ...]:
    """Found by the mark itself: nothing else needs to be known of what the run took."""
    return tuple(
        Update(
            replace(
                backup,
                users=tuple(user for user in backup.users if user != run.run_id),
                rev=backup.rev + 1,
                token=world.token(),
            )
        )
        for policy in (run.policy, *(run.rebuild.policies if run.rebuild else ()))
        for backup in world.store.backups(policy)
        if run.run_id in backup.users
    )
