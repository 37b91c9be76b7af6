"""What people are told of restores and drills beside what is told of every run: what there is now, what is proved."""

from collections.abc import Iterator
from datetime import timedelta

from chalicelib.core.model import Kind, Run, State
from chalicelib.core.prose import counted, span
from chalicelib.core.salvage_progress import Salvage
from chalicelib.core.spec import Policy

LEFT = ("restore.leftover", "restore.still_blocked", "restore.swap_unclear")
"""Findings of restores that did not undo all that they did."""


def proved(run: Run, policy: Policy) -> Iterator[str]:
    if not run.checked:
        yield "Nothing: it did not come so far as to compare. A drill that could not run is not a pass."
        return
    proved, all_of = (run.indices or 0) - len(run.unproved), counted(run.indices or 0, "index", "indices")
    others = "; of the others nothing is proved" if run.unproved else ""
    yield f"{proved} of {all_of} came back as they were backed up{others}."
    rto = policy.drill.rto if policy.drill else None
    if run.restore_seconds is not None:
        promised = f"; `rto` promises {span(rto)}" if rto else ""
        yield f"The restore took {span(timedelta(seconds=run.restore_seconds))}{promised}."


def copied(salvage: Salvage) -> str:
    if not salvage.created and not salvage.replaced:
        return "The live indices are as they were." if not salvage.unsure else "Some documents may have been copied."
    return "What was copied stays in the live indices. Nothing was deleted."


def left(run: Run) -> str:
    if run.salvage is not None:
        return copied(run.salvage)
    if run.rebuild is not None:
        return "What came back stays, under the names that it had. Nothing that was there was touched."
    if run.swapped_at is not None:
        return _after_swap(run)
    if run.state is State.SUCCEEDED and run.kind is Kind.RESTORE:
        what = "What could be restored" if run.reason else "All that was to come back"
        return f"{what} is there, under the names of its plan, open for writing, with the settings it had."
    if run.in_place and any(finding.code == "restore.left_as" for finding in run.findings):
        return "Live indices were closed, or restored over: the findings say how each of them is. None was deleted."
    if run.released:
        return (
            "All that it made is checked and stays. What still refuses writes is named below; the others take writes."
        )
    if any(finding.code in LEFT for finding in run.findings):
        return "Some of what it made may be left: the findings name it. Nothing else was touched."
    return "Nothing that it made is left, and nothing else was touched."


def _after_swap(run: Run) -> str:
    if run.state is State.ROLLED_BACK:
        return "The names that people use point to what was live before. What was restored stays beside it: see below."
    kept = any(finding.code in ("restore.leftover", "restore.old_kept") for finding in run.findings)
    if run.state is State.SUCCEEDED and not kept:
        return "What was restored bears the live names, and what was live before is deleted."
    if run.state is State.SUCCEEDED:
        return "What was restored bears the live names. Of what was live before some is left: the findings name it."
    return "What was restored and what was live before were both left alone: the findings say how they are."
