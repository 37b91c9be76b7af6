"""What the table holds of the stage itself: which file is in force, and its id. Frozen, stored as `core/rows.py`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigState:
    """The row `CFG | META`: which file is in force. `generation` numbers the `apply` calls; `complete` is False
    from the claim of an `apply` until its last row is written."""

    generation: int
    digest: str
    applied_at: datetime
    applied_by: str
    complete: bool = True
    rev: int = 1
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The row `CFG | INSTALL`: the random id of this stage, made once, written into every backup's metadata."""

    id: str
