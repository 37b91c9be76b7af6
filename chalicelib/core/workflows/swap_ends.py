"""How a swap ends: undone before the names have moved, afterwards finished or rolled back. Also what follows when the
server gave no answer, or said no.

What was live is deleted by `finish` only, by exact name and uuid, and only while what was restored bears its names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import comparing, pace, swap_names, swapping
from chalicelib.core.model import Finding, IndexRef, Run, Severity, State
from chalicelib.core.prose import counted
from chalicelib.core.swaps import Standing
from chalicelib.core.workflows import Decision, restore_ends
from chalicelib.core.workflows.ends import LATE_START, finding
from chalicelib.core.workflows.restore_ends import CLEANING, SHOWN, SLOWEST, TRIES
from chalicelib.core.workflows.restore_seen import AT_ONCE, Remove, Seen, removal
from chalicelib.core.workflows.swap_seen import (
    UNCLEAR,
    Block,
    Clone,
    Reopen,
    Repointing,
    blocked_by_us,
    cloned,
    made,
    restored,
    soon,
    there,
    uuids,
)

BLOCKED_AT_MOST = timedelta(minutes=30)
"""So long a live index may refuse writes for the sake of its clone."""
Act = Block | Clone | Repointing | Reopen | Remove


def swapping_since(run: Run) -> datetime:
    return next((step.at for step in reversed(run.steps) if step.state is State.SWAPPING), run.created_at)


def give_up(run: Run, ending: State, reason: str, *found: Finding) -> Decision:
    """From now on the run only undoes what it did; written first, so that a crash doesn't forget it."""
    changes = {"ending": ending, "reason": reason, "findings": (*run.findings, *found), "aborts": 0}
    return Decision(state=State.SWAPPING, changes=changes, again=timedelta(0))


def undo(run: Run, seen: Seen, now: datetime) -> Decision:
    """Writes are let in again first: they wait. A clone goes only while its source is seen to be there. When nobody
    knows whether the names have moved, what was restored and what was cloned both stay, and are told."""
    ending = run.ending or State.FAILED
    if run.repointed_at and now < run.repointed_at + LATE_START:
        return Decision(state=State.SWAPPING, again=soon(run, now))  # it may come through still
    over = now >= run.deadline_at + CLEANING or run.aborts >= TRIES
    shut = blocked_by_us(seen)
    if shut and not over:
        return Decision(state=State.SWAPPING, act=Reopen(indices=shut[:AT_ONCE]), again=pace.once_answered(run))
    mine = (*restored(seen), *(one for _, one in cloned(seen)))
    wanted = _removable(run, seen)
    if wanted and not over:
        return Decision(state=State.SWAPPING, act=removal(wanted, run.aborts), again=pace.once_answered(run))
    left = (*_blocked(shut), *_left(run, [one.ref for one in mine]))
    return Decision(state=ending, changes={"findings": (*run.findings, *left)})


def _removable(run: Run, seen: Seen) -> tuple[IndexRef, ...]:
    """What was restored before the clones: without it no late request can move the names."""
    if any(found.code == UNCLEAR for found in run.findings):
        return ()
    if mine := tuple(one.ref for one in restored(seen) if not one.aliases):
        return mine
    known = there(seen)
    return tuple(
        one.ref
        for order, one in cloned(seen)
        if (live := known.get(order.source.name)) and live.uuid == order.source.uuid and not one.aliases
    )


def roll_back(run: Run, seen: Seen, now: datetime) -> Decision:
    old = uuids(seen.old)
    if swapping.is_back(seen.plan, made(seen), old, seen.live):
        return _rolled_back(run, seen)
    if not swapping.is_after(seen.plan, made(seen), old, seen.live):
        return stays_swapped(run, seen, now, "the aliases, or what they are to point to, are not as the swap left them")
    if closed := swapping.unable(seen.plan, seen.live):
        why = f"{closed} was closed, and the server puts no alias with a filter on a closed index: open it first"
        return stays_swapped(run, seen, now, why)
    if now >= run.deadline_at or run.aborts >= TRIES:
        return stays_swapped(run, seen, now, run.last_error or "no answer in time")
    if shut := _shut(seen):
        return Decision(state=State.SWAPPED, act=Reopen(indices=shut[:AT_ONCE]), again=pace.once_answered(run))
    changes = {"repointed_at": now, "claimed_at": now}
    return Decision(
        state=State.SWAPPED,
        changes=changes,
        act=Repointing(actions=swapping.back(seen.plan)),
        again=pace.once_answered(run),
    )


