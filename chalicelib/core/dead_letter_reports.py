"""What people are told of a message that failed too often. Pure."""

import json
from typing import Any

from chalicelib.core import naming
from chalicelib.core.messages import Report
from chalicelib.core.prose import ascii_line, shortened
from chalicelib.core.reports import SUBJECT, command

DEAD_BODY = 2000
"""Characters of it that are shown."""


def dead_letter_report(body: str, message_id: str, *, stage: str) -> Report:
    """A message that failed too often. `body` may be anything: what does not look like the id of a run is none, or the
    report could not be sent. A wake-up names its run, and that is not lost."""
    run_id = _run_of(body)
    about = f"a wake-up of {run_id}" if run_id else "a message that names no run"
    lines = [
        f"{about[0].upper()}{about[1:]} failed too often and was put aside (message {message_id}).",
        "",
        "What it means",
        "  The run itself is not lost: the tick wakes it again, and it ends by its deadline at the latest."
        if run_id
        else "  Nobody of ours sends such messages: find out who else writes to the queue.",
        "",
        "What to do next",
        *([f"  {command(stage, f'show {run_id}')}"] if run_id else []),
        f"  read the log of the function snapwarden-{stage}-work around that time",
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


def _run_of(body: str) -> str | None:
    try:
        written: Any = json.loads(body)
    except ValueError:
        return None
    found = written.get("run_id") if isinstance(written, dict) else None
    return found if isinstance(found, str) and naming.RUN_ID.fullmatch(found) else None
