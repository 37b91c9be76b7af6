"""What drills have proved, index by index: which proofs a policy keeps, and what its promise at L4 comes to. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from chalicelib.core.model import Finding, Severity
from chalicelib.core.rows import Backup, Proofs, Proved
from chalicelib.core.spec import Check, Level
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
FORGOTTEN = "what was asked then is no longer known"


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


def left_open(backup: Backup, then: Mapping[int, Sequence[Check]], now: Sequence[Check]) -> tuple[str, ...]:
    """What had condemned the backup and was not asked again as strictly by a drill with the checks `now`, in the words
    of the file. Nothing: such a drill, of every index, clears it. `then`: what the file asked in the generations of
    `failed_in`; of one that can't be read any more nobody knows how strict it was."""
    return tuple(dict.fromkeys(part for code in backup.errors for part in _open(code, backup, then, now)))


def judged(
    backup: Backup,
    run_id: str,
    at: datetime,
    proved: int,
    codes: Sequence[str],
    *,
    gen: int,
    cleared: bool = False,
) -> Backup:
    """The entry of the catalogue after a drill by the file of generation `gen`; all its drills together have `proved`
    so many of its indices. `codes`: of what the drill found wrong with it. `cleared`: this drill alone proved every
    index, and left nothing open; then one that drills had condemned is good again. Several drills do not add up for
    that: each may have missed what another found. `rev` and `token` are the caller's."""
    after = replace(backup, drills=(*backup.drills, run_id)[-KEPT:], drilled_at=at, proved=max(proved, backup.proved))
    if codes:
        errors = tuple(dict.fromkeys((*backup.errors, *codes)))
        failed_in = {**backup.failed_in, **{code: _with(backup.failed_in.get(code, ()), gen) for code in codes}}
        level = backup.reached or backup.level
        return replace(after, errors=errors, failed_in=failed_in, good=False, level=level, reached=None)
    if cleared and condemned(after):
        after = replace(after, errors=(), failed_in={}, good=True)
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


def not_rehabilitated(before: Backup, left: Sequence[str]) -> Finding:
    """What people are told when every index was proved by weaker checks than those that had condemned the backup."""
    codes = ", ".join(before.errors)
    asked = f"this one proved every index, but did not ask again: {'; '.join(left)}"
    return Finding(
        code="drill.not_rehabilitated",
        severity=Severity.WARNING,
        subject=before.backup_id,
        message=f"{before.backup_id} had failed a drill ({codes}); {asked}. It does not count",
        next_step="put that into `drill.checks`, apply, and drill this backup once more; or rely on another one",
    )


def _open(code: str, backup: Backup, then: Mapping[int, Sequence[Check]], now: Sequence[Check]) -> Iterator[str]:
    """Of one code. What is not about a check (a shard, the snapshot itself) is asked by every restore."""
    if code == "restore.counts" and not any(check.doc_count for check in now):
        yield "doc_count"
    elif code == "restore.mapping" and not any(check.mapping for check in now):
        yield "mapping"
    elif code in ("restore.sample", "drill.query"):
        gens = backup.failed_in.get(code, ())
        if not gens or not all(gen in then for gen in gens):
            yield f"{code}, and {FORGOTTEN}"
        asked = [check for gen in gens for check in then.get(gen, ())]
        yield from _samples(asked, now) if code == "restore.sample" else _queries(asked, now)


def _samples(then: Sequence[Check], now: Sequence[Check]) -> Iterator[str]:
    least, most = (max((check.sample_hash or 0 for check in checks), default=0) for checks in (then, now))
    if most < max(least, 1):
        yield f"sample_hash: {max(least, 1)}"


def _queries(then: Sequence[Check], now: Sequence[Check]) -> Iterator[str]:
    """All of them, as nobody wrote down which one failed. The same ones: of another one nobody can say whether it is as
    strict."""
    for check in then:
        if check.query and check not in now:
            yield f"the same query of {check.query.index}"


def _with(gens: tuple[int, ...], gen: int) -> tuple[int, ...]:
    return gens if gen in gens else (*gens, gen)


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
