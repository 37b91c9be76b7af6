"""Where objects are kept: what the port promises, of the fake and of S3 as moto plays it; and S3's errors."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.ports import Vault
from chalicelib.notify.vault import BucketVault
from tests.contract.aws import NAME, REGION, stage
from tests.fakes.vault import FakeVault


@pytest.fixture(params=["fake", "moto"])
def vault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    if request.param == "fake":
        yield FakeVault()
        return
    with stage(monkeypatch):
        client = boto3.client("s3")
        client.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield BucketVault(client, NAME)


def test_what_was_put_comes_back_to_the_byte(vault: Vault) -> None:
    content = os.urandom(300_000)
    vault.put("capsules/nightly/a b.json.gz", content)
    assert vault.get("capsules/nightly/a b.json.gz") == content


def test_what_nobody_put_is_none(vault: Vault) -> None:
    vault.put("a/b", b"x")
    assert vault.get("a") is None
    assert vault.get("a/b/c") is None


def test_putting_it_again_is_harmless_and_the_last_one_counts(vault: Vault) -> None:
    for content in (b"one", b"one", b"", b"two"):
        vault.put("key", content)
        assert vault.get("key") == content


def test_a_bucket_that_is_not_there_refuses_and_is_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every capsule would seem never to have been stored."""
    with stage(monkeypatch):
        vault = BucketVault(boto3.client("s3"), "snapwarden-nowhere")
        with pytest.raises(Refused, match="read s3://snapwarden-nowhere/key: NoSuchBucket"):
            vault.get("key")
        with pytest.raises(Refused, match="write s3://snapwarden-nowhere/key: NoSuchBucket"):
            vault.put("key", b"x")


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("SlowDown", 503, Retryable),
        ("InternalError", 500, Retryable),
        ("RequestTimeout", 400, Retryable),
        ("AccessDenied", 403, Refused),
        ("NoSuchKey", 404, None),
    ],
)
def test_answers_in_our_words(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int, expected: type[Exception] | None
) -> None:
    with stage(monkeypatch):
        client = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
        with Stubber(client) as stub:
            stub.add_client_error("get_object", code, "why", status)
            if expected is None:
                assert BucketVault(client, NAME).get("key") is None
                return
            with pytest.raises(expected, match=f"read s3://{NAME}/key: {code}: why"):
                BucketVault(client, NAME).get("key")


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(monkeypatch):
        config = Config(connect_timeout=1, retries={"total_max_attempts": 1})
        nowhere: Any = {"endpoint_url": "http://127.0.0.1:9", "region_name": REGION, "config": config}
        vault = BucketVault(boto3.client("s3", **nowhere), NAME)
        with pytest.raises(Retryable):
            vault.put("key", b"x")
        with pytest.raises(Retryable):
            vault.get("key")
