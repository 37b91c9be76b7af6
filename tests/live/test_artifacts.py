"""The real repository, with one small file."""

from pathlib import Path

import pytest

from infra.local.artifacts import Artifact, fetch, sha256_of
from tests.maven import write_lock

pytestmark = pytest.mark.live

SMALL = Artifact(
    "commons-cli",
    "commons-cli",
    "1.2",
    "jar",
    "",
    "e7cd8951956d349b568b7ccfd4f5b2529a8c113e67c32b028f52ffda371259d9",
    41_123,
)


def test_one_small_file_comes_from_the_real_repository(tmp_path: Path) -> None:
    lock = write_lock(tmp_path / "artifacts.lock", [SMALL])
    ((_, path),) = fetch("some", lock=lock, cache=tmp_path)
    assert sha256_of(path) == SMALL.sha256