def _shut(seen: Seen) -> tuple[IndexRef, ...]:
    """Clones that are still as they were made, with the settings that their sources had."""
    was_blocked = {move.live.index: move.live.blocked for move in seen.plan.moves if move.live}
    known, old = there(seen), uuids(seen.old)
    return tuple(
        replace(one.ref, settings=order.source.settings)
        for order in swapping.clones(seen.plan)
        if (one := known.get(order.name)) and one.uuid == old.get(one.name)
        if one.mark == order.mark or (one.blocked and not was_blocked.get(order.source.name))
    )


def _rolled_back(run: Run, seen: Seen) -> Decision:
    then = {count.name: count for count in seen.then}
    found = []
    for count in seen.counts[:SHOWN]:
        before = then.get(count.name)
        took = sum(count.max_seq_no) - sum(before.max_seq_no) if before and before.uuid == count.uuid else None
        words = f"took {counted(took, 'operation')} since the swap" if took is not None else "was not counted"
        message = f"{count.name} {words}; it stays, and no name that people use points to it any more"
        found.append(
            _told(
                "restore.rolled_back", Severity.INFO, count.name, message, f"delete {count.name} when it is of no use"
            )
        )
    by = f"rolled back by {run.rollback.by}" if run.rollback else "rolled back"
    why = f": {run.rollback.why}" if run.rollback and run.rollback.why else ""
    others = _without(run, swap_names.CODE)
    changes = {"good": True, "findings": (*others, *found), "reason": by + why, "last_error": None}
    return Decision(state=State.ROLLED_BACK, changes=changes)


def stays_swapped(run: Run, seen: Seen | None, now: datetime, why: str) -> Decision:
    """Somebody wants the old ones back: they are kept for their whole time again."""
    kept = (run.kept_until or now) - (run.swapped_at or now)
    until = now + kept
    found = _told(
        "restore.rollback_refused",
        Severity.WARNING,
        run.run_id,
        f"it could not be rolled back: {why}; both stay until {until:%Y-%m-%d %H:%M}Z",
        "look at GET /_alias, then roll back again, or move the aliases yourself",
    )
    changes: dict[str, Any] = {
        "ending": None,
        "rollback": None,
        "repointed_at": None,
        "kept_until": until,
        "deadline_at": until,
        "aborts": 0,
        "findings": (*_without(run, found.code), found),
    }
    return Decision(state=State.SWAPPED, changes=changes, again=until - now)


def finish(run: Run, seen: Seen, now: datetime) -> Decision:
    old = uuids(seen.old)
    left = [one for one in seen.live if old.get(one.name) == one.uuid]
    if not left:
        return _finished(run, seen)
    if not swapping.is_live(seen.plan, made(seen), seen.live):
        return _not_finished(run, left)
    used = [one for one in left if one.aliases]
    wanted = tuple(one.ref for one in left if not one.aliases)
    if wanted and now < run.deadline_at and run.aborts < TRIES:
        next_ones = removal(wanted, run.aborts)
        follow = swap_names.follow(seen.plan, next_ones.indices[:AT_ONCE])
        act = Repointing(actions=follow) if follow else next_ones
        return Decision(state=State.SWAPPED, act=act, again=pace.once_answered(run))
    return _finished(run, seen, *_left(run, wanted), *(_in_use(one) for one in used[:SHOWN]))


def _finished(run: Run, seen: Seen, *found: Finding) -> Decision:
    """`found`: what is left; with it stays the error that kept it."""
    names = swap_names.finished(seen.plan, seen.live)
    changes: dict[str, Any] = {
        "good": True,
        "reason": comparing.incomplete(run, seen.plan),
        "findings": (*_without(run, swap_names.CODE), *names, *found),
    }
    return Decision(state=State.SUCCEEDED, changes=changes if found else {**changes, "last_error": None})


def _not_finished(run: Run, left: Sequence[Standing]) -> Decision:
    names = ", ".join(one.name for one in left[:3])
    message = f"what was restored no longer bears the live names, so nothing was deleted: {names} stays"
    found = finding("restore.old_kept", run.run_id, message, "look at GET /_alias; delete what is of no use yourself")
    findings = (*_without(run, swap_names.CODE), found)
    return Decision(state=State.FAILED, changes={"reason": message, "findings": findings})


def _in_use(one: Standing) -> Finding:
    message = f"{one.name} was not deleted: it has the alias {one.aliases[0].name}"
    return _told("restore.old_kept", Severity.WARNING, one.name, message, f"delete {one.name} when it is of no use")


