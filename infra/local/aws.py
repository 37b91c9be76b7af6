"""How to reach the embedded AWS, and nothing else: no profile, file or variable of the user's real AWS gets in."""

import os
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.session import Session

from infra.local.moto_server import ACCOUNT

REGION = "eu-central-1"
KEY = "local"
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2, "mode": "standard"}, proxies={})


@dataclass(frozen=True, slots=True)
class Aws:
    """`endpoint_url` is moto's, `dynamodb_endpoint_url` DynamoDB Local's."""

    endpoint_url: str
    dynamodb_endpoint_url: str
    region: str = REGION
    account: str = ACCOUNT

    def client(self, service: str) -> Any:
        url = self.dynamodb_endpoint_url if service == "dynamodb" else self.endpoint_url
        return _client(service, url, self.region)

    def moto(self, service: str) -> Any:
        """Moto even for DynamoDB."""
        return _client(service, self.endpoint_url, self.region)

    def environ(self) -> dict[str, str]:
        """For a process that shall find this AWS, and never the real one."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_endpoint_url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }


_MAKING = Lock()


@cache
def _session() -> boto3.session.Session:
    """Deaf to AWS_PROFILE and to the user's files: a profile that does not exist would be an error. One for all: each
    session adds its own to every client of S3 that is made from then on, and the second time that fails."""
    nothing = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return boto3.session.Session(botocore_session=Session(session_vars={"profile": nothing, **files}))


@cache
def _client(service: str, url: str, region: str) -> Any:
    """One per service and address: making one takes 0.1 s, and clients may be shared by threads (making may not)."""
    with _MAKING:
        # botocore names each service in an overload of its own; here the name is a variable
        make: Any = _session().client
        return make(
            service,
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            config=_CONFIG,
        )
