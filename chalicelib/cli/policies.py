"""`policies`, `status`, `next`: what is promised, whether it holds, what comes."""

import sys
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from chalicelib import bootstrap
from chalicelib.cli.output import BAD, GOOD, Output, colour, instant, span, state
from chalicelib.core import drilling, wire
from chalicelib.core.leases import Hold
from chalicelib.core.model import Kind
from chalicelib.core.rows import LastGood, Mute, Pause
from chalicelib.service import query


def add_to(app: typer.Typer) -> None:
    app.command("policies", epilog="Example: snapwarden policies")(policies)
    app.command("status", epilog="Example: snapwarden status nightly || page-somebody")(status)
    app.command("next", epilog="Example: snapwarden next nightly -n 5")(upcoming)


def policies(context: typer.Context) -> None:
    """Every policy: last good backup, last result, next start."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    rows = query.policies(world)
    if out.json:
        out.document([_policy_json(row) for row in rows])
        return
    now = world.clock.now()
    table: list[tuple[str | Text, ...]] = []
    drills = any(row.last_drill or row.next_drill for row in rows)
    for row in rows:
        good = f"{row.level} {span(now - row.last_good.taken_at)} ago" if row.last_good else colour("never", BAD)
        last = state(row.last_result.state) if row.last_result else Text("-")
        if row.open_run:
            last.append(f" ({row.open_run.split(':', 2)[2]} is open)", style="")
        following = _following(row)
        when = ", ".join(row.schedule) + (f" {row.timezone}" if row.schedule else "on request")
        drill = (_drill(row, now),) if drills else ()
        table.append((row.name, row.target, when, good, last, *drill, following))
    out.table(
        ("POLICY", "TARGET", "SCHEDULE", "LAST GOOD", "LAST RESULT", *(("LAST DRILL",) if drills else ()), "NEXT"),
        table,
        empty="no policies yet: snapwarden apply FILE",
    )


def _drill(row: query.PolicyRow, now: datetime) -> Text:
    if row.last_drill is None:
        return Text(f"next {instant(row.next_drill)}" if row.next_drill else "-")
    return state(row.last_drill.state).append(f" {span(now - row.last_drill.at)} ago", style="")


def _following(row: query.PolicyRow) -> str:
    if not row.active:
        return "retired"
    if row.held:
        return _held(row.held)
    return _paused(row.paused) if row.paused else instant(row.next_due)


def _held(hold: Hold) -> str:
    return f"target held by {hold.by}: {hold.why}"


def _paused(pause: Pause) -> str:
    return f"paused by {pause.by}: {pause.why}"


def _policy_json(row: query.PolicyRow) -> dict[str, object]:
    return {
        "name": row.name,
        "target": row.target,
        "repository": row.repository,
        "schedule": list(row.schedule),
        "timezone": row.timezone,
        "last_good": _good(row.last_good, row.level),
        "last_result": {
            "run_id": row.last_result.run_id,
            "state": row.last_result.state.value,
            "at": wire.seconds(row.last_result.at),
        }
        if row.last_result
        else None,
        "last_drill": {
            "run_id": row.last_drill.run_id,
            "state": row.last_drill.state.value,
            "at": wire.seconds(row.last_drill.at),
        }
        if row.last_drill
        else None,
        "next_due": wire.seconds(row.next_due) if row.next_due else None,
        "next_drill": wire.seconds(row.next_drill) if row.next_drill else None,
        "open_run": row.open_run,
        "queued_run": row.queued_run,
        "paused": row.paused is not None,
        "pause": wire.public_asked(row.paused) if row.paused else None,
        "hold": wire.public_asked(row.held) if row.held else None,
        "active": row.active,
    }


def _good(last_good: LastGood | None, level: str | None) -> dict[str, object] | None:
    if last_good is None:
        return None
    return {"backup_id": last_good.backup_id, "taken_at": wire.seconds(last_good.taken_at), "level": level}


def status(context: typer.Context, policy: Annotated[str | None, typer.Argument(help="Only this one.")] = None) -> None:
    """The promise of each policy: kept or broken, and by how much. And its last proved restore. Exit code 1 when a
    promise is broken, or that restore took longer than its `rto`."""
    out: Output = context.obj
    world = bootstrap.of_terminal(out.stage)
    found = query.promises(world, policy)
    restores = {restore.policy: restore for restore in query.proved_restores(world, policy)}
    if out.json:
        out.document([_promise_json(promise, restores.get(promise.policy)) for promise in found])
    else:
        rows = [_promise_row(promise) for promise in found] + [_restore_row(one) for one in restores.values()]
        rows.sort(key=lambda row: str(row[0]))
        out.table(("POLICY", "PROMISE", "NEWEST GOOD", "STATE"), rows, empty="no policies yet: snapwarden apply FILE")
    if any(one.kept is False for one in found) or any(one.kept is False for one in restores.values()):
        sys.exit(1)


def _restore_row(restore: query.ProvedRestore) -> tuple[str | Text, ...]:
    """The last proved restore, beside what was promised of it."""
    drill = restore.drill
    promised = f"restored in {span(restore.rto)}" if restore.rto else "restored in drills"
    took = f"took {span(timedelta(seconds=drill.seconds))}" if drill.seconds is not None else "not measured"
    proved = f"{drill.standing} of {drill.selected} indices proved"
    if drill.dropped:
        proved += f"; the proofs of {drill.dropped} found no room"
    if restore.kept is None:
        verdict = Text(took)
    else:
        verdict = colour(f"KEPT, {took}", GOOD) if restore.kept else colour(f"BROKEN, {took}", BAD)
    return restore.policy, promised, f"{span(restore.age)} ago", verdict.append(f"; {proved}", style="")


def _promise_row(promise: query.Promise) -> tuple[str | Text, ...]:
    promised = f"{promise.level} every {span(promise.rpo)}" if promise.rpo else "none"
    newest = f"{span(promise.age)} ago" if promise.age is not None else "never"
    if promise.rpo is None:
        verdict = Text("no promise (set `rpo`)")
    elif promise.kept is None:
        verdict = Text(f"waiting for a good backup, {span(promise.by)} left")
    elif promise.kept:
        verdict = colour(f"KEPT, {span(promise.by)} left", GOOD)
    else:
        verdict = colour(f"BROKEN for {span(promise.by)}", BAD)
        if promise.muted:
            until = f"acknowledged until {instant(promise.muted.until)} by {promise.muted.by}"
            verdict.append(f" ({until}: {promise.muted.why})", style="")
    if promise.undrilled:
        verdict.append(f" ({drilling.never(promise.undrilled)})", style="yellow")
    if promise.paused:
        verdict.append(f" ({_paused(promise.paused)})", style="")
    if promise.held:
        verdict.append(f" ({_held(promise.held)})", style="")
    return promise.policy, promised, newest, verdict


def _restore_json(restore: query.ProvedRestore) -> dict[str, object]:
    drill = restore.drill
    return {
        "run_id": drill.run_id,
        "backup_id": drill.backup_id,
        "at": wire.seconds(drill.at),
        "age_seconds": restore.age.total_seconds(),
        "restore_seconds": drill.seconds,
        "rto_seconds": restore.rto.total_seconds() if restore.rto else None,
        "kept": restore.kept,
        "proved": drill.proved,
        "indices": drill.indices,
        "standing": drill.standing,
        "selected": drill.selected,
        "dropped": drill.dropped,
    }


def _promise_json(promise: query.Promise, restore: query.ProvedRestore | None) -> dict[str, object]:
    return {
        "policy": promise.policy,
        "level": promise.level,
        "rpo_seconds": promise.rpo.total_seconds() if promise.rpo else None,
        "last_good": _good(promise.last_good, promise.level),
        "age_seconds": promise.age.total_seconds() if promise.age is not None else None,
        "kept": promise.kept,
        "by_seconds": promise.by.total_seconds() if promise.by is not None else None,
        "muted": mute_json(promise.muted) if promise.muted else None,
        "pause": wire.public_asked(promise.paused) if promise.paused else None,
        "hold": wire.public_asked(promise.held) if promise.held else None,
        "never_drilled": list(promise.undrilled),
        "proved_restore": _restore_json(restore) if restore else None,
    }


def mute_json(muted: Mute) -> dict[str, str]:
    return {**wire.public_asked(muted), "until": wire.seconds(muted.until)}


def upcoming(
    context: typer.Context,
    policy: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many of each policy.")] = 3,
) -> None:
    """The next slots, with jitter and blackout applied. Those of drills, too. In the policy's time zone and in UTC."""
    out: Output = context.obj
    found = query.upcoming(bootstrap.of_terminal(out.stage), policy, count)
    if out.json:
        out.document(
            [
                {
                    "policy": item.policy,
                    "kind": item.kind.value,
                    "slot": wire.seconds(item.slot),
                    "due_at": wire.seconds(item.due_at),
                    "local": item.due_at.astimezone(ZoneInfo(item.timezone)).isoformat(),
                }
                for item in found
            ]
        )
        return
    rows = [
        (
            item.policy if item.kind is Kind.BACKUP else f"{item.policy} ({item.kind})",
            f"{item.due_at.astimezone(ZoneInfo(item.timezone)):%a %Y-%m-%d %H:%M:%S} {item.timezone}",
            instant(item.due_at),
            instant(item.slot) if item.slot != item.due_at else "",
        )
        for item in found
    ]
    out.table(("POLICY", "LOCAL", "UTC", "SLOT (IF MOVED)"), rows, empty="nothing is scheduled")
