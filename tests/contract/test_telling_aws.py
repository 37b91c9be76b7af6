"""What only the real adapters can do wrong: limits of AWS, and its errors in our words."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Event, Report, Wakeup
from chalicelib.notify.answers import asked
from chalicelib.notify.events import SIZE, EventBus, trimmed
from chalicelib.notify.metrics import EmfMetrics
from chalicelib.notify.queue import WorkQueue
from chalicelib.notify.secrets import SecretReader
from chalicelib.notify.sns import TopicNotifier
from tests.contract.aws import NAME, REGION, Aws, stage

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
WAKEUP = Wakeup(run_id="r", rev=1)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with stage(monkeypatch) as made:
        yield made


def event(n: int = 0, **detail: Any) -> Event:
    return Event(key=f"r#{n}", detail_type="Backup Run State Change", at=AT, detail=detail)


def report(body: str = "", topic: str = "default") -> Report:
    return Report(key="r#1", topic=topic, subject="s", body=body, attributes={"state": "FAILED"})


def test_what_does_not_exist_refuses(aws: Aws) -> None:
    with pytest.raises(Refused, match="snapwarden-other-work"):
        WorkQueue(aws.sqs, "snapwarden-other-work").send(WAKEUP)
    with pytest.raises(Refused, match="test-nobody"):
        TopicNotifier(boto3.client("sns"), aws.topic_arn).report(report("x", topic="nobody"))


def test_nobody_answers(aws: Aws) -> None:
    config = Config(connect_timeout=1, retries={"total_max_attempts": 1})
    nowhere: Any = {"endpoint_url": "http://127.0.0.1:9", "region_name": REGION, "config": config}
    calls: list[Callable[[], object]] = [
        lambda: WorkQueue(boto3.client("sqs", **nowhere), "q").send(WAKEUP),
        lambda: EventBus(boto3.client("events", **nowhere), "b").emit([event()]),
        lambda: TopicNotifier(boto3.client("sns", **nowhere), aws.topic_arn).report(report("x")),
        lambda: SecretReader(boto3.client("secretsmanager", **nowhere)).read("s"),
    ]
    for call in calls:
        with pytest.raises(Retryable):
            call()


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ThrottlingException", 400, Retryable),
        ("AWS.SimpleQueueService.RequestThrottled", 403, Retryable),
        ("InternalFailure", 500, Retryable),
        ("ServiceUnavailable", 503, Retryable),
        ("ExpiredTokenException", 400, Retryable),
        ("AccessDeniedException", 400, Refused),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, Refused),
    ],
)
def test_answers_in_our_words(code: str, status: int, expected: type[Exception]) -> None:
    answer: Any = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(expected, match=r"send to queue q: .*why"), asked("send to queue q"):
        raise ClientError(answer, "SendMessage")


def test_no_answer_and_no_call_in_our_words() -> None:
    with pytest.raises(Retryable), asked("x"):
        raise ReadTimeoutError(endpoint_url="http://sqs")
    with pytest.raises(Refused), asked("x"):
        raise NoCredentialsError()


def test_the_queue_is_looked_up_once(aws: Aws) -> None:
    lookups: list[Any] = []
    aws.sqs.meta.events.register("before-call.sqs.GetQueueUrl", lambda **call: lookups.append(call))
    queue = WorkQueue(aws.sqs, f"{NAME}-work")
    assert lookups == []
    queue.send(WAKEUP)
    queue.send(WAKEUP)
    assert len(lookups) == 1


def test_events_that_were_not_taken_are_retried(aws: Aws) -> None:
    client = boto3.client("events")
    with Stubber(client) as stub:
        entries = [{"EventId": "1"}, {"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]
        stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": entries}, {"Entries": ANY})
        with pytest.raises(Retryable, match="1 of 2 events: InternalFailure"):
            EventBus(client, NAME).emit([event(1), event(2)])


def test_calls_stay_within_the_limits(aws: Aws) -> None:
    client = boto3.client("events")
    batches: list[list[dict[str, Any]]] = []
    client.meta.events.register(
        "provide-client-params.events.PutEvents", lambda params, **_: batches.append(params["Entries"])
    )
    small, big = [event(n) for n in range(23)], [event(n, text="ü" * 50_000) for n in range(6)]
    EventBus(client, NAME).emit([*small, *big])
    assert [len(batch) for batch in batches] == [10, 10, 5, 2, 2]
    assert all(sum(len(entry["Detail"].encode()) for entry in batch) < SIZE for batch in batches)


def test_an_event_that_is_too_big_is_trimmed_and_says_so(aws: Aws) -> None:
    findings = [{"code": "snapshot.index_missing", "message": "x" * 200} for _ in range(5000)]
    EventBus(boto3.client("events"), NAME).emit([event(1, run_id="r", findings=findings, reason="y" * 300_000)])
    (entry,) = aws.arrived("events")
    detail = entry["detail"]
    assert detail["run_id"] == "r"
    assert detail["event_key"] == "r#1"
    assert detail["trimmed"] == ["findings", "reason"]
    assert 0 < len(detail["findings"]) < 5000
    assert detail["findings"][0] == findings[0]
    assert detail["reason"] == "y" * 999 + "…"


def test_trimming_ends_whatever_is_in_the_way() -> None:
    assert trimmed({"a": 1}, 100) == {"a": 1}
    assert trimmed({"a": {"b": "x" * 500}, "c": 2}, 100) == {"a": None, "c": 2, "trimmed": ["a"]}
    assert trimmed({"a": "x" * 500}, 1)["a"] is None


def test_a_report_that_is_too_long_is_cut(aws: Aws) -> None:
    TopicNotifier(boto3.client("sns"), aws.topic_arn).report(report("ü" * 200_000))
    (notice,) = aws.arrived(f"told-{NAME}")
    assert len(notice["Message"].encode()) <= 252 * 1024
    assert notice["Message"].endswith("snapwarden show)\n")
    assert notice["MessageAttributes"]["key"]["Value"] == "r#1"
    assert notice["MessageAttributes"]["state"]["Value"] == "FAILED"


@pytest.mark.parametrize(
    "content",
    [
        {"SecretString": "hunter2"},
        {"SecretString": '["hunter2"]'},
        {"SecretString": '{"pin": 1234}'},
        {"SecretBinary": b"x"},
    ],
)
def test_secrets_of_another_shape_are_refused_without_quoting_them(aws: Aws, content: dict[str, Any]) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="odd", **content)
    with pytest.raises(Refused, match="secret odd is") as refusal:
        SecretReader(client).read("odd")
    assert "hunter2" not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_rotated_secret_is_seen_at_once(aws: Aws) -> None:
    """Kept for a minute, the old one would be refused until the run gives up."""
    client = boto3.client("secretsmanager")
    client.create_secret(Name="rotated", SecretString='{"api_key": "first"}')
    reader = SecretReader(client)
    assert reader.read("rotated")["api_key"] == "first"
    client.put_secret_value(SecretId="rotated", SecretString='{"api_key": "second"}')
    assert reader.read("rotated")["api_key"] == "second"


def test_a_service_name_in_the_environment_adds_no_dimension(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "elsewhere")
    EmfMetrics("dev").gauge("OldestBreachSeconds", 7200)
    written = json.loads(capsys.readouterr().out)
    assert written["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage"]]
    assert written["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "OldestBreachSeconds", "Unit": "Seconds"}]
