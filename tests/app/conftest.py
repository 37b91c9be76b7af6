"""The product, deployed once for all tests that look at it."""

from collections.abc import Iterator

import pytest

from tests.app.deployed import Deployed, deployed


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, dynamodb_url: str) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("product"), dynamodb_url) as found:
        yield found
