"""Faults of the queue, on the real runtime: what is poison is put aside and told, what is lost is found again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.model import Run, State
from tests.elastic_admin import wait
from tests.stages import Stage

WORK = "snapwarden-local-work"
DEAD = "snapwarden-local-dead"
QUICK = "1"
"""Seconds that a failed message is invisible, so that its five receives don't take half an hour."""


@pytest.fixture
def impatient(stage: Stage) -> Iterator[Stage]:
    """The stage, with a work queue that delivers again at once."""
    url, sqs = _url(stage, WORK), stage.client("sqs")
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": QUICK})
    yield stage
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def test_a_poison_message_is_put_aside_and_told(impatient: Stage) -> None:
    """A healthy run goes on beside it."""
    wrong = json.dumps({"run_id": "backup:queue-nobody:x", "rev": "seven"})
    poison = {"not even JSON": "a message that names no run", wrong: "a wake-up of backup:queue-nobody:x"}
    impatient.elastic.create_index("queue-healthy")
    impatient.apply({"queue-healthy": {"select": {"indices": ["queue-healthy"]}}})
    url, sqs = _url(impatient, WORK), impatient.client("sqs")
    sent = {body: sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in poison}
    impatient.run("backup", "queue-healthy", "--wait")

    for body, about in poison.items():
        report = impatient.report(key=f"dead-letter:{sent[body]}")
        assert report["subject"] == f"[snapwarden local] DEAD LETTER: {about} failed too often"
        assert body in report["body"]
        assert report["attributes"].items() >= {"kind": "dead_letter", "severity": "error", "stage": "local"}.items()
    wait(lambda: _waiting(impatient, DEAD) == 0, "the told letters are taken out")
    assert _waiting(impatient, WORK) == 0


def test_a_lost_message_loses_nothing(stage: Stage) -> None:
    """The queue is emptied while a run is open; the next tick that finds it overdue wakes it, and it ends well."""
    stage.elastic.create_index("queue-lost", documents=2000)
    stage.apply({"queue-lost": {"repository": "slow", "select": {"indices": ["queue-lost"]}}})
    asked = stage.ask("backup", "queue-lost", "--request-id", "lost")
    stage.wait_for(asked["run_id"], lambda row: row.state is State.RUNNING, "it runs")
    wait(lambda: _waiting(stage, WORK, "Delayed") == 1, "its next wake-up is on the way")
    stage.client("sqs").purge_queue(QueueUrl=_url(stage, WORK))
    before = stage.row(asked["run_id"])
    after = stage.wait_for(asked["run_id"], _is_late, "its time to wake passes")
    assert after.rev == before.rev, "the message was not lost"

    stage.run("tick", "--at", (datetime.now(UTC) + timedelta(minutes=3)).isoformat())
    stage.run("show", asked["run_id"], "--follow")
    run = stage.ask("show", asked["run_id"])
    assert (run["state"], run["attempts"]) == ("SUCCEEDED", 1)


def _is_late(row: Run) -> bool:
    return row.wake_at is not None and row.wake_at < datetime.now(UTC) - timedelta(seconds=3)


def _url(stage: Stage, queue: str) -> str:
    return str(stage.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])


def _waiting(stage: Stage, queue: str, *kinds: str) -> int:
    """All of them: visible, delayed and in flight."""
    names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds or ("", "Delayed", "NotVisible")]
    sqs: Any = stage.client("sqs")
    answer = sqs.get_queue_attributes(QueueUrl=_url(stage, queue), AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)
