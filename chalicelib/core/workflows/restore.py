"""The state table of a restore under new names.

    PLANNED --(claim, then restore)--> RESTORING --> CHECKING --(claim, then release)--> SUCCEEDED
                                                                                         or SWAPPING (swap.py)

Whatever goes wrong between the claim and the end of the checks: first what this run made is removed, by exact name and
uuid, then the run ends (`Run.ending` says as what). What is let go is never removed (restore_release.py).
An index is ours when it carries the plan's mark, or when its uuid is among those that were written down when it did.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import comparing, pace, plan_time, planning, plans, wishes
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Run, Severity, State
from chalicelib.core.prose import counted, listed, size
from chalicelib.core.workflows import Decision, cancel, swap
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.restore_ends import clean, far, few, give_up, too_late
from chalicelib.core.workflows.restore_progress import failed, vanished, wait
from chalicelib.core.workflows.restore_release import follows, keeps, kept, release
from chalicelib.core.workflows.restore_seen import Restore, Seen, own

APPROVAL = "restore.approval"


def decide(run: Run, seen: Seen, now: datetime) -> Decision:
    if run.state in (State.SWAPPING, State.SWAPPED):
        return swap.decide(run, seen, now)
    decision = _decide(run, seen, now)
    if run.refusals:  # the server answered: those before were not in a row with what may follow
        decision = replace(decision, changes={"refusals": 0, **decision.changes})
    return decision


def _decide(run: Run, seen: Seen, now: datetime) -> Decision:
    if keeps(run, seen):
        return kept(run, seen, now)
    if run.ending is not None:
        return clean(run, seen, now)
    if run.cancel and run.attempts:
        return give_up(run, seen, now, State.CANCELLED, cancel.reason(run))
    if now >= run.deadline_at and run.attempts:
        return give_up(run, seen, now, State.TIMED_OUT, f"not done by its deadline; last seen: {far(run)}")
    match run.state:
        case State.PLANNED:
            return _start(run, seen, now)
        case State.RESTORING:
            return wait(run, seen, now)
    return release(run, seen, now) if run.checked else _check(run, seen, now)


def _start(run: Run, seen: Seen, now: datetime) -> Decision:
    """Only what was shown is done: a world that has moved since is told, and nothing is touched. What an earlier
    attempt made after all is gone on with."""
    if run.plan is None:
        return _taken_up(run, seen)
    if seen.restored:
        return Decision(state=State.RESTORING, again=timedelta(0))
    if now >= run.start_by and not run.attempts:
        return too_late(run)
    if refused := not_as_shown(run, seen):
        return refused
    act = Restore(order=planning.order(seen.plan))
    return Decision(
        state=State.RESTORING,
        changes={"attempts": run.attempts + 1, "claimed_at": now, "last_error": None},
        act=act,
        again=pace.FIRST_LOOK,
    )


def not_as_shown(run: Run, seen: Seen) -> Decision | None:
    """The end of a run whose plan nobody approved, or which the world has left behind; None: it may begin."""
    if seen.plan.approval and not (run.approved_by or run.glass):
        message = f"{listed(seen.plan.approval)} beyond `restore.allow`, and nobody approved it"
        return failed(run, finding(APPROVAL, seen.plan.plan_id, message, "plan it, and have it approved"))
    if seen.anew is None:
        raise ValueError(f"{run.run_id}: nothing is restored without a look at what is in the way")
    if changed := plans.moved(seen.plan, seen.anew):
        message = f"the world has moved since the plan was made: {'; '.join(changed)}"
        return failed(run, finding("restore.world_moved", seen.plan.plan_id, message, "make a new plan"))
    return None


def _taken_up(run: Run, seen: Seen) -> Decision:
    """Nobody read this plan: with a conflict it fails, and what needs a second person is left to people."""
    plan = seen.plan
    stored = Evidence(run_id=plan.plan_id, kind="plan", n=1, plan=plan)
    taken: dict[str, Any] = {"plan": plan.plan_id, "snapshot": plan.snapshot, "snapshot_uuid": plan.snapshot_uuid}
    if found := [each for each in plan.conflicts if each.code != APPROVAL]:
        changes = {**taken, "reason": found[0].message, "findings": few(plan.findings)}
        return Decision(state=State.FAILED, changes=changes, evidence=(stored,))
    if plan.approval:
        names = f"{counted(len(plan.approval), 'name')} beyond `restore.allow` ({listed(plan.approval)})"
        reason = f"{names}: somebody else has to approve {plan.plan_id}"
        later = f"later than an hour from then: snapwarden {wishes.command(plan.wish)}"
        yes = f"snapwarden restore approve {plan.plan_id}"
        next_step = f"{yes}, then: snapwarden restore start {plan.plan_id} --wait; {later}"
        wanted = replace(
            finding(APPROVAL, plan.plan_id, f"{reason}. {_takes(plan)}", next_step), severity=Severity.WARNING
        )
        return Decision(
            state=State.DEFERRED, changes={**taken, "reason": reason, "findings": (wanted,)}, evidence=(stored,)
        )
    return Decision(state=State.PLANNED, changes=taken, evidence=(stored,), again=timedelta(0))


def _takes(plan: plans.Plan) -> str:
    """What somebody who is to say yes wants to know of it, too."""
    indices = counted(len(plan.moves), "index", "indices")
    return f"It restores {indices}, {size(plan.bytes)}, in {plan_time.words(plan)}"


def _check(run: Run, seen: Seen, now: datetime) -> Decision:
    mine = own(seen)
    if len(mine) < len(seen.plan.moves) or not all(index.done for index in mine):
        return vanished(run, seen, now)
    found = comparing.counts(seen.plan, seen.before, seen.after, seen.counts, seen.uncounted)
    compared = few(found)
    if wrong := [one for one in compared if one.severity is Severity.ERROR]:
        return give_up(run, seen, now, State.FAILED, wrong[0].message, *compared)
    docs = sum(count.docs for count in seen.counts) if len(seen.counts) == len(mine) else None
    gaps = comparing.gaps(seen.plan, found)
    changes = {"findings": (*run.findings, *compared), "docs": docs, "checked": True, "unproved": gaps}
    changes["released"] = follows(seen.plan)
    return Decision(state=State.CHECKING, changes=changes, again=timedelta(0))
