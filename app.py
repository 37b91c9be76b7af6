"""Every Lambda function on one screen: its trigger and one call. Alarms stand in `infra/foundation.yaml`.

Event handlers are declared here and never in a blueprint: a blueprint's handler doesn't load this file when deployed, so
its middleware would silently be absent.
"""

from typing import Any

from aws_lambda_powertools import Logger
from chalice import Chalice, ConvertToMiddleware
from chalice.app import CloudWatchEvent, SQSEvent

from chalicelib import handlers
from chalicelib.settings import stage_name

STAGE = stage_name()

app = Chalice("snapwarden", configure_logs=False)
logger = Logger(service="snapwarden")
app.register_middleware(ConvertToMiddleware(logger.inject_lambda_context(clear_state=True)))
app.register_middleware(handlers.with_metrics)


@app.schedule("rate(1 minute)", name="tick")
def tick(event: CloudWatchEvent) -> None:
    """Due slots become runs; overdue rows are woken; gauges. Alarms: heartbeat, errors."""
    handlers.tick(event)


@app.on_sqs_message(queue=f"snapwarden-{STAGE}-work", batch_size=10, name="work")
def work(event: SQSEvent) -> dict[str, Any]:
    """One step of each run in the batch. Alarms: errors, overdue runs."""
    return handlers.work(event)


@app.on_sqs_message(queue=f"snapwarden-{STAGE}-dead", batch_size=10, name="dead_letters")
def dead_letters(event: SQSEvent) -> dict[str, Any]:
    """What failed too often is recorded and reported. Alarm: any dead letter."""
    return handlers.dead_letters(event)
