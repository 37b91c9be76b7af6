"""What people are told of restores and drills beside what is told of every run: what there is now, what is proved."""

from collections.abc import Iterator
from datetime import timedelta

from chalicelib.core.model import Kind, Run, Salvage, State
from chalicelib.core.prose import counted, span
from chalicelib.core.spec import Policy


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
    if run.state is State.SUCCEEDED and run.kind is Kind.RESTORE:
        return "All that was to come back is there under its new names, open for writing, with the settings it had."
    if any(finding.code == "restore.leftover" for finding in run.findings):
        return "Some of what it made may be left: the findings name it. Nothing else was touched."
    return "Nothing that it made is left, and nothing else was touched."
