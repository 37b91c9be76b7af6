"""Single values as users write them: durations, sizes, percentages, names, index patterns, addresses.

Two kinds of checks, because stored specs outlive releases. *Conversions* always run: they are the wire format, so they
may learn new notations but never lose one. *Rules* (`rule`) run only on what a user wrote just now (`WRITTEN` as the
validation context): making one stricter must not make an old row unreadable.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from chalicelib.core.blackout import parse_window
from chalicelib.core.patterns import LONGEST, OURS, matches_source, shape

T = TypeVar("T")

WRITTEN: dict[str, Any] = {"written": True}

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
BYTES = {"B": 1} | {
    f"{letter}{infix}B": base**power
    for infix, base in (("", 1000), ("i", 1024))
    for power, letter in enumerate("KMGTP", start=1)
}
DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,3})?)([KMGTP]i?B|B)", re.ASCII)
PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)%", re.ASCII)
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
SECRET = re.compile(r"arn:aws[a-z-]*:secretsmanager:[A-Za-z0-9:/_+=.@-]{1,600}|[A-Za-z0-9/_+=.@-]{1,512}")
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")

A_DURATION = "a duration like 90s, 15m, 26h, 14d or 8w"
A_SIZE = "a size like 10MB or 5GiB"
A_PERCENTAGE = "a percentage like 20%"
A_NAME = "1 to 40 of a-z, 0-9 and -, not starting with -"


def complaint(message: str, expected: str | None = None) -> PydanticCustomError:
    """What validators raise: `core/config` turns it into a `Problem` with its place."""
    return PydanticCustomError("snapwarden", "{message}", {"message": message, "expected": expected})


def is_written(info: ValidationInfo) -> bool:
    return info.context is WRITTEN


def rule(check: Callable[[T], None]) -> AfterValidator:
    """`check` raises a `complaint`."""

    def apply(value: T, info: ValidationInfo) -> T:
        if is_written(info):
            check(value)
        return value

    return AfterValidator(apply)


def parse_duration(value: object, info: ValidationInfo) -> object:
    """Stored rows may hold ISO 8601, which pydantic reads; the file may not."""
    if isinstance(value, str) and (match := DURATION.fullmatch(value)):
        seconds = int(match[1]) * UNITS[match[2]]
        if seconds > 20 * 366 * UNITS["d"]:
            raise complaint(f"{value} is more than 20 years", A_DURATION)
        return timedelta(seconds=seconds)
    if is_written(info) and not isinstance(value, timedelta):
        raise complaint(f"{shown(value)} is not a duration", A_DURATION)
    return value


def format_duration(value: timedelta) -> str:
    """The shortest notation without loss; ISO 8601 for what the file cannot say (fractions of seconds)."""
    seconds = int(value.total_seconds())
    if value.microseconds or value < timedelta(0):
        return f"{'-' if value < timedelta(0) else ''}PT{abs(value).total_seconds():f}S"
    unit = next(unit for unit, size in UNITS.items() if seconds % size == 0 and (seconds or unit == "s"))
    return f"{seconds // UNITS[unit]}{unit}"


def parse_size(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and (match := SIZE.fullmatch(value)):
        return int(Decimal(match[1]) * BYTES[match[2]])
    if is_written(info) and (not isinstance(value, int) or isinstance(value, bool)):
        raise complaint(f"{shown(value)} is not a size", A_SIZE)
    return value


def parse_percent(value: object, info: ValidationInfo) -> object:
    """A fraction: 20% is Decimal("0.2"), so that 29% of 100 is 29 and not 28.999…"""
    if isinstance(value, str) and (match := PERCENT.fullmatch(value)):
        return Decimal(match[1]) / 100
    if is_written(info):
        raise complaint(f"{shown(value)} is not a percentage", A_PERCENTAGE)
    return value


def format_percent(value: Decimal) -> str:
    return f"{(value * 100).normalize():f}%"


def shown(value: object) -> str:
    """A value in a message: quoted as in the file, cut when it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[:1]


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise complaint(f"{shown(name)} is not a name", A_NAME)


def check_secret(name: str) -> None:
    """The value is not repeated: people paste the secret itself."""
    if not SECRET.fullmatch(name):
        raise complaint("this is not the name of a secret", "the name or the ARN of a secret in Secrets Manager")


def check_zone(name: str) -> None:
    expected = "a time zone like UTC or Europe/Berlin"
    if not ZONE.fullmatch(name) or name in ("localtime", "posixrules"):
        raise complaint(f"{shown(name)} is not a time zone", expected)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise complaint(f"there is no time zone {name!r}", expected) from None


def check_host(url: str) -> None:
    """The address is repeated only when it holds no credentials."""
    expected = "an address like https://es.internal:9200"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise complaint("this is not an address", expected) from None
    if parts.username is not None or parts.password is not None or "@" in url:
        raise complaint("credentials do not belong into an address", "an address without them, and `auth: {secret: …}`")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or re.search(r"\s", url):
        raise complaint(f"{shown(url)} is not an address", expected)
    if parts.query or parts.fragment:
        raise complaint(f"{shown(url)} has a query or a fragment", expected)


def check_index_pattern(text: str) -> None:
    expected = "an index name or a pattern like orders-*"
    if not text or re.search(r"[\s,]", text):
        raise complaint(f"{shown(text)} is not one pattern; each is an item of the list", expected)
    if text.startswith("-"):
        raise complaint(f"{shown(text)} starts with -; what to leave out goes into `exclude`", expected)
    if text == "_all":
        raise complaint("'_all' is not a pattern", '"*" for every index')
    if text != text.lower():
        raise complaint(f"{shown(text)} has capitals; names of indices are lower case", expected)
    if ":" in text:
        raise complaint(f"{shown(text)} names another cluster; make that a target of its own", expected)
    if text[0] in "_+" or text in (".", "..") or re.search(r'[\\/?"<>|#$]', text) or len(text.encode()) > 255:
        raise complaint(f"{shown(text)} cannot be the name of an index", expected)


def check_prefix(text: str) -> None:
    """Of indices that drills and restores make: `$` makes the engine fail, capitals are refused by it."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", text):
        raise complaint(f"{shown(text)} is not a prefix", "a prefix like drill-, of a-z, 0-9, ., _ and -")


def check_window(text: str) -> None:
    try:
        parse_window(text)
    except ValueError as error:
        raise complaint(str(error), "hours like Mon-Fri 08:00-18:00 or 22:00-06:00") from None


def check_event_pattern(pattern: Mapping[str, Any]) -> None:
    expected = "an EventBridge pattern like {source: [aws.codedeploy], detail: {state: [START]}}"
    if wrong := shape(pattern):
        raise complaint(wrong, expected)
    if len(json.dumps(pattern)) > LONGEST:
        raise complaint("the pattern is too long for EventBridge", f"at most {LONGEST} characters of JSON")
    if "source" not in pattern or "$or" in pattern:
        raise complaint("the pattern must name its `source`, or it may match our own events", expected)
    if matches_source(pattern):
        raise complaint(f"the pattern may match events of our own source {OURS!r} and start a loop", expected)
