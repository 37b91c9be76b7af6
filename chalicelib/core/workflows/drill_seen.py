"""What a look at a drill brings, and what follows from it as an act, beside what there is of a restore."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.core.guards import Around
from chalicelib.core.model import Finding, IndexRef
from chalicelib.core.plans import Plan
from chalicelib.core.workflows.restore_seen import Register, Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """`cannot`: why there is no plan; then nothing else is told. `seen`: as at a restore. `around`: asked as long as
    something is to be forbidden. `register`: the second registration, when it lacks or differs, and `through` its
    name; asked before the first attempt. `findings`: of the first look, about what is left out; of one that compares,
    about the next `compared` indices of the plan. `sources`: what the backup's run asked for."""

    cannot: Finding | None = None
    seen: Seen | None = None
    around: Around | None = None
    expected: timedelta | None = None
    register: Register | None = None
    through: str | None = None
    findings: tuple[Finding, ...] = ()
    compared: int = 0
    sources: tuple[IndexRef, ...] = ()

    @property
    def plan(self) -> Plan:
        assert self.seen is not None
        return self.seen.plan
