"""The adapters that the contract suites run on."""

from collections.abc import Iterator

import pytest

from chalicelib.core.ports import Store
from chalicelib.store.dynamo import DynamoStore
from chalicelib.store.memory import MemoryStore
from tests.contract.engine_worlds import ElasticsearchWorld, EngineWorld, FakeWorld
from tests.tables import new_store

LIVE = pytest.mark.live
REAL = [pytest.param("elasticsearch", marks=LIVE)]


def _world(request: pytest.FixtureRequest) -> Iterator[EngineWorld]:
    if request.param == "fake":
        yield FakeWorld()
        return
    world = ElasticsearchWorld(request.getfixturevalue(request.param))
    yield world
    world.leave_nothing_behind()


@pytest.fixture(params=["fake", *REAL])
def world(request: pytest.FixtureRequest) -> Iterator[EngineWorld]:
    yield from _world(request)


@pytest.fixture(params=["fake", *REAL, pytest.param("elasticsearch_9", marks=LIVE)])
def any_world(request: pytest.FixtureRequest) -> Iterator[EngineWorld]:
    """For the few tests that go over all versions."""
    yield from _world(request)


@pytest.fixture
def dynamo(dynamodb_url: str, monkeypatch: pytest.MonkeyPatch) -> DynamoStore:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return new_store(dynamodb_url)


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.live)])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    made: DynamoStore = request.getfixturevalue("dynamo")
    return made
