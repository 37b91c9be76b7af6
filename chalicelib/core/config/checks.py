"""What needs more than one value to judge: references, spacing of slots, blocks that contradict each other.

Every check yields remarks with a path below the target or policy that it judges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any

from chalicelib.core import promise, schedule
from chalicelib.core.blackout import check_blackout
from chalicelib.core.config.document import Path
from chalicelib.core.nearest import nearest
from chalicelib.core.spec import LEVELS, Drill, Policy, Target
from chalicelib.core.values import format_duration, shown
from chalicelib.core.wildcards import matches

A_SCHEDULE = 'cron of five fields like "0 2 * * *", or "rate(6 hours)"'
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Where the spacing of slots is measured from: any day will do, but always the same one."""
SLOTS = 60
TWO_MONTHS = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Remark:
    """`warning`: worth saying, and not in the way."""

    path: Path
    message: str
    expected: str | None = None
    warning: bool = False


def check_references(raw: Mapping[str, Any], targets: Mapping[str, Any]) -> Iterator[Remark]:
    """On what was written, so that a mistake elsewhere in a policy or its target hides none here."""
    yield from _known(("target",), raw.get("target"), targets, "target of this file")
    target = targets.get(raw["target"]) if isinstance(raw.get("target"), str) else None
    repositories = target.get("repositories") if isinstance(target, Mapping) else None
    if isinstance(repositories, Mapping):
        yield from _known(("repository",), raw.get("repository"), repositories, f"repository of {raw['target']}")
    drill = raw.get("drill")
    into = drill.get("into") if isinstance(drill, Mapping) else None
    if isinstance(into, Mapping):
        yield from _known(("drill", "into", "target"), into.get("target"), targets, "target of this file")


def _known(path: Path, name: object, known: Mapping[str, Any], what: str) -> Iterator[Remark]:
    if isinstance(name, str) and name not in known:
        yield Remark(path, f"{shown(name)} is no {what}{nearest(name, known)}", "one of " + ", ".join(sorted(known)))


def check_schedules(raw: Mapping[str, Any]) -> Iterator[Remark]:
    drill = raw.get("drill")
    for prefix, block in (((), raw), (("drill",), drill)):
        written = block.get("schedule") if isinstance(block, Mapping) else None
        items = [written] if isinstance(written, str) else written if isinstance(written, list) else []
        for position, item in enumerate(items):
            path = (*prefix, "schedule") if isinstance(written, str) else (*prefix, "schedule", position)
            if isinstance(item, str) and (wrong := schedule.check(item)):
                yield Remark(path, f"{shown(item)} is not a schedule: {wrong}", A_SCHEDULE)
            elif item in items[:position]:
                yield Remark(path, f"{shown(item)} is there twice", "each schedule once")


def check_policy(policy: Policy, target: Target | None) -> Iterator[Remark]:
    """For a policy whose values are all valid; `target` is None when there is none, or it isn't."""
    yield from _select(policy)
    yield from _hours(policy)
    yield from _promise(policy)
    yield from _contract(policy)
    yield from _proofs(policy)
    if target is not None and policy.repository in target.repositories:
        repository = target.repositories[policy.repository]
        if repository.type == "url" or str(repository.settings.get("readonly", "")).lower() == "true":
            yield Remark(
                ("repository",), f"{policy.repository!r} can only be read", "one that backups can be written to"
            )
    if policy.notify.topic != "default":
        message = f"there is no topic {policy.notify.topic!r}: reports to it would reach nobody"
        yield Remark(("notify", "topic"), message, "default, the only one of this release")
    if not policy.notify.on:
        yield Remark(("notify", "on"), "nobody is told of anything", "failure, recovery or success", warning=True)


def _select(policy: Policy) -> Iterator[Remark]:
    if "*" in policy.select.exclude:
        yield Remark(("select", "exclude"), "'*' leaves nothing to back up", "less than everything")
    for position, pattern in enumerate(policy.select.indices):
        if pattern in policy.select.exclude:
            yield Remark(("select", "indices", position), f"{pattern!r} is in `exclude` too", "either of them")


def _hours(policy: Policy) -> Iterator[Remark]:
    if wrong := check_blackout(policy.blackout):
        yield Remark(("blackout",), wrong, "some hours in which the policy may start")
    if policy.timeout <= timedelta(0):
        yield Remark(("timeout",), "a run needs time", "more than 0s")
    if policy.catch_up < schedule.GRAIN:
        yield Remark(
            ("catch_up",), f"counts as {format_duration(schedule.GRAIN)}: the clock ticks each minute", warning=True
        )
    if not policy.schedule:
        started = "only its triggers and people start it" if policy.triggers else "only people start it"
        yield Remark(("schedule",), f"there is none: {started}", A_SCHEDULE, warning=True)
        return
    shortest, _ = spacing(policy, policy.schedule)
    if shortest is not None and policy.jitter >= shortest:
        message = f"slots are as close as {format_duration(shortest)}, so this jitter could let one overtake another"
        yield Remark(("jitter",), message, f"less than {format_duration(shortest)}")
    if policy.blackout and not wrong and _never_starts(policy):
        message = f"every slot is MISSED: {format_duration(policy.catch_up)} after it the blackout still lasts"
        yield Remark(("catch_up",), message, "longer than the blackout, or slots outside of it", warning=True)


