"""moto in this process, with what the foundation stack makes for one stage."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REGION = "eu-central-1"
NAME = "snapwarden-test"


@dataclass(frozen=True)
class Aws:
    """A bus and two topics (default, `pager`), each of which ends in a queue of its own that can be read."""

    sqs: "SQSClient"
    topic_arn: str

    def arrived(self, queue: str) -> list[dict[str, Any]]:
        """The bodies of what arrived in `queue` since the last time."""
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@contextmanager
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        sqs, sns, events = boto3.client("sqs"), boto3.client("sns"), boto3.client("events")
        sqs.create_queue(QueueName=f"{NAME}-work")
        events.create_event_bus(Name=NAME)
        events.put_rule(Name="all", EventBusName=NAME, EventPattern=json.dumps({"source": ["snapwarden"]}))
        events.put_targets(Rule="all", EventBusName=NAME, Targets=[{"Id": "1", "Arn": _queue(sqs, "events")}])
        for topic in (NAME, f"{NAME}-pager"):
            arn = sns.create_topic(Name=topic)["TopicArn"]
            sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=_queue(sqs, f"told-{topic}"))
        yield Aws(sqs=sqs, topic_arn=sns.create_topic(Name=NAME)["TopicArn"])


def _queue(sqs: "SQSClient", name: str) -> str:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
