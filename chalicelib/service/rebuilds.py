"""Everything back: how it is planned, and the two sides of its run that touch the world."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import rebuild_pieces, rebuilding, traffic, wishes
from chalicelib.core.errors import BadInput, Problem, Refused, Retryable, Unauthenticated
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Run
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.ports import Create, Engine, Update
from chalicelib.core.rebuild_findings import Known
from chalicelib.core.rebuild_progress import Rebuild
from chalicelib.core.rebuilding import Group, Made, Source
from chalicelib.core.rebuilds import Does, Phase, Piece
from chalicelib.core.rows import Spec
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import rebuild as workflow
from chalicelib.core.workflows.rebuild import Begin, Configure, Seen, Stop
from chalicelib.service import control, elsewhere, expecting, in_use, rebuild_capsules
from chalicelib.service import plans as planner
from chalicelib.service.backups import ACT_TIMEOUT
from chalicelib.service.planned import planned
from chalicelib.service.rebuild_view import phase_run
from chalicelib.service.world import World

KIND = "pieces"
MOST_ROWS = 1000
"""Of one phase."""
A_PHASE = timedelta(hours=13)
"""What the run of one phase may take, with its wait in line."""


def plan(world: World, wish: Wish, target: str | None = None, *, by: str | None = None) -> Plan:
    """Of all policies of that target (None: there is but one), each with the backup that the wish means; made and
    stored, whatever is in the way, with the plan of each phase. `by`: what asks, where no person does.

    BadInput when the wish makes no sense, or none of them has a backup that would do; Retryable or Refused when the
    server or the bucket does not say what is needed, or AWS who calls."""
    if wrong := wishes.replica_problems(wish):
        raise BadInput(*wrong)
    own = _specs(world, target)
    specs = [(spec, elsewhere.meant(world, wish, spec)) for spec in own]
    by, engine = by or world.identity(), world.engine(specs[0][1])
    sources, without = _sources(world, wish, specs, engine)
    if not sources:
        message = f"no policy of target {own[0].target.name} has a backup that would do"
        raise BadInput(Problem(message, expected="; ".join(f"{name}: {why}" for name, why in sorted(without.items()))))
    surroundings = engine.restorer.surroundings()
    found, left_out = rebuilding.groups(sources, surroundings)
    parts = [(group, _part(world, wish, group, engine, by)) for group in found]
    known = Known(
        surroundings=surroundings,
        there=engine.configuration(),
        recorded=rebuild_capsules.recorded(world, wish, sources),
        left_out=left_out,
        without=without,
    )
    newest = max(sources, key=lambda source: source.backup.taken_at)
    found_out = rebuilding.plan(wish, newest, parts, known, world.clock.now(), by=by)
    made = found_out.plan
    if wrong := rebuilding.problems(made):
        raise BadInput(*wrong)
    inner = [made for _, made in parts]
    return _kept(world, replace(found_out, plan=replace(made, calls=_spelled(engine, found_out, inner))), inner)


def _part(world: World, wish: Wish, group: Group, engine: Engine, by: str) -> Plan:
    source, history = group.source, expecting.history(world, group.source.backup.policy)
    asked = rebuilding.part(wish, group)
    return planner.anew(world, asked, source.spec, engine, source.backup, by=by, history=history)


def _kept(world: World, made: Made, inner: list[Plan]) -> Plan:
    """The whole last: what it names is there."""
    plan = made.plan
    for number, rows in made.pieces.items():
        for place, pieces in enumerate(rows):
            row = Evidence(run_id=plan.plan_id, kind=KIND, n=number * MOST_ROWS + place, pieces=pieces)
            world.store.commit(Create(row))
    for each in (*inner, plan):
        world.store.commit(Create(Evidence(run_id=each.plan_id, kind=planner.KIND, n=1, plan=each)))
    return plan


def _specs(world: World, target: str | None) -> list[Spec]:
    """Of all active policies of the target, by name."""
    states = [state for state in world.store.states() if state.active]
    specs = sorted((world.spec(state.policy, state.spec_gen) for state in states), key=lambda spec: spec.policy.name)
    names = sorted({spec.target.name for spec in specs})
    if not names:
        raise BadInput(Problem("there is no policy", expected="snapwarden apply FILE"))
    if target is None and len(names) > 1:
        raise BadInput(Problem("everything of which target?", key="--target", expected=f"one of {', '.join(names)}"))
    if target is not None and target not in names:
        message = f"no policy backs up target {target}"
        raise BadInput(Problem(message, key="--target", expected=f"one of {', '.join(names)}"))
    return [spec for spec in specs if spec.target.name == (target or names[0])]


def _sources(
    world: World, wish: Wish, specs: list[tuple[Spec, Spec]], engine: Engine
) -> tuple[list[Source], dict[str, str]]:
    """And the policies that have none, with why. `specs`: each with its own target, and with that which is restored
    to, where the repository is registered first if that is another one."""
    sources: list[Source] = []
    without: dict[str, str] = {}
    for own, there in specs:
        name = own.policy.name
        wanted = Wish(policy=name, at=wish.at, level=wish.level, allow_partial=wish.allow_partial)
        try:
            backup = planner.chosen(world, wanted, own)
            elsewhere.check_place(own, there, backup.repository)
        except BadInput as error:
            without[name] = "; ".join(problem.message for problem in error.problems)
            continue
        try:
            if there.target_gen is not None:
                elsewhere.register(own, backup.repository, engine)
            contents = engine.restorer.contents(planner.where(there, backup), backup.snapshot)
        except Unauthenticated:
            raise
        except Refused as error:
            without[name] = str(error)
            continue
        if contents is None:
            without[name] = f"{backup.backup_id} is in the catalogue, and the server has no such snapshot"
            continue
        expected = planner.evidence(world, backup, "expected")
        originals = expected.indices if expected else ()
        sources.append(Source(spec=there, backup=backup, contents=contents, originals=originals))
    return sources, without


def _spelled(engine: Engine, made: Made, inner: list[Plan]) -> tuple[str, ...]:
    """In the order of the phases."""
    of = {one.plan_id: one for one in inner}
    calls: list[str] = []
    for phase in made.plan.phases:
        if phase.skipped:
            continue
        if phase.plan is not None:
            calls += of[phase.plan].calls
        else:
            calls += engine.restorer.spelled_pieces([piece for row in made.pieces[phase.number] for piece in row])
    return tuple(calls)


def placed(run: Run, plan: Plan, spec: Spec) -> Run:
    """Whoever restores everything holds no repository, so nobody but another one of the kind is in its way."""
    phases = [phase for phase in plan.phases if not phase.skipped]
    policies = dict.fromkeys(phase.policy for phase in phases if phase.policy and phase.policy != run.policy)
    return replace(
        run,
        lease=traffic.rebuild_lease(spec.target),
        deadline_at=run.deadline_at + A_PHASE * sum(phase.does is Does.INDICES for phase in phases),
        rebuild=Rebuild(at=workflow.first(plan), policies=tuple(policies)),
    )


def taken(world: World, plan: Plan, run: Run) -> tuple[Update, ...]:
    """The marks of all its backups: those of later phases must wait for them. Conflict when one is gone."""
    ids = dict.fromkeys(phase.backup_id for phase in plan.phases if phase.backup_id and not phase.skipped)
    policies = dict.fromkeys(phase.policy for phase in plan.phases if phase.policy and not phase.skipped)
    known = {backup.backup_id: backup for policy in policies for backup in world.store.backups(policy)}
    return tuple(in_use.taken(planner.usable(known.get(each), each), run) for each in ids)


class RebuildWork:
    """What the driver needs to know of runs that restore everything."""

    def __init__(self, world: World) -> None:
        self._world = world

    def look(self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool) -> Seen:
        plan = planned(world, run)
        if run.attempts == 0:
            return Seen(plan=plan)
        phase = workflow.current(run, plan)
        if phase.does is Does.INDICES:
            part = world.store.run(phase_run(phase))
            left_out = planner.stored(world, phase.plan or "").left_out if part and part.good else 0
            return Seen(plan=plan, part=part, left_out=left_out)
        if run.cancel:
            return Seen(plan=plan)
        try:
            return self._lacking(run, plan, phase, engine)
        except Refused as error:
            return Seen(plan=plan, cannot=error)

    def _lacking(self, run: Run, plan: Plan, phase: Phase, engine: Engine) -> Seen:
        """What the server lacks of this phase now."""
        if not phase.names:
            return Seen(plan=plan)
        wanted, there = _stored(self._world, plan, phase), engine.configuration()
        after = run.rebuild.after if run.rebuild else 0
        if phase.does is not Does.ALIASES:
            return Seen(plan=plan, pieces=rebuild_pieces.left(wanted, there, after).pieces)
        back = _back(self._world, plan)
        left = rebuild_pieces.aliases_left(wanted, there, engine.restorer.surroundings(), back, after)
        found = (*map(workflow.elsewhere, left.elsewhere), *map(workflow.silent, left.silent))
        return Seen(plan=plan, pieces=left.pieces, found=found)

    def decide(self, run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
        return workflow.decide(run, seen, now)

    def act(self, act: Begin | Configure | Stop, engine: Engine) -> Decision | None:
        match act:
            case Configure():
                return self._configure(act, engine)
            case Begin():
                self._begin(act)
            case Stop():
                self._stop(act)
        return None

    def _begin(self, act: Begin) -> None:
        from chalicelib.service import restores

        phase = workflow.current(act.run, act.plan)
        try:
            restores.begin(self._world, planner.stored(self._world, phase.plan or ""), act.run)
        except BadInput as error:
            raise Refused(str(error)) from None

    def _configure(self, act: Configure, engine: Engine) -> Decision:
        refused: dict[str, str] = {}
        error: Exception | None = None
        after = act.pieces[0][0]
        for done, (place, piece) in enumerate(act.pieces):
            if done and self._world.remaining() <= ACT_TIMEOUT:
                break
            try:
                engine.restorer.configure(piece)
            except Refused as met:
                refused[piece.path] = str(met)
            except Retryable as met:
                error = met
                break
            after = place + 1
        return workflow.brought(act.run, after, refused, error, self._world.clock.now())

    def _stop(self, act: Stop) -> None:
        try:
            control.cancel(self._world, act.run_id, by=act.asked.by, why=act.asked.why)
        except BadInput:
            return  # it has ended meanwhile: the next look sees how

    def not_accepted(self, run: Run, act: Any, error: Exception, now: datetime) -> Decision:
        if isinstance(act, Begin) and isinstance(error, Refused):
            return workflow.not_begun(run, act.plan, error)
        return workflow.no_answer(run, error, now, refused=isinstance(error, Refused), last=False)

    def no_answer(self, run: Run, error: Exception, world: World, *, last: bool = False) -> Decision:
        return workflow.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused), last=last)

    def given_up(self, run: Run, decision: Decision) -> Decision:
        return decision


def _stored(world: World, plan: Plan, phase: Phase) -> list[Piece]:
    """What was planned, and nothing else."""
    first = phase.number * MOST_ROWS
    rows = [world.store.evidence(plan.plan_id, KIND, number) for number in range(first, first + phase.rows)]
    found = [row.pieces for row in rows if row]
    if len(found) < phase.rows:
        raise Refused(f"what phase {phase.number} of {plan.plan_id} puts back could not be read")
    if rebuild_pieces.digest(found) != phase.digest:
        raise Refused(f"what phase {phase.number} of {plan.plan_id} puts back is not what was planned")
    return [piece for row in found for piece in row]


def _back(world: World, plan: Plan) -> dict[str, str | None]:
    """What the phases have brought back, by name, with the uuid that it had then; None: a data stream."""
    found: dict[str, str | None] = {}
    for phase in plan.phases:
        part = world.store.run(phase_run(phase)) if phase.plan and not phase.skipped else None
        made = world.store.evidence(part.run_id, "made", 1) if part and part.good else None
        if made is None:
            continue
        uuids = {index.name: index.uuid for index in made.indices}
        for move in planner.stored(world, phase.plan or "").moves:
            found[move.known_as] = None if move.stream else uuids.get(move.name)
    return found
