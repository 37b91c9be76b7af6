"""Makes the table agree with the file: claim, write in batches, complete.

The claim is the row `CFG | META`. Every batch moves its `rev` in the same transaction, so it is a fence: whoever was
overtaken, however long he slept, writes nothing more. A crash leaves an incomplete claim and some of the changes; the
next `apply` compares with the rows and writes the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core import naming, promise, results, schedule
from chalicelib.core.config import Config
from chalicelib.core.errors import Conflict, Retryable
from chalicelib.core.model import Run, State
from chalicelib.core.ports import Clock, Create, Store, Update
from chalicelib.core.rows import PolicyState, Spec, TargetSpec
from chalicelib.core.spec import Policy, Target
from chalicelib.core.stage_rows import ConfigState
from chalicelib.service import drill_slots
from chalicelib.service.create import ended_run, new_run
from chalicelib.service.differences import Changes, diff, read_current, read_targets

TAKEOVER = timedelta(minutes=2)
"""An incomplete claim without progress for so long may be taken over; if its maker lives, the fence stops it."""
BATCH = 16
"""Policies in one transaction of 100 rows: six each (spec, state, two runs and their places in the list), and the
claim."""
TARGETS = 90
"""Targets in one transaction, and the claim."""
BATCH_BYTES = 1_000_000
"""Far below the 4 MB that a transaction may have: each policy carries its target."""
TRIES = 8
"""Runs move the same rows; each try reads them again."""
SLOTS = ("schedule", "timezone")
"""What says which slots there are. `jitter` and `blackout` only move when they start."""

__all__ = ["Changes", "apply", "diff", "read_current", "read_targets"]


def apply(
    config: Config, store: Store, clock: Clock, who: str, *, prune: bool = False, new_token: Callable[[], str]
) -> Changes:
    """Returns what was changed. Conflict: somebody else's apply came between; nothing of this one is lost or half
    seen that the next one would not mend. Without `prune`, policies that left the file stay active."""
    now = clock.now()
    seen = store.config()
    if seen is not None and not seen.complete and now - seen.applied_at < TAKEOVER:
        raise _overtaken(seen)
    current = read_current(store)
    changes = diff(config, current, read_targets(store, config))
    retired = changes.policies.removed if prune else ()
    names = (*changes.policies.added, *changes.policies.changed, *retired)
    if (
        not names
        and seen is not None
        and seen.complete
        and seen.digest == config.digest
        and _named(config, store, seen)
    ):
        return changes
    writer = _Writer(config, store, clock, new_token, seen)
    first, *others = _target_batches(config)
    mine = writer.move(_claim(seen, config, who), targets=first)
    for targets in others:
        writer.move(lambda mine: mine, targets=targets)
    for batch in _batches(names, config):
        writer.move(lambda mine: mine, batch)
    writer.move(lambda mine: replace(mine, complete=True))
    return replace(changes, retired=retired, generation=mine.generation)


def _named(config: Config, store: Store, seen: ConfigState) -> bool:
    """Whether the targets have their rows: older releases wrote none."""
    return all(store.target(name, seen.generation) for name in config.targets)


def _target_batches(config: Config) -> Iterator[list[Target]]:
    """At least one. They come with the claim, before any policy that may restore to one of them."""
    batch: list[Target] = []
    size = 0
    for target in config.targets.values():
        weight = len(target.model_dump_json().encode())
        if batch and (len(batch) == TARGETS or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(target)
        size += weight
    yield batch


def _claim(seen: ConfigState | None, config: Config, who: str) -> Callable[[ConfigState], ConfigState]:
    generation = 1 if seen is None else seen.generation + 1
    return lambda row: replace(row, generation=generation, digest=config.digest, applied_by=who, complete=False)


def _overtaken(by: ConfigState | None) -> Conflict:
    if by is None:
        return Conflict("another apply won; look at the difference and apply again")
    state = "won" if by.complete else "is under way"
    return Conflict(
        f"another apply (generation {by.generation} by {by.applied_by} at {by.applied_at:%Y-%m-%d %H:%M:%S}Z) {state}; "
        "look at the difference and apply again"
    )


def _batches(names: Sequence[str], config: Config) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        policy = config.policies.get(name)
        parts = (policy, config.targets[policy.target]) if policy else ()
        weight = sum(len(part.model_dump_json().encode()) for part in parts)
        if batch and (len(batch) == BATCH or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += weight
    if batch:
        yield batch


class _Writer:
    def __init__(
        self, config: Config, store: Store, clock: Clock, new_token: Callable[[], str], seen: ConfigState | None
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._token = new_token
        self._last = seen

    def move(
        self, change: Callable[[ConfigState], ConfigState], names: Sequence[str] = (), *, targets: Sequence[Target] = ()
    ) -> ConfigState:
        """Moves the claim, the rows of `names` and those of `targets` in one transaction. An answer that was lost is
        looked up: the token in the claim tells whether one of our own tries was stored after all."""
        tries: dict[str, ConfigState] = {}
        for _ in range(TRIES):
            mine = change(self._next())
            tries[mine.token] = mine
            claim = Create(mine) if self._last is None else Update(mine)
            rows = [row for name in names for row in self._rows(name, mine.generation)]
            rows += [Create(TargetSpec(target=target, gen=mine.generation)) for target in targets]
            try:
                found = mine if self._store.commit(claim, *rows) else self._store.config()
            except Retryable:
                found = self._store.config()
            if found is not None and found.token in tries:
                self._last = tries[found.token]
                return self._last
            if found is not None and (self._last is None or found.rev != self._last.rev):
                raise _overtaken(found)
        raise Retryable("the table gave no answer, or its rows kept changing; apply again in two minutes")

    def _next(self) -> ConfigState:
        now, token = self._clock.now(), self._token()
        if self._last is None:
            return ConfigState(generation=1, digest="", applied_at=now, applied_by="", token=token)
        return replace(self._last, rev=self._last.rev + 1, token=token, applied_at=now)

    def _rows(self, name: str, gen: int) -> list[Create | Update]:
        """From the state as it is now: runs move it all the time. The spec first, so that a state never names one
        that is not there."""
        state, now = self._store.state(name), self._clock.now()
        policy = self._config.policies.get(name)
        if policy is None and (state is None or not state.active):
            return []
        spec = [Spec(policy=policy, target=self._config.targets[policy.target], gen=gen)] if policy else []
        if state is None:
            assert policy is not None
            return [*map(Create, spec), Create(_first(policy, gen, now, self._token()))]
        old = self._store.spec(name, state.spec_gen)
        left = self._left(state, old, policy, now)
        drills = drill_slots.left(state, old, policy, now, self._token()) if old and state.active else []
        after = _moved(state, old, policy, now) if policy else _retired(state)
        after = replace(after, spec_gen=gen if policy else state.spec_gen, rev=state.rev + 1, token=self._token())
        after = results.noted(after, left[0]) if left else after
        after = drill_slots.noted(after, drills[0]) if drills else after
        return [*map(Create, spec), Update(after), *map(Create, (*left, *drills))]

    def _left(self, state: PolicyState, old: Spec | None, policy: Policy | None, now: datetime) -> list[Run]:
        """One row for the slots that had come and that the new file knows nothing of: they waited for the tick, the end
        of a blackout or of a pause. No message: the sweeper finds the row and tells."""
        if old is None or not state.active or (policy and not _changed(old, policy, SLOTS)):
            return []
        gap = schedule.reached(old.policy, state.cursor, now)
        if gap is None:
            return []
        known = self._store.installation()  # none yet: nothing of it was ever made, so the name is nobody's
        run = new_run(
            old,
            naming.slot_name(gap.last),
            now,
            state,
            installation=known.id if known else "none",
            requested_by="schedule",
            start_by=schedule.start_by(old.policy, gap.last),
            token=self._token(),
        )
        why = "their times were changed in the file" if policy else "the policy was retired"
        paused = f"paused by {state.paused.by} ({state.paused.why}), and " if state.paused else ""
        outcome = State.SKIPPED if paused else State.MISSED
        reason = f"{gap.words} up to {run.slot} did not start: {paused}{why}"
        return [results.judged(state, ended_run(run, outcome, reason=reason, count=gap.count, since=gap.first))]


def _first(policy: Policy, gen: int, now: datetime, token: str) -> PolicyState:
    """Nothing in the past is due. The promise's clock begins to run."""
    due_at = _due(policy, now)
    state = PolicyState(policy=policy.name, spec_gen=gen, cursor=now, since=now, token=token, due_at=due_at)
    return promise.rewound(drill_slots.applied(state, None, policy, now), policy, now)


