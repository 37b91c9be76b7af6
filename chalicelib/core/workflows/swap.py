"""The state table of a swap: what was restored and checked takes the names that people use.

    SWAPPING  block → clone → compare (only where a live index has no alias) → one request that moves all names
    SWAPPED   open, without lease and slot, until `kept_until` → finish: the old ones are deleted → SUCCEEDED
                                                   or rollback: one request that moves the names back → ROLLED_BACK

What is to be done next is decided from what is seen: a request whose answer was lost has moved everything (then it is
done), or nothing (then it is sent again); anything else is told, and nothing is sent any more. As long as the names
have not moved, whatever goes wrong is undone (swap_ends.py). A late request finds no index or no alias, and the server
does all of it or nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import pace, swap_names, swapping
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Finding, IndexCount, IndexRef, Run, Severity, State
from chalicelib.core.swaps import CloneOrder
from chalicelib.core.workflows import Decision, cancel
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.restore_seen import AT_ONCE, Seen
from chalicelib.core.workflows.swap_ends import BLOCKED_AT_MOST, finish, give_up, roll_back, swapping_since, undo
from chalicelib.core.workflows.swap_seen import UNCLEAR, Block, Clone, Repointing, cloned, made, soon, there, uuids

WORKS_AT_MOST = timedelta(hours=6)
"""What finishes or rolls back: a snapshot may keep it from removing for a while."""


def begun(done: Decision) -> Decision:
    """In place of the end of a restore: `done` says what came back."""
    changes = {key: value for key, value in done.changes.items() if key not in ("good", "reason")}
    return Decision(state=State.SWAPPING, changes=changes, again=timedelta(0))


def decide(run: Run, seen: Seen, now: datetime) -> Decision:
    decision = _swapped(run, seen, now) if run.state is State.SWAPPED else _swapping(run, seen, now)
    if run.refusals:
        decision = replace(decision, changes={"refusals": 0, **decision.changes})
    return decision


def _swapping(run: Run, seen: Seen, now: datetime) -> Decision:
    old = uuids(swapping.put_aside_refs(seen.plan, seen.live))
    if run.repointed_at and swapping.is_after(seen.plan, made(seen), old, seen.live):
        return _has_moved(run, seen, now)
    if run.ending is not None:
        return undo(run, seen, now)
    if not swapping.is_before(seen.plan, made(seen), seen.live):
        return _world_moved(run, seen)
    if run.cancel:
        return give_up(run, State.CANCELLED, cancel.reason(run))
    if now >= run.deadline_at:
        return give_up(run, State.TIMED_OUT, "not done by its deadline; nothing was swapped")
    return _prepared(run, seen, now) or _act(run, Repointing(actions=swapping.forth(seen.plan)), now, repointed_at=now)


def _world_moved(run: Run, seen: Seen) -> Decision:
    if not run.repointed_at:
        message = "what is live, or an alias of it, changed since the plan was made; nothing was swapped"
        return give_up(
            run, State.FAILED, message, finding("restore.world_moved", seen.plan.plan_id, message, "make a new plan")
        )
    message = (
        "the aliases were asked to move, and are neither as they were nor as they should be: somebody changed them"
    )
    return give_up(run, State.FAILED, message, finding(UNCLEAR, seen.plan.plan_id, message, "look at GET /_alias"))


def _prepared(run: Run, seen: Seen, now: datetime) -> Decision | None:
    """None: every live index that has no alias has a clone that holds the same, and nobody can write to it."""
    known, orders = there(seen), swapping.clones(seen.plan)
    if not orders:
        return None
    if now >= swapping_since(run) + BLOCKED_AT_MOST:
        message = f"no clone to fall back on within {BLOCKED_AT_MOST.seconds // 60} minutes: {run.last_error or '-'}"
        found = finding("restore.no_clone", orders[0].source.name, message, "give the index an alias, and plan again")
        return give_up(run, State.FAILED, message, found)
    ours = {order.name for order, _ in cloned(seen)}
    if theirs := [order.name for order in orders if order.name in known and order.name not in ours]:
        found = finding("restore.foreign", theirs[0], f"{theirs[0]}: made by somebody else", "make a new plan")
        return give_up(run, State.FAILED, found.message, found)
    if writable := [order.source for order in orders if not known[order.source.name].blocked]:
        return _act(run, Block(indices=tuple(writable[:AT_ONCE])), now)
    if missing := [order for order in orders if order.name not in ours]:
        return _act(run, Clone(orders=tuple(missing[:AT_ONCE])), now)
    return _compared(run, seen, orders, now)


def _compared(run: Run, seen: Seen, orders: tuple[CloneOrder, ...], now: datetime) -> Decision | None:
    held: dict[str, IndexCount] = {count.name: count for count in seen.counts}
    for order in orders:
        live, clone = held.get(order.source.name), held.get(order.name)
        if live is None or clone is None:
            return Decision(state=State.SWAPPING, again=soon(run, now))
        if (live.docs, live.max_seq_no) != (clone.docs, clone.max_seq_no):
            message = f"{order.name} holds {clone.docs} documents, {order.source.name} {live.docs}: no way back"
            found = finding("restore.clone_differs", order.source.name, message, "plan again; nothing was swapped")
            return give_up(run, State.FAILED, message, found)
    return None


def _act(run: Run, act: Block | Clone | Repointing, now: datetime, **changes: Any) -> Decision:
    return Decision(
        state=run.state,
        changes={"claimed_at": now, "last_error": None, **changes},
        act=act,
        again=pace.once_answered(run),
    )


def _has_moved(run: Run, seen: Seen, now: datetime) -> Decision:
    """The lease goes back: from now on only names are moved, and what was put aside is deleted."""
    until = now + timedelta(seconds=seen.plan.keep_old or 0)
    restored = tuple(count for count in seen.counts if made(seen).get(count.name) == count.uuid)
    old: tuple[IndexRef, ...] = swapping.put_aside_refs(seen.plan, seen.live)
    findings = tuple(found for found in run.findings if found.code not in ("restore.refused", UNCLEAR))
    findings += swap_names.swapped(seen.plan)
    if run.cancel:
        findings = (*findings, _too_late(run))
    changes = {
        "swapped_at": now,
        "kept_until": until,
        "deadline_at": until,
        "repointed_at": None,
        "cancel": None,
        "ending": None,
        "reason": None,
        "last_error": None,
        "aborts": 0,
        "findings": findings,
    }
    kept = Evidence(run_id=run.run_id, kind="old", n=1, indices=old, counts=restored)
    return Decision(state=State.SWAPPED, changes=changes, evidence=(kept,), again=until - now, gives_back=True)


def _too_late(run: Run) -> Finding:
    message = f"{cancel.reason(run)}, and the names had moved already"
    next_step = f"snapwarden restore rollback {run.run_id}"
    return replace(finding("run.cancel_refused", run.run_id, message, next_step), severity=Severity.WARNING)


def _swapped(run: Run, seen: Seen, now: datetime) -> Decision:
    match run.ending:
        case State.ROLLED_BACK:
            return roll_back(run, seen, now)
        case State.SUCCEEDED:
            return finish(run, seen, now)
    until = run.kept_until or now
    if run.rollback:
        ending = State.ROLLED_BACK
    elif run.finish or now >= until:
        ending = State.SUCCEEDED
    else:
        refused = {"cancel": None, "findings": (*run.findings, _too_late(run))} if run.cancel else {}
        return Decision(state=State.SWAPPED, changes=refused, again=until - now)
    changes = {"ending": ending, "deadline_at": now + WORKS_AT_MOST, "claimed_at": now, "aborts": 0, "last_error": None}
    return Decision(state=State.SWAPPED, changes=changes, again=timedelta(0))
