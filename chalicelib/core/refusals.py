"""What is told of a request that was refused: an event for the program that sent it, a report for whoever waits for
data. Pure."""

from datetime import datetime

from chalicelib.core.messages import Event, Report
from chalicelib.core.model import Kind
from chalicelib.core.prose import ascii_line, shortened
from chalicelib.core.reports import SUBJECT
from chalicelib.core.requests import Refusal

DETAIL_TYPE = "Request Refused"
SHOWN = 20


def event(refusal: Refusal, now: datetime) -> Event:
    """Under the same key when the same event comes again."""
    envelope = refusal.envelope
    return Event(
        key=f"{envelope.key}#refused",
        detail_type=DETAIL_TYPE,
        at=now,
        detail={
            "request": envelope.detail_type,
            "request_id": refusal.request_id or None,
            "event_id": envelope.event_id or None,
            "source": envelope.source or None,
            "policy": refusal.policy or None,
            "status": refusal.status,
            "reason": refusal.reason,
            "problems": [
                {"key": problem.key, "message": problem.message, "expected": problem.expected}
                for problem in refusal.problems
            ],
            "next_step": refusal.next_step,
        },
    )


def report(refusal: Refusal, *, stage: str, topic: str) -> Report | None:
    """Of restores only: a program that asks for a backup reads its event, and the promise of the policy goes on being
    watched; who asks for a restore waits for data, and may have nobody who looks. Nobody waits for what an archive
    plays once more, and that may be thousands."""
    if refusal.kind is not Kind.RESTORE or refusal.replayed:
        return None
    envelope = refusal.envelope
    about = f" of {refusal.policy}" if refusal.policy else ""
    lines = [
        f"An event asked for a restore{about} and was refused. Nothing was started, and nothing was touched.",
        "",
        "What happened",
        f"  sent by    {envelope.source}",
        f"  event      {envelope.event_id}: {envelope.detail_type}",
        f"  request    {refusal.request_id}",
        "",
        "What is in the way",
        *(f"  {problem}" for problem in refusal.problems[:SHOWN]),
        *([f"  and {len(refusal.problems) - SHOWN} more"] if len(refusal.problems) > SHOWN else []),
        "",
        "What to do next",
        f"  {refusal.next_step}",
    ]
    head = f"[snapwarden {ascii_line(stage)}] REFUSED restore request{about}: "
    return Report(
        key=f"{envelope.key}#refused",
        topic=topic,
        subject=shortened(ascii_line(head + refusal.reason), SUBJECT),
        body="\n".join(lines) + "\n",
        attributes={
            "stage": stage,
            "policy": refusal.policy,
            "kind": Kind.RESTORE.value,
            "state": "REFUSED",
            "severity": "error",
        },
    )
