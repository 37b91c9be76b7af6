"""A stage's table in DynamoDB Local, with the keys and indexes of infra/foundation.yaml."""

from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3

from chalicelib.store.dynamo import DynamoStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTRIBUTES = ("pk", "sk", "due_pk", "due_at", "h_pk", "h_sk")
INDEXES = {
    "due": ("due_pk", "due_at", ["rev"]),
    "history": ("h_pk", "h_sk", ["state", "kind", "level", "reason"]),
}
REGION = "eu-central-1"


@cache
def _client(url: str) -> "DynamoDBClient":
    return boto3.client(
        "dynamodb", region_name=REGION, endpoint_url=url, aws_access_key_id="local", aws_secret_access_key="local"
    )


def create_table(url: str, name: str) -> None:
    _client(url).create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in ATTRIBUTES],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": included},
            }
            for index, (pk, sk, included) in INDEXES.items()
        ],
    )


def new_store(url: str, table: str = "", *, shards: int = 16) -> DynamoStore:
    """On a new table, or on one that is there. Needs some credentials in the environment; which does not matter."""
    name = table or f"stores-{uuid4().hex[:12]}"
    if not table:
        create_table(url, name)
    return DynamoStore(name, region=REGION, host=url, token=lambda: uuid4().hex, shards=shards)
