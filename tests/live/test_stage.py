"""The whole local stage, as `snapwarden up` and `down` drive it, in a folder of its own."""

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import processes, stage, stagefile
from infra.local.aws import KEY, Aws
from infra.local.elasticsearch import Elasticsearch
from infra.local.errors import CannotStart
from infra.local.paths import Places
from infra.local.processes import Identity
from infra.local.runtime.schedule import scheduled_event
from infra.local.servers import Server
from tests.servers import started

ROW = {"pk": {"S": "kept"}, "sk": {"S": "kept"}}


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elasticsearch: Server, server_places: Places
) -> Iterator[Path]:
    """With the session's Elasticsearch as "a server of your own": booting one more is tested by the demo."""
    monkeypatch.setenv("SNAPWARDEN_ES_URL", elasticsearch.url)
    own = tmp_path / "stage"
    yield own
    stage.down(own)
    shutil.rmtree(stage.servers_root(server_places, own), ignore_errors=True)


def test_the_life_of_a_stage(folder: Path) -> None:
    state = stage.up(folder=folder, fresh=True)
    assert stagefile.load(folder) == state
    assert _tick(state) is None
    _table(state).put_item(TableName="snapwarden-local", Item=ROW)

    with pytest.raises(CannotStart, match="runs already"):
        stage.up(folder=folder)

    _kill_supervisor(state)
    said: list[str] = []
    again = stage.up(folder=folder, progress=said.append)
    assert any("dynamodb" in line and "moto" in line for line in said if line.startswith("ended what"))
    assert not [name for name in ("dynamodb", "moto", "supervisor") if _is_alive(state, name)]
    assert _table(again).get_item(TableName="snapwarden-local", Key=ROW)["Item"] == ROW
    assert _tick(again) is None

    assert stage.down(folder) is True
    assert not [name for name in again["children"] if _is_alive(again, name)]
    assert stagefile.load(folder) is None
    assert stage.down(folder) is False


def test_a_stage_without_its_vital_servers_ends_itself(folder: Path) -> None:
    state = stage.up(folder=folder)

    os.kill(state["children"]["moto"]["pid"], signal.SIGKILL)

    supervisor = Identity.from_json(state["children"]["supervisor"])
    assert _comes_true(lambda: not processes.is_alive(supervisor))
    assert _comes_true(lambda: not _is_alive(state, "dynamodb"))
    assert not stage.is_running(folder)


def test_what_fails_leaves_nothing_running(folder: Path) -> None:
    """A template of an older stage: the table there has other keys."""
    state = stage.up(folder=folder, fresh=True)
    table = _table(state)
    table.update_table(TableName="snapwarden-local", DeletionProtectionEnabled=False)
    stage.down(folder)

    with pytest.raises(CannotStart, match="--fresh"):
        stage.up(folder=folder)

    assert stagefile.Journal(folder).identities() == {}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(state["dynamodb_endpoint_url"].rpartition(":")[2]))) != 0


def test_what_is_killed_while_starting_is_found_by_the_next_up(folder: Path) -> None:
    killed: list[dict[str, Identity]] = []

    def kill(step: str) -> None:
        if step.startswith("deploying"):
            killed.append(stagefile.Journal(folder).identities())
            os.kill(killed[0]["supervisor"].pid, signal.SIGKILL)

    with pytest.raises(CannotStart, match="ended while starting"):
        stage.up(folder=folder, progress=kill)
    stage.up(folder=folder)

    assert killed[0].keys() == {"supervisor", "dynamodb", "moto"}
    assert not [name for name, identity in killed[0].items() if processes.is_alive(identity)]


def test_elasticsearch_starts_after_a_first_boot_that_was_killed(server_places: Places, server_root: Path) -> None:
    root = server_root / "killed"
    (root / "config").mkdir(parents=True)
    (root / "config" / "elasticsearch.keystore.tmp").touch()

    started(Elasticsearch(server_places, "8.19.2", root)).stop()


def test_an_unknown_version_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"8\.19\.2"):
        stage.up("7.0.0", folder=tmp_path / "stage")

    assert not (tmp_path / "stage").exists()


def _tick(state: dict[str, Any]) -> str | None:
    client = boto3.client(
        "lambda",
        endpoint_url=state["invoke_endpoint_url"],
        region_name=state["region"],
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
    )
    event = scheduled_event(_aws(state), "arn:aws:events:by-hand", datetime.now(UTC))
    error: str | None = client.invoke(FunctionName="snapwarden-local-tick", Payload=json.dumps(event)).get(
        "FunctionError"
    )
    return error


def _aws(state: dict[str, Any]) -> Aws:
    return Aws(state["endpoint_url"], state["dynamodb_endpoint_url"])


def _table(state: dict[str, Any]) -> Any:
    return _aws(state).client("dynamodb")


def _is_alive(state: dict[str, Any], name: str) -> bool:
    return processes.is_alive(Identity.from_json(state["children"][name]))


def _kill_supervisor(state: dict[str, Any]) -> None:
    """And waits: a killed process keeps its lock for some milliseconds more."""
    supervisor = Identity.from_json(state["children"]["supervisor"])
    os.kill(supervisor.pid, signal.SIGKILL)
    assert _comes_true(lambda: not processes.is_alive(supervisor))


def _comes_true(holds: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False
