"""Who asks, why, and until when: what commands that change something want to know."""

import getpass
from datetime import UTC, datetime, timedelta

from chalicelib.core import approving
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.values import DURATION, UNITS

LONGEST_WHY = 500
"""Characters: it is kept in rows and told in reports."""
WHEN = "2026-11-23, 2026-11-23T10:00Z or 2026-11-23T10:00+01:00"
EXPECTED = "2026-11-23, 2026-11-23T10:00Z, 2026-11-23T10:00+01:00, or from now on: 36h, 3d"


def who() -> str:
    """For what people decide about backups. What makes or undoes a restore, or holds a target, asks AWS
    (`World.identity`)."""
    return f"cli:{getpass.getuser()}"


def named(arn: str) -> str:
    """Somebody, as shown: with what must be known of a name that is everybody's."""
    made_up = ", made-up credentials, the same for everybody" if approving.unknown(arn) else ""
    return f"{arn}{made_up}"


def reason(why: str, *, needed: bool = True) -> str:
    """One line. BadInput for none, or for one that is too long."""
    line = " ".join(why.split())
    if needed and not line:
        raise BadInput(Problem("is empty", key="--why", expected="why, for those who read it later"))
    if len(line) > LONGEST_WHY:
        raise BadInput(Problem(f"is {len(line)} characters long", key="--why", expected=f"at most {LONGEST_WHY}"))
    return line


def until(text: str, now: datetime) -> tuple[datetime, str | None]:
    """The instant that is meant, and what to say of it when that was not written: a time without a zone is UTC.
    BadInput for anything else."""
    try:
        if match := DURATION.fullmatch(text.strip()):
            return now + timedelta(seconds=int(match[1]) * UNITS[match[2]]), None
    except OverflowError:
        raise BadInput(Problem(f"{text[:80]!r} is no time", key="--until", expected=EXPECTED)) from None
    return moment(text, key="--until", expected=EXPECTED)


def moment(text: str, *, key: str, expected: str = WHEN) -> tuple[datetime, str | None]:
    """As `until`, without lengths of time."""
    try:
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is None:
            return found.replace(tzinfo=UTC), f"{text.strip()} names no time zone: taken as UTC"
        return found.astimezone(UTC), None
    except (ValueError, OverflowError):
        raise BadInput(Problem(f"{text[:80]!r} is no time", key=key, expected=expected)) from None
