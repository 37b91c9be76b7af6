"""Restoring to another target than the policy's: which one the file in force means, and the repository there."""

from dataclasses import replace

from chalicelib.core import drilling, elsewhere
from chalicelib.core.errors import BadInput, Conflict, Problem, Refused, Retryable
from chalicelib.core.model import Kind, Run
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.ports import Engine
from chalicelib.core.rows import Spec, TargetSpec
from chalicelib.core.workflows.restore_seen import Register
from chalicelib.service.world import World


def in_force(world: World, name: str) -> TargetSpec | None:
    """What the file in force says of the target; None when there is no such target in it. Retryable while an `apply`
    is at work that may bring it."""
    config = world.store.config()
    found = world.store.target(name, config.generation) if config else None
    if found is None and config is not None and not config.complete:
        raise Retryable(f"generation {config.generation} of the file is not applied yet: apply it, and try again")
    return found


def meant(world: World, wish: Wish, spec: Spec) -> Spec:
    """With the target that the wish means; the policy's own is `spec` as it is. BadInput when the file has no such
    target, or does not say where the repository is."""
    if wish.into is None or wish.into == spec.target.name:
        return spec
    found = in_force(world, wish.into)
    if found is None:
        raise BadInput(_no_target(wish.into))
    return replace(spec, target=found.target, target_gen=found.gen)


def check_place(source: Spec, spec: Spec, repository: str) -> None:
    """BadInput when `spec` is elsewhere, and the file does not say where the repository is."""
    if spec.target_gen is not None and elsewhere.place(source.target, repository) is None:
        raise BadInput(elsewhere.unknown(source.target, repository, spec.target.name))


def unchanged(world: World, plan: Plan, spec: Spec) -> Spec:
    """With the target of the plan, which the file in force must have as it was. BadInput when it has it no longer,
    Conflict when it says something else of it."""
    after = meant(world, plan.wish, spec)
    if after.target_gen is None or plan.target_gen is None:
        return after
    before = world.store.target(plan.target, plan.target_gen)
    if before is None or before.target != after.target:
        raise Conflict(f"target {plan.target} was applied anew since the plan was made: make a new one")
    return after


def placed(run: Run, spec: Spec) -> Run:
    """The run, which has the lease of the repository's place, as one that works on the target of `spec`."""
    if spec.target_gen is None:
        return run
    return replace(run, source=run.target, target=spec.target.name, target_gen=spec.target_gen)


def spec_now(world: World, run: Run) -> Spec:
    """What the file says that is in force now, with the target that the run works on; of one that has left the file
    what it said when the run began."""
    state = world.store.state(run.policy)
    spec = world.spec(run.policy, state.spec_gen if state else run.spec_gen)
    if run.target_gen is None:
        return spec
    found = in_force(world, run.target)
    target = found.target if found else world.spec_of(run).target
    return replace(spec, target=target, target_gen=run.target_gen)


def registration(world: World, run: Run) -> Register:
    """How the repository is to be registered where the run restores to. ValueError for a run that restores where its
    backup was made."""
    if run.source is None:
        raise ValueError(f"{run.run_id} restores where its backup was made")
    spec = world.spec(run.policy, run.spec_gen)
    place = elsewhere.place(spec.target, run.repository)
    if place is None:
        raise Refused(str(elsewhere.unknown(spec.target, run.repository, run.target)))
    if run.kind is Kind.DRILL and spec.policy.drill is not None:
        name = elsewhere.name(run.source, run.repository, drilling.REGISTRATION)
        return Register(name=name, repository=drilling.registration(place, spec.policy.drill))
    return Register(name=elsewhere.name(run.source, run.repository), repository=place)


def missing(world: World, run: Run, engine: Engine) -> Register | None:
    """What has to be registered before the run can read its backup; None: nothing."""
    if run.source is None:
        return None
    wanted = registration(world, run)
    return None if elsewhere.same(wanted.repository, engine.repository(wanted.name)) else wanted


def register(source: Spec, repository: str, engine: Engine) -> Register | None:
    """Has the engine register it for a plan, which reads what the backup holds; None when the file does not say where
    it is. Nothing is written by that, and the run does it again."""
    place = elsewhere.place(source.target, repository)
    if place is None:
        return None
    wanted = Register(name=elsewhere.name(source.target.name, repository), repository=place)
    if not elsewhere.same(place, engine.repository(wanted.name)):
        engine.register(wanted.name, place)
    return wanted


def _no_target(name: str) -> Problem:
    message = f"the file in force has no target {name}"
    return Problem(message, key="into", expected="a target of the file; after an update, `snapwarden apply FILE` first")
