"""The detail of a request that an event brought, key by key. Pure; everything that is wrong is told at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import PydanticCustomError

from chalicelib.core import naming, wishes
from chalicelib.core.errors import Problem
from chalicelib.core.model import Kind
from chalicelib.core.nearest import unknown_key
from chalicelib.core.plans import PREFIX, Mode, Wish
from chalicelib.core.prose import shortened
from chalicelib.core.spec import LEVELS
from chalicelib.core.values import check_name, complaint, shown

COMMON = ("policy", "request_id", "reason", "requested_by")
KEYS = {
    Kind.BACKUP: COMMON,
    Kind.RESTORE: (*COMMON, "backup", "at", "level_at_least", "mode", "into", "indices", "prefix"),
}
PATTERNS = 100
UNKNOWN = 20
"""Keys that nobody knows, of which more are not told."""
WORDS = 200
LATEST = "latest"
BY_HAND = "snapwarden restore plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What could be read; with `problems` it is not to be used. `wish` of a restore only."""

    policy: str
    request_id: str
    wish: Wish | None
    problems: tuple[Problem, ...]


def read(detail: Mapping[str, Any], kind: Kind, event_id: str) -> Detail:
    """Without a `request_id` the id of the event is taken."""
    reader = _Reader(detail)
    reader.known(KEYS[kind])
    policy = reader.take("policy", _name) or ""
    if "policy" not in detail:
        reader.note("policy", "is missing", "the name of a policy")
    request_id = reader.take("request_id", lambda given: _request_id(given, kind))
    if "request_id" not in detail:
        request_id = event_id
        if not naming.REQUEST_ID.fullmatch(event_id):
            reader.note("request_id", "is missing, and the id of the event can't be one", naming.A_REQUEST_ID)
    wish = reader.wish(policy) if kind is Kind.RESTORE else None
    return Detail(policy=policy, request_id=request_id or "", wish=wish, problems=tuple(reader.problems))


def line(text: object, room: int = WORDS) -> str:
    """A text of somebody's as one printable line; nothing for what is no text."""
    if not isinstance(text, str):
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * room])
    return shortened(" ".join(plain.split()), room)


def instant(text: object) -> datetime | None:
    """In UTC; None for what is none, or names no zone."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


class _Reader:
    """Takes keys out of a detail, and keeps what is wrong with them in the order in which they are asked for."""

    def __init__(self, detail: Mapping[str, Any]) -> None:
        self._detail = detail
        self.problems: list[Problem] = []

    def note(self, key: str, message: str, expected: str | None = None) -> None:
        self.problems.append(Problem(message, expected, key=key))

    def known(self, keys: tuple[str, ...]) -> None:
        for key in [key for key in self._detail if key not in keys][:UNKNOWN]:
            self.note(line(key, 60) or "?", *unknown_key(line(key, 60), keys))
        for key in ("reason", "requested_by"):
            self.take(key, _text)

    def take(self, key: str, check: Callable[[Any], Any]) -> Any:
        """What `check` makes of the value; None when there is none, or when it is wrong."""
        if key not in self._detail:
            return None
        try:
            return check(self._detail[key])
        except PydanticCustomError as wrong:
            self.note(key, wrong.message(), (wrong.context or {}).get("expected"))
            return None

    def wish(self, policy: str) -> Wish:
        """As far as it can be read."""
        self.take("mode", _mode)
        prefix = self.take("prefix", _text)
        wish = Wish(
            policy=policy,
            backup=self.take("backup", _backup),
            at=self.take("at", _at),
            level=self.take("level_at_least", _level),
            indices=self.take("indices", _indices) or (),
            into=self.take("into", _name),
            **({} if prefix is None else {"prefix": prefix}),
        )
        for problem in wishes.problems(wish):
            expected = problem.expected.replace("--", "") if problem.expected else None
            self.note((problem.key or "").removeprefix("--"), problem.message, expected)
        return wish


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise complaint(f"found {shown(value)}", "text")
    return value


def _name(value: object) -> str:
    name = _text(value)
    check_name(name)
    return name


def _request_id(value: object, kind: Kind) -> str:
    """Plans have ids that a run takes over: nobody else may have them."""
    given = _text(value)
    if not naming.REQUEST_ID.fullmatch(given):
        raise complaint(f"{shown(given)} can't be the id of a request", naming.A_REQUEST_ID)
    if kind is Kind.RESTORE and given.startswith(PREFIX):
        raise complaint(f"{shown(given)} begins as the ids of plans do", f"one that does not begin with {PREFIX}")
    return given


def _mode(value: object) -> None:
    if value == Mode.RENAME:
        return
    if value in ("swap", "in_place"):
        raise complaint(f"{value} touches live data, which no event may do", f"rename, or by hand: {BY_HAND}")
    raise complaint(f"{shown(value)} is no mode", Mode.RENAME.value)


def _backup(value: object) -> str | None:
    """Ids of backups look like those of runs."""
    given = _text(value)
    if given == LATEST:
        return None
    if not naming.RUN_ID.fullmatch(given):
        raise complaint(f"{shown(given)} is no id of a backup", "latest, or an id that `snapwarden backups` lists")
    return given


def _at(value: object) -> datetime:
    found = instant(value)
    if found is None:
        raise complaint(f"{shown(value)} is no time with a zone", "like 2026-11-21T02:00:00Z")
    return found


def _level(value: object) -> str:
    if value not in LEVELS:
        raise complaint(f"{shown(value)} is no level", f"one of {', '.join(LEVELS)}")
    return str(value)


def _indices(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(pattern, str) for pattern in value):
        raise complaint(f"found {shown(value)}", "a list of patterns, like [orders-*]")
    if len(value) > PATTERNS:
        raise complaint(f"{len(value)} patterns are too many", f"at most {PATTERNS}")
    return tuple(value)
