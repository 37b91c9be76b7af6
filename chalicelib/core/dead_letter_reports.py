"""What people are told of a message that failed too often. Pure."""

import json
from typing import Any

from chalicelib.core import naming
from chalicelib.core.messages import Report
from chalicelib.core.prose import ascii_line, shortened
from chalicelib.core.reports import SUBJECT, command
from chalicelib.core.triggers import WRAPPED

DEAD_BODY = 2000
"""Characters of it that are shown."""


def dead_letter_report(body: str, message_id: str, *, stage: str) -> Report:
    """A message that failed too often. `body` may be anything: what does not look like the id of a run is none, or the
    report could not be sent. A wake-up names its run, and that is not lost; what an event asked for is."""
    written = _mapping(body)
    run_id = _run_of(written)
    event = "detail-type" in written or WRAPPED in written
    about = f"a wake-up of {run_id}" if run_id else "an event" if event else "a message that names no run"
    function = "events" if event else "work"
    lines = [
        f"{about[0].upper()}{about[1:]} failed too often and was put aside (message {message_id}).",
        "",
        "What it means",
        f"  {_meaning(run_id, event)}",
        "",
        "What to do next",
        *([f"  {command(stage, f'show {run_id}')}"] if run_id else []),
        f"  read the log of the function snapwarden-{stage}-{function} around that time",
        "",
        "The message",
        f"  {shortened(body, DEAD_BODY)}",
    ]
    policy = run_id.split(":")[1] if run_id else ""
    return Report(
        key=f"dead-letter:{message_id}",
        topic="default",
        subject=shortened(ascii_line(f"[snapwarden {stage}] DEAD LETTER: {about} failed too often"), SUBJECT),
        body="\n".join(lines) + "\n",
        attributes={
            "stage": stage,
            "kind": "dead_letter",
            "state": "DEAD_LETTER",
            "severity": "error",
            **({"policy": policy} if policy else {}),
        },
    )


def _meaning(run_id: str | None, event: bool) -> str:
    if run_id:
        return "The run itself is not lost: the tick wakes it again, and it ends by its deadline at the latest."
    if event:
        return "What it asked for was perhaps not begun. Sent again with the same request_id, it is still one run."
    return "Nobody of ours sends such messages: find out who else writes to the queue."


def _mapping(body: str) -> dict[str, Any]:
    try:
        written: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return written if isinstance(written, dict) else {}


def _run_of(written: dict[str, Any]) -> str | None:
    found = written.get("run_id")
    return found if isinstance(found, str) and naming.RUN_ID.fullmatch(found) else None
