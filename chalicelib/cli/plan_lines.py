"""A plan for people: of a thousand indices what matters most, and what the others come to. JSON has all of it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from chalicelib.cli.output import Output, console, instant
from chalicelib.core.model import Finding, Run
from chalicelib.core.plans import Move, Plan
from chalicelib.core.prose import counted, listed, size
from chalicelib.core.workflows.restore_ends import few

SHOWN = 20
"""Of anything; when there are more, calls are cut down to `FIRST`."""
FIRST = 3
SHORT_CALL = 100
"""Characters: the body of a longer one is left out."""
OF_A_CODE = 5
"""Findings: each of them is a few lines long."""
LEFT_OUT = " {...}"
KIND = re.compile(r"([A-Z]+) (?:/[^/_][^/]*)?(/_\w+)")
"""Of a call: its verb, and what it does to whatever index."""
All = Annotated[bool, typer.Option("--all", help="Every index, name, call and finding, however many.")]


def biggest(moves: Sequence[Move], *, every: bool) -> tuple[Sequence[Move], str]:
    """Those to be shown, as they are while they are few, and a line about the others."""
    if every or len(moves) <= SHOWN:
        return moves, ""
    ordered = sorted(moves, key=lambda move: (-move.bytes, move.source))
    others = ordered[SHOWN:]
    rest = size(sum(move.bytes for move in others))
    return ordered[:SHOWN], f"and {len(others):,} more, {rest} (--all shows them)"


def beyond(out: Output, names: Sequence[str], *, every: bool) -> None:
    """The names that somebody else has to say yes to."""
    if names:
        out.say(f"  beyond     `restore.allow`: {listed(names, len(names) if every else SHOWN)}")


def say_known(run: Run) -> None:
    """On stderr, whatever stdout is for: nobody takes what was long ago for what he has just asked for."""
    if run.settled:
        at = instant(run.finished_at or run.created_at)
        told = f"was carried out already at {at} ({run.state}); nothing was done now"
    else:
        told = f"was started already at {instant(run.created_at)} ({run.state}); nothing more was started"
    console(stderr=True).print(f"{run.plan} {told}", markup=False)


def say_calls(out: Output, calls: Sequence[str], *, every: bool) -> None:
    """What will be sent. Last, and without long bodies: whoever decides reads the findings first."""
    shown = list(calls if every else short_calls(calls))
    if not shown:
        return
    left_out = not every and any(call.endswith(LEFT_OUT) for call in shown)
    out.say(f"what is sent{' (--all shows the bodies)' if left_out else ''}:")
    for call in shown:
        out.say(f"  {call}")


def say_findings(out: Output, findings: Sequence[Finding], *, every: bool) -> None:
    for finding in findings if every else few(findings, OF_A_CODE):
        out.say(f"  [{finding.severity}] {finding.code}: {finding.message}\n      next: {finding.next_step}")


def short_calls(calls: Sequence[str]) -> Iterator[str]:
    """Of many of a kind the first ones, and none with a long body."""
    kinds = [_kind(call) for call in calls]
    many, seen = Counter(kinds), Counter[str]()
    for call, kind in zip(calls, kinds, strict=True):
        seen[kind] += 1
        if many[kind] <= SHOWN or seen[kind] <= FIRST:
            yield _short(call)
        elif seen[kind] == FIRST + 1:
            yield f"... and {many[kind] - FIRST:,} more of {kind} (--all shows them)"


def _kind(call: str) -> str:
    found = KIND.match(call)
    return f"{found[1]} /NAME{found[2]}" if found else call


def _short(call: str) -> str:
    head, found, _ = call.partition(" {")
    return f"{head}{LEFT_OUT}" if found and len(call) > SHORT_CALL else call


def say_what_follows(out: Output, plan: Plan, command: str, *, every: bool) -> None:
    """What is known against it, what is sent, and the `command` that carries it out, where one would."""
    say_findings(out, plan.findings, every=every)
    say_calls(out, plan.calls, every=every)
    if plan.conflicts:
        out.say(f"{counted(len(plan.conflicts), 'conflict')}: it will not be started")
        return
    if plan.approval:
        out.command(
            "a second person first, with credentials of their own", f"snapwarden restore approve {plan.plan_id}"
        )
    out.command("start it within an hour", command)
