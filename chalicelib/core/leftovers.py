"""What runs made and could not remove: when that is tried again, and what is told of it. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.messages import Report
from chalicelib.core.model import IndexRef, Run, Severity
from chalicelib.core.plans import mark
from chalicelib.core.prose import ascii_line, instant, shortened
from chalicelib.core.reports import SUBJECT, command
from chalicelib.core.restores import RestoreOrder
from chalicelib.core.rows import PolicyState
from chalicelib.core.spec import Policy

AGAIN = timedelta(hours=1)
PATIENCE = timedelta(days=3)
"""In vain for so long, people are told, and it is theirs."""


def noted(state: PolicyState, run: Run) -> PolicyState:
    """The policy with what the settled run may have left."""
    if not run.leftover:
        return state
    since = run.finished_at or run.created_at
    left = {**state.leftovers, run.run_id: state.leftovers.get(run.run_id, since)}
    return replace(state, leftovers=left, sweep_at=state.sweep_at or since + AGAIN)


def asked(state: PolicyState, now: datetime) -> PolicyState:
    """The policy once messages go out: when they come to nothing, again in an hour."""
    return replace(state, sweep_at=now + AGAIN if state.leftovers else None)


def dropped(state: PolicyState, run_id: str) -> PolicyState:
    """The policy when nothing more is tried for that run."""
    left = {known: since for known, since in state.leftovers.items() if known != run_id}
    return replace(state, leftovers=left, sweep_at=state.sweep_at if left else None)


def order(run: Run, made: Sequence[IndexRef]) -> RestoreOrder:
    """By which the engine is asked for what is there of what was written down; the plan may be lost."""
    return RestoreOrder(
        repository=run.through or run.repository,
        snapshot=run.snapshot,
        indices=tuple(index.name for index in made),
        prefix="",
        mark=mark(run.plan or ""),
    )


def report(run: Run, policy: Policy, why: str | None, *, stage: str, now: datetime) -> Report | None:
    """Told once, under one key: that what the run had left is removed, or `why` nobody will try any more. None when
    `policy.notify.on` asks for nothing of it."""
    if ("recovery" if why is None else "failure") not in policy.notify.on:
        return None
    word = "SWEPT" if why is None else "LEFT OVER"
    what = "what it had left is removed" if why is None else f"could not be removed: {why}"
    lines = [
        f"{run.run_id} ended as {run.state} {instant(run.finished_at or run.created_at)}.",
        f"It could not remove all that it had made on {run.target}.",
        f"By {instant(now)} nothing of it is left."
        if why is None
        else f"That was tried again until {instant(now)}, and is not tried any more: {why}",
        "",
        "What to do next",
        f"  {command(stage, f'show {run.run_id}')}  what it made, and what of it could not be removed",
    ]
    return Report(
        key=f"{run.run_id}#sweep#{word.lower().replace(' ', '-')}",
        topic=policy.notify.topic,
        subject=shortened(f"[snapwarden {ascii_line(stage)}] {word} {run.run_id}: {ascii_line(what)}", SUBJECT),
        body="\n".join(lines) + "\n",
        attributes={
            "stage": stage,
            "policy": run.policy,
            "target": run.target,
            "kind": run.kind.value,
            "state": word.replace(" ", "_"),
            "severity": (Severity.INFO if why is None else Severity.ERROR).value,
        },
    )
