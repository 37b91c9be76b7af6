"""The foundation on this machine: the same templates as on AWS, made in moto; tables in DynamoDB Local.

Moto's own tables stay empty: they only say what CloudFormation made of the template.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra import template
from infra.local import resources
from infra.local.aws import Aws
from infra.local.errors import CannotStart
from infra.template import Resource

INFRA = Path(__file__).resolve().parents[1]
TEMPLATES = {"": INFRA / "foundation.yaml", "-inbox": INFRA / "local" / "inbox.yaml"}
"""Suffix of the stack's name -> template, in the order of creation."""


def create(aws: Aws, stage: str, templates: Mapping[str, Path] = TEMPLATES) -> None:
    """Stacks, what moto leaves out of them, and tables; then everything is read back.

    Safe to repeat. A table that DynamoDB Local has already is kept, if it is the one of the template.
    """
    for suffix, path in templates.items():
        described = template.read(path, region=aws.region, account=aws.account, Stage=stage)
        for resource in described:
            resources.require_known(resource)
        _create_stack(aws, f"snapwarden-{stage}{suffix}", path, stage)
        for resource in described:
            resources.complete(aws, resource)
            if resource.type == "AWS::DynamoDB::Table":
                _create_table(aws, resource)
        for resource in described:
            resources.check(aws, resource)


def _create_stack(aws: Aws, name: str, path: Path, stage: str) -> None:
    cloudformation = aws.client("cloudformation")
    try:
        cloudformation.describe_stacks(StackName=name)
    except ClientError:  # moto's and AWS's way to say that there is none
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=path.read_text(),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": stage}],
        )
    status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    if status != "CREATE_COMPLETE":
        raise CannotStart(f"The stack {name} is in state {status}.")


def _create_table(aws: Aws, resource: Resource) -> None:
    dynamodb = aws.client("dynamodb")
    wanted = shape(aws.moto("dynamodb").describe_table(TableName=resource.name)["Table"])
    try:
        dynamodb.create_table(TableName=resource.name, **wanted)
        dynamodb.get_waiter("table_exists").wait(TableName=resource.name, WaiterConfig={"Delay": 1})
    except dynamodb.exceptions.ResourceInUseException:
        pass  # from before a restart; whether it is the same one is compared below
    found = shape(dynamodb.describe_table(TableName=resource.name)["Table"])
    if found != wanted:
        raise CannotStart(
            f"The table {resource.name} of an earlier stage differs from the template."
            f" Wipe it with `snapwarden up --fresh`. There: {found}. Wanted: {wanted}."
        )
    _set_ttl(dynamodb, resource)


def _set_ttl(dynamodb: Any, resource: Resource) -> None:
    wanted = resource.properties["TimeToLiveSpecification"]
    if not _has_ttl(dynamodb, resource.name, wanted):
        dynamodb.update_time_to_live(TableName=resource.name, TimeToLiveSpecification=wanted)
    if not _has_ttl(dynamodb, resource.name, wanted):
        raise CannotStart(f"The table {resource.name} did not take its TTL setting.")


def _has_ttl(dynamodb: Any, table: str, wanted: Mapping[str, Any]) -> bool:
    found = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    on = found["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    return bool(on == wanted["Enabled"] and found.get("AttributeName") == wanted["AttributeName"])


def shape(table: Mapping[str, Any]) -> dict[str, Any]:
    """Of a table's description: what `create_table` takes and what makes it this table, in one order."""
    return {
        "BillingMode": table["BillingModeSummary"]["BillingMode"],
        "DeletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
        "AttributeDefinitions": sorted(table["AttributeDefinitions"], key=lambda one: str(one["AttributeName"])),
        "KeySchema": list(table["KeySchema"]),
        "GlobalSecondaryIndexes": sorted(
            (_index(index) for index in table.get("GlobalSecondaryIndexes", ())),
            key=lambda one: str(one["IndexName"]),
        ),
    }


def _index(index: Mapping[str, Any]) -> dict[str, Any]:
    projection = dict(index["Projection"])
    if "NonKeyAttributes" in projection:
        projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])
    return {"IndexName": index["IndexName"], "KeySchema": list(index["KeySchema"]), "Projection": projection}