def not_accepted(run: Run, act: Act, error: Exception, now: datetime, *, refused: bool) -> Decision:
    changes: dict[str, Any] = {"last_error": str(error)}
    swapped = run.state is State.SWAPPED
    if (
        isinstance(act, Remove)
        or (isinstance(act, Reopen | Repointing) and swapped and (run.ending is State.SUCCEEDED or not refused))
        or (isinstance(act, Reopen) and not swapped)
    ):
        again = min(pace.FIRST_LOOK * 2**run.aborts, SLOWEST)
        return Decision(state=run.state, changes={**changes, "aborts": run.aborts + 1}, again=again)
    if not refused:
        return Decision(state=run.state, changes=changes, again=soon(run, now))
    if swapped:
        return stays_swapped(replace(run, last_error=str(error)), None, now, str(error))
    return give_up(run, State.FAILED, str(error), finding("restore.refused", run.target, str(error), "plan again"))


def no_answer(run: Run, error: Exception, now: datetime, *, refused: bool, last: bool) -> Decision:
    """What follows when a look brought an error."""
    if run.state is State.SWAPPED:
        return _no_answer_swapped(run, error, now, refused=refused, last=last)
    refusals = run.refusals + 1 if refused else 0
    late = now >= swapping_since(run) + BLOCKED_AT_MOST
    if run.ending is None and not last and (late or refusals >= pace.MAX_REFUSALS):
        found = finding(
            "restore.refused", run.target, str(error), "grant or mend what the message names, and plan again"
        )
        decision = give_up(run, State.FAILED, str(error), found)
        return replace(decision, changes={**decision.changes, "refusals": 0, "last_error": str(error)})
    decision = restore_ends.no_answer(run, error, now, refused=refused, last=last)
    return _unknown(run, decision) if decision.state.settled else decision


def _no_answer_swapped(run: Run, error: Exception, now: datetime, *, refused: bool, last: bool) -> Decision:
    refusals = run.refusals + 1 if refused else 0
    if last or (run.ending is State.SUCCEEDED and (now >= run.deadline_at or refusals >= pace.MAX_REFUSALS)):
        decision = Decision(state=State.FAILED, changes={"reason": str(error), "findings": run.findings})
        return _unknown(run, decision)
    if run.ending is State.ROLLED_BACK and (now >= run.deadline_at or refusals >= pace.MAX_REFUSALS):
        decision = stays_swapped(run, None, now, str(error))
        return replace(decision, changes={**decision.changes, "refusals": 0, "last_error": str(error)})
    again = max(soon(run, now), pace.REFUSED_WAITS * refusals)
    return Decision(state=run.state, changes={"last_error": str(error), "refusals": refusals}, again=again)


def given_up(run: Run, decision: Decision) -> Decision:
    """Too many steps crashed. As long as the names have not moved for sure, it tries to undo."""
    if run.state is State.SWAPPING:
        decision = restore_ends.given_up(run, decision)
    return _unknown(run, decision) if decision.state.settled else decision


def _unknown(run: Run, decision: Decision) -> Decision:
    """The end, with what nobody could look at."""
    if run.state is State.SWAPPED:
        message = "nobody could look at the aliases; what was restored and what was live before were both left alone"
    else:
        message = (
            "nobody could look whether the live indices refuse writes, whether clones of them (…-before-…) are left, "
            "and whether the aliases have moved"
        )
    found = finding(UNCLEAR, run.run_id, message, "look at GET /_alias, and at `index.blocks.write` of what is live")
    return replace(decision, changes={**decision.changes, "findings": (*decision.changes["findings"], found)})


def _blocked(shut: Sequence[IndexRef]) -> Iterator[Finding]:
    for index in shut[:SHOWN]:
        message = f"{index.name} still refuses writes, and could not be let go"
        next_step = f'PUT /{index.name}/_settings {{"index.blocks.write": null}}'
        yield finding("restore.still_blocked", index.name, message, next_step)


def _left(run: Run, refs: Sequence[IndexRef]) -> Iterator[Finding]:
    for index in refs[:SHOWN]:
        message = f"{index.name} (uuid {index.uuid}) was left: {run.last_error or 'nobody knows whether it is in use'}"
        yield finding("restore.leftover", index.name, message, f"delete {index.name} when it is of no use")
    if more := refs[SHOWN:]:
        message = f"{len(more)} more are left, from {more[0].name} to {more[-1].name}: those of plan {run.plan}"
        yield finding("restore.leftover", run.run_id, message, "delete those that are of no use to you")


def _without(run: Run, code: str) -> tuple[Finding, ...]:
    return tuple(found for found in run.findings if found.code != code)


def _told(code: str, severity: Severity, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=next_step)
