"""How a restore in place ends otherwise than well: what can be undone is undone, and of the rest people are told what
state each index is in, and the two ways on: the safety backup, or once more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import in_place, pace
from chalicelib.core.model import Finding, IndexRef, Run, Severity, State
from chalicelib.core.plans import Move
from chalicelib.core.prose import counted
from chalicelib.core.restores import Restored
from chalicelib.core.workflows import Decision, restore_ends
from chalicelib.core.workflows.ends import LATE_START, finding
from chalicelib.core.workflows.restore_ends import BLOCKED, CLEANING, SLOWEST, TRIES, few
from chalicelib.core.workflows.restore_seen import (
    AT_ONCE,
    Close,
    Open,
    Release,
    Remove,
    Restore,
    Seen,
    removal,
    written_down,
)

LEFT = "restore.left_as"
Act = Close | Restore | Release | Open | Remove


def marked(seen: Seen) -> tuple[Restored, ...]:
    """What this plan's request has restored: over what was there, or anew."""
    return tuple(index for index in seen.restored if index.ours)


def made(seen: Seen) -> tuple[Restored, ...]:
    """What this run made, where nothing was: all that it may delete."""
    replaced = {ref.uuid for ref in (*seen.was, *in_place.refs(seen.plan))}
    known = {(ref.name, ref.uuid) for ref in seen.made}
    mine = (index for index in seen.restored if index.ours or (index.name, index.uuid) in known)
    return tuple(index for index in mine if index.uuid not in replaced)


def give_up(run: Run, ending: State, reason: str, *found: Finding) -> Decision:
    """From now on the run only undoes what it did; written first, so that a crash doesn't forget it."""
    changes = {"ending": ending, "reason": reason, "findings": (*run.findings, *found), "aborts": 0}
    return Decision(state=run.state, changes=changes, again=timedelta(0))


def undo(run: Run, seen: Seen, now: datetime) -> Decision:
    """What was checked is released by then, in part at least, and people may write to it: nothing of it is removed. Nor
    is anything closed that this run closed."""
    if not marked(seen) and _may_come(run, now):
        return Decision(state=run.state, again=pace.next_look(run, now))
    over = now >= run.deadline_at + CLEANING or run.aborts >= TRIES
    shut, new = ((), ()) if run.checked else (_closed_by_us(seen), made(seen))
    if shut and not over:
        return Decision(state=run.state, act=Open(indices=shut[:AT_ONCE]), again=pace.once_answered(run))
    if new and not over:
        refs = tuple(IndexRef(name=index.name, uuid=index.uuid) for index in new)
        evidence = () if seen.made else (written_down(run, new),)
        return Decision(
            state=run.state, act=removal(refs, run.aborts), evidence=evidence, again=pace.once_answered(run)
        )
    told = (*restore_ends.left_over(run, new), *few(tuple(_states(run, seen))))
    changes = {"findings": (*run.findings, *told), "leftover": bool(new)}
    return Decision(state=run.ending or State.FAILED, changes=changes)


def _may_come(run: Run, now: datetime) -> bool:
    """The request to restore was sent, and not refused."""
    return run.attempts > 1 and now < (run.claimed_at or now) + LATE_START


def _closed_by_us(seen: Seen) -> tuple[IndexRef, ...]:
    """What was open before and is closed now; restored over, it would be open."""
    was = {ref.name: ref for ref in seen.was if not ref.closed}
    return tuple(one.ref for one in seen.live if one.closed and (known := was.get(one.name)) and known.uuid == one.uuid)


