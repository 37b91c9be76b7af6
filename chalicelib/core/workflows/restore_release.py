"""The last part of a restore under new names: what was checked is let go, a few indices at a time.

Under names of its own (`rename`) nothing is removed any more from `Run.released` on, whatever happens: what is let go
may have been written to a moment later, and of a request without an answer nobody knows. Not from the first index on
that is seen released: between that request and the look after it somebody writes already. So what was checked stays,
and the end names what is still blocked. Without aliases to put on that is so when it is checked; with them not before
the first request to let go is decided, because until then they may be refused. A swap removes all of it, because nobody
was told of those names yet.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.core import attaching, comparing, in_place, pace, plans
from chalicelib.core.model import Finding, IndexRef, Run, Severity, Shards, State
from chalicelib.core.prose import counted
from chalicelib.core.restores import Restored
from chalicelib.core.workflows import Decision, cancel, swap
from chalicelib.core.workflows.attach import attach, is_due
from chalicelib.core.workflows.ends import finding
from chalicelib.core.workflows.restore_ends import BLOCKED, SHOWN, TRIES, far, give_up
from chalicelib.core.workflows.restore_progress import vanished
from chalicelib.core.workflows.restore_seen import AT_ONCE, Release, Seen, own

PUT_ON = (
    "index.number_of_replicas",
    "index.auto_expand_replicas",
    "index.priority",
    "index.blocks.write",
    "index.routing.rebalance.enable",
    "index.search.slowlog.threshold.fetch.trace",
)
"""What a restore sets, as people have to take it off by hand; the engine's own list is the same (a test)."""
LIFECYCLE = "index.lifecycle"
PARTIAL = "restore.partial"


def keeps(run: Run, seen: Seen) -> bool:
    """Told by the row alone: what is seen of aliases and marks may come from a request that is late. Rows of older
    releases do not say that they are released."""
    return run.released or (run.checked and follows(seen.plan))


def follows(plan: plans.Plan) -> bool:
    """Whether letting go follows the checks at once."""
    return plan.wish.mode is plans.Mode.RENAME and not attaching.actions(plan)


def kept(run: Run, seen: Seen, now: datetime) -> Decision:
    """Every step of a run that removes nothing any more. What is let go is looked at first: when that is all, it has
    succeeded, whatever was wanted or feared before."""
    mine = own(seen)
    waiting = [index for index in mine if index.ours]
    if not waiting:
        return _all_let_go(run, seen)
    if run.ending is not None:
        return _ended(run, seen, run.ending, run.reason)
    if run.cancel:
        return _ended(run, seen, State.CANCELLED, cancel.reason(run))
    if now >= run.deadline_at:
        return _ended(run, seen, State.TIMED_OUT, f"not done by its deadline; last seen: {far(run)}")
    if in_vain(run, seen) >= TRIES:
        why = not_let_go(run)
        return _ended(run, seen, State.FAILED, why.message, why)
    return _next(run, seen, waiting, lifecycle=seen.plan.wish.attach_lifecycle)


def release(run: Run, seen: Seen, now: datetime) -> Decision:
    """The same of a swap, which goes on when all is let go. Aliases are put on before."""
    mine = own(seen)
    if len(mine) < len(seen.plan.moves):
        return vanished(run, seen, now)
    if is_due(seen):
        return attach(run, seen, now)
    if seen.plan.wish.mode is plans.Mode.RENAME:
        return kept(run, seen, now)
    waiting = [index for index in mine if index.ours]
    if not waiting:
        return swap.begun(done(run, seen))
    if in_vain(run, seen) >= TRIES:
        why = not_let_go(run)
        return give_up(run, seen, now, State.FAILED, why.message, why)
    return _next(run, seen, waiting, lifecycle=True)


def in_vain(run: Run, seen: Seen) -> int:
    """How many requests to let go came to nothing, in a row. They are counted when they are decided, so that those
    count, too, that took the process with them."""
    return 0 if seen.accepted else run.aborts


