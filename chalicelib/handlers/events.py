"""The three event functions: what Lambda hands over, turned into one use case each."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chalicelib import bootstrap
from chalicelib.core import wire
from chalicelib.service import dead_letters as burying
from chalicelib.service import tick as ticking
from chalicelib.service import work as working


def tick(event: Any) -> None:
    """ "Now" is the time of the schedule's event, so a delivery that is repeated decides the same."""
    world = bootstrap.of_function(event.context)
    ticking.tick(world, datetime.fromisoformat(event.to_dict()["time"]))


def work(event: Any) -> dict[str, Any]:
    """One step for each message; only those that failed are delivered again."""
    world = bootstrap.of_function(event.context)

    def step(record: SQSRecord) -> None:
        working.handle(world, wire.message(record.body))

    return _each(event, step)


def dead_letters(event: Any) -> dict[str, Any]:
    world = bootstrap.of_function(event.context)

    def bury(record: SQSRecord) -> None:
        burying.bury(world, record.body, record.message_id)

    return _each(event, bury)


def _each(event: Any, handle: Any) -> dict[str, Any]:
    """Powertools wants the parameter of `handle` to be named `record`."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(
        event=event.to_dict(), record_handler=handle, processor=processor, context=event.context
    )
    return dict(answer)
