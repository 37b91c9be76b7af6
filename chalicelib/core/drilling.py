"""What a drill restores: which backup, which of its indices, through which registration, in what time. Pure: every draw
is seeded by the id of the run, so that a step that is repeated draws the same."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from chalicelib.core import drawing, plan_time
from chalicelib.core.model import Finding, Run, Severity
from chalicelib.core.plans import Plan
from chalicelib.core.prose import size, span
from chalicelib.core.restores import Contents, HeldIndex
from chalicelib.core.rows import Backup, BackupState
from chalicelib.core.spec import Drill, RandomWithin, Repository
from chalicelib.core.streams import stream_of

T = TypeVar("T")
REGISTRATION = "snapwarden-drill-"
"""Begins the name of the second registration of a repository, which can only be read."""
BESIDE = timedelta(minutes=1)
"""For the looks of a drill, its checks and the removal."""
MOST = timedelta(hours=12)
BROKEN_BY_IT = ", and the policy's promise at L4 can't be kept as long as it selects it"
UNDRILLED = {"drill.data_stream": "data stream", "drill.too_big": "larger than `drill.max_bytes`"}
"""Findings about what no drill ever restores, and why in two words."""
ANY_ONE = 4
"""One drill in so many begins with any index at all: those that fail again and again must starve nobody."""
NEVER = datetime(1, 1, 1, tzinfo=UTC)


def backup(backups: Sequence[Backup], drill: Drill, seed: str, now: datetime) -> Backup | None:
    """`backups`: the newest first. None: there is no good one that would do."""
    good = [each for each in backups if each.good and each.state is not BackupState.GONE]
    if isinstance(drill.select, RandomWithin):
        good = [each for each in good if now - each.taken_at <= drill.select.random_within]
        return next(iter(_drawn(seed, "backup", good, min(len(good), 1))), None)
    return good[0] if good else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`indices`: what is restored, sorted by name. `findings`: what can never be, and why."""

    indices: tuple[HeldIndex, ...]
    findings: tuple[Finding, ...] = ()


def sample(
    contents: Contents,
    drill: Drill,
    seed: str,
    *,
    proved: Mapping[str, datetime],
    before: Sequence[str] = (),
    promised: bool = False,
) -> Sample:
    """`proved`: when each index was last proved, by name; one that is missing never was. `before`: the indices of the
    drill before this one. `promised`: the policy promises L4, which what is never drilled makes impossible.

    First the biggest of those whose proof is the oldest (none is the oldest), but never the one that the drill before
    began with; then the others, the oldest proof first and else at random, as long as they fit."""
    usable = [index for index in contents.indices if index.whole and stream_of(index.name, contents.streams) is None]
    fitting = [index for index in usable if drill.max_bytes is None or index.bytes <= drill.max_bytes]
    room = drill.max_bytes if drill.max_bytes is not None else sum(index.bytes for index in fitting)
    count = len(fitting) if drill.sample == "all" else int(drill.sample)
    chosen: list[HeldIndex] = []
    for index in _ordered(fitting, seed, proved, frozenset(before)):
        if len(chosen) < count and index.bytes <= room:
            chosen.append(index)
            room -= index.bytes
    too_big = [index for index in usable if index not in fitting]
    found = (*_too_big(too_big, drill.max_bytes or 0, promised=promised), *_streams(contents, promised=promised))
    return Sample(indices=tuple(sorted(chosen, key=lambda index: index.name)), findings=tuple(found))


def _ordered(
    indices: Sequence[HeldIndex], seed: str, proved: Mapping[str, datetime], before: frozenset[str]
) -> list[HeldIndex]:
    if not indices:
        return []
    mixed = _drawn(seed, "indices", sorted(indices, key=lambda index: index.name), len(indices))
    mixed.sort(key=lambda index: proved.get(index.name, NEVER))
    led = max((index for index in indices if index.name in before), key=_weight, default=None)
    others = [index for index in mixed if index != led] or mixed
    oldest = proved.get(others[0].name, NEVER)
    stale = [index for index in others if proved.get(index.name, NEVER) == oldest]
    anyhow = _drawn(seed, "whether", range(ANY_ONE), 1) == [0]
    first = _drawn(seed, "first", others, 1)[0] if anyhow else max(stale, key=_weight)
    return [first, *(index for index in mixed if index != first)]


def _weight(index: HeldIndex) -> tuple[int, str]:
    return index.bytes, index.name


