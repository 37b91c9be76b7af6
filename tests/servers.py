"""Real servers for tests, one of each per test session, started when first asked for: a plain pytest plugin.

They are shared: use names of your own (indices, repositories, tables) and leave nothing behind that disturbs others. A
test that kills or breaks a server makes its own with `new_elasticsearch` or `started`.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local import processes
from infra.local.dynamodb import DynamoDBLocal
from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import Places, places
from infra.local.servers import Server

OWNER = "owner.json"


@pytest.fixture(scope="session")
def server_places() -> Places:
    return places()


@pytest.fixture(scope="session")
def server_root(server_places: Places) -> Iterator[Path]:
    """A folder for this session's servers. Whatever runs from it is ended at the end, here or by the next session."""
    sessions = server_places.servers / "tests"
    sessions.mkdir(exist_ok=True)
    for left in sessions.iterdir():
        _sweep(left)
    root = sessions / uuid4().hex[:8]
    root.mkdir()
    (root / OWNER).write_text(json.dumps(processes.identity_of(os.getpid()).to_json()))
    yield root
    _end_servers(root)
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def dynamodb_url(server_places: Places, server_root: Path) -> str:
    return started(DynamoDBLocal(server_places, server_root / "dynamodb")).url


@pytest.fixture(scope="session")
def elasticsearch(server_places: Places, server_root: Path) -> Server:
    """8.19.2; `fs` repositories may lie below `.repositories`."""
    return started(Elasticsearch(server_places, "8.19.2", server_root / "elasticsearch"))


@pytest.fixture(scope="session")
def elasticsearch_9(server_places: Places, server_root: Path) -> Server:
    return started(Elasticsearch(server_places, "9.2.0", server_root / "elasticsearch-9"))


@pytest.fixture
def new_elasticsearch(server_places: Places, server_root: Path) -> Iterator[Callable[[str], Server]]:
    """Makes a server of its own of the given version, for this test alone."""
    made: list[Server] = []

    def make(version: str) -> Server:
        made.append(started(Elasticsearch(server_places, version, server_root / f"own-{uuid4().hex[:8]}")))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def started(what: DynamoDBLocal | Elasticsearch) -> Server:
    """Starts it, and notes it where `server_root` finds it even if this process is killed."""
    server = what.start()
    (what.root / "server.json").write_text(json.dumps(server.to_json()))
    return server


def _sweep(session: Path) -> None:
    """End and remove what a killed session left; leave a living one (tests running at the same time) alone."""
    try:
        owner = processes.Identity.from_json(json.loads((session / OWNER).read_text()))
    except (FileNotFoundError, ValueError):
        return  # being made or removed just now
    if not processes.is_alive(owner):
        _end_servers(session)
        shutil.rmtree(session, ignore_errors=True)


def _end_servers(session: Path) -> None:
    for note in session.glob("*/server.json"):
        Server.from_json(json.loads(note.read_text())).stop()
