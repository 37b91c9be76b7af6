"""What an event asks for: a request, or why it is none. Pure; whatever arrives, it says something and never fails.

Nothing in an event is trusted: who sent it is whoever the account lets put events, its time is what the sender says,
and every text may hold anything.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import request_details as details
from chalicelib.core.errors import Problem
from chalicelib.core.model import Kind
from chalicelib.core.patterns import OURS
from chalicelib.core.plans import Wish
from chalicelib.core.request_details import instant, line
from chalicelib.core.spec import Trigger
from chalicelib.core.triggers import WRAPPED
from chalicelib.core.values import shown

KINDS = {"Backup Requested": Kind.BACKUP, "Restore Requested": Kind.RESTORE}
FRESH = timedelta(hours=24)
"""What is older is not wanted any more, or is played once more from an archive."""
LARGEST = 16_384
"""Characters of a request with its envelope. Events of triggers are read for their envelope only, and may be larger."""
AGAIN = "mend what is named and send the event again"
ANEW = "send it anew, if it is still wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What EventBridge says of an event, each text as one printable line. `key`: the same when it comes again."""

    key: str
    event_id: str = ""
    detail_type: str = ""
    source: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`wish` of a restore, None of a backup. `payload`: a digest of all that was asked."""

    envelope: Envelope
    kind: Kind
    policy: str
    request_id: str
    by: str
    payload: str
    wish: Wish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """An event that a rule of ours sent: what it starts is what the file says of that trigger."""

    envelope: Envelope
    policy: str
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`status` as HTTP has it: 400 for what can't be meant or done, 409 for an id that was used for something else.
    `policy` and `request_id` are as they were written, perhaps the name of nothing. `replayed`: from an archive.
    `wish` of a restore, as far as it could be read."""

    envelope: Envelope
    problems: tuple[Problem, ...]
    next_step: str = AGAIN
    status: int = 400
    kind: Kind | None = None
    policy: str = ""
    request_id: str = ""
    replayed: bool = False
    wish: Wish | None = None

    @property
    def reason(self) -> str:
        return "; ".join(str(problem) for problem in self.problems)


def read(body: str, now: datetime) -> Request | Triggered | Refusal | None:
    """The body of a message of the events' queue. None: an event of our own, which starts nothing."""
    written = _parsed(body)
    wrapped = WRAPPED in written
    named = _mapping(written.get(WRAPPED))
    written = _mapping(written.get("event")) if wrapped else written
    key = hashlib.sha256(body.encode(errors="replace")).hexdigest()[:16]
    envelope = Envelope(
        key=line(written.get("id")) or key,
        event_id=line(written.get("id")),
        detail_type=line(written.get("detail-type")),
        source=line(written.get("source")),
        detail=_mapping(written.get("detail")),
    )
    if envelope.source == OURS:
        return None
    if "replay-name" in written:
        played = Problem("the event is played once more from an archive, and what it asked for was answered then")
        return replace(_refused(envelope, [played], ANEW), replayed=True)
    if wrong := _envelope(written, envelope, now):
        return _refused(envelope, wrong, ANEW)
    if wrapped:
        return Triggered(envelope=envelope, policy=line(named.get("policy")), trigger=line(named.get("trigger")))
    if envelope.detail_type not in KINDS:
        known = " or ".join(KINDS)
        return _refused(envelope, [Problem(f"{shown(envelope.detail_type)} asks for nothing", expected=known)])
    if len(body) > LARGEST:
        return _refused(envelope, [Problem("the event is too large", expected=f"at most {LARGEST:,} characters")])
    return _request(envelope, KINDS[envelope.detail_type])


def triggered(found: Triggered, trigger: Trigger) -> Request | Refusal:
    """What the trigger starts; the event's id is that of the request."""
    kind = Kind.RESTORE if trigger.action == "restore" else Kind.BACKUP
    asked = trigger.restore.model_dump(exclude_defaults=True, mode="json") if trigger.restore else {}
    detail = {"policy": found.policy, "reason": found.envelope.detail_type, **asked}
    return _request(replace(found.envelope, detail=detail), kind)


def _parsed(body: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _refused(envelope: Envelope, problems: list[Problem], next_step: str = AGAIN, kind: Kind | None = None) -> Refusal:
    kind, detail = kind or KINDS.get(envelope.detail_type), envelope.detail
    return Refusal(
        envelope=envelope,
        problems=tuple(problems),
        next_step=next_step,
        kind=kind,
        policy=line(detail.get("policy")) if kind else "",
        request_id=(line(detail.get("request_id")) or envelope.event_id) if kind else "",
    )


def _envelope(written: Mapping[str, Any], envelope: Envelope, now: datetime) -> list[Problem]:
    """What is wrong with an event whatever it asks for."""
    if not envelope.event_id or not envelope.source or "detail" not in written:
        return [Problem("this is no event of EventBridge", expected="an event with id, source, time and detail")]
    sent = instant(written.get("time"))
    if sent is None:
        return [Problem(f"{shown(written.get('time'))} is no time", expected="like 2026-11-21T02:00:00Z", key="time")]
    if abs(now - sent) > FRESH:
        return [Problem(f"the event is of {sent:%Y-%m-%d %H:%M}Z, more than a day away", key="time")]
    return []


def _request(envelope: Envelope, kind: Kind) -> Request | Refusal:
    asked = details.read(envelope.detail, kind, envelope.event_id)
    if asked.problems:
        return replace(_refused(envelope, list(asked.problems), kind=kind), wish=asked.wish)
    return Request(
        envelope=envelope,
        kind=kind,
        policy=asked.policy,
        request_id=asked.request_id,
        by=_by(envelope),
        payload=_digest(envelope.detail),
        wish=asked.wish,
    )


def _by(envelope: Envelope) -> str:
    """Who asked, for people to read: the source, and what the event says of it, which nobody has checked."""
    said = [line(envelope.detail.get(key)) for key in ("requested_by", "reason")]
    words = ": ".join(word for word in said if word)
    return f"event:{envelope.source}" + (f" ({words})" if words else "")


def _digest(detail: Mapping[str, Any]) -> str:
    """Of a detail that was read: it is flat, and small."""
    asked = {key: value for key, value in detail.items() if key != "request_id"}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