def _retired(state: PolicyState) -> PolicyState:
    """Deletes nothing: an open run ends with the generation it has."""
    state = replace(state, active=False, due_at=None, drill_due_at=None)
    return replace(state, breach_at=None, broken_since=None, remind_at=None, muted=None)


def _moved(state: PolicyState, old: Spec | None, policy: Policy, now: datetime) -> PolicyState:
    """When the slots changed or the policy was retired, they count from now on. Otherwise one that waits for its jitter
    or a blackout goes on waiting, by the new ones, and one that is due stays due: the tick starts it, or says that it
    was missed. A paused policy stays out of the due index; resuming puts it back. With another `notify`, what was told
    was told to others. What the file promises anew has its full time."""
    cursor, due_at = state.cursor, state.due_at
    if old is None or not state.active or _changed(old, policy, SLOTS):
        cursor = max(cursor, now)
        due_at = _due(policy, cursor)
    elif due_at is None or due_at > now:
        due_at = _due(policy, cursor)
    due_at = None if state.paused else due_at
    told = state.told if old is not None and old.policy.notify == policy.notify else ()
    before = promise.promised(old.policy if old is not None else policy) if state.active else {}
    promised_at: dict[str, datetime] = {
        level: promise.began(state, level) if level in before else now for level in promise.promised(policy)
    }
    since = state.since if state.active else now
    after = replace(state, active=True, since=since, cursor=cursor, due_at=due_at, told=told, promised_at=promised_at)
    after = drill_slots.applied(after, old.policy if old is not None and state.active else None, policy, now)
    return promise.rewound(after, policy, now)


def _changed(old: Spec, policy: Policy, keys: Sequence[str]) -> bool:
    return any(getattr(old.policy, key) != getattr(policy, key) for key in keys)


def _due(policy: Policy, cursor: datetime) -> datetime | None:
    slot = schedule.next_slot(policy, cursor)
    return None if slot is None else schedule.due_at(policy, slot)
