"""Wake-up calls through SQS."""

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.core import wire
from chalicelib.core.messages import Message
from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY = 900


class WorkQueue:
    """Sends to the queue of this name; its address is asked for once, at the first message."""

    def __init__(self, client: "SQSClient", name: str) -> None:
        self._client = client
        self._name = name

    def send(self, message: Message, *, delay: int = 0) -> None:
        if not 0 <= delay <= LONGEST_DELAY:
            raise ValueError(f"a delay is 0 to {LONGEST_DELAY} seconds, not {delay}")
        url = self._url
        with asked(f"send to queue {self._name}"):
            self._client.send_message(QueueUrl=url, MessageBody=wire.dump(message), DelaySeconds=delay)

    @cached_property
    def _url(self) -> str:
        with asked(f"find queue {self._name}"):
            return self._client.get_queue_url(QueueName=self._name)["QueueUrl"]