def _never_starts(policy: Policy) -> bool:
    """None of the slots of two months is left when its blackout ends."""
    if any(schedule.check(item) for item in policy.schedule):
        return False
    slots = list(takewhile(lambda slot: slot < SINCE + TWO_MONTHS, schedule.slots(policy, SINCE)))
    return bool(slots) and all(schedule.due_at(policy, slot) > schedule.start_by(policy, slot) for slot in slots)


def spacing(policy: Policy, schedules: Sequence[str]) -> tuple[timedelta | None, timedelta | None]:
    """The shortest and the longest time between slots; None for fewer than two."""
    if any(schedule.check(item) for item in schedules):
        return None, None
    instants = islice(schedule.slots(policy.model_copy(update={"schedule": tuple(schedules)}), SINCE), SLOTS)
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    return min(gaps, default=None), max(gaps, default=None)


def _promise(policy: Policy) -> Iterator[Remark]:
    promised = [(level, policy.rpo[level]) for level in LEVELS if level in policy.rpo]
    if not policy.rpo and "rpo" in policy.model_fields_set:
        yield Remark(("rpo",), "is empty", "26h, or {L2: 26h, L4: 8d}")
    for level, age in promised:
        path = ("rpo", level)
        schedules = policy.drill.schedule if level == "L4" and policy.drill else policy.schedule
        longest = spacing(policy, schedules)[1] if schedules else None
        if age < timedelta(minutes=1):
            yield Remark(path, "no backup is that young", "at least 1m")
        elif longest is not None and age < longest:
            message = f"{format_duration(age)} can't be kept: up to {format_duration(longest)} lie between slots"
            yield Remark(path, message, f"more than {format_duration(longest)}", warning=True)
    for (low, longer), (high, shorter) in pairwise(promised):
        if shorter < longer:
            message = f"{high} is promised younger than {low}, which every {high} backup reaches too"
            yield Remark(("rpo", low), message, "no longer than the levels above it", warning=True)
    if policy.drill is None and "L4" in (policy.prove, *policy.rpo):
        yield Remark((), "L4 is reached by drills, and there is no `drill`", "a drill block", warning=True)
    if policy.retention and policy.retention.max_age and promised:
        longest_promise = max(age for _, age in promised)
        if policy.retention.max_age < longest_promise:
            message = f"ends before the promise of {format_duration(longest_promise)} does"
            yield Remark(("retention", "max_age"), message, f"at least {format_duration(longest_promise)}")


def _contract(policy: Policy) -> Iterator[Remark]:
    if promise.required(policy) > "L1" and not policy.contract.model_fields_set - {"allow_partial"}:
        message = f"says nothing of what a backup must hold: an empty one reaches {promise.required(policy)} too"
        yield Remark(("contract",), message, "min_docs, max_shrink or must_include", warning=True)
    for position, wanted in enumerate(policy.contract.must_include):
        path = ("contract", "must_include", position)
        if matches(wanted, policy.select.exclude):
            yield Remark(path, f"{wanted!r} is left out by `select.exclude`", "what the backup can hold")
        elif not matches(wanted, policy.select.indices):
            message = f"{wanted!r} is matched by nothing in `select.indices`"
            yield Remark(path, message, "fine if `select` names an alias or a data stream that holds it", warning=True)


def _proofs(policy: Policy) -> Iterator[Remark]:
    """What no check looks at is never proved."""
    queries = [check.query for check in policy.drill.checks if check.query] if policy.drill else []
    if policy.drill is None or len(queries) < len(policy.drill.checks):
        return
    for pattern in policy.select.indices:
        if not matches(pattern, [query.index for query in queries]):
            message = f"all are queries, and none looks at all that {pattern!r} may mean: such an index is never proved"
            yield Remark(("drill", "checks"), message, "doc_count, mapping or sample_hash beside them", warning=True)


def check_drill(drill: Drill, target: Target | None) -> Iterator[Remark]:
    """`target`: where it restores to. Paths are below the policy."""
    if target is None:
        return
    made = f"{drill.into.prefix}x"
    if not matches(made, target.restore.allow):
        message = f"{target.name} does not allow to restore to {drill.into.prefix}…"
        allowed = ", ".join(target.restore.allow) or "nothing"
        path = ("drill", "into", "prefix") if "prefix" in drill.into.model_fields_set else ("drill",)
        yield Remark(path, message, f"a prefix that its restore.allow covers ({allowed})")
