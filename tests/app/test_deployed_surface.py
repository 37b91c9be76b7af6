"""What was deployed, seen from outside: the very zip in a fresh interpreter, functions, triggers and names."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.service.world import FUNCTION_TIMEOUT
from infra import template
from infra.local.paths import CHECKOUT
from tests.app.deployed import PREFIX, STAGE, Deployed

pytestmark = pytest.mark.live

FUNCTIONS = ("dead_letters", "events", "tick", "work")
QUEUES = {"work": f"{PREFIX}work", "events": f"{PREFIX}events", "dead_letters": f"{PREFIX}dead"}
ZIP_LIMIT = 12_000_000
LAMBDA_HAS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
NOT_DEPLOYED = ("tests", "infra", "docs", "moto", "pytest", "typer", "rich", "click", "yaml", "_yaml", "filelock")

IMPORT = """
import importlib, json, socket, sys
def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        raise RuntimeError(f"importing must not do {event} {arguments}")
sys.addaudithook(no_network)
sys.path[:0] = sys.argv[2:]
module, _, attribute = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), attribute)
app = sys.modules["app"].app
print(json.dumps({
    "callable": callable(handler),
    "kind": type(handler).__name__,
    "file": sys.modules["app"].__file__,
    "declared": sorted(app.handler_map),
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "engines": sorted(name for name in sys.modules if name.startswith("chalicelib.engines.")),
}))
"""


def imported(product: Deployed, handler: str) -> dict[str, Any]:
    """What a process sees that has nothing but the zip and what Lambda brings, and no environment at all."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", IMPORT, handler, str(product.root), str(product.libraries)],
        cwd=product.root,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def names(product: Deployed) -> list[str]:
    with zipfile.ZipFile(product.package) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHECKOUT / ".chalice" / "config.json").read_text())
    return found


@pytest.fixture(scope="module")
def foundation(product: Deployed) -> dict[str, template.Resource]:
    path = CHECKOUT / "infra" / "foundation.yaml"
    read = template.read(path, region=product.aws.region, account=product.aws.account, Stage=STAGE)
    return {one.logical_id: one for one in read}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_is_importable_from_the_zip_alone(product: Deployed, name: str) -> None:
    """A blueprint's handler would not load app.py, so its middleware would be absent: hence `app.`, always. Nothing is
    connected and no variable is needed."""
    function = product.functions[name]
    seen = imported(product, function.handler)

    assert function.handler == f"app.{name}"
    assert seen["callable"]
    assert seen["kind"] == "EventSourceHandler"
    assert Path(seen["file"]).parent == product.root
    assert not set(seen["modules"]) & set(NOT_DEPLOYED)
    assert seen["engines"] == [], "an engine's library costs 0.1 s of a cold start: it is imported when it is asked"
    assert not {"asyncio", "boto3", "s3transfer"} & set(seen["modules"]), "each costs 10 to 20 ms of every cold start"


def test_configured_declared_and_deployed_functions_are_the_same(product: Deployed, config: dict[str, Any]) -> None:
    """Chalice ignores a name in config.json that app.py doesn't know; a function that config.json doesn't know gets
    128 MB and a role of Chalice's making."""
    assert imported(product, "app.tick")["declared"] == sorted(FUNCTIONS)
    assert sorted(product.functions) == sorted(FUNCTIONS)
    for stage, settings in config["stages"].items():
        assert sorted(settings["lambda_functions"]) == sorted(FUNCTIONS), stage
        assert settings["environment_variables"]["SNAPWARDEN_STAGE"] == stage


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_got_what_it_was_configured_with(product: Deployed, config: dict[str, Any], name: str) -> None:
    wanted, function = config["stages"][STAGE]["lambda_functions"][name], product.functions[name]

    assert (function.timeout, function.memory) == (wanted["lambda_timeout"], wanted["lambda_memory_size"])
    assert function.environment == config["stages"][STAGE]["environment_variables"]
    assert {grant for grant in wanted if grant.startswith("iam_")} == {"iam_policy_file"}


def test_the_driver_knows_the_timeout_of_work(product: Deployed) -> None:
    """A claim is over when its actor must be dead."""
    assert FUNCTION_TIMEOUT.total_seconds() == product.functions["work"].timeout


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_a_queue_hides_a_message_for_six_timeouts(product: Deployed, name: str) -> None:
    sqs = product.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUES[name])["QueueUrl"]
    visibility = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]

    assert int(visibility["VisibilityTimeout"]) >= 6 * product.functions[name].timeout


