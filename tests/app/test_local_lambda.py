"""The local Lambda against an application that was really deployed."""

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Aws
from tests.app.lambdas import Lambdas, running


@pytest.fixture(scope="module")
def lambdas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lambdas]:
    with running(tmp_path_factory.mktemp("lambda"), _add_broken_function) as found:
        yield found


def _add_broken_function(aws: Aws, project: Path) -> None:
    (package,) = (project / ".chalice" / "deployments").glob("*.zip")
    record = aws.client("lambda").get_function_configuration(FunctionName="sample-test-echo")
    aws.client("lambda").create_function(
        FunctionName="sample-test-broken",
        Runtime=record["Runtime"],
        Role=record["Role"],
        Handler="not_there.handler",
        Code={"ZipFile": package.read_bytes()},
    )


def test_a_handler_gets_its_event_and_lambdas_context(lambdas: Lambdas) -> None:
    error, said = lambdas.call("echo", question=1)

    assert error is None
    assert said["greeting"] == "from the zip"
    assert said["context"]["function_name"] == "sample-test-echo"
    assert said["context"]["arn"] == "arn:aws:lambda:eu-central-1:123456789012:function:sample-test-echo"
    assert said["context"]["memory"] == "256"
    assert 1000 < said["context"]["remaining"] <= 2000
    assert "echo was asked {'question': 1}" in lambdas.log("echo")
    assert f"START RequestId: {said['context']['request_id']} Version: $LATEST" in lambdas.log("echo")


def test_the_environment_is_the_functions_own(lambdas: Lambdas) -> None:
    _, said = lambdas.call("echo")

    environ = said["environ"]
    assert environ["SAMPLE"] == "its own"
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "sample-test-echo"
    assert environ["AWS_ENDPOINT_URL"] == lambdas.aws.endpoint_url
    assert environ["TZ"] == ":UTC"
    assert set(os.environ) & {"HOME", "USER", "PYTEST_CURRENT_TEST"}
    assert not set(environ) & {"HOME", "USER", "VIRTUAL_ENV", "PYTHONPATH", "PYTEST_CURRENT_TEST"}


@pytest.mark.parametrize("module", ["typer", "pytest", "infra", "moto", "pydantic"])
def test_what_is_missing_from_the_zip_is_missing(lambdas: Lambdas, module: str) -> None:
    __import__(module)  # it is there for us

    error, said = lambdas.call("echo", **{"import": module})

    assert error == "Unhandled"
    assert said["errorType"] in ("ModuleNotFoundError", "Runtime.ImportModuleError")


def test_boto3_is_there_as_on_lambda(lambdas: Lambdas) -> None:
    error, said = lambdas.call("echo", **{"import": "boto3"})

    assert error is None
    assert not [entry for entry in said["path"] if "site-packages" in entry]


def test_processes_are_used_again(lambdas: Lambdas) -> None:
    _, first = lambdas.call("echo")
    _, second = lambdas.call("echo")

    assert second["pid"] == first["pid"]
    assert second["calls"] == first["calls"] + 1


def test_calls_at_the_same_time_have_processes_of_their_own(lambdas: Lambdas) -> None:
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: lambdas.call("echo", sleep=0.7), range(2)))

    assert [error for error, _ in said] == [None, None]
    assert said[0][1]["pid"] != said[1][1]["pid"]


def test_a_call_that_takes_too_long_is_killed_and_the_next_one_starts_cold(lambdas: Lambdas) -> None:
    _, before = lambdas.call("narrow", sleep=0)

    began = time.monotonic()
    error, said = lambdas.call("narrow", sleep=30)
    took = time.monotonic() - began

    assert error == "Unhandled"
    assert said["errorMessage"].endswith("Task timed out after 3.00 seconds")
    assert 3 <= took < 6
    assert not psutil.pid_exists(before)
    assert lambdas.call("narrow", sleep=0) != (None, before)
    assert lambdas.log("narrow").count("Init Duration") == 2


def test_an_error_is_told_and_the_process_lives_on(lambdas: Lambdas) -> None:
    _, before = lambdas.call("echo")

    error, said = lambdas.call("echo", **{"raise": "no such thing"})

    assert error == "Unhandled"
    assert (said["errorType"], said["errorMessage"]) == ("ValueError", "no such thing")
    assert any("app.py" in frame for frame in said["stackTrace"])
    assert "ValueError: no such thing" in lambdas.log("echo")
    assert lambdas.call("echo")[1]["pid"] == before["pid"]


def test_a_process_that_ends_is_an_error_and_is_replaced(lambdas: Lambdas) -> None:
    error, said = lambdas.call("echo", exit=3)

    assert error == "Unhandled"
    assert said["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in said["errorMessage"]
    assert lambdas.call("echo")[0] is None


def test_a_handler_that_cannot_be_imported_is_told(lambdas: Lambdas) -> None:
    error, said = lambdas.call("broken")

    assert error == "Unhandled"
    assert said["errorType"] == "Runtime.ImportModuleError"
    assert "not_there" in said["errorMessage"]
    assert "not_there" in lambdas.log("broken")


def test_a_function_that_is_not_there(lambdas: Lambdas) -> None:
    with pytest.raises(ClientError, match="Function not found: nobody"):
        lambdas.client().invoke(FunctionName="nobody", Payload=b"{}")


def test_more_calls_than_reserved_are_refused(lambdas: Lambdas) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambdas.call, "narrow", sleep=1.5)
        time.sleep(0.7)
        with pytest.raises(ClientError, match="TooManyRequestsException"):
            lambdas.call("narrow", sleep=0)
        assert first.result()[0] is None


def test_an_asynchronous_call_is_tried_three_times(lambdas: Lambdas) -> None:
    answer = lambdas.client().invoke(
        FunctionName="sample-test-failing", InvocationType="Event", Payload=json.dumps({"name": "x"})
    )

    assert answer["StatusCode"] == 202
    lambdas.take("sample-seen", lambda seen: seen == {"failing": "x"}, count=3)
    _wait_for(lambda: "Dropped after 3 tries" in lambdas.log("failing"))
    assert lambdas.log("failing").count("START") == 3


def test_only_failed_messages_come_again_and_end_as_dead_letters(lambdas: Lambdas) -> None:
    lambdas.send("sample-jobs", '"good"', "bad")

    seen = lambdas.take("sample-seen", lambda found: "job" in found, count=4)

    assert [one["tries"] for one in seen if one["job"] == '"good"'] == ["1"]
    assert [one["tries"] for one in seen if one["job"] == "bad"] == ["1", "2", "3"]
    sqs, dead = lambdas.aws.client("sqs"), lambdas.queue("sample-dead")
    _wait_for(lambda: _count(sqs, dead) == 1)
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "bad"
    assert _count(sqs, lambdas.queue("sample-jobs")) == 0


def test_a_schedule_sends_scheduled_events(lambdas: Lambdas) -> None:
    """The first one comes at the start."""
    _wait_for(lambda: "END RequestId" in lambdas.log("clock"))

    assert "REPORT RequestId" in lambdas.log("clock")


def _count(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())


def _wait_for(holds: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)
