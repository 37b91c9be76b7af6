"""Every Lambda function on one screen: its trigger and one call. Alarms stand in `infra/foundation.yaml`.

Event handlers are declared here and never in a blueprint: a blueprint's handler doesn't load this file when deployed,
so its middleware would silently be absent.
"""

import gc

gc.disable()  # nothing that imports make is rubbish: looking for some takes a tenth of a cold start

import logging
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from chalice import Chalice, ConvertToMiddleware
from chalice.app import CloudWatchEvent, SQSEvent

from chalicelib.handlers import events as handlers
from chalicelib.settings import stage_name

STAGE = stage_name()

app = Chalice("snapwarden", configure_logs=False)
logger = Logger(service="snapwarden")
logging.getLogger("chalicelib")  # registered, so that what the rooms log is JSON with the request's id too
copy_config_to_registered_loggers(source_logger=logger, include={"chalicelib"})
app.register_middleware(ConvertToMiddleware(logger.inject_lambda_context(clear_state=True)))


@app.schedule("rate(1 minute)", name="tick")
def tick(event: CloudWatchEvent) -> None:
    """Due slots become runs; overdue rows are woken; gauges. Alarms: heartbeat, errors."""
    handlers.tick(event)


@app.on_sqs_message(queue=f"snapwarden-{STAGE}-work", batch_size=1, name="work")
def work(event: SQSEvent) -> dict[str, Any]:
    """One step of one run, so that a target that hangs holds up nobody else. Alarms: errors, overdue runs."""
    return handlers.work(event)


@app.on_sqs_message(queue=f"snapwarden-{STAGE}-events", batch_size=1, name="events")
def events(event: SQSEvent) -> dict[str, Any]:
    """What an event asks for becomes a run, or is refused aloud. Alarms: errors, dead letters."""
    return handlers.events(event)


@app.on_sqs_message(queue=f"snapwarden-{STAGE}-dead", batch_size=10, name="dead_letters")
def dead_letters(event: SQSEvent) -> dict[str, Any]:
    """What failed too often is recorded and reported. Alarm: any dead letter."""
    return handlers.dead_letters(event)


gc.freeze()  # what was imported stays, so no collection looks at it again
gc.enable()
