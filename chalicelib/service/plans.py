"""Making the plan of a restore: from the catalogue, the server and what the run of the backup counted."""

from collections.abc import Iterable
from dataclasses import replace

from chalicelib.core import attaching, planning, swapping, wishes
from chalicelib.core import elsewhere as places
from chalicelib.core.capsules import Configuration
from chalicelib.core.errors import BadInput, Conflict, Problem, Refused, Retryable
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import IndexCount, IndexRef, Run
from chalicelib.core.plan_time import NextSlot
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.ports import Create, Engine
from chalicelib.core.restores import Contents, Surroundings
from chalicelib.core.rows import Backup, BackupState, PolicyState, Spec
from chalicelib.core.spec import Policy
from chalicelib.service import elsewhere, expecting, query
from chalicelib.service.world import World

KIND = "plan"


def plan(world: World, wish: Wish, *, by: str | None = None) -> Plan:
    """Made and stored, whatever is in the way. `by`: what asks, where no person does. BadInput when the wish makes no
    sense, when there is no such policy, or no backup that will do; Retryable or Refused when the server does not say
    what is needed, or AWS who calls.

    For a plan into another target the repository is registered there, to be read only: nobody else may be alive to say
    what the backup holds."""
    if wrong := wishes.problems(wish):
        raise BadInput(*wrong)
    state = query.named(world, wish.policy)
    spec = world.spec(wish.policy, state.spec_gen)
    backup = chosen(world, wish, spec)
    there = elsewhere.meant(world, wish, spec)
    elsewhere.check_place(spec, there, backup.repository)
    who, engine, states = by or world.identity(), world.engine(there), world.store.states()
    registered = elsewhere.register(spec, backup.repository, engine) if there.target_gen is not None else None
    made = anew(
        world,
        wish,
        there,
        engine,
        backup,
        by=who,
        policies=_beside(world, there, states),
        history=expecting.history(world, wish.policy),
        slots=expecting.next_slots(world, states, spec, backup.repository, there.target),
        recorded=_recorded(world, backup) if wish.attach_aliases else None,
    )
    if registered is not None:
        made = replace(made, calls=(registered.spelled(), *made.calls))
    world.store.commit(Create(Evidence(run_id=made.plan_id, kind=KIND, n=1, plan=made)))
    return made


def anew(
    world: World,
    wish: Wish,
    spec: Spec,
    engine: Engine,
    backup: Backup,
    *,
    by: str,
    policies: tuple[Policy, ...] = (),
    history: tuple[Run, ...] = (),
    slots: tuple[NextSlot, ...] = (),
    recorded: Configuration | None = None,
) -> Plan:
    """Of this backup, as it would be now; not stored. `policies`: whose backups might take what is made; without them
    nothing is said of that. `history` and `slots`: what is known of time, as `planning.Facts` have it. `recorded`:
    where aliases are to be attached, those that there were."""
    contents = engine.restorer.contents(where(spec, backup), backup.snapshot)
    if contents is None:
        raise Refused(f"{backup.backup_id} is in the catalogue, and the server says that it has no such snapshot")
    surroundings = engine.restorer.surroundings()
    expected = evidence(world, backup, "expected")
    sources = planning.sources(wish, contents)
    names = attaching.names(recorded, sources) if wish.mode is Mode.RENAME else sources
    facts = planning.Facts(
        backup=backup,
        contents=contents,
        surroundings=surroundings,
        originals=expected.indices if expected else (),
        before=expected.counts if expected else (),
        counts=_live(engine, contents, surroundings) if expected and expected.counts else (),
        standing=engine.restorer.standing(names) if names else (),
        policies=policies,
        history=history,
        slots=slots,
        recorded=recorded,
    )
    made = planning.plan(wish, spec, facts, world.clock.now(), by=by)
    if not made.moves:
        return made
    return replace(made, calls=_spelled(engine, made))


def _spelled(engine: Engine, made: Plan) -> tuple[str, ...]:
    calls = engine.restorer.spelled(planning.order(made))
    if made.wish.mode is Mode.SWAP:
        calls += engine.restorer.spelled_swap(swapping.clones(made), swapping.forth(made))
    if attached := attaching.actions(made):  # before the settings are put back, which is last
        calls = (*calls[:-1], *engine.restorer.spelled_swap((), attached), calls[-1])
    return calls


def where(spec: Spec, backup: Backup) -> str:
    """The name of the repository on the target of `spec`."""
    return backup.repository if spec.target_gen is None else places.name(backup.target, backup.repository)


