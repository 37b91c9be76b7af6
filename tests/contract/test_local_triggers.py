"""Events on the buses of the embedded AWS, and what arrives in the events' queue; the rules after a restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.core import requests
from chalicelib.core.config import load
from chalicelib.core.model import Kind
from chalicelib.core.request_details import instant
from chalicelib.core.requests import Refusal, Request, Triggered
from chalicelib.service import apply as applying
from chalicelib.store.dynamo import DynamoStore
from infra.local import foundation, triggers
from infra.local.aws import Aws
from infra.local.moto_server import MotoServer
from tests.fakes.clock import FakeClock
from tests.faults.world import FILE, START

pytestmark = pytest.mark.live

TRIGGERED = (
    FILE + "    triggers: [{pattern: {source: [{anything-but: [snapwarden, quiet]}], detail: {state: [START]}}}]\n"
)


class Local:
    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.stage = f"t{uuid4().hex[:8]}"
        foundation.create(aws, self.stage)

    def apply(self, file: str) -> None:
        store = DynamoStore(
            f"snapwarden-{self.stage}",
            region=self.aws.region,
            host=self.aws.dynamodb_endpoint_url,
            token=lambda: uuid4().hex,
        )
        config = load(file.encode(), "f")
        applying.apply(config, store, FakeClock(START), "tester", new_token=lambda: uuid4().hex)

    def put(self, source: str, what: str, detail: dict[str, Any], *, own: bool = True) -> None:
        bus = {"EventBusName": f"snapwarden-{self.stage}"} if own else {}
        entry = {**bus, "Source": source, "DetailType": what, "Detail": json.dumps(detail)}
        assert self.aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def arrived(self) -> list[dict[str, Any]]:
        sqs = self.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=f"snapwarden-{self.stage}-events")["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def local(tmp_path: Path, dynamodb_url: str) -> Iterator[Local]:
    server = MotoServer(tmp_path / "moto.log").start()
    try:
        yield Local(Aws(server.url, dynamodb_url))
    finally:
        server.stop()


def now(written: dict[str, Any]) -> Any:
    at = instant(written["time"])
    assert at is not None, written["time"]
    return at


def test_requests_arrive_as_eventbridge_sends_them_and_none_of_our_own(local: Local) -> None:
    for source in ("ci", "snapwarden", "snapwarden.of.others"):
        local.put(source, "Backup Requested", {"policy": "nightly"})
    local.put("ci", "Backup Run State Change", {"policy": "nightly"})
    found = local.arrived()
    assert sorted(event["source"] for event in found) == ["ci", "snapwarden.of.others"]
    keys = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    assert all(set(event) == keys for event in found)
    asked = requests.read(json.dumps(found[0]), now(found[0]))
    assert isinstance(asked, Request)
    assert asked.kind is Kind.BACKUP


def test_what_is_played_once_more_from_the_archive_is_refused(local: Local) -> None:
    local.put("ci", "Restore Requested", {"policy": "nightly"})
    local.arrived()
    events = local.aws.client("events")
    archive = events.describe_archive(ArchiveName=f"snapwarden-{local.stage}")
    bus = events.describe_event_bus(Name=f"snapwarden-{local.stage}")["Arn"]
    events.start_replay(
        ReplayName="again",
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=0,
        EventEndTime=2**31,
        Destination={"Arn": bus},
    )
    (played,) = local.arrived()
    found = requests.read(json.dumps(played), now(played))
    assert isinstance(found, Refusal)
    assert found.replayed


def test_a_restart_puts_the_rules_again_and_the_default_bus_takes_events_beside_the_schedule(local: Local) -> None:
    """Moto forgets rules; and a schedule with a function as its target is no reason to refuse events."""
    events = local.aws.client("events")
    function = f"arn:aws:lambda:{local.aws.region}:{local.aws.account}:function:tick"
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": function}])
    assert triggers.put_again(local.aws, local.stage) == "putting the rules of triggers: 0"
    local.apply(TRIGGERED)
    assert triggers.put_again(local.aws, local.stage) == "putting the rules of triggers: 1"
    assert triggers.put_again(local.aws, local.stage) == "putting the rules of triggers: 0"

    local.put("aws.codedeploy", "Deployment", {"state": "START", "said": '<id> "quoted" \\ ü'}, own=False)
    local.put("aws.codedeploy", "Deployment", {"state": "STOP"}, own=False)
    local.put("quiet", "Deployment", {"state": "START"}, own=False)
    (wrapped,) = local.arrived()
    assert wrapped["event"]["detail"]["said"] == '<id> "quoted" \\ ü'
    assert "ingestion-time" not in wrapped["event"]
    found = requests.read(json.dumps(wrapped), now(wrapped["event"]))
    assert isinstance(found, Triggered)
    assert found.policy == "nightly"


def test_a_stage_whose_rows_can_not_be_read_comes_up_and_says_so(local: Local) -> None:
    nowhere = Aws(local.aws.endpoint_url, "http://127.0.0.1:9")
    assert triggers.put_again(nowhere, local.stage).startswith("the rules of triggers are missing: ")