def undrilled(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Of the findings of a drill: what is never drilled, each with why. As long as the policy selects it, a promise at
    L4 is not kept."""
    return tuple(f"{found.subject} ({UNDRILLED[found.code]})" for found in findings if found.code in UNDRILLED)


def never(names: Sequence[str]) -> str:
    """`names` as of `undrilled`, not empty."""
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} never drilled"


def _too_big(indices: Iterable[HeldIndex], most: int, *, promised: bool) -> Iterator[Finding]:
    for index in indices:
        message = f"{index.name} has {size(index.bytes)}, and a drill may restore {size(most)}: it is never proved"
        message += BROKEN_BY_IT if promised else ""
        yield _warning("drill.too_big", index.name, message, "a higher `drill.max_bytes`")


def _streams(contents: Contents, *, promised: bool) -> Iterator[Finding]:
    by_hand = "restore it by hand now and then"
    held = [name for index in contents.indices if (name := stream_of(index.name, contents.streams))]
    for name in dict.fromkeys(held):
        message = f"{name} is a data stream, and not every server removes one again: it is not drilled"
        message += BROKEN_BY_IT if promised else ""
        apart = f"`select.exclude: [{name}]`, and a policy of its own for it without L4 in `rpo`; {by_hand}"
        yield _warning("drill.data_stream", name, message, apart if promised else by_hand)


def elsewhere(run: Run, target: str | None, why: str) -> Finding:
    message = f"the drill is to restore to {target}, and can't: {why}"
    next_step = "mend it, or the file and apply it; or leave `drill.into.target` out"
    return _warning("drill.elsewhere", run.policy, message, next_step)


def no_backup(run: Run) -> Finding:
    message = f"policy {run.policy} has no good backup in {run.repository} that the drill could take"
    return _warning("drill.no_backup", run.policy, message, f"snapwarden backup {run.policy} --wait")


def only(contents: Contents, names: Iterable[HeldIndex]) -> Contents:
    """As if the backup held nothing else."""
    return replace(contents, indices=tuple(names), streams=())


def of_plan(plan: Plan, uuid: str) -> Contents:
    """What the backup held when the plan was made; that never changes, but which snapshot has its name may: `uuid`."""
    held = tuple(HeldIndex(name=move.source, shards=move.shards, bytes=move.bytes) for move in plan.moves)
    return Contents(uuid=uuid, version=plan.version, ended_at=plan.ended_at, indices=held)


def registration(live: Repository, drill: Drill) -> Repository:
    """The same place, which can only be read, with a bandwidth of its own: production's recoveries keep theirs."""
    settings = {**live.settings, "readonly": "true"}
    if drill.max_bytes_per_sec is not None:
        settings["max_restore_bytes_per_sec"] = f"{drill.max_bytes_per_sec}b"
    return Repository(type=live.type, settings=settings)


def expected(plan: Plan, drill: Drill, history: Iterable[Run]) -> timedelta:
    """For all of the drill: the restore by what earlier ones brought in a second, and what is beside it. `history`:
    restores and drills of the policy."""
    rate = plan_time.rate(history, plan.bytes) or plan_time.BYTES_PER_SECOND
    if drill.max_bytes_per_sec:
        rate = min(rate, drill.max_bytes_per_sec)
    return min(timedelta(seconds=plan.bytes / max(rate, 1)) + BESIDE + plan_time.AN_INDEX * len(plan.moves), MOST)


def budget(duration: timedelta) -> timedelta:
    """Until the deadline of a drill that is expected to take so long."""
    return min(3 * duration + timedelta(minutes=5), MOST)


def rto(run: Run, drill: Drill) -> Iterator[Finding]:
    """Broken, whatever was proved."""
    if drill.rto is None or run.restore_seconds is None or run.restore_seconds <= drill.rto.total_seconds():
        return
    took = span(timedelta(seconds=run.restore_seconds))
    message = f"the restore took {took}, and `drill.rto` promises {span(drill.rto)}"
    next_step = "find out what slows it down (bandwidth of the repository, load), or promise less"
    yield Finding(code="drill.rto", severity=Severity.ERROR, subject=run.policy, message=message, next_step=next_step)


def in_its_words(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What plans say of options of a command, said of keys of the file."""
    for found in findings:
        step = found.next_step.replace("--prefix", "`drill.into.prefix`")
        step = step.replace("choose fewer with --indices", "a smaller `drill.sample` or `drill.max_bytes`")
        yield replace(found, next_step=step)


def _warning(code: str, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject=subject, message=message, next_step=next_step)


def _drawn(seed: str, what: str, items: Sequence[T], many: int) -> list[T]:
    return drawing.chosen(hashlib.sha256(f"{what}/{seed}".encode()).digest(), items, many)
