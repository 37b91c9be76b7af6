"""Buckets on moto, whose CloudFormation makes them without most of what their template says."""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.aws import Aws
from infra.local.errors import CannotStart

KNOWN = frozenset(
    {
        "BucketName",
        "VersioningConfiguration",
        "BucketEncryption",
        "PublicAccessBlockConfiguration",
        "OwnershipControls",
        "LifecycleConfiguration",
        "Tags",
    }
)


def make(aws: Aws, wanted: Mapping[str, Any]) -> None:
    """Safe to repeat; what is in it stays."""
    if unknown := set(wanted) - KNOWN:
        raise CannotStart(f"The local stage does not know {', '.join(sorted(unknown))} of a bucket.")
    s3, name = aws.client("s3"), wanted["BucketName"]
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=wanted["VersioningConfiguration"])
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_encryption(wanted))
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=wanted["PublicAccessBlockConfiguration"])
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=_owner(wanted))
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=_lifecycle(wanted))
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": wanted["Tags"]})


def holds(aws: Aws, wanted: Mapping[str, Any]) -> bool:
    s3, name = aws.client("s3"), wanted["BucketName"]
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return bool(
        s3.get_bucket_versioning(Bucket=name)["Status"] == wanted["VersioningConfiguration"]["Status"]
        and _algorithms(rules) == _algorithms(_encryption(wanted)["Rules"])
        and access == wanted["PublicAccessBlockConfiguration"]
        and {rule["ID"] for rule in lifecycle} == {rule["ID"] for rule in _lifecycle(wanted)["Rules"]}
        and s3.get_bucket_tagging(Bucket=name)["TagSet"] == wanted["Tags"]
    )


def put_policy(aws: Aws, wanted: Mapping[str, Any]) -> None:
    if statements := _without_tls(wanted["PolicyDocument"]):
        policy = {**wanted["PolicyDocument"], "Statement": statements}
        aws.client("s3").put_bucket_policy(Bucket=wanted["Bucket"], Policy=json.dumps(policy))
    else:
        aws.client("s3").delete_bucket_policy(Bucket=wanted["Bucket"])


def has_policy(aws: Aws, wanted: Mapping[str, Any]) -> bool:
    s3 = aws.client("s3")
    try:
        found = json.loads(s3.get_bucket_policy(Bucket=wanted["Bucket"])["Policy"])["Statement"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        found = []
    return bool(found == _without_tls(wanted["PolicyDocument"]))


def _without_tls(document: Mapping[str, Any]) -> list[Any]:
    """The local stage speaks HTTP on loopback only, and moto would keep to the statement that forbids it."""
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    return [statement for statement in document["Statement"] if statement.get("Condition") != plain]


def _encryption(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's names are not the API's."""
    return {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
            for rule in wanted["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
    }


def _algorithms(rules: list[dict[str, Any]]) -> list[str]:
    return [rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules]


def _owner(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {"Rules": wanted["OwnershipControls"]["Rules"]}


def _lifecycle(wanted: Mapping[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in wanted["LifecycleConfiguration"]["Rules"]:
        known = {key: value for key, value in rule.items() if key not in ("Id", "Prefix")}
        rules.append({"ID": rule["Id"], "Filter": {"Prefix": rule["Prefix"]}, **known})
    return {"Rules": rules}
