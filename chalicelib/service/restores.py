"""Restores: how one is started, and the two sides of it that touch the world."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.core import approving, naming, planning, salvaging, traffic
from chalicelib.core.errors import BadInput, Conflict, Problem, Refused, Taken
from chalicelib.core.model import Asked, Kind, Run, State, Step
from chalicelib.core.planning import order
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.ports import Create, Engine, Update
from chalicelib.core.rows import BackupState, Evidence, PolicyState, Spec
from chalicelib.core.wire import dump
from chalicelib.core.workflows import Decision, in_place, in_place_ends, restore_ends, swap_ends
from chalicelib.core.workflows import restore as workflow
from chalicelib.core.workflows.restore_seen import Close, Open, Release, Remove, Restore, Seen
from chalicelib.service import approvals, in_use, query, replacing, stuck, swapping, tell
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
    if known := world.store.run(run_id):
        return known
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
    spec = world.spec(state.policy, state.spec_gen)
    alone = Asked(by=who, why=glass, at=now) if glass is not None else None
    return in_turn(run_id, lambda: _placed(world, plan, spec, state, _run(plan, spec, now, who, world.token()), alone))


def _placed(world: World, plan: Plan, spec: Spec, state: PolicyState, run: Run, alone: Asked | None) -> Run | None:
    """The run, the mark of the backup and the end of the approval are one write. None: try again. Whoever copies from
    what was restored reads no backup, and needs none."""
    if known := world.store.run(run.run_id):
        return known
    beside: tuple[Update, ...] = () if run.salvage else (_taken(world, plan, run),)
    if alone is not None:
        run = replace(run, glass=alone)
    elif plan.approval:
        run, used = approvals.consumed(world, plan, run)
        beside += used
    telling = partial(tell.broken_glass, world) if alone else None
    return place_beside(world, run, spec, state, *beside, tell=telling)


def _taken(world: World, plan: Plan, run: Run) -> Update:
    backup = planner.of_plan(world, plan)
    if backup is None or backup.state not in (BackupState.KEPT, BackupState.PLANNED):
        raise Conflict(f"the backup {plan.backup_id} is no longer in the catalogue: make a new plan")
    return in_use.taken(backup, run)


def request(world: World, wish: Wish, *, request_id: str, by: str) -> Run:
    """A run that thinks its restore through itself, as its first step, and then starts only what needs nobody's yes.
    The same `request_id` again answers the same run, whatever became of it.

    BadInput for a wish that makes no sense, an unknown or retired policy, an id that could be taken for a slot, and
    when no backup will do; Taken when something else was asked for under that id."""
    check_id(request_id)
    if wrong := planning.problems(wish):
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
        run = unplanned(
            Kind.RESTORE, spec, backup.repository, request_id, world.clock.now(), by=by, token=world.token()
        )
        pinned = replace(wish, backup=backup.backup_id, at=None)
        beside = (wished(run, pinned), in_use.taken(backup, run))
        return place_beside(world, replace(run, payload=payload), spec, state, *beside)

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

    def look(self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool) -> Seen:
        if run.plan is None:
            return Seen(plan=thought_through(world, run, engine))
        plan = planned(world, run)
        if run.state in SWAPS:
            return swapping.look(run, plan, world, engine)
        if run.in_place:
            return replacing.look(run, plan, world, engine)
        restored = engine.restorer.restored(order(plan)) if run.attempts else ()
        if run.state is State.PLANNED and not restored:
            return Seen(plan=plan, anew=anew(world, plan, engine, run))
        made = world.store.evidence(run.run_id, "made", 1)
        refs = made.indices if made else ()
        seen = Seen(plan=plan, restored=restored, made=refs)
        if run.state is not State.CHECKING or run.ending is not None:
            return stuck.explained(run, seen, world, engine)
        return checking(run, world, engine, seen)

    def decide(self, run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
        if run.in_place:
            return in_place.decide(run, seen, now)
        return workflow.decide(run, seen, now)

    def act(self, act: in_place_ends.Act | swap_ends.Act, engine: Engine) -> None:
        match act:
            case Restore():
                engine.restorer.restore(act.order)
            case Remove():
                for index in act.indices:
                    engine.restorer.remove(index)
            case Release():
                for index in act.indices:
                    engine.restorer.release(index, index.settings, lifecycle=act.lifecycle)
            case Close() | Open():
                replacing.act(act, engine)
            case _:
                swapping.act(act, engine)

    def not_accepted(self, run: Run, act: Any, error: Exception, now: datetime) -> Decision:
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
        return restore_ends.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused), last=last)

    def given_up(self, run: Run, decision: Decision) -> Decision:
        if run.state in SWAPS:
            return swap_ends.given_up(run, decision)
        if run.in_place:
            return in_place_ends.given_up(run, decision)
        return restore_ends.given_up(run, decision)
