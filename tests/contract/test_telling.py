"""Queue, bus, notifier, metrics and secrets: what the ports promise, of the fakes and of AWS as moto plays it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from chalicelib.core import wire
from chalicelib.core.errors import Refused
from chalicelib.core.messages import Event, Message, Report, Wakeup
from chalicelib.core.ports import Bus, Metrics, Notifier, Queue, Secrets
from chalicelib.notify.events import EventBus
from chalicelib.notify.metrics import EmfMetrics
from chalicelib.notify.queue import WorkQueue
from chalicelib.notify.secrets import SecretReader
from chalicelib.notify.sns import TopicNotifier
from tests.contract.aws import NAME, Aws, stage
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import FakeMetrics
from tests.fakes.notifier import FakeNotifier
from tests.fakes.queue import FakeQueue
from tests.fakes.secrets import FakeSecrets

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
LOGIN = {"username": "backup", "password": "correct-horse"}


@dataclass(frozen=True)
class Ports:
    queue: Queue
    received: Callable[[], list[Message]]
    bus: Bus
    events: Callable[[], list[tuple[str, str, Any]]]
    """(key, detail type, detail)"""
    notifier: Notifier
    told: Callable[[str], list[tuple[str, str]]]
    """topic -> (subject, body)"""
    metrics: Metrics
    measured: Callable[[], list[tuple[str, str, float, dict[str, str]]]]
    """(name, unit, value, dimensions beside Stage)"""
    secrets: Secrets


@pytest.fixture(params=["fake", "moto"])
def ports(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Ports]:
    if request.param == "fake":
        yield fake_ports()
        return
    with stage(monkeypatch) as aws:
        yield moto_ports(aws, capsys)


def fake_ports() -> Ports:
    queue, bus, notifier, metrics = FakeQueue(FakeClock()), FakeBus(), FakeNotifier(), FakeMetrics()
    return Ports(
        queue=queue,
        received=queue.receive,
        bus=bus,
        events=lambda: [(event.key, event.detail_type, event.detail) for event in bus.events],
        notifier=notifier,
        told=lambda topic: [(r.subject, r.body) for r in notifier.reports if r.topic == topic],
        metrics=metrics,
        measured=lambda: [(m.name, m.unit, m.value, dict(m.dimensions)) for m in metrics.measured],
        secrets=FakeSecrets({"shop-backup": LOGIN}),
    )


def moto_ports(aws: Aws, capsys: pytest.CaptureFixture[str]) -> Ports:
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name="shop-backup", SecretString=json.dumps(LOGIN))

    def events() -> list[tuple[str, str, Any]]:
        entries = [(entry["detail-type"], entry["detail"]) for entry in aws.arrived("events")]
        return sorted((detail.pop("event_key"), kind, detail) for kind, detail in entries)

    def told(topic: str) -> list[tuple[str, str]]:
        name = NAME if topic == "default" else f"{NAME}-{topic}"
        return [(notice["Subject"], notice["Message"]) for notice in aws.arrived(f"told-{name}")]

    return Ports(
        queue=WorkQueue(aws.sqs, f"{NAME}-work"),
        received=lambda: [wire.load(Wakeup, json.dumps(body)) for body in aws.arrived(f"{NAME}-work")],
        bus=EventBus(boto3.client("events"), NAME),
        events=events,
        notifier=TopicNotifier(boto3.client("sns"), aws.topic_arn),
        told=told,
        metrics=EmfMetrics("test"),
        measured=lambda: [emf(line) for line in capsys.readouterr().out.splitlines()],
        secrets=SecretReader(manager),
    )


def emf(line: str) -> tuple[str, str, float, dict[str, str]]:
    written = json.loads(line)
    (put,) = written["_aws"]["CloudWatchMetrics"]
    (metric,), (dimensions,) = put["Metrics"], put["Dimensions"]
    assert put["Namespace"] == "Snapwarden"
    assert written["Stage"] == "test"
    rest = {name: written[name] for name in dimensions if name != "Stage"}
    return metric["Name"], metric["Unit"], sum(written[metric["Name"]]), rest


def test_a_wakeup_arrives_as_it_was_sent(ports: Ports) -> None:
    plain = Wakeup(run_id="backup:nightly:2026-11-21T02:00Z", rev=3)
    acted = Wakeup(run_id="backup:nightly:2026-11-21T02:00Z", rev=4, claim="a1b2", emitted_rev=2)
    ports.queue.send(plain)
    ports.queue.send(acted, delay=0)
    received = ports.received()
    assert len(received) == 2
    assert plain in received
    assert acted in received


def test_a_delayed_wakeup_is_not_there_yet(ports: Ports) -> None:
    ports.queue.send(Wakeup(run_id="r", rev=1), delay=900)
    assert ports.received() == []


@pytest.mark.parametrize("delay", [-1, 901])
def test_delays_that_no_queue_has(ports: Ports, delay: int) -> None:
    with pytest.raises(ValueError, match="0 to 900"):
        ports.queue.send(Wakeup(run_id="r", rev=1), delay=delay)


def test_events_arrive_with_their_keys(ports: Ports) -> None:
    sent = [
        Event(key=f"r#{n:02}", detail_type="Backup Run State Change", at=AT, detail={"run_id": "r", "name": "schön"})
        for n in range(23)
    ]
    ports.bus.emit(sent)
    assert ports.events() == [(event.key, event.detail_type, event.detail) for event in sent]


def test_no_events_are_no_call(ports: Ports) -> None:
    ports.bus.emit([])
    assert ports.events() == []


def report(topic: str = "default", body: str = "What happened: nothing.\n") -> Report:
    attributes = {"stage": "test", "policy": "nightly", "target": "", "kind": "backup", "state": "FAILED"}
    return Report(key="r#7", topic=topic, subject="[snapwarden test] FAILED", body=body, attributes=attributes)


@pytest.mark.parametrize("topic", ["default", "pager"])
def test_a_report_reaches_its_topic_and_no_other(ports: Ports, topic: str) -> None:
    ports.notifier.report(report(topic, "schön\n"))
    assert ports.told(topic) == [("[snapwarden test] FAILED", "schön\n")]
    assert ports.told("pager" if topic == "default" else "default") == []


def test_metrics(ports: Ports) -> None:
    ports.metrics.count("RunsFinished", Kind="backup", State="FAILED")
    ports.metrics.count("Findings", 3, Severity="error")
    ports.metrics.gauge("OverdueRuns", 0)
    ports.metrics.gauge("OldestBreachSeconds", 7200)
    ports.metrics.seconds("BackupSeconds", 12.5)
    assert ports.measured() == [
        ("RunsFinished", "Count", 1, {"Kind": "backup", "State": "FAILED"}),
        ("Findings", "Count", 3, {"Severity": "error"}),
        ("OverdueRuns", "None", 0, {}),
        ("OldestBreachSeconds", "Seconds", 7200, {}),
        ("BackupSeconds", "Seconds", 12.5, {}),
    ]


def test_a_secret_is_read_and_not_shown(ports: Ports) -> None:
    secret = ports.secrets.read("shop-backup")
    assert dict(secret) == LOGIN
    assert "correct-horse" not in f"{secret!r} {secret} {[secret]}"
    assert "shop-backup" in repr(secret)


def test_a_missing_secret_is_named(ports: Ports) -> None:
    with pytest.raises(Refused, match="shop-restore"):
        ports.secrets.read("shop-restore")
