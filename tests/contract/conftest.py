"""The adapters that the contract suites run on."""

import pytest

from chalicelib.core.ports import Store
from chalicelib.store.dynamo import DynamoStore
from chalicelib.store.memory import MemoryStore
from tests.tables import new_store


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
