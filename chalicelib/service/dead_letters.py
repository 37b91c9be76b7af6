"""A message that failed too often: recorded, counted, reported. The run itself is not lost: the sweeper knows it."""

import logging

from chalicelib.core.dead_letter_reports import dead_letter_report
from chalicelib.service.world import World

log = logging.getLogger(__name__)


def bury(world: World, body: str, message_id: str) -> None:
    """Tells people about one dead letter. Raises what the notifier raises: an unreported letter stays in its queue."""
    log.error("a message failed too often", extra={"message_id": message_id, "body": body[:2000]})
    world.metrics.count("DeadLetters")
    world.notifier.report(dead_letter_report(body, message_id, stage=world.stage))
