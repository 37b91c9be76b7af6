"""What AWS shall get, read from the templates and policies themselves: moto has no say in these."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.core import patterns, requests
from infra.template import Resource, UnknownTemplate, read
from tests import tables

ROOT = Path(__file__).parents[2]
FUNCTION_TIMEOUTS = {"work": 60, "events": 60, "dead": 30}


@pytest.fixture(scope="module")
def resources() -> dict[str, Resource]:
    found = read(ROOT / "infra" / "foundation.yaml", region="eu-central-1", account="123456789012", Stage="x")
    return {resource.logical_id: resource for resource in found}


def _of_type(resources: dict[str, Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources.values() if resource.type == kind]


def test_the_table_is_kept_whatever_happens_to_the_stack(resources: dict[str, Resource]) -> None:
    table = resources["Table"]

    assert table.name == "snapwarden-x"
    assert table.deletion_policy == "Retain"
    assert table.properties["DeletionProtectionEnabled"] is True
    assert table.properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table.properties["SSESpecification"] == {"SSEEnabled": True}
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table.properties["BillingMode"] == "PAY_PER_REQUEST"


def test_the_bucket_is_kept_private_encrypted_and_never_archived(resources: dict[str, Resource]) -> None:
    """Who needs an emergency script needs it at once: an archive takes hours. And nobody else may read how a cluster is
    configured."""
    bucket = resources["Bucket"]

    assert bucket.name == "snapwarden-x-123456789012"
    assert bucket.deletion_policy == "Retain"
    assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in str(bucket.properties["BucketEncryption"])
    for rule in bucket.properties["LifecycleConfiguration"]["Rules"]:
        assert not [key for key in rule if "Transition" in key or key.startswith("Expiration")], rule
    (statement,) = resources["BucketPolicy"].properties["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = "arn:aws:s3:::snapwarden-x-123456789012"
    assert statement["Resource"] == [arn, f"{arn}/*"]


def test_the_table_of_the_tests_is_the_table_of_the_template(resources: dict[str, Resource]) -> None:
    properties = resources["Table"].properties

    assert [one["AttributeName"] for one in properties["AttributeDefinitions"]] == list(tables.ATTRIBUTES)
    indexes = {
        index["IndexName"]: (
            *[key["AttributeName"] for key in index["KeySchema"]],
            index["Projection"]["NonKeyAttributes"],
        )
        for index in properties["GlobalSecondaryIndexes"]
    }
    assert indexes == tables.INDEXES


def test_everything_that_can_be_tagged_says_its_stage(resources: dict[str, Resource]) -> None:
    for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"):
        for resource in _of_type(resources, kind):
            assert {"Key": "snapwarden:stage", "Value": "x"} in resource.properties["Tags"]


def test_messages_stay_invisible_for_six_timeouts(resources: dict[str, Resource]) -> None:
    for queue in _of_type(resources, "AWS::SQS::Queue"):
        assert queue.properties["SqsManagedSseEnabled"] is True
        assert queue.properties["VisibilityTimeout"] >= 6 * FUNCTION_TIMEOUTS[queue.name.rpartition("-")[2]]
    for name in ("WorkQueue", "EventsQueue"):
        assert resources[name].properties["RedrivePolicy"] == {
            "deadLetterTargetArn": "arn:aws:sqs:eu-central-1:123456789012:snapwarden-x-dead",
            "maxReceiveCount": 5,
        }


def test_only_our_rules_send_to_the_events_queue(resources: dict[str, Resource]) -> None:
    """The one on the stage's bus, and those that `apply` makes on the default bus; whatever a rule of another account
    or name sends is refused by SQS."""
    statements = resources["EventsQueuePolicy"].properties["PolicyDocument"]["Statement"]
    (allowed,) = [one for one in statements if one["Effect"] == "Allow"]
    rules = "arn:aws:events:eu-central-1:123456789012:rule/"
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"] == {
        "ArnLike": {"aws:SourceArn": [f"{rules}snapwarden-x/snapwarden-x-requests", f"{rules}snapwarden-x-*"]}
    }
    rule = resources["RequestsRule"].properties
    assert (rule["EventBusName"], rule["Name"]) == ("snapwarden-x", "snapwarden-x-requests")
    assert rule["EventPattern"] == {"source": [{"anything-but": ["snapwarden"]}], "detail-type": list(requests.KINDS)}
    assert not patterns.matches_source(rule["EventPattern"]), "nothing of our own starts anything of ours"


def test_the_timeouts_are_those_of_the_configuration() -> None:
    functions = _stage()["lambda_functions"]

    assert functions["work"]["lambda_timeout"] == FUNCTION_TIMEOUTS["work"]
    assert functions["events"]["lambda_timeout"] == FUNCTION_TIMEOUTS["events"]
    assert functions["dead_letters"]["lambda_timeout"] == FUNCTION_TIMEOUTS["dead"]
    assert functions["tick"]["lambda_timeout"] == 60


def test_events_are_kept_for_two_weeks(resources: dict[str, Resource]) -> None:
    assert resources["Archive"].properties["RetentionDays"] == 14
    assert resources["Archive"].properties["SourceArn"] == (
        "arn:aws:events:eu-central-1:123456789012:event-bus/snapwarden-x"
    )


def test_every_alarm_reaches_the_topic_and_says_what_to_do(resources: dict[str, Resource]) -> None:
    alarms = {
        alarm.name.removeprefix("snapwarden-x-"): alarm for alarm in _of_type(resources, "AWS::CloudWatch::Alarm")
    }

    assert alarms.keys() >= {"heartbeat", "overdue", "dead-letters", "tick-errors", "work-errors"}
    for alarm in alarms.values():
        assert alarm.properties["AlarmActions"] == ["arn:aws:sns:eu-central-1:123456789012:snapwarden-x"]
        assert len(alarm.properties["AlarmDescription"]) > 40
    heartbeat = alarms["heartbeat"].properties
    assert [one.get("Expression") for one in heartbeat["Metrics"]] == [None, "FILL(beats, 0)"]
    assert (heartbeat["EvaluationPeriods"], heartbeat["DatapointsToAlarm"]) == (5, 5)


def test_no_alarm_waits_for_a_metric_that_nobody_publishes() -> None:
    watched = set(re.findall(r"MetricName: (\w+)\n", (ROOT / "infra" / "foundation.yaml").read_text()))
    published = " ".join(path.read_text() for path in (ROOT / "chalicelib" / "service").glob("*.py"))
    ours = watched - {"Errors", "Throttles", "ApproximateAgeOfOldestMessage"}
    assert ours >= {"TickHeartbeat", "OverdueRuns", "DeadLetters"}
    assert not [name for name in ours if f'"{name}"' not in published]


def test_every_function_has_a_log_group_and_an_alarm(resources: dict[str, Resource]) -> None:
    names = {resource.name for resource in resources.values() if not resource.type.endswith("Policy")}
    for function in _stage()["lambda_functions"]:
        assert f"/aws/lambda/snapwarden-x-{function}" in names
        assert f"snapwarden-x-{function}-errors" in names


def test_every_function_has_a_policy_of_its_own_that_names_what_it_needs() -> None:
    stage = _stage()
    assert stage["lambda_functions"].keys() == {"tick", "work", "events", "dead_letters"}
    for name, settings in stage["lambda_functions"].items():
        policy = json.loads((ROOT / ".chalice" / str(settings["iam_policy_file"])).read_text())
        for statement in policy["Statement"]:
            assert not [action for action in statement["Action"] if "*" in action]
            for resource in statement["Resource"]:
                named = f"snapwarden-{stage['environment_variables']['SNAPWARDEN_STAGE']}"
                assert named in resource or "ResourceTag/snapwarden:stage" in str(statement.get("Condition")), name


def test_only_work_reads_secrets() -> None:
    for name, settings in _stage()["lambda_functions"].items():
        text = (ROOT / ".chalice" / str(settings["iam_policy_file"])).read_text()
        assert ("secretsmanager:" in text) == (name == "work")


def test_a_template_with_other_parameters_or_functions_is_refused(tmp_path: Path) -> None:
    template = tmp_path / "other.yaml"
    template.write_text("Parameters: {Size: {Type: String}}\nResources: {}\n")
    with pytest.raises(UnknownTemplate, match="Size"):
        read(template, region="r", account="a", Stage="x")

    template.write_text(
        "Resources:\n  Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: q}}\n"
        "  P: {Type: 'AWS::SQS::QueuePolicy', Properties: {X: !GetAtt Q.Colour}}\n"
    )
    with pytest.raises(UnknownTemplate, match="Colour"):
        read(template, region="r", account="a")


def _stage() -> dict[str, dict[str, dict[str, str | int]]]:
    stage: dict[str, dict[str, dict[str, str | int]]] = json.loads((ROOT / ".chalice" / "config.json").read_text())[
        "stages"
    ]["local"]
    return stage
