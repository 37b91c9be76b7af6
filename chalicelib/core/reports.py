"""What is told: one event for each transition, one report for a settled run. Pure; the same run gives the same text.

Who hears of what (`notify.on` of a policy):

| failure  | FAILED, TIMED_OUT, PARTIAL, MISSED, CANCELLED, DEFERRED |
| recovery | the first SUCCEEDED after anything else |
| success  | SUCCEEDED, SKIPPED |

A backup that ended well and does not count for the promise (unproved), or a PARTIAL that the contract does not allow,
is a failure; an allowed PARTIAL a success. A cause that people heard of within a day is not told again (`Run.quiet`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core import promise, wire
from chalicelib.core.messages import Event, Report
from chalicelib.core.model import Finding, Kind, Run, Severity, State, Step
from chalicelib.core.prose import ascii_line, counted, instant, shortened, size, span
from chalicelib.core.rows import PolicyState
from chalicelib.core.spec import Policy

SUBJECT = 99
"""Characters; SNS wants fewer than 100, printable ASCII."""
LEAST_REASON = 30
"""Characters of a subject that long names leave to the reason."""
SHOWN = 20
"""Findings that a report lists; `snapwarden show` has all of them."""

WARNINGS = (State.SUCCEEDED, State.PARTIAL, State.CANCELLED, State.DEFERRED)
"""When they are not good; the others are errors then."""


def transition_event(run: Run, step: Step) -> Event:
    """The event of one of the run's `steps`, told now or later: what only a later step brought is left out."""
    steps = tuple(other for other in run.steps if other.rev <= step.rev)
    then = replace(run, state=step.state, steps=steps)
    if run.steps and step.rev < run.steps[-1].rev:
        then = replace(then, reason=None, level=None, finished_at=None, findings=())
    previous = steps[-2].state.value if len(steps) > 1 else None
    return Event(
        key=f"{run.run_id}#{step.rev}",
        detail_type=f"{run.kind.value.title()} Run State Change",
        at=step.at,
        detail={**wire.public_run(then), "previous_state": previous},
    )


def finding_events(run: Run, steps: Sequence[Step]) -> Iterator[Event]:
    """`Finding Raised`, one for each error and warning of a run whose end is among `steps`."""
    if not run.settled or not any(step.state is run.state for step in steps):
        return
    for n, finding in enumerate(run.findings):
        if finding.severity is not Severity.INFO:
            about = {"run_id": run.run_id, "kind": run.kind.value, "policy": run.policy, "target": run.target}
            yield Event(
                key=f"{run.run_id}#finding#{n}",
                detail_type="Finding Raised",
                at=run.finished_at or run.created_at,
                detail={**about, **wire.public_finding(finding)},
            )


def settled_report(run: Run, policy: Policy, state: PolicyState, *, stage: str, now: datetime) -> Report | None:
    """What people are told of the end of `run`; None when `policy.notify.on` asks for nothing of it.
    `state`: the policy's, with what this run brought."""
    if not run.settled:
        raise ValueError(f"{run.run_id} is {run.state}: only an end is reported")
    if run.part_of and run.good:
        return None  # the run that it is a part of tells
    if run.quiet or not _asked_for(run).intersection(policy.notify.on):
        return None
    return Report(
        key=f"{run.run_id}#end",
        topic=policy.notify.topic,
        subject=_subject(run, stage),
        body="\n".join(_body(run, policy, state, stage, now)) + "\n",
        attributes={
            "stage": stage,
            "policy": run.policy,
            "target": run.target,
            "kind": run.kind.value,
            "state": run.state.value,
            "severity": severity(run).value,
        },
    )


def severity(run: Run) -> Severity:
    if run.good or run.state is State.SKIPPED:
        return Severity.INFO
    return Severity.WARNING if run.state in WARNINGS else Severity.ERROR


def _asked_for(run: Run) -> set[str]:
    if run.kind is Kind.RESTORE:
        return {"failure", "recovery", "success"}  # somebody asked for it, and waits
    if run.good:
        return {"success", "recovery"} if run.recovers else {"success"}
    return {"success"} if run.state is State.SKIPPED else {"failure"}


