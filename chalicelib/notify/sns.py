"""Telling people through SNS."""

from typing import TYPE_CHECKING

from chalicelib.core.messages import Report
from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MESSAGE_LIMIT = 256 * 1024
"""Bytes of a message; its attributes count too, so some are left free."""
ATTRIBUTES_FREE = 4 * 1024
CUT = "\n… (cut here; the whole run: snapwarden show)\n"


class TopicNotifier:
    """The topic `default` is the stage's own; another is its name with `-<topic>` added, in the same account."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def report(self, report: Report) -> None:
        """`key` goes along as an attribute: a report that is told twice carries the same one."""
        attributes = {**report.attributes, "key": report.key}
        arn = self._topic_arn if report.topic == "default" else f"{self._topic_arn}-{report.topic}"
        with asked(f"publish to topic {arn}"):
            self._client.publish(
                TopicArn=arn,
                Subject=report.subject,
                Message=_fitting(report.body),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
                },
            )


def _fitting(body: str) -> str:
    room = MESSAGE_LIMIT - ATTRIBUTES_FREE
    encoded = body.encode()
    if len(encoded) <= room:
        return body
    return encoded[: room - len(CUT.encode())].decode(errors="ignore") + CUT
