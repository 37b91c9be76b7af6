"""A restore that was thought through before anything is touched: what was asked, what it makes, what is in the way.

Stored when it is made, and immutable from then on: what was shown is what runs. Whether the world has moved since is
answered by making it anew.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core.model import Finding, Severity
from chalicelib.core.prose import listed
from chalicelib.core.rebuilds import Phase
from chalicelib.core.swaps import Alias

FRESH = timedelta(hours=1)
"""A plan that is older is not started."""
SHOWN = 20
"""Conflicts that are told of a world that has moved: the row of a run holds no thousand."""


class Mode(StrEnum):
    RENAME = "rename"
    DRILL = "drill"
    SWAP = "swap"
    IN_PLACE = "in_place"
    SALVAGE = "salvage"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asked for. At most one of `backup` (an id) and `at` (the newest that had ended by then); neither:
    the newest that can be used. `level`: proved at least so far. `indices`: patterns over names in the backup, none
    for all of them. `allow_partial`: a backup of which shards failed will do, without the indices that they are of.
    `prefix`: empty for a restore in place, and for one under the original names where they are free. `replicas`: what
    restored indices get in the end (None: what the originals had). `into`: the target to restore to, None: the policy's
    own. `of_run`: the restore whose indices documents are salvaged from; `missing_only`: only what live lacks. In mode
    everything `policy` is only one of those whose backups are restored: that of the newest, and `backup` the one beside
    which the configuration stands; `skip`: numbers of phases that are left out. `attach_lifecycle`, `attach_aliases`:
    what comes back under new names gets the lifecycle settings, and those aliases which are only read through, that it
    had."""

    policy: str
    backup: str | None = None
    at: datetime | None = None
    level: str | None = None
    indices: tuple[str, ...] = ()
    mode: Mode = Mode.RENAME
    prefix: str = "restored-"
    allow_partial: bool = False
    replicas: int | None = None
    of_run: str | None = None
    missing_only: bool = False
    attach_lifecycle: bool = False
    attach_aliases: bool = False
    skip: tuple[int, ...] = ()
    into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a restored index has that the live one has not, in documents. `missing` in live, `different` there, the
    `same` on both sides; `only_live`: those that only live has, as far as a search found them just then. `uuid`,
    `live_uuid`, `shards`: of the restored and the live one, and the restored one's primaries."""

    uuid: str
    live_uuid: str
    shards: int
    missing: int
    different: int
    same: int
    only_live: int

    @property
    def total(self) -> int:
        return self.missing + self.different + self.same


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What people use now, and what a swap puts aside: an index (None: there is none, and nobody bears the source's
    name) with all its aliases, which move. Without aliases its own name is what people use, and only a clone of it can
    be kept. `blocked` and `settings`: as `swaps.Standing` has them. `follows`: when the old index is deleted its own
    name becomes an alias of the restored one."""

    index: str | None = None
    uuid: str | None = None
    shards: int = 0
    aliases: tuple[Alias, ...] = ()
    blocked: bool = False
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    follows: bool = False

    @property
    def cloned(self) -> bool:
        return self.index is not None and not self.aliases


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """The live index that a restore in place replaces, keeping its uuid. `whole`: all of its primaries are there."""

    uuid: str
    closed: bool = False
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One index of the backup and the name that it gets. `behind`: operations on the live index of the source's name
    since the backup, which the restored one lacks (None: there is no such index any more, or it can't be told). `live`:
    what a swap puts aside for it, None in other modes. `over`: what a restore in place replaces, None: there is none.
    `replicas`: what it gets in the end. `stream`: the new name of the data stream that it comes back as a part of.
    `attach`: the aliases that are put on it before it is released.

    In mode salvage `source` is the restored index and `name` the live one; `bytes` those of what is to be copied, and
    `difference` what that is (None: they could not be compared)."""

    source: str
    name: str
    shards: int
    bytes: int
    behind: int | None = None
    difference: Difference | None = None
    live: Side | None = None
    over: Over | None = None
    replicas: int = 0
    stream: str | None = None
    attach: tuple[Alias, ...] = ()

    @property
    def known_as(self) -> str:
        """The new name that people use, and that `restore.allow` speaks of."""
        return self.stream or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`findings`: errors are conflicts, each of which forbids the start; the others are what to know before it.
    `approval`: names that `restore.allow` does not allow, so that a second person must. `spare`: bytes that all data
    nodes together may take before the low watermark (None: there is none). `calls`: the requests that the start will
    send, in order. `version`: of the backup, `server`: of the server. `keep_old`: for how many seconds a swap
    keeps what was live. `expected_seconds`: from the start to the end, by what earlier restores of the policy took
    (None: there is none to go by). `left_out`: indices that were wanted, and of which the backup lacks shards.
    `phases`: of mode everything, which has no moves of its own: those are in the plans of its phases; `capsule`: where
    the configuration is that it puts back (None: no backup has one).

    To another target than the policy's: `target` is that one, as generation `target_gen` of the file has it, `source`
    the policy's own, and `through` the registration of the repository there. None otherwise.
    """

    plan_id: str
    made_at: datetime
    made_by: str
    wish: Wish
    spec_gen: int
    target: str
    repository: str
    backup_id: str
    snapshot: str
    snapshot_uuid: str
    taken_at: datetime
    ended_at: datetime
    level: str
    version: str
    server: str
    moves: tuple[Move, ...]
    findings: tuple[Finding, ...] = ()
    approval: tuple[str, ...] = ()
    spare: int | None = None
    calls: tuple[str, ...] = ()
    keep_old: int | None = None
    expected_seconds: float | None = None
    phases: tuple[Phase, ...] = ()
    capsule: str | None = None
    source: str | None = None
    target_gen: int | None = None
    through: str | None = None
    left_out: int = 0

    @property
    def bytes(self) -> int:
        phases = sum(phase.bytes for phase in self.phases if not phase.skipped)
        return sum(move.bytes for move in self.moves) + phases

    @property
    def names(self) -> frozenset[str]:
        """The new names of all indices."""
        return frozenset(move.name for move in self.moves)

    @property
    def streams(self) -> dict[str, str]:
        """The new names of the data streams that are restored as such, by those of their indices."""
        return {move.name: move.stream for move in self.moves if move.stream}

    @property
    def saves(self) -> bool:
        """What is live is backed up first."""
        return any(move.over for move in self.moves)

    @property
    def conflicts(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def mark(self) -> int:
        return mark(self.plan_id)


PREFIX = "plan-"


def mark(plan_id: str) -> int:
    """What every index that this plan makes carries, so that it is known again: 53 bits, never 0."""
    return int(plan_id.removeprefix(PREFIX), 16) % (2**53 - 1) + 1


def named(plan: Plan, text: str) -> Plan:
    """With the id that follows from what is in it. `text`: the plan as it is stored, under an empty id."""
    return replace(plan, plan_id=PREFIX + hashlib.sha256(text.encode()).hexdigest()[:16])


def moved(before: Plan, now: Plan) -> tuple[str, ...]:
    """What is not as it was when the plan was made, in words; nothing of the numbers that move all the time."""
    found = []
    if (before.backup_id, before.snapshot_uuid) != (now.backup_id, now.snapshot_uuid):
        found.append(f"the backup was {before.backup_id}, and would be {now.backup_id}")
    if before.spec_gen != now.spec_gen:
        found.append(f"the policy was applied anew (generation {before.spec_gen}, now {now.spec_gen})")
    if before.server != now.server:
        found.append(f"the server was {before.server}, and is {now.server}")
    if _names(before) != _names(now):
        found.append("what would be restored is no longer the same list of indices")
    elif _sides(before) != _sides(now):
        found.append("what is live, or an alias of it, is no longer what would be put aside")
    elif _overs(before) != _overs(now):
        found.append("what is live under the names to be restored was deleted, or made anew")
    elif [move.attach for move in before.moves] != [move.attach for move in now.moves]:
        found.append("who bears the aliases that are to be attached is no longer the same")
    if new := [name for name in now.approval if name not in before.approval]:
        found.append(f"{listed(new)} may no longer be restored to without a second person")
    known = {(finding.code, finding.subject) for finding in before.conflicts}
    more = [finding.message for finding in now.conflicts if (finding.code, finding.subject) not in known]
    found += [*more[:SHOWN], *([f"and so on, {len(more)} conflicts in all"] if len(more) > SHOWN else [])]
    return tuple(found)


def _sides(plan: Plan) -> list[tuple[str | None, str | None, tuple[Alias, ...]] | None]:
    sides = (move.live for move in plan.moves)
    return [(side.index, side.uuid, side.aliases) if side else None for side in sides]


def _overs(plan: Plan) -> list[str | None]:
    return [move.over.uuid if move.over else None for move in plan.moves]


def _names(plan: Plan) -> list[tuple[str, str, int]]:
    return [(move.source, move.name, move.shards) for move in plan.moves]
