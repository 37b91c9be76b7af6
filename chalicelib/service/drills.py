"""Drills: how one comes into being, and the two sides of it that touch the world. What is compared: drill_checks.py."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core import drilling, naming, planning, proofs
from chalicelib.core import elsewhere as names
from chalicelib.core.errors import BadInput, Problem, Refused, Retryable, Taken
from chalicelib.core.model import Finding, Kind, Run, State
from chalicelib.core.observations import Complete
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.ports import Engine
from chalicelib.core.restores import Surroundings
from chalicelib.core.rows import Backup, BackupState, Spec
from chalicelib.core.spec import Drill
from chalicelib.core.workflows import Decision, restore_ends
from chalicelib.core.workflows import drill as workflow
from chalicelib.core.workflows.drill_seen import Watched
from chalicelib.core.workflows.restore_seen import Register, Seen, own
from chalicelib.service import drill_checks, drill_guards, elsewhere, expecting, query, stuck
from chalicelib.service import plans as planner
from chalicelib.service.create import place_beside
from chalicelib.service.elsewhere import spec_now
from chalicelib.service.planned import planned
from chalicelib.service.request import check_active, check_id
from chalicelib.service.restores import WAITS, RestoreWork, unplanned
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World


def new(world: World, spec: Spec, slot: str, *, by: str, start_by: datetime) -> Run:
    """The row of a drill; it is to be stored by `create.place_beside`. Not begun by `start_by`, it is MISSED.
    ValueError for a policy without `drill`."""
    if spec.policy.drill is None:
        raise ValueError(f"policy {spec.policy.name} has no drill")
    repository, now = spec.policy.repository, world.clock.now()
    run = unplanned(Kind.DRILL, spec, repository, slot, now, by=by, token=world.token())
    into = spec.policy.drill.into.target
    found = elsewhere.in_force(world, into) if into and into != spec.target.name else None
    if found is not None:
        run = elsewhere.placed(run, replace(spec, target=found.target, target_gen=found.gen))
    return replace(run, start_by=start_by)


def request(world: World, policy: str, *, request_id: str, by: str, backup: str | None = None) -> Run:
    """A drill now: of what the file selects, or of all of this `backup`, which may be one that drills condemned. The
    same `request_id` again answers the same run, whatever became of it.

    BadInput for an unknown or retired policy, one whose file has no `drill`, an id that could be taken for a slot, and
    a backup that is none or was never good; Taken when that id was asked to drill another backup."""
    check_id(request_id)
    run_id = naming.run_id(Kind.DRILL, policy, request_id)

    def asked() -> Run | None:
        state = query.named(world, policy)
        if known := world.store.run(run_id):
            if known.payload != backup:
                raise Taken(f"{run_id} was asked for already, and was to do something else")
            return known
        check_active(state)
        spec = world.spec(policy, state.spec_gen)
        if spec.policy.drill is None:
            expected = 'drill: {schedule: "0 4 * * 0"} in its block of the file, and then: snapwarden apply FILE'
            raise BadInput(Problem(f"policy {policy} has no `drill`", expected=expected))
        run = new(world, spec, request_id, by=by, start_by=world.clock.now() + WAITS)
        if backup and _named(world, run, backup) is None:
            raise BadInput(Problem(f"there is no {backup} to be drilled", expected="snapwarden backups, a good one"))
        return place_beside(world, replace(run, payload=backup), spec, state)

    return in_turn(run_id, asked)


def _named(world: World, run: Run, backup_id: str) -> Backup | None:
    """The backup that somebody named; what was never good is no question for a drill."""
    usable = (one for one in _here(world, run) if one.good or proofs.condemned(one))
    return next((one for one in usable if one.backup_id == backup_id and one.state is not BackupState.GONE), None)


def _here(world: World, run: Run) -> list[Backup]:
    place = run.source or run.target, run.repository
    return [one for one in world.store.backups(run.policy) if (one.target, one.repository) == place]


class DrillWork(RestoreWork):
    """What the driver needs to know of drills; how errors end them is as for restores."""

    def look(  # type: ignore[override]
        self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool
    ) -> Watched | Register:
        drill = _drill(spec)
        if run.plan is None:
            return _thought_through(world, run, spec, drill, engine)
        plan = planned(world, run)
        restored = engine.restorer.restored(workflow.order(run, plan)) if run.attempts else ()
        made = world.store.evidence(run.run_id, "made", 1) if run.attempts else None
        seen = Seen(plan=plan, restored=restored, made=made.indices if made else ())
        if run.ending is not None:
            return Watched(seen=seen)
        if run.state is State.PLANNED and not restored:
            return _before(world, run, spec, drill, engine, seen)
        seen = stuck.explained(run, seen, world, engine)
        around = drill_guards.around(world, run, spec, engine.restorer.surroundings(), engine, own(seen))
        watched = Watched(seen=seen, around=around)
        if run.state is not State.CHECKING:
            return watched
        return drill_checks.compared(world, run, spec, engine, watched, seen)

    def decide(self, run: Run, spec: Spec, seen: Watched | Register, now: datetime) -> Decision:  # type: ignore[override]
        if isinstance(seen, Register):
            return restore_ends.registering(run, seen, now)
        return workflow.decide(run, _drill(spec), seen, now)

    def not_accepted(self, run: Run, act: Any, error: Exception, now: datetime) -> Decision:
        if not isinstance(act, Register):
            return super().not_accepted(run, act, error, now)
        if isinstance(error, Refused):
            return workflow.unregistered(run, error) if run.source is None else workflow.unreadable(run, error)
        return Decision(state=run.state, changes={"last_error": str(error)}, again=workflow.AGAIN)

    def no_answer(self, run: Run, error: Exception, world: World, *, last: bool = False) -> Decision:
        """One that has not begun holds up nobody while the server hangs."""
        beginning = run.attempts == 0 and isinstance(error, Retryable)
        if beginning and (waiting := drill_guards.waiting(world, run, world.spec_of(run))):
            return workflow.makes_way(run, waiting)
        return super().no_answer(run, error, world, last=last)


def _drill(spec: Spec) -> Drill:
    assert spec.policy.drill is not None, "a run keeps the generation of its policy, which had one"
    return spec.policy.drill


def _thought_through(world: World, run: Run, spec: Spec, drill: Drill, engine: Engine) -> Watched | Register:
    """Which backup, which of its indices, and all that would be in the way."""
    if cannot := _not_there(world, run, drill):
        return Watched(cannot=cannot)
    if run.payload:
        backup, drill = _named(world, run, run.payload), drill.model_copy(update={"sample": "all"})
    else:
        backup = drilling.backup(_here(world, run), drill, run.run_id, world.clock.now())
    if backup is None:
        return Watched(cannot=drilling.no_backup(run))
    if wanted := elsewhere.missing(world, run, engine):
        return wanted
    contents = engine.restorer.contents(_where(world, run), backup.snapshot)
    if contents is None:
        raise Refused(f"{backup.backup_id} is in the catalogue, and the server says that it has no such snapshot")
    past = _past(world, run)
    promised = proofs.LEVEL in spec.policy.rpo
    seed = run.run_id
    sample = drilling.sample(contents, drill, seed, proved=past.proved, before=past.before, promised=promised)
    torn = [index for index in contents.indices if not index.whole]
    wish = Wish(
        policy=run.policy,
        backup=backup.backup_id,
        mode=Mode.DRILL,
        prefix=drill.into.prefix,
        allow_partial=True,
    )
    facts = planning.Facts(
        backup=backup,
        contents=drilling.only(contents, [*sample.indices, *torn]),
        surroundings=engine.restorer.surroundings(),
    )
    plan = planning.plan(wish, spec_now(world, run), facts, world.clock.now(), by=run.requested_by)
    plan = replace(plan, calls=_spelled(world, run, plan, drill, engine))
    expected = drilling.expected(plan, drill, past.runs)
    return Watched(seen=Seen(plan=plan), expected=expected, findings=sample.findings)


def _where(world: World, run: Run) -> str:
    """The name of the repository on the target that it restores to."""
    return elsewhere.registration(world, run).name if run.source else run.repository


def _not_there(world: World, run: Run, drill: Drill) -> Finding | None:
    """Why the drill can't restore where it is to."""
    into = drill.into.target
    if run.source is None:
        return (
            drilling.elsewhere(run, into, "it is not in the file in force") if into not in (None, run.target) else None
        )
    own = world.spec(run.policy, run.spec_gen).target
    if names.place(own, run.repository) is None:
        why = f"the file does not say where repository {run.repository} of {own.name} is"
        return drilling.elsewhere(run, run.target, why)
    return None


