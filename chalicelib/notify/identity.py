"""Who calls, by AWS's own word."""

from typing import TYPE_CHECKING

from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


class CallerIdentity:
    def __init__(self, client: "STSClient") -> None:
        self._client = client

    def arn(self) -> str:
        """Of whose credentials the client signs with. Refused when AWS does not accept them."""
        with asked("ask AWS who calls"):
            return self._client.get_caller_identity()["Arn"]
