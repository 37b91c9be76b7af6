"""An event source mapping: messages of a queue become calls of a function."""

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.aws import Aws
from infra.local.runtime.pool import Answer, Pool

LOG = logging.getLogger(__name__)
PARTIAL = "ReportBatchItemFailures"
AT_ONCE = 5
"""Batches of one mapping that run at a time; Lambda too starts with five."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event source mapping, as Lambda's API describes it."""

    queue_arn: str
    function: str
    batch_size: int
    at_once: int
    partial: bool


def mappings(aws: Aws) -> tuple[Mapped, ...]:
    """The enabled ones of queues."""
    found = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return tuple(
        Mapped(
            queue_arn=one["EventSourceArn"],
            function=one["FunctionArn"].split(":")[6],
            batch_size=min(10, one["BatchSize"]),  # SQS hands out no more at once
            at_once=one.get("ScalingConfig", {}).get("MaximumConcurrency", AT_ONCE),
            partial=PARTIAL in one.get("FunctionResponseTypes", ()),
        )
        for one in found
        if one["State"] == "Enabled" and ":sqs:" in one["EventSourceArn"]
    )


class Poller:
    """What failed stays in the queue until its visibility timeout has passed; the queue itself moves what failed too
    often to its dead-letter queue."""

    def __init__(self, aws: Aws, mapped: Mapped, pool: Pool) -> None:
        self._sqs = aws.client("sqs")
        self._region = aws.region
        self._mapped = mapped
        self._pool = pool
        self._url: str = self._sqs.get_queue_url(QueueName=mapped.queue_arn.rpartition(":")[2])["QueueUrl"]
        self._slots = threading.Semaphore(mapped.at_once)
        self._workers = ThreadPoolExecutor(mapped.at_once, thread_name_prefix=f"poll-{mapped.function}")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"poller-{mapped.function}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes no more messages; batches in flight are up to the pool."""
        self._stopping.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._slots.acquire(timeout=0.2):
                continue
            try:
                messages = self._receive()
            except (BotoCoreError, ClientError) as error:
                LOG.warning("queue %s cannot be read: %s", self._mapped.queue_arn, error)
                self._stopping.wait(1)
                messages = []
            if not messages or self._stopping.is_set():
                self._slots.release()
                continue
            self._workers.submit(self._handle, messages)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._mapped.batch_size,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", ()))

    def _handle(self, messages: Sequence[dict[str, Any]]) -> None:
        try:
            answer = self._pool.invoke(json.dumps({"Records": [self._record(one) for one in messages]}))
            failed = failures(answer, [one["MessageId"] for one in messages], partial=self._mapped.partial)
            done = [one for one in messages if one["MessageId"] not in failed]
            if done:
                entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(done)]
                self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        except Exception:
            LOG.exception("a batch of %s was left in its queue", self._mapped.queue_arn)
        finally:
            self._slots.release()

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        attributes = {
            name: {
                "dataType": value["DataType"],
                "stringValue": value.get("StringValue"),
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, value in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapped.queue_arn,
            "awsRegion": self._region,
        }


def failures(answer: Answer, ids: Sequence[str], *, partial: bool) -> frozenset[str]:
    """Which messages of a batch failed, by Lambda's rules: an answer that makes no sense fails them all."""
    everything = frozenset(ids)
    if answer.failed:
        return everything
    if not partial:
        return frozenset()
    said = json.loads(answer.payload)
    if not said:
        return frozenset()
    items = said.get("batchItemFailures", ()) if isinstance(said, dict) else None
    if items is None:
        return frozenset()
    named = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in items}
    return everything if not named <= everything else frozenset(str(one) for one in named)
