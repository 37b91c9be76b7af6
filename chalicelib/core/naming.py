"""Names are derived, never made up at call time: a crash after a call must be able to find again what it made."""

import hashlib
import re
from datetime import UTC, datetime

from chalicelib.core.model import Kind
from chalicelib.core.values import NAME

RUN_ID = re.compile(rf"[a-z]+:{NAME.pattern}:[A-Za-z0-9:-]{{1,64}}")
"""What `run_id` makes, and nothing that could not be shown or sent."""


REQUEST_ID = re.compile("[a-z0-9][a-z0-9-]{0,63}")
"""No capitals and no colon: a slot, `2026-11-21T02:00Z`, has both, and must keep its name for itself."""
A_REQUEST_ID = "1 to 64 of a-z 0-9 -"


def slot_name(instant: datetime) -> str:
    """A slot as people and ids write it: UTC to the minute, `2026-11-21T02:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def run_id(kind: Kind, policy: str, slot: str) -> str:
    """`slot` is a `slot_name` or the id of the request that asked."""
    return f"{kind}:{policy}:{slot}"


def snapshot_name(installation: str, policy: str, slot: str, *, requested: bool) -> str:
    """Engines allow lower case only, so a slot is lowered and a request id is hashed.

    The first characters of the installation id keep two stages on one cluster from taking each other's names; who
    owns a snapshot is decided by its metadata alone, never by its name.
    """
    if requested:
        tail = "r" + hashlib.sha256(slot.encode()).hexdigest()[:16]
    else:
        tail = slot.replace("-", "").replace(":", "").lower()
    return f"snapwarden-{installation[:4]}-{policy}-{tail}"
