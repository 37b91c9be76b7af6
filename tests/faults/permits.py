"""What must hold of holds and of second persons in each write: called by `witness.py`."""

from collections.abc import Sequence

from chalicelib.core import approving
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.rows import Approval
from tests.faults.ledger import Ledger, must


def begins_nothing_held(ledger: Ledger, old: Run | None, run: Run) -> None:
    """On a held target nothing begins but restores: neither out of the line nor past it."""
    begins = run.state is not State.QUEUED and not run.settled and (old is None or old.state is State.QUEUED)
    slots = ledger.slots.get(run.target)
    held = slots.held if slots else None
    standing = held is not None and not held.released_by
    must(not (begins and standing and run.kind is not Kind.RESTORE), f"{run.run_id} begins on a target that is held")


def approved(ledger: Ledger, given: Approval, runs: Sequence[Run]) -> None:
    """A yes is somebody else's than the plan's, is of one run, and is used up with its start."""
    known, plan = ledger.approvals.get(given.plan_id), ledger.plans[given.plan_id]
    must(approving.person(given.by) != approving.person(plan.made_by), f"{given.by} approved a plan of their own")
    must(known is None or known.used_by in (None, given.used_by), f"the approval of {given.plan_id} is used twice")
    if given.used_by and (known is None or known.used_by is None):
        users = [run.run_id for run in runs if run.plan == given.plan_id and run.approved_by == given.by]
        must(users == [given.used_by], f"the approval of {given.plan_id} is used up beside {users}")
    ledger.approvals[given.plan_id] = given


def permitted(ledger: Ledger, run: Run) -> None:
    """What needs two persons has two, and its approval is used up by this very run."""
    plan = ledger.plans[run.plan or ""]
    if not plan.approval or run.glass:
        return
    given = ledger.approvals.get(plan.plan_id)
    must(given and given.used_by == run.run_id, f"{run.run_id} restores beyond what is allowed, unapproved")
    assert given
    two = approving.person(given.by) != approving.person(run.requested_by)
    must(two and run.approved_by == given.by, f"{run.run_id} was started by whoever approved it")
