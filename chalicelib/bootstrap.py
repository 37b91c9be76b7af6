"""The only file that knows every room: it puts adapters behind the ports. Imported inside functions and by the CLI;
nothing is connected before it is used."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from chalicelib import settings as settings_of
from chalicelib.core.model import Spec
from chalicelib.core.ports import Engine
from chalicelib.notify.events import EventBus
from chalicelib.notify.metrics import EmfMetrics
from chalicelib.notify.queue import WorkQueue
from chalicelib.notify.secrets import SecretReader
from chalicelib.notify.sns import TopicNotifier
from chalicelib.service.world import World
from chalicelib.settings import Settings
from chalicelib.store.dynamo import DynamoStore

AWS_CALL = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})
"""A step must end well before its function's timeout, whatever AWS answers."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def of_function(context: Any) -> World:
    """The world of a deployed function; built once a process, bound to this call's remaining time."""
    world = _world(settings_of.of_function(context.invoked_function_arn))
    return replace_remaining(world, lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()))
