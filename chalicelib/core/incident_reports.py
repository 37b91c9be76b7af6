"""What is told of an incident at once: a target is held, or goes on; one person started a restore that needs two.
Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chalicelib.core import wire
from chalicelib.core.leases import Hold
from chalicelib.core.messages import Event, Report
from chalicelib.core.model import Asked, Run, Severity
from chalicelib.core.prose import ascii_line, counted, instant, shortened, span
from chalicelib.core.reports import SUBJECT, command


def glass(run: Run, topic: str, *, stage: str) -> Report:
    """The same in every topic."""
    asked = _asked(run)
    body = (
        f"{asked.by} started {run.run_id} without the second person that its plan needs.",
        "",
        f"  why         {asked.why}",
        f"  started     {instant(asked.at)}",
        f"  plan        {run.plan}",
        f"  snapshot    {run.snapshot} in repository {run.repository} of {run.source or run.target}",
        "",
        "What to do next",
        f"  {command(stage, f'show {run.run_id}')}",
        f"  {command(stage, f'cancel {run.run_id} --why …')}   if it must not be:",
        *_cancelled(run, stage),
    )
    attributes = {"policy": run.policy, "kind": run.kind.value, "state": "BREAK_GLASS", "severity": "error"}
    subject = f"BREAK-GLASS restore {run.policy} on {run.target}: {asked.why}"
    return Report(
        key=f"{run.run_id}#break-glass",
        topic=topic,
        subject=_subject(stage, subject),
        body="\n".join(body) + "\n",
        attributes={"stage": stage, "target": run.target, **attributes},
    )


def _cancelled(run: Run, stage: str) -> tuple[str, ...]:
    """What a cancel does to live data is not undone by it."""
    if run.salvage is not None:
        return ("    it stops; what it has copied by then stays in the live indices",)
    if run.rebuild is not None:
        return ("    it stops; the phases that are through by then stay",)
    if run.in_place:
        return (
            "    until all is checked. What is only closed is opened again; what is restored over by then is not",
            "    undone, and its report has the way back, to the safety backup",
        )
    return (
        "    what it made is removed, unless all of it was checked by then: that stays",
        f"    a swap that has moved the names: {command(stage, f'restore rollback {run.run_id}')}",
    )


def glass_event(run: Run) -> Event:
    about = {"run_id": run.run_id, "plan": run.plan, "policy": run.policy, "target": run.target}
    asked = _asked(run)
    return Event(
        key=f"{run.run_id}#break-glass",
        detail_type="Break Glass Used",
        at=asked.at,
        detail={**about, **wire.public_asked(asked)},
    )


def held(target: str, hold: Hold, running: Sequence[Run], topic: str, *, stage: str) -> Report:
    """`running`: what is open there all the same."""
    subject = f"HELD {target} by {hold.by}: {hold.why}"
    body = (
        f"{hold.by} holds {target} since {instant(hold.at)}: {hold.why}",
        "",
        "Until it is released no backup, drill or retention starts there. Slots wait, and are MISSED when their time",
        "is over; promises go on, and can break. Restores are allowed.",
        "",
        *_running(running),
        "What to do next",
        f"  {command(stage, f'release {target}')}   when it is over",
    )
    severity = Severity.WARNING
    return _of_target(target, hold, "HELD", severity, subject, body, topic, stage)


def released(target: str, hold: Hold, topic: str, now: datetime, *, stage: str) -> Report:
    subject = f"RELEASED {target} by {hold.released_by} after {span(now - hold.at)}"
    body = (
        f"{hold.released_by} released {target}, which {hold.by} held since {instant(hold.at)}: {hold.why}",
        "",
        "What waited goes on now. Slots whose time was over meanwhile are MISSED runs.",
    )
    return _of_target(target, hold, "RELEASED", Severity.INFO, subject, body, topic, stage)


def _of_target(
    target: str, hold: Hold, word: str, severity: Severity, subject: str, body: Sequence[str], topic: str, stage: str
) -> Report:
    return Report(
        key=f"hold:{target}#{wire.millis(hold.at)}#{word.lower()}",
        topic=topic,
        subject=_subject(stage, subject),
        body="\n".join(body) + "\n",
        attributes={
            "stage": stage,
            "target": target,
            "kind": "hold",
            "state": word,
            "severity": severity.value,
        },
    )


def _running(runs: Sequence[Run]) -> Iterator[str]:
    if not runs:
        yield "No run is open there."
    else:
        yield f"{counted(len(runs), 'run')} open there all the same:"
        for run in runs:
            yield f"  {run.run_id} {run.state}"
    yield ""


def _asked(run: Run) -> Asked:
    if run.glass is None:
        raise ValueError(f"{run.run_id} broke no glass")
    return run.glass


def _subject(stage: str, text: str) -> str:
    return shortened(ascii_line(f"[snapwarden {stage}] {text}"), SUBJECT)