def not_let_go(run: Run) -> Finding:
    why = run.last_error or "nobody knows why"
    message = f"asked {run.aborts} times in a row, the server let go of no index: {why}"
    return finding("restore.refused", run.target, message, "mend what the message names")


def _next(run: Run, seen: Seen, waiting: Sequence[Restored], *, lifecycle: bool) -> Decision:
    tries = in_vain(run, seen)
    turn = tries % len(waiting)  # the one that could not be let go must not keep the others
    few = (*waiting[turn:], *waiting[:turn])[:AT_ONCE]
    refs = tuple(IndexRef(name=index.name, uuid=index.uuid, settings=_settings(seen, index.name)) for index in few)
    act = Release(indices=refs, lifecycle=lifecycle)
    changes = {"aborts": tries + 1, "released": seen.plan.wish.mode is plans.Mode.RENAME}
    return Decision(state=State.CHECKING, changes=changes, act=act, again=pace.once_answered(run))


def _settings(seen: Seen, name: str) -> Any:
    source = next(move.source for move in seen.plan.moves if move.name == name)
    had = next((index.settings for index in seen.originals if index.name == source), {})
    return in_place.replicated(seen.plan, had)


def _all_let_go(run: Run, seen: Seen) -> Decision:
    """Of those that are there: one that somebody deleted meanwhile is told."""
    there = {index.name for index in own(seen)}
    if lost := [move.name for move in seen.plan.moves if move.name not in there]:
        message = f"{lost[0]} was restored and checked, and is gone: somebody deleted it"
        found = finding("restore.vanished", lost[0], message, "make a new plan for it, with --indices")
        return _ended(run, seen, State.FAILED, message, found)
    decision = done(run, seen)
    known = tuple(one for one in decision.changes["findings"] if one.code != "restore.refused")
    told = (*known, _too_late(run)) if run.cancel else known
    return replace(decision, changes={**decision.changes, "findings": told, "ending": None})


def _too_late(run: Run) -> Finding:
    message = f"{cancel.reason(run)}, and all was restored, checked and open for writing already"
    found = finding("run.cancel_refused", run.run_id, message, "delete what is of no use to you")
    return replace(found, severity=Severity.WARNING)


def _ended(run: Run, seen: Seen, state: State, reason: str | None, *found: Finding) -> Decision:
    told = (*run.findings, *found, *_blocked(seen))
    return Decision(state=state, changes={"reason": reason, "findings": told, "ending": None})


def _blocked(seen: Seen) -> Iterator[Finding]:
    """Each that waits still, with what makes it whole."""
    waiting = [index for index in own(seen) if index.ours]
    for index in waiting[:SHOWN]:
        message = f"{index.name} is restored and checked, and still refuses writes; it was not removed"
        yield finding(BLOCKED, index.name, message, f"{_by_hand(seen, index.name)}, or delete it")
    if more := waiting[SHOWN:]:
        names = f"from {more[0].name} to {more[-1].name}"
        message = f"{counted(len(more), 'more index', 'more indices')} still refuse writes, {names}"
        yield finding(BLOCKED, seen.plan.plan_id, message, "the same for each of them")


def _by_hand(seen: Seen, name: str) -> str:
    attached = seen.plan.wish.attach_lifecycle
    had = {key: value for key, value in _settings(seen, name).items() if attached or not key.startswith(LIFECYCLE)}
    return f"PUT /{name}/_settings {json.dumps({**dict.fromkeys(PUT_ON), **had})}"


def done(run: Run, seen: Seen) -> Decision:
    shards = sum(move.shards for move in seen.plan.moves)
    changes = {
        "good": True,
        "reason": comparing.incomplete(run, seen.plan),
        "findings": (*run.findings, *(one for one in seen.plan.findings if one.code == PARTIAL)),
        "indices": len(seen.plan.moves),
        "bytes": seen.plan.bytes,
        "shards": Shards(total=shards, failed=0),
    }
    return Decision(state=State.SUCCEEDED, changes=changes)
