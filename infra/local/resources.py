"""What each type of resource in our templates needs on moto: some its CloudFormation makes, some it silently ignores.

A type that is in neither list is an error, so that nothing of a template is ever missing without a word.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from infra.local import buckets
from infra.local.aws import Aws
from infra.local.errors import CannotStart
from infra.template import Resource


def require_known(resource: Resource) -> None:
    """Before anything is made of its template."""
    if resource.type not in MADE_BY_MOTO and resource.type not in IGNORED_BY_MOTO:
        raise CannotStart(f"The local stage does not know {resource.type} ({resource.logical_id}): teach {__name__}.")


def complete(aws: Aws, resource: Resource) -> None:
    """Make what moto's CloudFormation left out. Safe to repeat."""
    if resource.type in IGNORED_BY_MOTO:
        make, _ = IGNORED_BY_MOTO[resource.type]
        make(aws, resource.properties)


def check(aws: Aws, resource: Resource) -> None:
    """Read it back; raises CannotStart when it is not there as the template says."""
    if resource.type in IGNORED_BY_MOTO:
        _, holds = IGNORED_BY_MOTO[resource.type]
        there = holds(aws, resource.properties)
    else:
        there = MADE_BY_MOTO[resource.type](aws, resource)
    if not there:
        raise CannotStart(f"{resource.logical_id} ({resource.type}) is not there as the template says.")


def _subscribe(aws: Aws, wanted: Mapping[str, Any]) -> None:
    unknown = set(wanted) - {"TopicArn", "Protocol", "Endpoint"}
    if unknown:
        raise CannotStart(f"The local stage does not know {', '.join(sorted(unknown))} of a subscription.")
    aws.client("sns").subscribe(**wanted)


def _is_subscribed(aws: Aws, wanted: Mapping[str, Any]) -> bool:
    found = aws.client("sns").list_subscriptions_by_topic(TopicArn=wanted["TopicArn"])["Subscriptions"]
    return any(wanted.items() <= subscription.items() for subscription in found)


def _put_policy(aws: Aws, wanted: Mapping[str, Any]) -> None:
    for url in wanted["Queues"]:
        aws.client("sqs").set_queue_attributes(
            QueueUrl=url, Attributes={"Policy": json.dumps(wanted["PolicyDocument"])}
        )


def _has_policy(aws: Aws, wanted: Mapping[str, Any]) -> bool:
    for url in wanted["Queues"]:
        answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        if json.loads(answer.get("Attributes", {}).get("Policy", "{}")) != wanted["PolicyDocument"]:
            return False
    return True


def _put_alarm(aws: Aws, wanted: Mapping[str, Any]) -> None:
    aws.client("cloudwatch").put_metric_alarm(**wanted)


def _has_alarm(aws: Aws, wanted: Mapping[str, Any]) -> bool:
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[wanted["AlarmName"]])["MetricAlarms"]
    return len(found) == 1 and all(found[0].get(key) == value for key, value in wanted.items())


def _has_table(aws: Aws, resource: Resource) -> bool:
    return bool(aws.moto("dynamodb").describe_table(TableName=resource.name)["Table"])


def _has_queue(aws: Aws, resource: Resource) -> bool:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=resource.name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    redrive = resource.properties.get("RedrivePolicy")
    if json.loads(found.get("RedrivePolicy", "null")) != redrive:
        return False
    plain = ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds")
    return all(found[key] == str(resource.properties[key]) for key in plain if key in resource.properties)


def _has_topic(aws: Aws, resource: Resource) -> bool:
    found = aws.client("sns").list_topics()["Topics"]
    return any(topic["TopicArn"].endswith(f":{resource.name}") for topic in found)


def _has_bus(aws: Aws, resource: Resource) -> bool:
    return bool(aws.client("events").describe_event_bus(Name=resource.name)["Arn"])


def _has_archive(aws: Aws, resource: Resource) -> bool:
    found = aws.client("events").describe_archive(ArchiveName=resource.name)
    return bool(
        found["RetentionDays"] == resource.properties["RetentionDays"]
        and found["EventSourceArn"] == resource.properties["SourceArn"]
    )


def _has_rule(aws: Aws, resource: Resource) -> bool:
    events, bus = aws.client("events"), resource.properties["EventBusName"]
    rule = events.describe_rule(Name=resource.name, EventBusName=bus)
    targets = events.list_targets_by_rule(Rule=resource.name, EventBusName=bus)["Targets"]
    same = json.loads(rule["EventPattern"]) == resource.properties["EventPattern"]
    return bool(same and targets == resource.properties["Targets"])


def _has_log_group(aws: Aws, resource: Resource) -> bool:
    found = aws.client("logs").describe_log_groups(logGroupNamePrefix=resource.name)["logGroups"]
    return any(
        group["logGroupName"] == resource.name and group["retentionInDays"] == resource.properties["RetentionInDays"]
        for group in found
    )


MADE_BY_MOTO: dict[str, Callable[[Aws, Resource], bool]] = {
    "AWS::DynamoDB::Table": _has_table,
    "AWS::SQS::Queue": _has_queue,
    "AWS::SNS::Topic": _has_topic,
    "AWS::Events::EventBus": _has_bus,
    "AWS::Events::Archive": _has_archive,
    "AWS::Events::Rule": _has_rule,
    "AWS::Logs::LogGroup": _has_log_group,
}

Make = Callable[[Aws, Mapping[str, Any]], None]
Holds = Callable[[Aws, Mapping[str, Any]], bool]
IGNORED_BY_MOTO: dict[str, tuple[Make, Holds]] = {
    "AWS::S3::Bucket": (buckets.make, buckets.holds),
    "AWS::S3::BucketPolicy": (buckets.put_policy, buckets.has_policy),
    "AWS::SNS::Subscription": (_subscribe, _is_subscribed),
    "AWS::SQS::QueuePolicy": (_put_policy, _has_policy),
    "AWS::CloudWatch::Alarm": (_put_alarm, _has_alarm),
}