# --- the subject


def _subject(run: Run, stage: str) -> str:
    head = f"[snapwarden {ascii_line(stage)}] {_word(run)} "
    if run.kind is not Kind.BACKUP:
        head += f"{run.kind.value} "
    reason = ascii_line(_reason(run))
    room = SUBJECT - len(head)
    names_room = max(room - 2 - min(len(reason), LEAST_REASON), 12)
    names = _names(ascii_line(run.policy), ascii_line(run.target), names_room)
    subject = f"{head}{names}"
    left = SUBJECT - len(subject) - 2
    return f"{subject}: {shortened(reason, left)}" if reason and left > 2 else shortened(subject, SUBJECT)


def _names(policy: str, target: str, room: int) -> str:
    """`policy on target` in `room` characters; the longer of the two gives first."""
    room -= len(" on ")
    if len(policy) + len(target) > room:
        short = min(len(policy), len(target), room // 2)
        policy, target = (
            shortened(policy, room - short if len(policy) >= len(target) else short),
            shortened(target, short if len(policy) >= len(target) else room - short),
        )
    return f"{policy} on {target}"


def _word(run: Run) -> str:
    if run.state is State.SUCCEEDED and not run.good:
        return "RTO BROKEN" if any(finding.code == "drill.rto" for finding in run.findings) else "UNPROVED"
    return "RECOVERED" if run.recovers else run.state.value


def _reason(run: Run) -> str:
    if run.reason:
        return run.reason
    if run.state is State.SUCCEEDED:
        facts = (
            counted(run.indices, "index", "indices") if run.indices is not None else "",
            size(run.bytes) if run.bytes is not None else "",
            f"in {span(run.finished_at - run.started_at)}" if run.started_at and run.finished_at else "",
        )
        return ", ".join(fact for fact in facts if fact)
    return ""


# --- the body


def _body(run: Run, policy: Policy, state: PolicyState, stage: str, now: datetime) -> Iterator[str]:
    reason = f": {_reason(run)}" if _reason(run) else ""
    where = f"from {run.source} to {run.target}" if run.source else f"on {run.target}"
    yield f"The {run.kind.value} of policy {run.policy} {where} ended as {run.state}{reason}."
    if run.recovers:
        yield "It is the first good one after a run that was not."
    if run.state is State.SUCCEEDED and not run.good and run.kind is Kind.BACKUP:
        yield f"It is complete, but not proved as far as the policy asks ({promise.required(policy)})."
    if run.repeats:
        yield f"The same happened {counted(run.repeats, 'time')} before, and is told once a day while it lasts."
    yield ""
    yield "What happened"
    for name, value in _facts(run):
        yield f"  {name:<11}{value}"
    yield ""
    yield from _meaning(run, policy, state, now)
    yield ""
    if run.findings:
        yield from _findings(run.findings)
        yield ""
    yield "What to do next"
    for line in _next_steps(run, stage):
        yield f"  {line}"


def _meaning(run: Run, policy: Policy, state: PolicyState, now: datetime) -> Iterator[str]:
    from chalicelib.core import restore_reports  # events of transitions, which every step may send, need none of it

    if run.kind is Kind.DRILL:
        yield "What it proves"
        for line in restore_reports.proved(run, policy):
            yield f"  {line}"
        yield ""
    if run.kind in (Kind.RESTORE, Kind.DRILL):
        yield "What there is now"
        yield f"  {restore_reports.left(run)}"
        return
    yield "What it means for the RPO"
    for line in _rpo(policy, state, now):
        yield f"  {line}"


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    yield from _origin(run)
    if run.started_at:
        yield "started", instant(run.started_at)
    if run.finished_at:
        took = f" (after {span(run.finished_at - run.started_at)})" if run.started_at else ""
        yield "ended", f"{instant(run.finished_at)}{took}"
    if run.swapped_at:
        yield "swapped", instant(run.swapped_at)
    if run.level:
        yield "level", run.level
    if run.shards:
        yield "shards", f"{run.shards.total - run.shards.failed} of {run.shards.total}"
    elif run.progress:
        yield "progress", f"{run.progress.done} of {run.progress.total} {run.progress.unit}"
    if run.bytes is not None:
        added = f", {size(run.bytes_added)} of them new in the repository" if run.bytes_added is not None else ""
        yield "size", f"{size(run.bytes)}{added}"
    if run.last_error and run.state is not State.SUCCEEDED:
        yield "last error", run.last_error


def _origin(run: Run) -> Iterator[tuple[str, str]]:
    yield "run", run.run_id
    yield "asked by", run.requested_by
    if run.missed > 1 and run.missed_from:
        yield "missed", f"{counted(run.missed, 'slot')}, the first at {instant(run.missed_from)}"
    if run.plan:
        yield "plan", run.plan
    if run.approved_by:
        yield "approved", f"by {run.approved_by}"
    if run.glass:
        yield "one person", f"{run.glass.by} broke the glass: {run.glass.why}"
    if run.attempts or run.plan:
        yield "snapshot", f"{run.snapshot} in repository {run.repository}"


def _rpo(policy: Policy, state: PolicyState, now: datetime) -> Iterator[str]:
    """Each promise against the newest backup of its own level."""
    newest = state.last_good.get(promise.required(policy))
    if newest is None:
        yield promise.none_good(state, policy, now)
    else:
        age = span(now - newest.taken_at)
        yield f"The newest good backup was taken {instant(newest.taken_at)}, {age} ago: {newest.backup_id}"
    if not policy.rpo:
        yield "The policy has no `rpo`, so nothing is promised and nothing can be broken."
    held = promise.standing(state, policy, now)
    for level, limit in sorted(promise.promised(policy).items()):
        words = f"The promise of a backup at {level} not older than {span(limit)}"
        if held[level].kept is False:
            yield f"{words} has been BROKEN for {span(now - held[level].breaks)}."
        else:
            wanted = "a newer one" if level in state.last_good else "a first one"
            yield f"{words} needs {wanted} by {instant(held[level].breaks)}."


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    rank = list(Severity)
    yield f"Findings ({len(findings)})"
    for finding in sorted(findings, key=lambda item: rank.index(item.severity))[:SHOWN]:
        yield f"  {finding.severity.value}: {finding.message} [{finding.code}, {finding.subject}]"
        yield f"    next: {finding.next_step}"
    if len(findings) > SHOWN:
        yield f"  … and {len(findings) - SHOWN} more"


def _next_steps(run: Run, stage: str) -> Iterator[str]:
    shown = command(stage, f"show {run.run_id}"), "everything about this run"
    if run.kind is Kind.RESTORE:
        if run.rebuild:
            again = command(stage, f"restore plan --everything --target {run.target}"), "what there is still to restore"
        elif run.salvage:
            again = command(stage, f"salvage {run.salvage.of_run} --dry-run"), "what there is still to copy"
        else:
            again = command(stage, f"restore plan --policy {run.policy}"), "a new plan, with what is in the way now"
        waits = run.state is State.DEFERRED  # its finding has the plan, and how it is made anew
        for line, why in [shown] if run.good or waits else [shown, again]:
            yield f"{line}  {why}"
        return
    if run.kind is Kind.DRILL:
        again = command(stage, f"drill {run.policy} --wait"), "another drill"
        for line, why in [shown] if run.good else [shown, again]:
            yield f"{line}  {why}"
        return
    status = command(stage, f"status {run.policy}"), "what this policy promises, and whether it is kept"
    again = command(stage, f"backup {run.policy} --wait"), "a backup now"
    upcoming = command(stage, f"next {run.policy}"), "when the next ones start"
    steps = {
        State.SUCCEEDED: [shown, status],
        State.SKIPPED: [shown, upcoming],
        State.MISSED: [again, upcoming, status],
    }.get(run.state, [shown, again, status])
    width = max(len(line) for line, _ in steps)
    if run.state is State.TIMED_OUT and run.attempts:
        yield "first look at the cluster: the snapshot may still be running there"
    for line, why in steps:
        yield f"{line:<{width}}  {why}"


def command(stage: str, command: str) -> str:
    return f"snapwarden {command}" if stage == "local" else f"snapwarden --stage {stage} {command}"
