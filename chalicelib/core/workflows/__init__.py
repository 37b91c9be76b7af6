"""One file = one kind of run: its state table and its pure `decide`.

`decide` gets the row, what was just seen and the time, and says what the row becomes, what is to be done, and when to
look again. The driver (`service/advance.py`) writes first and acts after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.core.model import Kind, State
from chalicelib.core.ports import Change
from chalicelib.core.rows import Backup

if TYPE_CHECKING:
    from chalicelib.core.evidence import Evidence

FIRST_STATE = {Kind.BACKUP: State.STARTING, Kind.RESTORE: State.PLANNED, Kind.DRILL: State.PLANNED}
"""Of a run that holds its lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from a look.

    `changes` are fields of the row beside `state`. `act`: the workflow's own description of one act, done by the
    winner of the write only. `again`: time until the next look (None only for settled states). `evidence`,
    `backup` and the rows `beside` are written in the same transaction. `wake`: another run that is to look now.
    `gives_back`: the run stays open, and needs lease and slot no more.
    """

    state: State
    changes: Mapping[str, Any] = field(default_factory=dict)
    act: Any = None
    again: timedelta | None = None
    evidence: tuple["Evidence", ...] = ()
    backup: Backup | None = None
    beside: tuple[Change, ...] = ()
    wake: str | None = None
    gives_back: bool = False
