"""What is told of a promise: one event for each change, a report when it breaks, daily while it stays broken, and when
it is kept again. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chalicelib.core import promise, wire
from chalicelib.core.messages import Event, Report
from chalicelib.core.model import Severity
from chalicelib.core.prose import ascii_line, instant, shortened, span
from chalicelib.core.reports import SUBJECT, command
from chalicelib.core.rows import LastGood, PolicyState
from chalicelib.core.spec import Policy


def event(state: PolicyState, policy: Policy, now: datetime, *, undrilled: Sequence[str] = ()) -> Event:
    """`state` is broken, or was until a moment ago. `undrilled`: what no drill restores, so that L4 can't be kept."""
    since = _since(state, now)
    word = "Broken" if state.broken_since else "Kept"
    newest = _newest(state, policy)
    return Event(
        key=f"promise:{state.policy}#{wire.millis(since)}#{word.lower()}",
        detail_type=f"Policy Promise {word}",
        at=since if state.broken_since else now,
        detail={
            "policy": state.policy,
            "target": policy.target,
            "broken_since": wire.seconds(since),
            "kept_at": None if state.broken_since else wire.seconds(now),
            "rpo": {level: int(rpo.total_seconds()) for level, rpo in promise.promised(policy).items()},
            "newest_good": newest and {"backup_id": newest.backup_id, "taken_at": wire.seconds(newest.taken_at)},
            "never_drilled": list(undrilled),
        },
    )


def report(
    state: PolicyState, policy: Policy, *, stage: str, now: datetime, undrilled: Sequence[str] = ()
) -> Report | None:
    """None when `policy.notify.on` asks for nothing of it. The same reminder has the same key."""
    is_broken = state.broken_since is not None
    if ("failure" if is_broken else "recovery") not in policy.notify.on:
        return None
    since = _since(state, now)
    word = "BROKEN" if is_broken else "KEPT"
    for_how_long = f"for {span(now - since)}" if is_broken else f"again after {span(now - since)}"
    head = f"[snapwarden {ascii_line(stage)}] PROMISE {word} {policy.name} on {policy.target}: "
    return Report(
        key=f"promise:{state.policy}#{wire.millis(since)}#{word.lower()}#{state.reminders}",
        topic=policy.notify.topic,
        subject=shortened(f"{head}{for_how_long}", SUBJECT),
        body="\n".join(_body(state, policy, since, stage, now, undrilled)) + "\n",
        attributes={
            "stage": stage,
            "policy": policy.name,
            "target": policy.target,
            "kind": "promise",
            "state": word,
            "severity": (Severity.ERROR if is_broken else Severity.INFO).value,
        },
    )


def _body(
    state: PolicyState, policy: Policy, since: datetime, stage: str, now: datetime, undrilled: Sequence[str]
) -> Iterator[str]:
    terms = ", ".join(f"{level} not older than {span(rpo)}" for level, rpo in promise.promised(policy).items())
    newest = _newest(state, policy)
    yield f"Policy {policy.name} on {policy.target} promises a good backup: {terms}."
    if state.broken_since:
        yield f"That has been broken since {instant(since)}, for {span(now - since)}."
    else:
        yield f"That is kept again; it was broken since {instant(since)}."
    yield ""
    if newest is None:
        yield promise.none_good(state, policy, now)
    else:
        yield f"The newest good backup was taken {instant(newest.taken_at)}, {span(now - newest.taken_at)} ago:"
        yield f"  {newest.backup_id}"
    if not state.broken_since:
        return
    if undrilled:
        from chalicelib.core import drilling

        yield f"{drilling.never(undrilled)}: L4 can't be kept as long as the policy selects it."
    if state.paused:
        yield f"The policy is paused by {state.paused.by} since {instant(state.paused.at)}: {state.paused.why}"
    elif state.cause:
        yield f"The last run failed with {state.cause.code} ({state.cause.subject}), {state.cause.count} in a row."
    yield ""
    yield "What to do next"
    if state.paused:
        yield f"  {command(stage, f'resume {policy.name}')}"
    if state.last_result:
        yield f"  {command(stage, f'explain {state.last_result.run_id}')}"
    if undrilled:
        yield "  leave it out (`select.exclude`), and back it up by a policy of its own without L4 in `rpo`; then apply"
    yield f"  {command(stage, f'backup {policy.name} --wait')}"
    yield f"  {command(stage, f'mute {policy.name} --until TIME --why …')}   if you know; else this comes again daily"


def _since(state: PolicyState, now: datetime) -> datetime:
    return state.broken_since or state.was_broken_since or now


def _newest(state: PolicyState, policy: Policy) -> LastGood | None:
    return state.last_good.get(promise.required(policy))
