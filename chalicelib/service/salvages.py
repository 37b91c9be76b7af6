"""Documents from a restored index into the live one: the dry run, and the two sides of the run that touch the world."""

from dataclasses import replace
from datetime import datetime

from chalicelib.core import plans, salvaging
from chalicelib.core.copying import Copier
from chalicelib.core.errors import BadInput, Problem, Refused, Retryable
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Finding, IndexRef, Kind, Run, Severity
from chalicelib.core.permissions import permitted
from chalicelib.core.plans import Difference, Mode, Plan
from chalicelib.core.ports import Create, Engine
from chalicelib.core.rows import Spec
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.salvaging import Pair
from chalicelib.core.wildcards import matches
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import salvage as workflow
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.salvage import Seen, Slice
from chalicelib.service import plans as planner
from chalicelib.service import query, restores
from chalicelib.service.backups import ACT_TIMEOUT
from chalicelib.service.elsewhere import spec_now
from chalicelib.service.planned import planned
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World

KIND = "salvage"


def plan(
    world: World, run_id: str, *, by: str | None = None, missing_only: bool = False, indices: tuple[str, ...] = ()
) -> Plan:
    """The dry run: both sides are read, wholly, and nothing is written but the plan. `indices`: patterns over the
    names of live indices, none for all. `by`: what asks, where no person does.

    BadInput for a run that is no good restore under new names, and when its target is no longer the policy's; Retryable
    or Refused when the server does not say what is needed, or AWS who calls."""
    run = query.run(world, run_id)
    old = _carried_out(world, run)
    wish = replace(
        old.wish, mode=Mode.SALVAGE, of_run=run.run_id, missing_only=missing_only, indices=indices, at=None, level=None
    )
    spec = world.spec(run.policy, query.named(world, run.policy).spec_gen)
    if run.source is not None:
        message = f"{run.run_id} restored to {run.target}, and documents are copied within one cluster"
        raise BadInput(Problem(message, expected=f"a restore to {run.source}"))
    if spec.target.name != run.target:
        raise BadInput(Problem(f"{run.run_id} restored to {run.target}, which is no longer the target of {run.policy}"))
    pairs = _pairs(world, run, old, indices)
    by, copier = by or world.identity(), world.engine(spec).copier
    found = (*_in_the_way(copier, pairs), *salvaging.left_out(old))
    compared = pairs if _errors(found) else [_compared(copier, pair) for pair in pairs]
    made = salvaging.plan(replace(old, made_by=by), wish, spec, compared, found, world.clock.now())
    spelled = [call for move in made.moves[:1] for call in copier.spelled(move.source, move.name)]
    made = replace(made, calls=tuple(spelled))
    return in_turn(f"the dry runs of {run.run_id}", lambda: _stored(world, run, made))


def start(world: World, run_id: str, *, by: str | None = None, missing_only: bool = False) -> Run:
    """The run that carries out the newest dry run of `run_id`; asked again, the same one. BadInput when there is none
    of the last hour; and all that `restores.start` raises."""
    newest = _newest(world, run_id, missing_only)
    if newest is None or world.clock.now() - newest.made_at > plans.FRESH:
        option = " --missing-only" if missing_only else ""
        message = f"nobody looked within the last hour what would be copied from {run_id}"
        raise BadInput(Problem(message, expected=f"first snapwarden salvage {run_id}{option} --dry-run"))
    return restores.start(world, newest.plan_id, by=by)


def known(world: World, run_id: str, *, missing_only: bool = False) -> Run | None:
    """The run that carries out, or has, what `start` would start."""
    newest = _newest(world, run_id, missing_only)
    return restores.known(world, newest) if newest else None


def _newest(world: World, run_id: str, missing_only: bool) -> Plan | None:
    return next((made for made in reversed(_dry_runs(world, run_id)) if made.wish.missing_only == missing_only), None)


