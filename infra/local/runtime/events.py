"""Asynchronous calls: accepted at once, tried three times, then told and given up."""

import json
import threading
from collections.abc import Mapping, Sequence

from infra.local.aws import Aws
from infra.local.runtime.pool import Answer, Pool


class Asynchronous:
    """`backoff`: seconds before the second, third, … try. Lambda waits one minute, then two."""

    def __init__(self, aws: Aws, pools: Mapping[str, Pool], backoff: Sequence[float]) -> None:
        self._aws = aws
        self._pools = pools
        self._backoff = backoff
        self._stopping = threading.Event()

    def submit(self, name: str, event: str) -> None:
        """Raises KeyError for a function that is not there."""
        pool = self._pools[name]
        threading.Thread(target=self._run, args=(pool, event), name=f"event-{name}", daemon=True).start()

    def stop(self) -> None:
        """Calls that wait for another try are dropped."""
        self._stopping.set()

    def _run(self, pool: Pool, event: str) -> None:
        tries = min(pool.function.retries, len(self._backoff)) + 1
        for number in range(1, tries + 1):
            answer = pool.invoke(event)
            if not answer.failed or self._stopping.is_set():
                return
            if number < tries:
                wait = self._backoff[number - 1]
                pool.say(f"ASYNC RequestId: {answer.request_id} Try {number} of {tries} failed, next in {wait:g} s")
                if self._stopping.wait(wait):
                    return
        pool.say(f"ASYNC RequestId: {answer.request_id} Dropped after {tries} tries: {event[:500]}")
        self._bury(pool, event, answer, tries)

    def _bury(self, pool: Pool, event: str, answer: Answer, tries: int) -> None:
        arn = pool.function.on_failure
        if arn is None:
            return
        if ":sqs:" not in arn:
            pool.say(f"ASYNC RequestId: {answer.request_id} The destination {arn} is no queue: not played here")
            return
        sqs = self._aws.client("sqs")
        record = {
            "version": "1.0",
            "requestContext": {
                "requestId": answer.request_id,
                "functionArn": f"{pool.function.arn}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": tries,
            },
            "requestPayload": json.loads(event),
            "responsePayload": json.loads(answer.payload),
        }
        url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record))
