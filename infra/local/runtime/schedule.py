"""EventBridge's `rate(...)` rules with functions as targets."""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from infra.local.aws import Aws

LOG = logging.getLogger(__name__)
SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Rule:
    """`period` in seconds. `inputs`: function name -> constant input, or None for the event itself."""

    arn: str
    period: int
    inputs: Mapping[str, str | None]


def rules(aws: Aws) -> tuple[Rule, ...]:
    """Those of the default bus that are enabled. Only `rate` is played; others are said in the log."""
    events = aws.client("events")
    found = []
    for rule in events.list_rules()["Rules"]:
        expression = rule.get("ScheduleExpression", "")
        period = rate(expression)
        if period is None or rule["State"] != "ENABLED":
            if expression:
                LOG.warning("the rule %s (%s, %s) is not played", rule["Name"], expression, rule["State"])
            continue
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        inputs = {one["Arn"].split(":")[6]: one.get("Input") for one in targets if ":function:" in one["Arn"]}
        found.append(Rule(arn=rule["Arn"], period=period, inputs=inputs))
    return tuple(found)


def rate(expression: str) -> int | None:
    """Seconds of `rate(5 minutes)`."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return int(match[1]) * SECONDS[match[2]] if match else None


class Player:
    """The first event comes at once, the next ones a period apart, whatever the calls take. What was due while the
    machine slept is not made up for, as EventBridge would not either."""

    def __init__(self, aws: Aws, rule: Rule, submit: Callable[[str, str], None]) -> None:
        self._aws = aws
        self._rule = rule
        self._submit = submit
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def fire(self) -> None:
        """Now, beside the schedule."""
        event = scheduled_event(self._aws, self._rule.arn, datetime.now(UTC))
        for name, constant in self._rule.inputs.items():
            self._submit(name, constant if constant is not None else json.dumps(event))

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            try:
                self.fire()
            except KeyError as missing:
                LOG.warning("the rule %s has a target that is not deployed: %s", self._rule.arn, missing)
            due = max(due + self._rule.period, time.monotonic())


def scheduled_event(aws: Aws, rule_arn: str, moment: datetime) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": aws.account,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": aws.region,
        "resources": [rule_arn],
        "detail": {},
    }
