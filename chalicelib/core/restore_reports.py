"""What people are told of restores and drills beside what is told of every run: what there is now, what is proved."""

from collections.abc import Iterator
from datetime import timedelta

from chalicelib.core.model import Kind, Run, State
from chalicelib.core.prose import counted, span
from chalicelib.core.spec import Policy


def proved(run: Run, policy: Policy) -> Iterator[str]:
    if not run.checked:
        yield "Nothing: it did not come so far as to compare. A drill that could not run is not a pass."
        return
    proved, all_of = (run.indices or 0) - len(run.unproved), counted(run.indices or 0, "index", "indices")
    yield f"{proved} of {all_of} came back as they were backed up; of the others nothing is proved."
    rto = policy.drill.rto if policy.drill else None
    if run.restore_seconds is not None:
        promised = f"; `rto` promises {span(rto)}" if rto else ""
        yield f"The restore took {span(timedelta(seconds=run.restore_seconds))}{promised}."


def left(run: Run) -> str:
    if run.state is State.SUCCEEDED and run.kind is Kind.RESTORE:
        return "All that was to come back is there under its new names, open for writing, with the settings it had."
    if any(finding.code == "restore.leftover" for finding in run.findings):
        return "Some of what it made may be left: the findings name it. Nothing else was touched."
    return "Nothing that it made is left, and nothing else was touched."
