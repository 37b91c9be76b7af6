"""The local stage's mailbox: what the person on call would get, and the events of the bus.

`python -m infra.local.inbox` prints the reports that arrived since it was last asked, and with `events` the events of
the bus, or of them those of one detail type: `events "Request Refused"`. What it reads is taken out.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.local import stagefile
from infra.local.aws import Aws
from infra.local.errors import CannotStart
from infra.local.paths import local_folder

Message = Mapping[str, Any]


def wait_for(stage: Mapping[str, Any], wanted: Callable[[Message], bool], *, seconds: float = 30) -> Message:
    """The next report that is `wanted` (`subject`, `body`, `attributes`); others are taken out and dropped."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for message in reports(stage, wait=1):
            if wanted(message):
                return message
    raise CannotStart(f"no such report within {seconds:.0f} s")


def reports(stage: Mapping[str, Any], *, wait: int = 0) -> list[Message]:
    """Up to ten reports, taken out of the mailbox."""
    return [
        {
            "subject": envelope["Subject"],
            "body": envelope["Message"],
            "attributes": {name: value["Value"] for name, value in envelope.get("MessageAttributes", {}).items()},
        }
        for envelope in _taken(stage, "inbox-reports", wait)
    ]


def events(stage: Mapping[str, Any], *, wait: int = 0) -> list[Message]:
    """Up to ten events of the bus, taken out of the mailbox."""
    return _taken(stage, "inbox-events", wait)


def _taken(stage: Mapping[str, Any], name: str, wait: int) -> list[Any]:
    sqs = Aws(stage["endpoint_url"], stage["dynamodb_endpoint_url"]).client("sqs")
    url = sqs.get_queue_url(QueueName=f"snapwarden-{stage['stage']}-{name}")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def main(words: Sequence[str]) -> None:
    """`words`: none; or `events`, and perhaps a detail type."""
    if words and (words[0] != "events" or len(words) > 2):
        sys.exit("error: usage: python -m infra.local.inbox [events [DETAIL-TYPE]]")
    stage = stagefile.load(local_folder())
    if stage is None:
        sys.exit("error: the local stage is not running: `snapwarden up` starts it")
    if words:
        _print_events(stage, words[1] if len(words) == 2 else None)
    else:
        _print_reports(stage)


def _print_events(stage: Mapping[str, Any], wanted: str | None) -> None:
    arrived = shown = 0
    while some := events(stage):
        arrived += len(some)
        for event in some:
            if wanted in (None, event["detail-type"]):
                shown += 1
                print(f"{event['time']} {event['detail-type']}\n{json.dumps(event['detail'], indent=2)}")
    print(f"events: {shown} of {arrived}")


def _print_reports(stage: Mapping[str, Any]) -> None:
    arrived = 0
    while some := reports(stage):
        for message in some:
            print(f"Subject: {message['subject']}\n\n{message['body']}")
        arrived += len(some)
    print(f"reports: {arrived}")


if __name__ == "__main__":
    main(sys.argv[1:])
