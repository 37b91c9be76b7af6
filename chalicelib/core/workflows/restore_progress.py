"""A restore under way: what follows from what is there of it, until all of it is."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import pace
from chalicelib.core.model import Finding, Run, State
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import restore_stuck as stuck
from chalicelib.core.workflows.ends import LATE_START, finding
from chalicelib.core.workflows.restore_ends import give_up
from chalicelib.core.workflows.restore_seen import Seen, foreign, own, progress, written_down

ATTEMPTS = 3


def wait(run: Run, seen: Seen, now: datetime) -> Decision:
    mine, theirs = own(seen), foreign(seen)
    if theirs:
        names = ", ".join(index.name for index in theirs[:3])
        found = finding(
            "restore.foreign", theirs[0].name, f"{names}: made by somebody else meanwhile", "make a new plan"
        )
        return give_up(run, seen, now, State.FAILED, found.message, found)
    if not mine:
        return _nothing_there(run, seen, now)
    if more := [index.name for index in mine if index.name not in seen.plan.names]:
        message = f"{more[0]} came back with its data stream, and was not in the plan"
        found = finding("restore.unplanned", more[0], message, "snapwarden emergency BACKUP -o restore.sh")
        return give_up(run, seen, now, State.FAILED, message, found)
    said = seen.unallocated
    lost = [shard for index in mine for shard in index.failed]
    if said and said.never and not lost:
        lost = [stuck.given_up(said)]
    if lost:
        return give_up(run, seen, now, State.FAILED, stuck.reason(lost, said), *stuck.findings(lost, said))
    whole = len(mine) == len(seen.plan.moves)
    made = (written_down(run, mine),) if whole and not seen.made else ()
    changes = moving(run, seen, now)
    if whole and all(index.done for index in mine):
        changes["restore_seconds"] = (now - (run.claimed_at or run.created_at)).total_seconds()
        return Decision(state=State.CHECKING, changes=changes, evidence=made, again=timedelta(0))
    if not whole and (seen.made or now >= (run.claimed_at or run.created_at) + LATE_START):
        return vanished(run, seen, now)
    return Decision(state=State.RESTORING, changes=changes, evidence=made, again=pace.next_look(run, now))


def _nothing_there(run: Run, seen: Seen, now: datetime) -> Decision:
    """A request without an answer may still come through; after that it was never made, and is asked for again: after
    another look at the world."""
    if seen.made:
        message = "what was restored is gone: somebody deleted it"
    elif now < (run.claimed_at or run.created_at) + LATE_START:
        return Decision(state=State.RESTORING, again=pace.next_look(run, now))
    elif run.attempts < ATTEMPTS:
        return Decision(state=State.PLANNED, again=timedelta(0))
    else:
        message = (
            f"asked {run.attempts} times, the server made none of the indices: {run.last_error or 'it said nothing'}"
        )
    return failed(run, finding("restore.vanished", seen.plan.plan_id, message, "make a new plan and start it"))


def vanished(run: Run, seen: Seen, now: datetime) -> Decision:
    message = "an index that was restored is gone: somebody deleted it"
    found = finding("restore.vanished", seen.plan.plan_id, message, "make a new plan and start it")
    return give_up(run, seen, now, State.FAILED, message, found)


def moving(run: Run, seen: Seen, now: datetime) -> dict[str, Any]:
    """What a look at a restore on its way writes down."""
    now_there = progress(seen)
    return {
        "progress": now_there,
        "moved_at": stuck.moved_at(run, now_there, now),
        "last_error": stuck.waits(seen.unallocated),
        "started_at": run.started_at or now,
    }


def failed(run: Run, *found: Finding) -> Decision:
    changes: Mapping[str, Any] = {"reason": found[0].message, "findings": (*run.findings, *found)}
    return Decision(state=State.FAILED, changes=changes)