def test_triggers_are_the_foundations_own(product: Deployed, foundation: dict[str, template.Resource]) -> None:
    found = product.aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    by_function = {one["FunctionArn"].split(":")[6].removeprefix(PREFIX): one for one in found}

    assert len(found) == len(by_function) == 3
    assert {name: one["EventSourceArn"].rpartition(":")[2] for name, one in by_function.items()} == QUEUES
    logical = {"work": "WorkQueue", "events": "EventsQueue", "dead_letters": "DeadQueue"}
    assert {name: foundation[one].name for name, one in logical.items()} == QUEUES
    assert all(one["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for one in found)
    sizes = {one["EventSourceArn"].rpartition(":")[2]: one["BatchSize"] for one in found}
    one_each = {"snapwarden-local-work": 1, "snapwarden-local-events": 1}
    assert sizes == {**one_each, "snapwarden-local-dead": 10}, "a hanging target holds up nobody else"


def test_the_schedule_is_the_ticks(product: Deployed) -> None:
    events = product.aws.client("events")
    (rule,) = events.list_rules()["Rules"]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]

    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    assert target["Arn"] == product.functions["tick"].arn
    assert "Input" not in target, "the handler reads the event's own time"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_log_group_and_alarm(foundation: dict[str, template.Resource], name: str) -> None:
    """Without a log group of ours Lambda would make one that is kept forever, and the policy doesn't let it."""
    groups = {one.name for one in foundation.values() if one.type == "AWS::Logs::LogGroup"}
    alarms = [one.properties for one in foundation.values() if one.type == "AWS::CloudWatch::Alarm"]
    watched = [alarm for alarm in alarms if alarm.get("Dimensions") == [_dimension(name)]]

    assert f"/aws/lambda/{PREFIX}{name}" in groups
    assert "Errors" in {alarm["MetricName"] for alarm in watched}


def test_alarms_watch_functions_that_exist(foundation: dict[str, template.Resource]) -> None:
    named = [
        dimension["Value"]
        for one in foundation.values()
        for dimension in one.properties.get("Dimensions", ())
        if dimension["Name"] == "FunctionName"
    ]

    assert {name.removeprefix(PREFIX) for name in named} == set(FUNCTIONS)


def _dimension(name: str) -> dict[str, str]:
    return {"Name": "FunctionName", "Value": f"{PREFIX}{name}"}


def test_the_zip_is_small(product: Deployed) -> None:
    assert product.package.stat().st_size <= ZIP_LIMIT


def test_the_zip_holds_nothing_that_functions_do_not_need(names: list[str]) -> None:
    tops = {name.partition("/")[0].removesuffix(".py") for name in names}

    assert not tops & {*LAMBDA_HAS, *NOT_DEPLOYED}
    assert not [name for name in names if re.match(r"(boto|s3transfer|typer|rich|pyyaml)", name, re.IGNORECASE)]
    assert {"app", "chalicelib", "chalice", "pydantic", "pynamodb"} <= tops


def test_the_zip_holds_nothing_private(names: list[str]) -> None:
    private = re.compile(r"\.(env|pem|key|ya?ml|db|log)$|(^|/)\.[^/]")

    assert [name for name in names if private.search(name)] == [".stamp", "certifi/cacert.pem"]
    assert {Path(name).suffix for name in names if name.startswith("chalicelib/")} <= {".py", ".pyc", ".toml"}


@pytest.mark.parametrize(("room", "flags"), [("vendor", 1), ("chalicelib", 3)])
def test_modules_are_compiled_and_the_byte_code_is_used(product: Deployed, room: str, flags: int) -> None:
    """A zip changes dates, so byte code that goes by them would be thrown away: vendor's is never checked (1), ours by
    the source's hash (3). What differs from the source would run in spite of it."""
    with zipfile.ZipFile(product.package) as archive:
        names = set(archive.namelist())
        ours = {name for name in names if name.startswith("chalicelib/")}
        wanted = ours if room == "chalicelib" else names - ours - _of_chalice(names) - {"app.py"}
        code = {name for name in wanted if name.endswith(".py")}
        compiled = {_compiled(name) for name in code}
        assert not sorted(compiled - names)[:5]
        assert {archive.read(name)[4] for name in compiled} == {flags}


def _of_chalice(names: set[str]) -> set[str]:
    """Two files that Chalice's deploy adds by itself, uncompiled."""
    return {name for name in names if name.startswith("chalice/")}


def _compiled(name: str) -> str:
    folder, file = os.path.split(name)
    return f"{folder}{'/' if folder else ''}__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def test_of_a_batch_only_the_bad_message_comes_again(product: Deployed) -> None:
    """One names a run that does not exist, which is told in the log and done with; one is no message of ours, and the
    log says why it failed."""
    gone = json.dumps({"run_id": "backup:nobody:2026-01-01T00:00Z", "rev": 1})

    before = len(product.log("work"))
    assert product.deliver("work", gone, "this is no wake-up", gone) == ["m1"]
    lines = [json.loads(line) for line in product.log("work")[before:].splitlines() if line.startswith("{")]
    (failed,) = [line for line in lines if "will be delivered again" in line.get("message", "")]
    assert failed["message_id"] == "m1"
    assert failed["exception_name"] == "ValidationError"
    assert product.deliver("work", "{}", "[]", "null") == ["m0", "m1", "m2"]
    assert product.deliver("work", gone) == []
