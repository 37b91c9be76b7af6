"""What the table holds of a run beside its row. Frozen, and stored by `core/wire.py` as `core/rows.py` is.

A file of its own, which is imported where such a row is made or read: a plan and all that it consists of comes with it,
and most steps of backups need none of that.
"""

from dataclasses import dataclass

from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.observations import Bearing
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.proving import Facts
from chalicelib.core.rebuilds import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A row `R#<run_id> | X#<kind>#<n>`: facts of a run that are too big for its row. Written once.

    `expected`: what attempt `n` asked for, what of the selection matched nothing, and the counts before it; `aliases`:
    indices with those that the contract means. `after`: the counts when it had ended. `uncounted`: why nothing could be
    counted. `made`: the indices that a restore made. `before`: what a restore in place replaces, with its settings.
    `old`: what a swap put aside, with the counts of what it put there in its place. `plan`: under the id of the plan,
    before any run has it. `wish`: what a run was asked for that plans for itself. `proved`: the indices of the backup
    that a drill proved, with their uuids in it. `pieces`: under the id of a plan of everything, what a phase puts back.
    `facts` and `stable`: what proves a restore, read before the start and after the end.
    """

    run_id: str
    kind: str
    n: int
    indices: tuple[IndexRef, ...] = ()
    unmatched: tuple[str, ...] = ()
    counts: tuple[IndexCount, ...] = ()
    uncounted: str | None = None
    plan: Plan | None = None
    wish: Wish | None = None
    facts: Facts | None = None
    pieces: tuple[Piece, ...] = ()
    aliases: tuple[Bearing, ...] = ()
