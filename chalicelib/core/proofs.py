"""What drills have proved, index by index: which proofs a policy keeps, and what its promise at L4 comes to. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from chalicelib.core.model import Finding, Severity
from chalicelib.core.rows import Backup, Proofs, Proved
from chalicelib.core.spec import Level
from chalicelib.core.wire import dump

LEVEL: Level = "L4"
ROOM = 330_000
"""Bytes of the row; a row of the table holds a little more (a test compares them)."""
AROUND = 3
"""Bytes that JSON puts around a name in a list."""
KEPT = 20
"""Drills whose evidence counts for a backup."""
ABOUT_THE_DATA = (
    "restore.replaced",
    "restore.shard_failed",
    "restore.counts",
    "restore.mapping",
    "restore.sample",
    "drill.query",
)
"""Errors of a drill that say that the backup is not what it should be. All others say something of the drill."""


ABOUT_THE_SERVER = ("restore.shard_failed",)
"""Of these, what may be the fault of a server that did not make the backup: it lacks a plugin, or a file of words."""


def condemning(findings: Iterable[Finding], *, elsewhere: bool = False) -> tuple[str, ...]:
    """The codes of those findings that make the backup one that can't be relied on; each once. `elsewhere`: another
    cluster restored it than the one that made it."""
    wrong = (found.code for found in findings if found.severity is Severity.ERROR)
    spared = ABOUT_THE_SERVER if elsewhere else ()
    return tuple(dict.fromkeys(code for code in wrong if code in ABOUT_THE_DATA and code not in spared))


def added(known: Proofs, new: Proved, selection: AbstractSet[str], taken_at: datetime) -> Proofs:
    """With the proofs of one more drill. Names that are no longer in the `selection` of the backup that was taken then
    are forgotten, unless a later backup proved them. What finds no room is dropped, the oldest proofs first. An empty
    selection is one that nobody knows any more: nothing is forgotten for it."""
    drills = [
        proved if proved.taken_at > taken_at or not selection else _only(proved, selection)
        for proved in (*known.drills, new)
    ]
    return _fitting(replace(known, drills=_best(drills)))


def withdrawn(known: Proofs, backup_id: str) -> Proofs:
    """Without those of a backup that turned out to be bad."""
    return replace(known, drills=tuple(proved for proved in known.drills if proved.backup_id != backup_id))


def newest(proofs: Proofs | None) -> Mapping[str, Proved]:
    """By name of an index: the drill that proved its newest data."""
    return _by_name(proofs.drills if proofs else (), _data)


def last(proofs: Proofs | None) -> dict[str, datetime]:
    """By name of an index: when it was proved last, whatever the age of the data."""
    found = _by_name(proofs.drills if proofs else (), _instant)
    return {name: proved.at for name, proved in found.items()}


def oldest(proofs: Proofs, selection: AbstractSet[str]) -> Proved | None:
    """Were every index restored from the newest backup that it is proved in: the one with the oldest data of these.
    None: an index has no proof, or nothing is selected."""
    proved = newest(proofs)
    if not selection or not all(name in proved for name in selection):
        return None
    return min((proved[name] for name in selection), key=_data)


def condemned(backup: Backup) -> bool:
    """By drills alone: it was good, as no other backup is drilled."""
    return not backup.good and bool(backup.errors) and set(backup.errors) <= set(ABOUT_THE_DATA)


def judged(backup: Backup, run_id: str, at: datetime, proved: int, codes: Sequence[str], *, alone: int = 0) -> Backup:
    """The entry of the catalogue after a drill; all its drills together have `proved` so many of its indices, and this
    one `alone` so many. `codes`: of what the drill found wrong with it. One that drills had condemned is good again
    when one later drill proved every index of it; not by several, of which each may have missed what another found.
    `rev` and `token` are the caller's."""
    after = replace(backup, drills=(*backup.drills, run_id)[-KEPT:], drilled_at=at, proved=max(proved, backup.proved))
    if codes:
        errors = tuple(dict.fromkeys((*backup.errors, *codes)))
        return replace(after, errors=errors, good=False, level=backup.reached or backup.level, reached=None)
    if condemned(after) and alone >= after.indices > 0:
        after = replace(after, errors=(), good=True)
    if after.good and after.level < LEVEL and after.proved >= after.indices > 0:
        return replace(after, level=LEVEL, reached=after.level)
    return after


def rehabilitated(before: Backup) -> Finding:
    """What people are told when a backup that drills had condemned is good again."""
    codes = ", ".join(before.errors)
    message = f"{before.backup_id} had failed a drill ({codes}); now every index of it was proved: it counts again"
    step = "find out what had failed: the repository may have been out of reach for a while"
    return Finding(
        code="drill.rehabilitated",
        severity=Severity.INFO,
        subject=before.backup_id,
        message=message,
        next_step=step,
    )


def _data(proved: Proved) -> tuple[datetime, datetime]:
    return proved.taken_at, proved.at


def _instant(proved: Proved) -> tuple[datetime, datetime]:
    return proved.at, proved.taken_at


def _by_name(drills: Iterable[Proved], order: Callable[[Proved], tuple[datetime, datetime]]) -> dict[str, Proved]:
    """By name of an index: the drill that is the last one in that order."""
    return {name: proved for proved in sorted(drills, key=order) for name in proved.indices}


def _best(drills: Sequence[Proved]) -> tuple[Proved, ...]:
    data, latest = _by_name(drills, _data), _by_name(drills, _instant)
    kept = (
        _only(proved, {name for name in proved.indices if proved in (data[name], latest[name])}) for proved in drills
    )
    return tuple(sorted((proved for proved in kept if proved.indices), key=_instant))


def _only(proved: Proved, names: AbstractSet[str]) -> Proved:
    return replace(proved, indices=tuple(name for name in proved.indices if name in names))


def _fitting(proofs: Proofs) -> Proofs:
    """The row must always fit into the table: a drill that could not be stored would never end."""
    known = {name for proved in proofs.drills for name in proved.indices}
    drills = list(proofs.drills)
    while (over := len(dump(replace(proofs, drills=tuple(drills))).encode()) - ROOM) > 0:
        drills[0] = _lighter(drills[0], over)
        drills = drills if drills[0].indices else drills[1:]
    left = {name for proved in drills for name in proved.indices}
    return replace(proofs, drills=tuple(drills), dropped=len(known - left))


def _lighter(proved: Proved, over: int) -> Proved:
    """With as few names less as save so many bytes, or with none."""
    for number, name in enumerate(proved.indices):
        if over <= 0:
            return replace(proved, indices=proved.indices[number:])
        over -= len(name.encode()) + AROUND
    return replace(proved, indices=())