def _states(run: Run, seen: Seen) -> Iterator[Finding]:
    """Of each index that was live."""
    live = {one.name: one for one in seen.live}
    restored = {index.name: index for index in seen.restored}
    was = {ref.name: ref for ref in (*in_place.refs(seen.plan), *seen.was)}
    for move in seen.plan.moves:
        if (before := was.get(move.name)) is None:
            continue
        now, index = live.get(move.name), restored.get(move.name)
        if now is None or now.uuid != before.uuid:
            yield _left(seen, move, "gone, or made anew by somebody else")
        elif now.closed and not before.closed:
            yield _left(seen, move, f"closed, with the documents that it had: {run.last_error or 'not opened'}")
        elif index is not None and index.ours:
            yield _left(seen, move, _restored(index, checked=run.checked))
        elif run.checked:
            message = f"{move.name} is open and restored, checked, and takes writes"
            yield Finding(code=LEFT, severity=Severity.INFO, subject=move.name, message=message, next_step="nothing")
        else:
            kind = "closed" if now.closed else "open"
            message = f"{move.name} is {kind}, with the documents that it had: it was not touched, or is as before"
            yield Finding(code=LEFT, severity=Severity.INFO, subject=move.name, message=message, next_step="nothing")


def _restored(index: Restored, *, checked: bool) -> str:
    if index.failed:
        lost = counted(len(index.failed), "shard")
        return f"red: {lost} of {index.shards} could not be restored, and what they held before can't be read"
    if not index.done:
        return f"still being restored, {index.shards_done} of {index.shards} shards, and refuses writes"
    if checked:
        return "open, restored and checked, and still refuses writes"
    return "open and restored, not as it was backed up or not checked, and refuses writes"


def _left(seen: Seen, move: Move, how: str) -> Finding:
    plan, saved = seen.plan, seen.safety.backup_id if seen.safety else None
    again = f"snapwarden restore plan --policy {plan.wish.policy} --mode in_place --indices {move.name} --backup"
    safety = f"back to what was live: {again} {saved}" if saved else f"see {in_place.safety_run(plan)}"
    return finding(LEFT, move.name, f"{move.name} is {how}", f"{safety}; or once more: {again} {plan.backup_id}")


def not_accepted(run: Run, act: Act, error: Exception, now: datetime, *, refused: bool) -> Decision:
    changes: dict[str, Any] = {"last_error": str(error)}
    match act:
        case Remove() | Open():
            again = min(pace.FIRST_LOOK * 2**run.aborts, SLOWEST)
            return Decision(state=run.state, changes={**changes, "aborts": run.aborts + 1}, again=again)
        case Restore() if refused and run.attempts == 2:  # the only one: nothing of it can still come
            changes["attempts"] = 1
            return _refused(run, error, changes)
        case Restore() if not refused:
            changes["claimed_at"] = now  # it may be under way from now on, and not since it was decided
        case Close() | Release() if refused:
            return _refused(run, error, changes)
        case Release():
            return Decision(state=run.state, changes=changes, again=restore_ends.after_release(run))
    return Decision(state=run.state, changes=changes, again=pace.next_look(run, now))


def _refused(run: Run, error: Exception, changes: dict[str, Any]) -> Decision:
    found = finding("restore.refused", run.target, str(error), "mend what the message names, and plan again")
    decision = give_up(run, State.FAILED, str(error), found)
    return replace(decision, changes={**decision.changes, **changes})


def no_answer(run: Run, error: Exception, now: datetime, *, refused: bool, last: bool) -> Decision:
    """What follows when a look after the first claim brought an error."""
    decision = restore_ends.no_answer(run, error, now, refused=refused, last=last)
    return _unknown(run, decision) if decision.state.settled else decision


def given_up(run: Run, decision: Decision) -> Decision:
    """Too many steps crashed."""
    decision = restore_ends.given_up(run, decision)
    return _unknown(run, decision) if decision.state.settled else decision


def _unknown(run: Run, decision: Decision) -> Decision:
    """The end, with what nobody could look at. Nothing of it is to be deleted: it may be what was live."""
    message = (
        f"nobody could look at the indices of {run.plan}: they may be closed, half restored, or restored and refuse "
        f"writes; none was deleted that was live before"
    )
    next_step = "GET /_cat/indices?expand_wildcards=all, and plan again, from the safety backup or from the same one"
    kept = [
        one
        for one in decision.changes["findings"]
        if one.code not in ("restore.leftover", BLOCKED) or one in run.findings
    ]
    found = finding(LEFT, run.run_id, message, next_step)
    return replace(decision, changes={**decision.changes, "findings": (*kept, found), "leftover": False})
