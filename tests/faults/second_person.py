"""A stage with a backup, on which restores need a second person, and who types there."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.core.model import Kind, Run
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.rows import Approval, Backup
from chalicelib.service import approvals, plans, restores
from tests.faults.test_restores import backed_up
from tests.faults.world import Stage

ANNA, BEN, CARL = (f"arn:aws:iam::123456789012:user/{name}" for name in ("anna", "ben", "carl"))
LIVE = Wish(policy="nightly", prefix="copy-")
"""Its names are beyond `restore.allow`."""


@contextmanager
def typing(stage: Stage, who: str | None) -> Iterator[None]:
    before, stage.who = stage.who, who
    try:
        yield
    finally:
        stage.who = before


def planned(stage: Stage, wish: Wish = LIVE, *, by: str = ANNA) -> Plan:
    with typing(stage, by):
        return plans.plan(stage.world, wish)


def approved(stage: Stage, plan: Plan, *, by: str = BEN) -> Approval:
    with typing(stage, by):
        return approvals.approve(stage.world, plan.plan_id)[1]


def started(stage: Stage, plan: Plan, *, by: str = ANNA, glass: str | None = None) -> Run:
    with typing(stage, by):
        return restores.start(stage.world, plan.plan_id, glass=glass)


def all_restores(stage: Stage) -> list[Run]:
    return list(stage.store.runs(policy="nightly", kind=Kind.RESTORE.value))


def the_backup(stage: Stage) -> Backup:
    """The first one: slots may have brought more."""
    return stage.store.backups("nightly")[-1]


__all__ = ["backed_up"]