class SalvageWork:
    """What the driver needs to know of runs that copy documents."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._accepted = False

    def look(self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool) -> Seen:
        self._accepted = accepted
        plan = planned(world, run)
        found = _in_the_way(engine.copier, [_pair(plan, number) for number in range(len(plan.moves))])
        if run.attempts:
            return Seen(plan=plan, found=found)
        return Seen(plan=plan, found=(*found, *_no_longer_permitted(world, run, plan)))

    def decide(self, run: Run, spec: Spec, seen: Seen, now: datetime) -> Decision:
        return workflow.decide(run, seen, now, accepted=self._accepted)

    def act(self, act: Slice, engine: Engine) -> Decision:
        """Page by page, for a while. What an error cuts short is written down as far as it came."""
        until = self._world.clock.now() + workflow.TIME
        salvage, error = act.salvage, None
        read = 0
        try:
            while (sides := salvaging.at(act.plan, salvage)) is not None:
                salvage, size = _copied(engine.copier, act.plan, salvage, *sides)
                read += size
                if read >= workflow.BYTES or self._world.clock.now() >= until:
                    break
                if self._world.remaining() <= ACT_TIMEOUT:
                    break
        except (Retryable, Refused) as met:
            error = met
        return workflow.brought(act, salvage, error, self._world.clock.now())

    def not_accepted(self, run: Run, act: Slice, error: Exception, now: datetime) -> Decision:
        return workflow.brought(act, act.salvage, error, now)

    def no_answer(self, run: Run, error: Exception, world: World, *, last: bool = False) -> Decision:
        return workflow.no_answer(run, error, world.clock.now(), last=last)

    def given_up(self, run: Run, decision: Decision) -> Decision:
        return workflow.given_up(run, decision)


def _copied(copier: Copier, plan: Plan, salvage: Salvage, restored: IndexRef, live: IndexRef) -> tuple[Salvage, int]:
    """After one page, and the bytes that it had."""
    page = copier.page(restored, salvage.shard, salvage.after, salvage.page)
    found = salvaging.sort_out(page, copier.live(live, page))
    written = copier.write(restored, live, salvaging.wanted(found, missing_only=plan.wish.missing_only))
    return salvaging.gone_on(salvage, plan, page, found, written), salvaging.page_bytes(page)


def _carried_out(world: World, run: Run) -> Plan:
    """The plan of a restore that ended well, beside the live data."""
    wrong = None
    if run.kind is not Kind.RESTORE or run.plan is None or run.salvage is not None:
        wrong = f"{run.run_id} is no restore"
    elif not run.settled:
        wrong = f"{run.run_id} is still {run.state}"
    elif not run.good:
        wrong = f"{run.run_id} ended as {run.state}: what it made was removed, or is still blocked"
    if wrong is None:
        plan = planner.stored(world, run.plan or "")
        if plan.wish.mode is Mode.RENAME:
            return plan
        wrong = f"{run.run_id} restored in mode {plan.wish.mode}"
    raise BadInput(Problem(wrong, expected="the run of a restore in mode rename: snapwarden runs --kind restore"))


def _pairs(world: World, run: Run, old: Plan, indices: tuple[str, ...]) -> list[Pair]:
    made = world.store.evidence(run.run_id, "made", 1)
    if made is None:
        raise Retryable(f"what {run.run_id} made could not be read")
    uuids = {ref.name: ref for ref in made.indices}
    usable = [move for move in old.moves if not move.stream]
    if not usable:
        raise BadInput(Problem(f"{run.run_id} restored data streams only", expected=salvaging.REINDEX))
    chosen = [move for move in usable if not indices or matches(move.source, indices)]
    if not chosen:
        held = ", ".join(move.source for move in usable[:10])
        raise BadInput(Problem("no index that was restored matches", key="--indices", expected=f"some of {held}"))
    return [Pair(restored=uuids[move.name], live=move.source) for move in chosen]


def _pair(plan: Plan, number: int) -> Pair:
    move = plan.moves[number]
    if move.difference is None:
        raise ValueError(f"{plan.plan_id}: {move.name} was never compared")
    restored = IndexRef(name=move.source, uuid=move.difference.uuid, shards=move.shards)
    return Pair(restored=restored, live=move.name, difference=move.difference)


def _in_the_way(copier: Copier, pairs: list[Pair]) -> tuple[Finding, ...]:
    sides = copier.sides([*(pair.restored.name for pair in pairs), *(pair.live for pair in pairs)])
    return salvaging.in_the_way(pairs, sides[: len(pairs)], sides[len(pairs) :])


def _errors(found: tuple[Finding, ...]) -> bool:
    return any(each.severity is Severity.ERROR for each in found)


def _compared(copier: Copier, pair: Pair) -> Pair:
    """Reads all of the restored index, and of the live one the same documents."""
    (side,) = copier.sides([pair.live])
    if side.uuid is None:
        raise Retryable(f"{pair.live} is gone in this very moment")
    live = IndexRef(name=pair.live, uuid=side.uuid)
    restored = pair.restored
    total = Difference(
        uuid=restored.uuid, live_uuid=side.uuid, shards=restored.shards, missing=0, different=0, same=0, only_live=0
    )
    size = 0
    for shard in range(restored.shards):
        after, most = -1, salvaging.FIRST_PAGE
        while page := copier.page(restored, shard, after, most):
            found = salvaging.sort_out(page, copier.live(live, page))
            total = salvaging.counts(total, found)
            size += sum(len(write.found.source) for write in (*found.missing, *found.different))
            if len(page) < most:
                break
            after, most = page[-1].seq_no, salvaging.page_size(len(page), salvaging.page_bytes(page))
    beyond = max(copier.count(pair.live) - total.same - total.different, 0)
    return replace(pair, difference=replace(total, only_live=beyond), bytes=size)


def _stored(world: World, run: Run, made: Plan) -> Plan | None:
    """Under its own id, and beside the run as its newest. None: somebody else's was stored in this moment."""
    number = len(_dry_runs(world, run.run_id)) + 1
    own = Create(Evidence(run_id=made.plan_id, kind=planner.KIND, n=1, plan=made))
    beside = Create(Evidence(run_id=run.run_id, kind=KIND, n=number, plan=made))
    if world.stored(own, beside) or world.store.evidence(made.plan_id, planner.KIND, 1):
        return made  # the very same one may be there already, of the same moment
    return None


def _dry_runs(world: World, run_id: str) -> list[Plan]:
    """In their order."""
    found: list[Plan] = []
    while (one := world.store.evidence(run_id, KIND, len(found) + 1)) and one.plan:
        found.append(one.plan)
    return found


def _no_longer_permitted(world: World, run: Run, plan: Plan) -> tuple[Finding, ...]:
    """By the file that is in force now: it may no longer allow what it did."""
    names = [move.name for move in plan.moves]
    beyond, permission = permitted(spec_now(world, run).target.restore, names, instead=salvaging.INSTEAD)
    if _errors(permission):
        return permission
    new = [name for name in beyond if name not in plan.approval]
    message = f"{', '.join(new[:3])} may no longer be written to without a second person"
    found = finding("restore.world_moved", plan.plan_id, message, "dry run again")
    return (found,) if new else ()
