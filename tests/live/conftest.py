"""Servers to break, and scenes on them (tests/live/accidents.py)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import Places
from infra.local.servers import Server
from tests.live.accidents import Breakable, Scene

Opener = Callable[[Server], Scene]
AT_NIGHT = ["elasticsearch", pytest.param("elasticsearch_9", marks=pytest.mark.nightly)]
"""For `server`, where one version says enough by day."""


@pytest.fixture(params=["elasticsearch", "elasticsearch_9"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


@pytest.fixture(scope="session")
def breakable(server_places: Places, server_root: Path) -> Iterator[Breakable]:
    """8.19.2, for the accidents alone: repositories are left in ruins, and it is killed. Always up when a test ends."""
    one = Breakable(Elasticsearch(server_places, "8.19.2", server_root / "breakable"))
    yield one
    one.server.stop()


@pytest.fixture
def new_scene() -> Iterator[Opener]:
    scenes: list[Scene] = []

    def make(server: Server) -> Scene:
        scenes.append(Scene(server))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.leave()


@pytest.fixture
def scene(breakable: Breakable, new_scene: Opener) -> Scene:
    return new_scene(breakable.server)
