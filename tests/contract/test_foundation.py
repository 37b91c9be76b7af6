"""The foundation on this machine: moto's CloudFormation, what it leaves out, and the table in DynamoDB Local."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chalicelib.notify.vault import BucketVault
from infra.local import foundation, stagefile
from infra.local.aws import Aws
from infra.local.errors import CannotStart
from infra.local.moto_server import MotoServer
from infra.local.paths import CHECKOUT


@pytest.fixture
def aws(tmp_path: Path, dynamodb_url: str) -> Iterator[Aws]:
    server = MotoServer(tmp_path / "moto.log").start()
    try:
        yield Aws(server.url, dynamodb_url)
    finally:
        server.stop()


@pytest.fixture
def stage() -> str:
    """Tables of other tests stay apart."""
    return f"t{uuid4().hex[:8]}"


def test_everything_of_the_templates_is_there(aws: Aws, stage: str) -> None:
    """`create` reads back every resource itself and raises for what is missing; this looks at what people rely on."""
    foundation.create(aws, stage)

    arn = f"arn:aws:sns:{aws.region}:{aws.account}:snapwarden-{stage}"
    (subscription,) = aws.client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert subscription["Endpoint"].endswith(f":snapwarden-{stage}-inbox-reports")
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    ttl = aws.client("dynamodb").describe_time_to_live(TableName=f"snapwarden-{stage}")["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "ttl"


def test_it_may_be_repeated_and_keeps_the_rows(aws: Aws, stage: str) -> None:
    row = {"pk": {"S": "x"}, "sk": {"S": "y"}}
    foundation.create(aws, stage)
    aws.client("dynamodb").put_item(TableName=f"snapwarden-{stage}", Item=row)

    foundation.create(aws, stage)

    assert aws.client("dynamodb").get_item(TableName=f"snapwarden-{stage}", Key=row)["Item"] == row


def test_the_bucket_takes_objects_and_keeps_them_when_it_is_repeated(aws: Aws, stage: str) -> None:
    """moto keeps to a bucket's policy and what it says of plain HTTP, which is all that the local stage speaks."""
    foundation.create(aws, stage)
    bucket = f"snapwarden-{stage}-{aws.account}"
    vault = BucketVault(aws.client("s3"), bucket)
    vault.put("capsules/nightly/x.json.gz", b"x")

    foundation.create(aws, stage)

    assert vault.get("capsules/nightly/x.json.gz") == b"x"
    aws.client("s3").delete_object(Bucket=bucket, Key="capsules/nightly/x.json.gz")
    assert vault.get("capsules/nightly/x.json.gz") is None


def test_a_table_that_differs_from_the_template_is_refused(aws: Aws, stage: str) -> None:
    aws.client("dynamodb").create_table(
        TableName=f"snapwarden-{stage}",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )

    with pytest.raises(CannotStart, match="--fresh"):
        foundation.create(aws, stage)


def test_a_type_that_nobody_taught_is_refused(aws: Aws, stage: str, tmp_path: Path) -> None:
    template = tmp_path / "more.yaml"
    template.write_text("Parameters: {Stage: {Type: String}}\nResources: {Key: {Type: 'AWS::KMS::Key'}}\n")

    with pytest.raises(CannotStart, match="AWS::KMS::Key"):
        foundation.create(aws, stage, {"": template})


def test_published_reports_and_events_arrive_in_the_inbox(aws: Aws, stage: str) -> None:
    foundation.create(aws, stage)
    sqs = aws.client("sqs")

    arn = f"arn:aws:sns:{aws.region}:{aws.account}:snapwarden-{stage}"
    aws.client("sns").publish(TopicArn=arn, Subject="hello", Message="world")
    entry = {"Source": "snapwarden", "DetailType": "x", "Detail": "{}", "EventBusName": f"snapwarden-{stage}"}
    aws.client("events").put_events(Entries=[entry, {**entry, "Source": "somebody.else"}])

    for name, text in (("inbox-reports", "hello"), ("inbox-events", '"snapwarden"')):
        url = sqs.get_queue_url(QueueName=f"snapwarden-{stage}-{name}")["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10)["Messages"]
        assert len(found) == 1
        assert text in found[0]["Body"]


def test_the_mailbox_is_read_by_one_command_each_report_once(aws: Aws, stage: str, tmp_path: Path) -> None:
    foundation.create(aws, stage)
    arn = f"arn:aws:sns:{aws.region}:{aws.account}:snapwarden-{stage}"
    aws.client("sns").publish(TopicArn=arn, Subject="FAILED nightly", Message="what happened")
    state = {"stage": stage, "endpoint_url": aws.endpoint_url, "dynamodb_endpoint_url": aws.dynamodb_endpoint_url}
    stagefile.store(tmp_path, state)

    assert _inbox(tmp_path).stdout == "Subject: FAILED nightly\n\nwhat happened\nreports: 1\n"
    assert _inbox(tmp_path).stdout == "reports: 0\n"
    assert "snapwarden up" in _inbox(tmp_path / "nothing-here").stderr


def _inbox(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.local.inbox"],
        cwd=CHECKOUT,
        env={**os.environ, "SNAPWARDEN_LOCAL": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
