"""The event functions: what Lambda hands over, turned into one use case each. Those of all but
`work` are imported when they are first called: they would be a tenth of the cold start of `work`.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.core import wire
from chalicelib.service import work as working

log = logging.getLogger(__name__)


def tick(event: Any) -> None:
    """ "Now" is the time of the schedule's event, so a delivery that is repeated decides the same."""
    from chalicelib.service import tick as ticking

    world = bootstrap.of_function(event.context)
    ticking.tick(world, datetime.fromisoformat(event.to_dict()["time"]))


def work(event: SQSEvent) -> dict[str, Any]:
    """One step for each message."""
    world = bootstrap.of_function(event.context)
    return _each(event, lambda body, _: working.handle(world, wire.message(body)))


def events(event: SQSEvent) -> dict[str, Any]:
    """A request, or an event of a trigger, for each message."""
    from chalicelib.service import ask

    world = bootstrap.of_function(event.context)
    return _each(event, lambda body, _: ask.handle(world, body))


def dead_letters(event: SQSEvent) -> dict[str, Any]:
    from chalicelib.service import dead_letters as burying

    world = bootstrap.of_function(event.context)
    return _each(event, lambda body, message_id: burying.bury(world, body, message_id))


def _each(event: SQSEvent, handle: Callable[[str, str], None]) -> dict[str, Any]:
    """Hand body and id of every message to `handle`. The answer names those that failed: only they are delivered again.

    Written here: Powertools' batch processor brings asyncio and all event classes, a tenth of the cold start.
    """
    failed = []
    for record in event:
        message_id = record.to_dict()["messageId"]
        try:
            handle(record.body, message_id)
        except Exception:
            log.exception("a message failed and will be delivered again", extra={"message_id": message_id})
            failed.append({"itemIdentifier": message_id})
    return {"batchItemFailures": failed}
