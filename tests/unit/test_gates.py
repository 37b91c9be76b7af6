"""The bans of pyproject.toml and the search for dead code, on planted code: each must be able to fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dead_code import unused

ROOT = Path(__file__).parents[2]

BANNED = [
    ("chalicelib/core/model.py", "from datetime import UTC, datetime\ndatetime.now(UTC)", "datetime.datetime.now"),
    ("chalicelib/service/start.py", "import time\ntime.sleep(1)", "time.sleep"),
    ("chalicelib/engines/x.py", "import time\ntime.time()", "time.time"),
    ("chalicelib/handlers/work.py", "import os\nos.environ['X']", "os.environ"),
    ("chalicelib/handlers/work.py", "from os import getenv\ngetenv('X')", "os.getenv"),
    ("chalicelib/store/dynamo.py", "from uuid import uuid4\nuuid4()", "uuid.uuid4"),
    ("chalicelib/cli/main.py", "import os\nos.getenv('X')", "os.getenv"),
    ("app.py", "import os\nos.environ['X']", "os.environ"),
    ("tests/unit/test_x.py", "from unittest.mock import MagicMock\nMagicMock()", "unittest.mock"),
    ("tests/unit/test_x.py", "from unittest import mock\nmock.patch", "unittest.mock"),
    ("infra/vendor.py", "import unittest.mock\nunittest.mock.patch", "unittest.mock"),
    ("chalicelib/service/start.py", "print(1)", "T201"),
]

PERMITTED = [
    ("chalicelib/settings.py", "import os\nos.environ['X']"),
    ("chalicelib/bootstrap.py", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
    ("chalicelib/cli/main.py", "import time\ntime.sleep(1)\nprint(1)"),
    ("infra/vendor.py", "import os\nos.environ['X']\nprint(1)"),
    ("tests/live/test_x.py", "import time\ntime.sleep(1)"),
]


@pytest.mark.parametrize(("path", "source", "why"), BANNED)
def test_a_planted_ban_is_found(path: str, source: str, why: str) -> None:
    assert why in lint(path, source)


@pytest.mark.parametrize(("path", "source"), PERMITTED)
def test_what_is_permitted_passes(path: str, source: str) -> None:
    assert lint(path, source) == ""


def test_dead_code_is_found(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def used(): return 1\ndef dead(): return used()\n")

    assert unused(tmp_path) == ["app.py:2: unused function 'dead'"]


def lint(path: str, source: str) -> str:
    """What ruff would say of `source` at `path`, as far as bans and prints go."""
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--no-cache", "--output-format", "concise"]
    command += ["--select", "TID251,T201", "--stdin-filename", path, "-"]
    return subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False).stdout