@dataclass(frozen=True, kw_only=True)
class _Past:
    """`proved`: by index, when it was last proved. `before`: what the one before had."""

    runs: tuple[Run, ...]
    proved: Mapping[str, datetime]
    before: tuple[str, ...]


def _past(world: World, run: Run) -> _Past:
    known = world.store.runs(policy=run.policy, kind=Kind.DRILL.value, limit=expecting.REMEMBERED + 1)
    drills = [each for each in known if each.run_id != run.run_id and each.settled and each.plan]
    proved = proofs.last(world.store.proofs(run.policy))
    begun = next((each for each in drills if each.attempts), None)
    before = tuple(move.source for move in planned(world, begun).moves) if begun else ()
    restores = world.store.runs(policy=run.policy, kind=Kind.RESTORE.value, limit=expecting.REMEMBERED)
    return _Past(runs=(*drills, *restores), proved=proved, before=before)


def _spelled(world: World, run: Run, plan: Plan, drill: Drill, engine: Engine) -> tuple[str, ...]:
    if not plan.moves:
        return ()
    wanted = _second(world, run, drill, engine)
    restore, *_ = engine.restorer.spelled(workflow.order(replace(run, through=wanted.name), plan))
    return (wanted.spelled(), restore, "DELETE /NAME, for each of them, when it is compared")