def _recorded(world: World, backup: Backup) -> Configuration | None:
    """Only who plans may read the bucket: none of our functions may."""
    from chalicelib.service import capsules  # few plans need it

    return capsules.recorded_with(world, backup)


def stored(world: World, plan_id: str) -> Plan:
    """BadInput when there is none of that id."""
    found = world.store.evidence(plan_id, KIND, 1)
    if found is None or found.plan is None:
        raise BadInput(Problem(f"there is no plan {plan_id}", expected="one that `snapwarden restore plan` printed"))
    return found.plan


def usable(backup: Backup | None, backup_id: str) -> Backup:
    """Conflict when it is gone, or about to be."""
    if backup is None or backup.state not in (BackupState.KEPT, BackupState.PLANNED):
        raise Conflict(f"the backup {backup_id} is no longer in the catalogue: make a new plan")
    return backup


def of_plan(world: World, plan: Plan) -> Backup | None:
    """What the plan restores, as the catalogue has it now."""
    known = world.store.backups(plan.wish.policy)
    return next((backup for backup in known if backup.backup_id == plan.backup_id), None)


def evidence(world: World, backup: Backup, kind: str) -> Evidence | None:
    """Of the attempt that made the backup."""
    return evidences(world, backup, kind)[0]


def evidences(world: World, backup: Backup, *kinds: str) -> list[Evidence | None]:
    """The same, in the order of `kinds`; the run of the backup is read once."""
    run = world.store.run(backup.run_id)
    return [world.store.evidence(run.run_id, kind, run.attempts) if run else None for kind in kinds]


def chosen(world: World, wish: Wish, spec: Spec) -> Backup:
    """The backup that the wish means. BadInput when none will do, or when the policy has left its place since."""
    backup = _chosen(world, wish)
    _check_place(spec, backup)
    return backup


def _beside(world: World, spec: Spec, states: Iterable[PolicyState]) -> tuple[Policy, ...]:
    """All active policies of the same target, this one included."""
    active = (world.spec(state.policy, state.spec_gen) for state in states if state.active)
    return tuple(other.policy for other in active if other.target.name == spec.target.name)


def _chosen(world: World, wish: Wish) -> Backup:
    known = [
        backup
        for backup in world.store.backups(wish.policy)
        if backup.state is not BackupState.GONE and (wish.level is None or backup.level >= wish.level)
    ]
    if wish.backup is not None:
        if named := next((backup for backup in known if backup.backup_id == wish.backup), None):
            return named
        own = [backup.backup_id for backup in world.store.backups(wish.policy)]
        found = query.backup(world, wish.backup, near=own)
        of = f"it is of policy {found.policy}" if found.policy != wish.policy else f"it is proved to {found.level} only"
        raise BadInput(Problem(f"the backup {wish.backup} will not do: {of}", expected="one of this policy"))
    in_time = [backup for backup in known if wish.at is None or backup.ended_at <= wish.at]
    usable = [backup for backup in in_time if backup.good] or [backup for backup in in_time if wish.allow_partial]
    if not usable:
        raise BadInput(Problem(f"policy {wish.policy} has no good backup{_which(wish)}", expected=_instead(known)))
    return usable[0]


def _check_place(spec: Spec, backup: Backup) -> None:
    """A policy may have moved since: where it is now, a repository of the same name may be another place."""
    if backup.target != spec.target.name or backup.repository not in spec.target.repositories:
        place = f"{backup.backup_id} is in repository {backup.repository} of target {backup.target}"
        message = f"{place}, which policy {spec.policy.name} no longer has"
        raise BadInput(Problem(message, expected="a file with both, applied, or a backup made since"))


def _which(wish: Wish) -> str:
    level = f" at {wish.level} or higher" if wish.level else ""
    return f"{level} that had ended by {wish.at:%Y-%m-%d %H:%M:%S}Z" if wish.at else level


def _instead(known: list[Backup]) -> str:
    if not known:
        return "a backup first: snapwarden backup POLICY"
    return f"--backup with one of: {', '.join(backup.backup_id for backup in known[:3])}"


def _live(engine: Engine, contents: Contents, surroundings: Surroundings) -> tuple[IndexCount, ...]:
    """Of the live indices that the backup holds too."""
    held = {index.name for index in contents.indices}
    wanted = [
        IndexRef(name=index.name, uuid=index.uuid, shards=index.shards, closed=index.closed)
        for index in surroundings.indices
        if index.name in held
    ]
    try:
        return engine.counts(wanted, refresh=False)
    except (Retryable, Refused):
        return ()  # how far the backup is behind is good to know, and no reason not to restore
