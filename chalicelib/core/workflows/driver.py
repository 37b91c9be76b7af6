"""The pure half of the driver: what a row becomes by a decision. The other half is `service/advance.py`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.model import Asked, Calls, Finding, Run, Severity, State, Step
from chalicelib.core.pace import LONGEST
from chalicelib.core.prose import shortened
from chalicelib.core.workflows import Decision

MAX_CRASHES = 5
KEPT_STEPS = 30
CRASH_WAITS = timedelta(seconds=10)
TELL_AGAIN = timedelta(seconds=30)
TELL_SLOWEST = timedelta(hours=1)
TEXT = 2_000
"""Characters of a reason or message that a row keeps: servers answer with whole stack traces, and a row that does not
fit into the table could never be settled."""


def moved(run: Run, decision: Decision, now: datetime, *, token: str, busy: timedelta, cost: Calls) -> Run:
    """The row after `decision`, ready to be written: next `rev`, a transition recorded when the state changes, the due
    time of the next look. A claim (a decision with an act) is busy for `busy`. A settled row stays due until its end
    is told. `cost` is what this step spent, without its own write, message and act, which are counted here."""
    changed = decision.state is not run.state
    settled = decision.state.settled
    acts = decision.act.calls if decision.act else 0
    step = Step(state=decision.state, at=now, rev=run.rev + 1)
    return replace(
        run,
        **{"crashes": 0, **_bounded(decision.changes)},
        state=decision.state,
        previous_state=run.state if changed else run.previous_state,
        rev=run.rev + 1,
        token=token,
        steps=(*run.steps, step)[-KEPT_STEPS:] if changed else run.steps,
        looks=run.looks + 1,
        last_look=False,
        wake_at=now if settled else now + (decision.again or timedelta(0)),
        claim=token if decision.act else None,
        busy_until=now + busy if decision.act else None,
        finished_at=now if settled else None,
        calls=Calls(
            engine=run.calls.engine + cost.engine + acts,
            store_reads=run.calls.store_reads + cost.store_reads,
            store_writes=run.calls.store_writes + cost.store_writes + 1,
            messages=run.calls.messages + cost.messages + (not settled and (decision.again or timedelta(0)) <= LONGEST),
        ),
    )


def _bounded(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    cut = {key: shortened(text, TEXT) for key in ("reason", "last_error") if isinstance(text := changes.get(key), str)}
    findings = tuple(
        replace(finding, message=shortened(finding.message, TEXT), subject=shortened(finding.subject, TEXT))
        for finding in changes.get("findings", ())
    )
    return {**changes, **cut, **({"findings": findings} if "findings" in changes else {})}


def last_look(run: Run, wake_at: datetime, *, token: str) -> Run:
    """The row before the one look past the deadline: whatever becomes of that look, the run ends. This write is part of
    what the step spends, and counted with it."""
    return replace(run, rev=run.rev + 1, token=token, last_look=True, wake_at=wake_at)


def asked_to(wish: str, run: Run, asked: Asked, *, token: str) -> Run:
    """The row with somebody's wish, `cancel`, `finish` or `rollback`: the state moves in the run's next step, which is
    due now, or when the claim of an actor ends. The claim stays, so that he can still prove himself. A last look that
    is under way loses its write to this one: the run has another, or a snapshot that it found complete would be
    nobody's."""
    calls = replace(run.calls, store_writes=run.calls.store_writes + 1, messages=run.calls.messages + 1)
    due = max(asked.at, run.busy_until or asked.at)
    wished: Mapping[str, Any] = {wish: asked}
    return replace(run, rev=run.rev + 1, token=token, **wished, last_look=False, wake_at=due, calls=calls)


def untold(run: Run, now: datetime, *, token: str, emitted_rev: int, reported: bool) -> Run:
    """The row after its end could not be told: tried again later, and later each time, up to an hour."""
    waits = min(TELL_AGAIN * 2 ** min(run.tells, 10), TELL_SLOWEST)
    calls = replace(
        run.calls, store_writes=run.calls.store_writes + 1, messages=run.calls.messages + (waits <= LONGEST)
    )
    return replace(
        run,
        rev=run.rev + 1,
        token=token,
        tells=run.tells + 1,
        wake_at=now + waits,
        emitted_rev=emitted_rev,
        reported=reported,
        calls=calls,
    )


def emitted(run: Run, rev: int, *, token: str) -> Run:
    """The row of a run that no message follows: what was told of it up to `rev` is not told again."""
    calls = replace(run.calls, store_writes=run.calls.store_writes + 1)
    return replace(run, rev=run.rev + 1, token=token, emitted_rev=rev, calls=calls)


def told(run: Run, *, token: str) -> Run:
    """The row after its end was told: nothing more to do, it leaves the due index. Its state does not move."""
    calls = replace(run.calls, store_writes=run.calls.store_writes + 1)
    return replace(run, rev=run.rev + 1, token=token, told=True, wake_at=None, emitted_rev=run.rev, calls=calls)


def crashed(run: Run, crash: Exception) -> Decision:
    """A step that raised what nobody expected is counted in the row and tried again; after MAX_CRASHES in a row the run
    ends, so that a defect of ours cannot keep it open silently."""
    what = f"{type(crash).__name__}: {crash}"
    count = run.crashes + 1
    if count < MAX_CRASHES:
        changes = {"crashes": count, "last_error": what}
        return Decision(state=run.state, changes=changes, again=CRASH_WAITS * count)
    message = f"a step crashed {count} times in a row, the last time with {what}"
    finding = Finding(
        code="run.crashed",
        severity=Severity.ERROR,
        subject=run.run_id,
        message=message,
        next_step="this is a defect of Snapwarden: report it with the log of the function `work`",
    )
    changes = {"crashes": count, "last_error": what, "reason": message, "findings": (*run.findings, finding)}
    return Decision(state=State.FAILED, changes=changes)
