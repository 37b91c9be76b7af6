"""Restores: how one is started, and the two sides of it that touch the world."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.core import approving, naming, salvaging, traffic, wishes
from chalicelib.core.errors import BadInput, Conflict, Problem, Refused, Taken
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Asked, Kind, Run, State, Step
from chalicelib.core.planning import order
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.ports import Check, Create, Engine, Update
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.wire import dump
from chalicelib.core.workflows import Decision, in_place, in_place_ends, restore_ends, swap_ends
from chalicelib.core.workflows import restore as workflow
from chalicelib.core.workflows.restore_seen import Close, Open, Register, Release, Remove, Restore, Seen
from chalicelib.service import approvals, elsewhere, in_use, query, replacing, stuck, swapping, tell
from chalicelib.service import plans as planner
from chalicelib.service.create import place_beside
from chalicelib.service.planned import anew, checking, planned, thought_through
from chalicelib.service.request import check_active, check_id
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World

SWAPS = (State.SWAPPING, State.SWAPPED)
TIMEOUT = timedelta(hours=12)
WAITS = timedelta(hours=1)
"""For whoever works on the repository; a plan that waits longer is stale."""


def start(world: World, plan_id: str, *, by: str | None = None, glass: str | None = None) -> Run:
    """The run that carries out the plan; asked again, the same one, whatever became of it. `by`: what asks, where no
    person does; a plan that needs an approval is started by nobody else. `glass`: why one person does it alone.

    BadInput for a plan that is unknown, too old, or in conflict, and without the approval that it needs; Conflict when
    the policy was applied anew since, or the backup is gone. What else has moved is found by the run itself, before it
    touches anything. Retryable when AWS does not say who calls."""
    plan = planner.stored(world, plan_id)
    run_id = naming.run_id(Kind.RESTORE, plan.wish.policy, plan.plan_id)
    if earlier := known(world, plan):
        return earlier
    now = world.clock.now()
    if wrong := approving.unstartable(plan, now):
        raise BadInput(*wrong)
    if plan.approval:
        approvals.check_local(world)
    if glass is not None:
        approvals.check_glass(plan)
    if plan.saves:
        replacing.check_free(world, plan)
    who = by if by and not plan.approval else world.identity()
    state = query.named(world, plan.wish.policy)
    if state.spec_gen != plan.spec_gen:
        raise Conflict(f"policy {plan.wish.policy} was applied anew since the plan was made: make a new one")
    own = world.spec(state.policy, state.spec_gen)
    spec = elsewhere.unchanged(world, plan, own)
    alone = Asked(by=who, why=glass, at=now) if glass is not None else None

    def made() -> Run | None:
        run = elsewhere.placed(_run(plan, own, now, who, world.token()), spec)
        return _placed(world, plan, spec, state, run, alone)

    return in_turn(run_id, made)


def known(world: World, plan: Plan) -> Run | None:
    """The run that carries it out, or has."""
    return world.store.run(naming.run_id(Kind.RESTORE, plan.wish.policy, plan.plan_id))


def _placed(world: World, plan: Plan, spec: Spec, state: PolicyState, run: Run, alone: Asked | None) -> Run | None:
    """The run, the mark of the backup and the end of the approval are one write. None: try again. Whoever copies from
    what was restored reads no backup, and needs none."""
    if known := world.store.run(run.run_id):
        return known
    beside = _taken(world, plan, run)
    if alone is not None:
        run = replace(run, glass=alone)
    elif plan.approval:
        run, used = approvals.consumed(world, plan, run)
        beside += used
    telling = partial(tell.broken_glass, world) if alone else None
    return place_beside(world, run, spec, state, *beside, tell=telling)


def _taken(world: World, plan: Plan, run: Run) -> tuple[Update, ...]:
    if run.salvage:
        return ()
    if run.rebuild:
        from chalicelib.service import rebuilds

        return rebuilds.taken(world, plan, run)
    return (in_use.taken(planner.usable(planner.of_plan(world, plan), plan.backup_id), run),)


def begin(world: World, plan: Plan, whole: Run) -> Run:
    """The run that carries out a plan that is a part of another one, which `whole` carries out, however long that has
    taken: what has moved since is found by the run itself. Who may start it was settled with the whole. Asked again,
    the same one. BadInput and Conflict as `start`."""
    run_id = naming.run_id(Kind.RESTORE, plan.wish.policy, plan.plan_id)

    def begun() -> Run | None:
        if known := world.store.run(run_id):
            return known
        now = world.store.run(whole.run_id)
        if now is None or now.settled or now.cancel:
            raise Conflict(f"{whole.run_id} is about to end")
        state = query.named(world, plan.wish.policy)
        spec = world.spec(state.policy, plan.spec_gen)
        there = elsewhere.unchanged(world, plan, spec)
        run = elsewhere.placed(_run(plan, spec, world.clock.now(), whole.requested_by, world.token()), there)
        run = replace(
            run, part_of=whole.run_id, approved_by=whole.approved_by, glass=whole.glass, glass_told=bool(whole.glass)
        )
        return place_beside(world, run, there, state, *_taken(world, plan, run), Check(now))

    if not approving.unchanged(plan):
        raise BadInput(Problem("the stored plan of the phase is not the one that its id stands for"))
    return in_turn(run_id, begun)


def request(world: World, wish: Wish, *, request_id: str, by: str) -> Run:
    """A run that thinks its restore through itself, as its first step, and then starts only what needs nobody's yes.
    The same `request_id` again answers the same run, whatever became of it.

    BadInput for a wish that makes no sense, an unknown or retired policy, an id that could be taken for a slot, and
    when no backup will do; Taken when something else was asked for under that id."""
    check_id(request_id)
    if wrong := wishes.problems(wish):
        raise BadInput(*wrong)
    if wish.mode is not Mode.RENAME:
        raise BadInput(Problem(f"{wish.mode} touches live data", expected="a plan that somebody reads: restore plan"))
    state = query.named(world, wish.policy)
    run_id, payload = naming.run_id(Kind.RESTORE, wish.policy, request_id), _digest(wish)

    def asked() -> Run | None:
        if known := world.store.run(run_id):
            if known.payload != payload:
                raise Taken(f"{run_id} was asked for already, and was to do something else")
            return known
        check_active(state)
        spec = world.spec(state.policy, state.spec_gen)
        backup = planner.chosen(world, wish, spec)
        there = elsewhere.meant(world, wish, spec)
        elsewhere.check_place(spec, there, backup.repository)
        run = unplanned(
            Kind.RESTORE, spec, backup.repository, request_id, world.clock.now(), by=by, token=world.token()
        )
        run = elsewhere.placed(run, there)
        pinned = replace(wish, backup=backup.backup_id, at=None)
        beside = (wished(run, pinned), in_use.taken(backup, run))
        return place_beside(world, replace(run, payload=payload), there, state, *beside)

    return in_turn(run_id, asked)


def wished(run: Run, wish: Wish) -> Create:
    """The row that tells an unplanned run what it is for."""
    return Create(Evidence(run_id=run.run_id, kind="wish", n=1, wish=wish))


def _digest(wish: Wish) -> str:
    return hashlib.sha256(dump(wish).encode()).hexdigest()[:16]


def _run(plan: Plan, spec: Spec, now: datetime, by: str, token: str) -> Run:
    run = unplanned(Kind.RESTORE, spec, plan.repository, plan.plan_id, now, by=by, token=token)
    run = replace(run, plan=plan.plan_id, snapshot=plan.snapshot, snapshot_uuid=plan.snapshot_uuid)
    if plan.wish.mode is Mode.SALVAGE:
        return replace(run, lease=traffic.salvage_lease(spec.target), salvage=salvaging.begun(plan))
    if plan.wish.mode is Mode.EVERYTHING:
        from chalicelib.service import rebuilds

        return rebuilds.placed(run, plan, spec)
    return replacing.placed(run, plan, spec) if plan.wish.mode is Mode.IN_PLACE else run


def unplanned(kind: Kind, spec: Spec, repository: str, slot: str, now: datetime, *, by: str, token: str) -> Run:
    """A run from that repository, about to be thought through."""
    return Run(
        run_id=naming.run_id(kind, spec.policy.name, slot),
        kind=kind,
        policy=spec.policy.name,
        target=spec.target.name,
        repository=repository,
        slot=slot,
        requested_by=by,
        spec_gen=spec.gen,
        state=State.PLANNED,
        snapshot="",
        created_at=now,
        deadline_at=now + TIMEOUT,
        start_by=now + WAITS,
        wake_at=now,
        token=token,
        lease=traffic.lease_name(spec.target, repository),
        steps=(Step(state=State.PLANNED, at=now, rev=1),),
    )


class RestoreWork:
    """What the driver needs to know of restores."""

    def look(self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool) -> Seen | Register:
        """A Register when nothing can be seen before that is done."""
        if not run.attempts and (wanted := elsewhere.missing(world, run, engine)):
            return wanted
        if run.plan is None:
            return Seen(plan=thought_through(world, run, engine))
        plan = planned(world, run)
        if run.state in SWAPS:
            return swapping.look(run, plan, world, engine)
        if run.in_place:
            return replace(replacing.look(run, plan, world, engine), accepted=accepted)
        restored = engine.restorer.restored(order(plan)) if run.attempts else ()
        if run.state is State.PLANNED and not restored:
            return Seen(plan=plan, anew=anew(world, plan, engine, run))
        made = world.store.evidence(run.run_id, "made", 1)
        refs = made.indices if made else ()
        seen = Seen(plan=plan, restored=restored, made=refs, accepted=accepted)
        if run.state is not State.CHECKING or (run.ending is not None and not run.released):
            return stuck.explained(run, seen, world, engine)
        return checking(run, world, engine, seen)

    def decide(self, run: Run, spec: Spec, seen: Seen | Register, now: datetime) -> Decision:
        if isinstance(seen, Register):
            return restore_ends.registering(run, seen, now)
        if run.in_place:
            return in_place.decide(run, seen, now)
        return workflow.decide(run, seen, now)

    def act(self, act: Register | in_place_ends.Act | swap_ends.Act, engine: Engine) -> None:
        match act:
            case Register():
                engine.register(act.name, act.repository)
            case Restore():
                engine.restorer.restore(act.order)
            case Remove():
                if act.indices:
                    engine.restorer.remove(*act.indices)
                for stream in act.streams:
                    engine.restorer.remove_stream(stream)
            case Release():
                for index in act.indices:
                    engine.restorer.release(index, index.settings, lifecycle=act.lifecycle)
            case Close() | Open():
                replacing.act(act, engine)
            case _:
                swapping.act(act, engine)

    def not_accepted(self, run: Run, act: Any, error: Exception, now: datetime) -> Decision:
        if isinstance(act, Register):
            return restore_ends.not_begun(run, error, now, refused=isinstance(error, Refused))
        if run.state in SWAPS:
            return swap_ends.not_accepted(run, act, error, now, refused=isinstance(error, Refused))
        if run.in_place:
            return in_place_ends.not_accepted(run, act, error, now, refused=isinstance(error, Refused))
        return restore_ends.not_accepted(run, act, error, now, refused=isinstance(error, Refused))

    def no_answer(self, run: Run, error: Exception, world: World, *, last: bool = False) -> Decision:
        if run.attempts == 0:
            return restore_ends.not_begun(run, error, world.clock.now(), refused=isinstance(error, Refused))
        if run.state in SWAPS:
            return swap_ends.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused), last=last)
        if run.in_place:
            return in_place_ends.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused), last=last)
        decision = restore_ends.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused), last=last)
        if not decision.state.settled:
            return decision
        made = world.store.evidence(run.run_id, "made", 1)
        return restore_ends.by_name(run, decision, made.indices) if made else decision

    def given_up(self, run: Run, decision: Decision) -> Decision:
        if run.state in SWAPS:
            return swap_ends.given_up(run, decision)
        if run.in_place:
            return in_place_ends.given_up(run, decision)
        return restore_ends.given_up(run, decision)
