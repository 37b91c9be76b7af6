"""Records as JSON: how they are stored and sent (`dump`, `load`), and how they are published (`public_run` …).

Stored text outlives releases: what this release does not know is ignored, what an older one did not write takes its
default. So a new field needs a default, and a name that was stored once keeps its meaning (tests/golden/rows).
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import TypeAdapter

from chalicelib.core.leases import Hold
from chalicelib.core.messages import Drain, Message, Sweep, Wakeup
from chalicelib.core.model import Asked, Finding, Kind, Progress, Run, Shards
from chalicelib.core.rows import Approval, Backup
from chalicelib.core.salvage_progress import Salvage

if TYPE_CHECKING:
    from chalicelib.core.plans import Plan
    from chalicelib.core.rebuilds import Phase

T = TypeVar("T")


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Made on first use: 5 ms for Run, a fraction of one for the others."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def dump(record: object) -> str:
    """Any record of `core/model.py` as one JSON object. Instants keep their microseconds."""
    return _adapter(type(record)).dump_json(record).decode()


def load(kind: type[T], text: str | bytes) -> T:
    """What `dump` wrote, by this or another release. ValueError when a field has no default, or no meaning, here."""
    return cast(T, _adapter(kind).validate_json(text, extra="ignore"))


def message(text: str | bytes) -> Message:
    """What a queue of ours brought. ValueError for anything else."""
    for kind in (Wakeup, Drain):
        try:
            return cast(Message, load(kind, text))
        except ValueError:
            continue
    return load(Sweep, text)


def seconds(at: datetime) -> str:
    """An instant as it is published: `2026-11-21T02:00:00Z`, cut to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def millis(at: datetime) -> str:
    """An instant as keys hold it: `2026-11-21T02:00:00.000Z`, cut to the millisecond; text order is time order.

    Naive times are refused: they would be taken for the machine's own zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def public_run(run: Run) -> dict[str, Any]:
    """A run as the CLI, the API and the events show it. `missed`, `missed_from`, `last_error`, `cancel`, `repeats`,
    `approved_by`, `break_glass`, and what only restores, swaps and drills have, only when they say something."""
    return {
        "run_id": run.run_id,
        "kind": run.kind.value,
        "policy": run.policy,
        "target": run.target,
        "repository": run.repository,
        "slot": run.slot,
        "requested_by": run.requested_by,
        "state": run.state.value,
        "reason": run.reason,
        "level": run.level,
        "good": run.good,
        "snapshot": run.snapshot,
        "created_at": seconds(run.created_at),
        "started_at": _maybe(run.started_at),
        "finished_at": _maybe(run.finished_at),
        "deadline_at": seconds(run.deadline_at),
        "attempts": run.attempts,
        "progress": _progress(run.progress),
        "indices": run.indices,
        "docs": run.docs,
        "bytes": run.bytes,
        "bytes_added": run.bytes_added,
        "shards": _shards(run.shards),
        "findings": [public_finding(finding) for finding in run.findings],
        "steps": [{"state": step.state.value, "at": seconds(step.at)} for step in run.steps],
        "calls": asdict(run.calls),
        **_at_times(run),
        **({"source": run.source} if run.source else {}),
        **({"salvage": public_salvage(run.salvage)} if run.salvage else {}),
    }


def _of_swap(run: Run) -> dict[str, Any]:
    if run.swapped_at is None:
        return {}
    wishes = {name: public_asked(asked) for name in ("finish", "rollback") if (asked := getattr(run, name))}
    return {"swapped_at": seconds(run.swapped_at), "kept_until": _maybe(run.kept_until), **wishes}


def _at_times(run: Run) -> dict[str, Any]:
    """What only some runs have to say."""
    extra: dict[str, Any] = {}
    if run.missed:
        extra |= {"missed": run.missed, "missed_from": _maybe(run.missed_from)}
    if run.last_error is not None:
        extra["last_error"] = run.last_error
    if run.cancel is not None:
        extra["cancel"] = public_asked(run.cancel)
    if run.repeats:
        extra["repeats"] = run.repeats
    if run.approved_by is not None:
        extra["approved_by"] = run.approved_by
    if run.glass is not None:
        extra["break_glass"] = public_asked(run.glass)
    if run.restore_seconds is not None:
        extra["restore_seconds"] = run.restore_seconds
    if run.leftover:
        extra["leftover"] = True
    if run.kind is Kind.DRILL and run.checked:
        extra["proved"] = (run.indices or 0) - len(run.unproved)
    return extra | _of_swap(run) | _of_rebuild(run)


def _of_rebuild(run: Run) -> dict[str, Any]:
    part = {} if run.part_of is None else {"part_of": run.part_of}
    if run.rebuild is None:
        return part
    return {**part, "rebuild": {"phase": run.rebuild.at, "failed": list(run.rebuild.failed)}}


def public_salvage(salvage: Salvage) -> dict[str, Any]:
    """What was copied, in documents; not where it goes on."""
    shown = ("of_run", "created", "replaced", "same", "skipped", "left", "refused", "why", "unsure")
    return {name: getattr(salvage, name) for name in shown}


def public_asked(asked: Asked | Hold) -> dict[str, str]:
    """Who wanted it, why, when."""
    return {"by": asked.by, "why": asked.why, "at": seconds(asked.at)}


def public_finding(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": finding.message,
        "next_step": finding.next_step,
    }


def public_backup(backup: Backup) -> dict[str, Any]:
    """An entry of the catalogue as the CLI and the API show it."""
    return {
        "backup_id": backup.backup_id,
        "run_id": backup.run_id,
        "policy": backup.policy,
        "target": backup.target,
        "repository": backup.repository,
        "snapshot": backup.snapshot,
        "snapshot_uuid": backup.snapshot_uuid,
        "taken_at": seconds(backup.taken_at),
        "ended_at": seconds(backup.ended_at),
        "state": backup.state.value,
        "outcome": backup.outcome.value,
        "level": backup.level,
        "good": backup.good,
        "errors": list(backup.errors),
        "accepted": public_asked(backup.accepted) if backup.accepted else None,
        "indices": backup.indices,
        "docs": backup.docs,
        "closed": backup.closed,
        "users": list(backup.users),
        "drills": list(backup.drills),
        "drilled_at": _maybe(backup.drilled_at),
        "proved": backup.proved,
        "reached": backup.reached,
        "failed_in": {code: list(gens) for code, gens in backup.failed_in.items()},
        "bytes": backup.bytes,
        "bytes_added": backup.bytes_added,
        "shards": _shards(backup.shards),
        "capsule": backup.capsule,
    }


def public_plan(plan: "Plan") -> dict[str, Any]:
    """A plan as the CLI shows it."""
    return {
        "plan_id": plan.plan_id,
        "made_at": seconds(plan.made_at),
        "made_by": plan.made_by,
        "policy": plan.wish.policy,
        "mode": plan.wish.mode.value,
        "target": plan.target,
        "repository": plan.repository,
        "backup_id": plan.backup_id,
        "snapshot": plan.snapshot,
        "level": plan.level,
        "taken_at": seconds(plan.taken_at),
        "ended_at": seconds(plan.ended_at),
        "versions": {"backup": plan.version, "server": plan.server},
        "bytes": plan.bytes,
        "spare": plan.spare,
        "keep_old": plan.keep_old,
        "expected_seconds": plan.expected_seconds,
        "indices": [asdict(move) for move in plan.moves],
        **({"phases": [_phase(phase) for phase in plan.phases], "capsule": plan.capsule} if plan.phases else {}),
        "approval": list(plan.approval),
        "calls": list(plan.calls),
        "findings": [public_finding(finding) for finding in plan.findings],
        "startable": not plan.conflicts,
        **({"source": plan.source, "through": plan.through} if plan.source else {}),
        **({"of_run": plan.wish.of_run, "missing_only": plan.wish.missing_only} if plan.wish.of_run else {}),
    }


def _phase(phase: "Phase") -> dict[str, Any]:
    return {**asdict(phase), "does": phase.does.value}


def public_approval(given: Approval) -> dict[str, Any]:
    """A second person's yes as the CLI shows it."""
    return {
        "plan_id": given.plan_id,
        "approved_by": given.by,
        "at": seconds(given.at),
        "expires_at": seconds(given.expires_at),
        "used_by": given.used_by,
    }


def _maybe(at: datetime | None) -> str | None:
    return None if at is None else seconds(at)


def _progress(progress: Progress | None) -> Mapping[str, Any] | None:
    if progress is None:
        return None
    shown: dict[str, Any] = {"done": progress.done, "total": progress.total, "unit": progress.unit}
    if progress.bytes_done is not None:
        shown |= {"bytes_done": progress.bytes_done, "bytes_total": progress.bytes_total}
    return shown


def _shards(shards: Shards | None) -> Mapping[str, int] | None:
    return None if shards is None else {"total": shards.total, "failed": shards.failed}