def _second(world: World, run: Run, drill: Drill, engine: Engine) -> Register:
    """The second registration, as it should be; elsewhere it is the first."""
    if run.source is not None:
        return elsewhere.registration(world, run)
    live = engine.repository(run.repository)
    if live is None:
        raise Refused(f"repository {run.repository} is not registered")
    return Register(name=drilling.REGISTRATION + run.repository, repository=drilling.registration(live, drill))


def _before(world: World, run: Run, spec: Spec, drill: Drill, engine: Engine, seen: Seen) -> Watched:
    """All that may speak against it, and the registration that it would go through."""
    plan = seen.plan
    backup = planner.of_plan(world, plan)
    if backup is None:
        raise Refused(f"the backup {plan.backup_id} is no longer in the catalogue")
    surroundings = engine.restorer.surroundings()
    around = drill_guards.around(world, run, spec, surroundings, engine, ())
    watched = Watched(seen=replace(seen, anew=_anew(world, run, plan, backup, surroundings, engine)), around=around)
    if any(found.code == workflow.UNREGISTERED for found in run.findings):
        return watched
    wanted = _second(world, run, drill, engine)
    there = names.same(wanted.repository, engine.repository(wanted.name))
    return replace(watched, through=wanted.name, register=None if there else wanted)


def _anew(world: World, run: Run, plan: Plan, backup: Backup, surroundings: Surroundings, engine: Engine) -> Plan:
    there = engine.look(_where(world, run), plan.snapshot)
    if not isinstance(there, Complete):
        raise Refused(f"{plan.backup_id} is in the catalogue, and the server has no such complete snapshot any more")
    contents = drilling.of_plan(plan, there.uuid)
    facts = planning.Facts(backup=backup, contents=contents, surroundings=surroundings)
    return planning.plan(plan.wish, spec_now(world, run), facts, world.clock.now(), by=run.requested_by)
