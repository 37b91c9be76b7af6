"""The state table of a restore in place: what is live is closed, restored over, checked, and takes writes again.

    (QUEUED: the safety backup) → PLANNED → RESTORING  close → one restore of all → CHECKING → release → SUCCEEDED

A live index keeps its uuid, and this run did not make it, so it is never deleted. Whatever goes wrong: what was closed
and not restored over is opened again, what the run made where nothing was is removed, and of all else the end says what
state it is in (in_place_ends.py). The server restores all indices of a request or none, so that the mark on one of them
tells that the request came through.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core import comparing, in_place, pace, planning
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Finding, IndexRef, Run, Severity, State
from chalicelib.core.restores import FailedShard, Restored
from chalicelib.core.swaps import Standing
from chalicelib.core.workflows import Decision, cancel, restore, restore_progress
from chalicelib.core.workflows import restore_stuck as stuck
from chalicelib.core.workflows.ends import LATE_START, finding
from chalicelib.core.workflows.in_place_ends import give_up, made, marked, undo
from chalicelib.core.workflows.restore_ends import TRIES, far, few, too_late
from chalicelib.core.workflows.restore_release import done, in_vain, not_let_go
from chalicelib.core.workflows.restore_seen import AT_ONCE, Close, Release, Restore, Seen, written_down

ATTEMPTS = 3
CLOSED_AT_MOST = timedelta(minutes=30)
"""So long live indices may be closed without being restored over."""


def decide(run: Run, seen: Seen, now: datetime) -> Decision:
    decision = _decide(run, seen, now)
    if run.refusals:
        decision = replace(decision, changes={"refusals": 0, **decision.changes})
    return decision


def _decide(run: Run, seen: Seen, now: datetime) -> Decision:
    if run.ending is not None:
        return undo(run, seen, now)
    if run.cancel and run.attempts and not run.checked:  # what is checked is as good as back
        return give_up(run, State.CANCELLED, cancel.reason(run))
    if now >= run.deadline_at and run.attempts:
        return give_up(run, State.TIMED_OUT, f"not done by its deadline; last seen: {far(run)}")
    match run.state:
        case State.PLANNED:
            return _start(run, seen, now)
        case State.RESTORING:
            return _wait(run, seen, now) if marked(seen) else _replace(run, seen, now)
    return _release(run, seen) if run.checked else _check(run, seen)


def _start(run: Run, seen: Seen, now: datetime) -> Decision:
    """What is there is written down, with its settings, before the first act."""
    if now >= run.start_by:
        return too_late(run)
    if refused := restore.not_as_shown(run, seen):
        return refused
    if seen.plan.saves and (why := in_place.unsafe(seen.plan, seen.safety)):
        found = finding("restore.no_safety", in_place.safety_run(seen.plan), f"{why}; nothing was touched", "see why")
        return restore_progress.failed(
            run, replace(found, next_step=f"snapwarden show {found.subject}, then a new plan")
        )
    told = _not_good(seen) if seen.plan.saves else ()
    before = Evidence(run_id=run.run_id, kind="before", n=1, indices=_as_they_are(seen))
    changes = {"attempts": 1, "claimed_at": now, "last_error": None, "findings": (*run.findings, *told)}
    return Decision(state=State.RESTORING, changes=changes, evidence=(before,), again=timedelta(0))


def _not_good(seen: Seen) -> tuple[Finding, ...]:
    """Complete, and yet not what its policy promises: bad data are backed up as faithfully as good ones."""
    if seen.safety is None or seen.safety.good:
        return ()
    message = f"the safety backup {seen.safety.backup_id} holds what is replaced, and did not count as good"
    next_step = f"snapwarden show {seen.safety.run_id}"
    return (replace(finding("restore.safety_not_good", seen.safety.run_id, message, next_step), severity=_WARNING),)


_WARNING = Severity.WARNING


def _as_they_are(seen: Seen) -> tuple[IndexRef, ...]:
    """Without settings where an earlier restore has put on its own and never took them off."""
    return tuple(
        replace(one.ref, closed=one.closed, settings={} if one.mark is not None else one.settings) for one in seen.live
    )


def _replace(run: Run, seen: Seen, now: datetime) -> Decision:
    """Nothing is restored over yet. A request without an answer may still come through."""
    asked = run.attempts > 1
    if asked and now < (run.claimed_at or now) + LATE_START:
        return Decision(state=State.RESTORING, again=pace.next_look(run, now))
    if changed := _others_now(seen):
        message = f"{changed}: deleted, or made anew, since the plan was made"
        return give_up(run, State.FAILED, message, finding("restore.world_moved", changed, message, "make a new plan"))
    if now >= _since(run) + CLOSED_AT_MOST or run.attempts > ATTEMPTS:
        message = (
            f"asked {run.attempts - 1} times, the server restored none of it: {run.last_error or 'it said nothing'}"
        )
        return give_up(
            run, State.FAILED, message, finding("restore.vanished", seen.plan.plan_id, message, "make a new plan")
        )
    if opened := [one.ref for one in seen.live if not one.closed]:
        return Decision(
            state=State.RESTORING,
            changes={"last_error": None},
            act=Close(indices=tuple(opened[:AT_ONCE])),
            again=pace.once_answered(run),
        )
    changes = {"attempts": run.attempts + 1, "claimed_at": now, "last_error": None}
    act = Restore(order=planning.order(seen.plan))
    return Decision(state=State.RESTORING, changes=changes, act=act, again=pace.FIRST_LOOK)


def _others_now(seen: Seen) -> str | None:
    """A name that has another index than it had, or one that had none."""
    now: dict[str, Standing] = {one.name: one for one in seen.live}
    was = {ref.name: ref.uuid for ref in seen.was}
    for move in seen.plan.moves:
        if (now[move.name].uuid if move.name in now else None) != was.get(move.name):
            return move.name
    return next((one.name for one in seen.live if one.name not in was), None)


def _since(run: Run) -> datetime:
    return next((step.at for step in reversed(run.steps) if step.state is State.RESTORING), run.created_at)


def _wait(run: Run, seen: Seen, now: datetime) -> Decision:
    mine = marked(seen)
    if gone := _gone(seen, mine):
        return give_up(run, State.FAILED, gone.message, gone)
    failed = [shard for index in mine for shard in index.failed]
    if not failed and seen.unallocated and seen.unallocated.never:
        failed = [stuck.given_up(seen.unallocated)]
    if failed:
        return _lost(run, seen, failed)
    changes = restore_progress.moving(run, seen, now)
    new = made(seen)
    evidence = (written_down(run, new),) if new and not seen.made else ()
    if all(index.done for index in mine):
        return Decision(state=State.CHECKING, changes=changes, evidence=evidence, again=timedelta(0))
    return Decision(state=State.RESTORING, changes=changes, evidence=evidence, again=pace.next_look(run, now))


def _lost(run: Run, seen: Seen, failed: list[FailedShard]) -> Decision:
    said = seen.unallocated
    return give_up(run, State.FAILED, stuck.reason(failed, said), *stuck.findings(failed, said))


def _gone(seen: Seen, mine: tuple[Restored, ...]) -> Finding | None:
    """Of indices that are restored together none can lack the mark, unless somebody came between."""
    there = {index.name for index in mine}
    lost = next((move.name for move in seen.plan.moves if move.name not in there), None)
    if lost is None:
        return None
    message = f"{lost} is no longer what was restored: somebody deleted it, or made it anew"
    return finding("restore.vanished", lost, message, "make a new plan and start it")


def _check(run: Run, seen: Seen) -> Decision:
    mine = marked(seen)
    if gone := _gone(seen, mine):
        return give_up(run, State.FAILED, gone.message, gone)
    if failed := [shard for index in mine for shard in index.failed]:
        return _lost(run, seen, failed)
    found = comparing.counts(seen.plan, seen.before, seen.after, seen.counts, seen.uncounted)
    compared = few(found)
    if wrong := [one for one in compared if one.severity is Severity.ERROR]:
        return give_up(run, State.FAILED, wrong[0].message, *compared)
    docs = sum(count.docs for count in seen.counts) if len(seen.counts) == len(mine) else None
    gaps = comparing.gaps(seen.plan, found)
    changes = {"findings": (*run.findings, *compared), "docs": docs, "checked": True, "unproved": gaps}
    return Decision(state=State.CHECKING, changes=changes, again=timedelta(0))


def _release(run: Run, seen: Seen) -> Decision:
    """A few at a time: the mark tells which of them wait for it still. A lifecycle is put back where it was just
    before, and not where an index had been deleted."""
    known = {ref.name: ref.uuid for ref in (*seen.was, *seen.made)}
    there = {index.name: index for index in seen.restored if known.get(index.name) == index.uuid}
    if lost := [move.name for move in seen.plan.moves if move.name not in there]:
        message = f"{lost[0]} was restored and checked, and is gone: somebody deleted it"
        return give_up(run, State.FAILED, message, finding("restore.vanished", lost[0], message, "make a new plan"))
    if taken := [one.name for one in seen.live if one.mark not in (None, seen.plan.mark)]:
        message = f"{taken[0]} was restored and checked, and another restore has replaced it since"
        next_step = "snapwarden runs --kind restore, here and on other stages"
        return give_up(run, State.FAILED, message, finding("restore.vanished", taken[0], message, next_step))
    waiting = [move for move in seen.plan.moves if there[move.name].ours]
    if not waiting:
        return _done(run, seen)
    if (tries := in_vain(run, seen)) >= TRIES:
        why = not_let_go(run)
        return give_up(run, State.FAILED, why.message, why)
    over = [move for move in waiting if move.over] or waiting
    was = {ref.name: ref for ref in seen.was}
    originals = {index.name: index.settings for index in seen.originals}
    refs = tuple(
        IndexRef(
            name=move.name,
            uuid=there[move.name].uuid,
            settings=in_place.final(seen.plan, move, was, originals),
        )
        for move in over[:AT_ONCE]
    )
    act = Release(indices=refs, lifecycle=over[0].over is not None)
    return Decision(state=State.CHECKING, changes={"aborts": tries + 1}, act=act, again=pace.once_answered(run))


def _done(run: Run, seen: Seen) -> Decision:
    decision = done(run, seen)
    if not run.cancel:
        return decision
    message = f"{cancel.reason(run)}, and all was restored and checked already"
    found = replace(finding("run.cancel_refused", run.run_id, message, "restore the safety backup"), severity=_WARNING)
    return replace(decision, changes={**decision.changes, "findings": (*decision.changes["findings"], found)})
