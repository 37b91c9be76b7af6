"""The two sides of a backup run that touch the world: the questions of a look, and the act of a claim."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chalicelib.core import contract, pace
from chalicelib.core.errors import Refused, RepositoryMissing, Retryable
from chalicelib.core.model import IndexCount, IndexRef, Run, State
from chalicelib.core.observations import Absent, Complete
from chalicelib.core.ports import Engine, Store
from chalicelib.core.rows import Spec
from chalicelib.core.workflows import Decision, cancel, ends
from chalicelib.core.workflows import backup as workflow
from chalicelib.service import settle
from chalicelib.service.world import World

if TYPE_CHECKING:
    from chalicelib.core.evidence import Evidence
    from chalicelib.core.proving import Facts

T = TypeVar("T")
ACT_TIMEOUT = timedelta(seconds=25)
"""Registering and starting are each answered within 10 s or given up, and the outcome is written."""


class BackupWork:
    """What the driver needs to know of backup runs."""

    def look(self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool) -> workflow.Seen:
        """One look; what is asked depends on the state, see `workflow.Seen`. Before the first start nothing of ours can
        be there, and the start itself is refused when the name is a stranger's: that request is saved."""
        store, now, installation = world.store, world.clock.now(), world.installation()
        starting = run.state is State.STARTING and not accepted
        if run.attempts == 0:
            seen = workflow.Seen(observation=Absent(), installation=installation)
            return _before(run, spec, engine, seen, world)
        try:
            cheaply = run.state is State.RUNNING and run.cancel is None and now < run.deadline_at
            observation = engine.look(run.repository, run.snapshot, running=cheaply)
        except RepositoryMissing:
            if not starting:
                raise
            observation = Absent()
        seen = workflow.Seen(observation=observation, installation=installation, accepted=accepted)
        if starting and isinstance(observation, Absent):
            return _before(run, spec, engine, seen, world)
        if run.state is State.VERIFYING and isinstance(observation, Complete):
            seen = replace(seen, expected=_expected(run, store))
            seen = _afterwards(run, spec, engine, seen, observation, world)
            return _with_capsule(run, spec, engine, seen, world)
        return seen

    def decide(self, run: Run, spec: Spec, seen: workflow.Seen, now: datetime) -> Decision:
        return workflow.decide(run, spec, seen, now)

    def act(self, act: workflow.Start | cancel.Abort, engine: Engine) -> None:
        match act:
            case workflow.Start():
                if act.register:
                    engine.register(act.order.repository, act.register)
                engine.start(act.order)
            case cancel.Abort():
                engine.delete(act.repository, act.snapshot)

    def not_accepted(self, run: Run, act: workflow.Start | cancel.Abort, error: Exception, now: datetime) -> Decision:
        refused = isinstance(error, Refused)
        match act:
            case cancel.Abort() if refused:
                return cancel.refused(run, error, now)
            case cancel.Abort():
                return ends.no_answer(run, error, now, refused=False)
            case workflow.Start():
                return ends.not_accepted(run, error, now, refused=refused)

    def no_answer(self, run: Run, error: Exception, world: World, *, last: bool = False) -> Decision:
        if last:
            return ends.timed_out(run, str(error))
        if run.attempts == 0 and settle.is_superseded(world, run):
            return ends.superseded(run, error)
        return ends.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused))

    def given_up(self, run: Run, decision: Decision) -> Decision:
        return decision


def _before(run: Run, spec: Spec, engine: Engine, seen: workflow.Seen, world: World) -> workflow.Seen:
    if run.cancel:
        return seen
    now = world.clock.now()
    selection = engine.resolve(spec.policy.select, repository=run.repository)
    counts, uncounted = _counts(run, spec, engine, selection.indices, now, refresh=True)
    seen = replace(seen, selection=selection, counts=counts, uncounted=uncounted)
    return replace(seen, facts=_facts(run, spec, engine, seen, world)) if _drills(run, spec) else seen


def _afterwards(
    run: Run, spec: Spec, engine: Engine, seen: workflow.Seen, complete: Complete, world: World
) -> workflow.Seen:
    """The live indices are only asked for when something is missing."""
    now = world.clock.now()
    expected = seen.expected.indices if seen.expected else ()
    sizes, _ = patiently(run, now, lambda: engine.sizes(run.repository, run.snapshot))
    counts, uncounted = _counts(run, spec, engine, expected, now, refresh=False)
    if not {index.name for index in expected} <= set(complete.indices):
        seen = replace(seen, selection=engine.resolve(spec.policy.select))
    seen = replace(seen, sizes=sizes, counts=counts, uncounted=uncounted)
    return replace(seen, facts=_facts_again(run, spec, engine, world)) if _drills(run, spec) else seen


def _drills(run: Run, spec: Spec) -> bool:
    """Whether facts are read with this backup. Not after a crash, which may have been theirs: they must not cost it."""
    return spec.policy.drill is not None and not run.crashes


def _facts(run: Run, spec: Spec, engine: Engine, seen: workflow.Seen, world: World) -> "Facts | None":
    from chalicelib.service import facts

    if not facts.wanted(spec):
        return None
    ask = partial(patiently, run, world.clock.now())
    return facts.before(run, spec, engine, world, seen.selection.indices, seen.counts, ask)


def _facts_again(run: Run, spec: Spec, engine: Engine, world: World) -> "Facts | None":
    from chalicelib.service import facts

    then = world.store.evidence(run.run_id, "facts", run.attempts)
    if then is None or then.facts is None:
        return None
    return facts.afterwards(spec, engine, world, then.facts, partial(patiently, run, world.clock.now()))


def _with_capsule(run: Run, spec: Spec, engine: Engine, seen: workflow.Seen, world: World) -> workflow.Seen:
    """Imported here because a cold start of `work` seldom needs it."""
    from chalicelib.service import capsules

    return capsules.recorded(run, spec, engine, seen, world)


def _counts(
    run: Run, spec: Spec, engine: Engine, indices: tuple[IndexRef, ...], now: datetime, *, refresh: bool
) -> tuple[tuple[IndexCount, ...], str | None]:
    if not contract.needs_counts(spec.policy) or not indices:
        return (), None
    counts, why = patiently(run, now, lambda: engine.counts(indices, refresh=refresh))
    return counts or (), why


def patiently(run: Run, now: datetime, ask: Callable[[], T]) -> tuple[T | None, str | None]:
    """What must not cost the run: refused, it stays unanswered, and why is said; without an answer it is asked again
    for a while. Either way it is judged as one that could not be checked."""
    try:
        return ask(), None
    except Refused as error:
        return None, str(error)
    except Retryable as error:
        if now - run.steps[-1].at < pace.PATIENCE and now < run.deadline_at:  # past it there is no other look
            raise
        return None, str(error)


def _expected(run: Run, store: Store) -> "Evidence":
    """What the start asked for. A run without it can't be judged, and what can't be judged is not good."""
    found = store.evidence(run.run_id, "expected", run.attempts)
    if found is None:
        raise Retryable(f"the list of expected indices of {run.run_id} could not be read")
    return found
