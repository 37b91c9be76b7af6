"""The arrows between the rooms, on this tree and on planted trees: a rule that cannot fail is no rule."""

from pathlib import Path

import pytest

from tests.layering import violations

ROOT = Path(__file__).parents[2]


def test_every_import_follows_the_architecture() -> None:
    assert "\n".join(violations(ROOT)) == ""


WRONG = [
    ("chalicelib/core/model.py", "import boto3", "core may not import boto3"),
    ("chalicelib/core/model.py", "import yaml", "core may not import yaml"),
    ("chalicelib/core/model.py", "import chalice", "core may not import chalice"),
    ("chalicelib/core/model.py", "import os", "core is pure: no os"),
    ("chalicelib/core/model.py", "from urllib.request import urlopen", "core is pure: no urllib.request"),
    ("chalicelib/core/model.py", "from time import sleep", "core is pure: no time"),
    ("chalicelib/core/model.py", "from random import choice", "core is pure: no random"),
    ("chalicelib/core/model.py", "from chalicelib.service import start", "core may not import service"),
    ("chalicelib/core/model.py", "from chalicelib import settings", "core may not import settings"),
    ("chalicelib/core/schedule.py", "import zstandard", "core may not import zstandard"),
    ("chalicelib/core/workflows/backup.py", "import chalicelib.store.memory", "core may not import store"),
    ("chalicelib/core/model.py", "from ..store import memory", "relative import"),
    ("chalicelib/core/model.py", "def f(name):\n    __import__(name)", "cannot be read"),
    ("chalicelib/core/model.py", "def f():\n    import boto3", "core may not import boto3"),
    ("chalicelib/service/start.py", "from chalicelib.engines import elasticsearch", "service may not import engines"),
    ("chalicelib/service/start.py", "from chalicelib.store.memory import Memory", "service may not import store"),
    ("chalicelib/service/start.py", "import chalicelib.notify", "service may not import notify"),
    ("chalicelib/service/start.py", "from botocore.config import Config", "service may not import botocore"),
    ("chalicelib/service/start.py", "import chalice", "service may not import chalice"),
    ("chalicelib/service/start.py", "import threading", "service is pure: no threading"),
    (
        "chalicelib/service/start.py",
        'from importlib import import_module\nimport_module("chalicelib.engines.elasticsearch")',
        "service may not import engines",
    ),
    (
        "chalicelib/service/start.py",
        'import importlib\nimportlib.import_module(f"chalicelib.engines.{1}")',
        "service may not import engines",
    ),
    ("chalicelib/engines/elasticsearch.py", "from chalicelib.store import memory", "engines may not import store"),
    ("chalicelib/engines/elasticsearch.py", "from chalicelib.service import start", "engines may not import service"),
    ("chalicelib/engines/ravendb.py", "import elasticsearch", "engines may not import elasticsearch"),
    ("chalicelib/store/memory.py", "from pynamodb.models import Model", "store may not import pynamodb"),
    ("chalicelib/store/dynamo.py", "from chalicelib.notify import sns", "store may not import notify"),
    ("chalicelib/store/dynamo.py", "from chalicelib.handlers import work", "store may not import handlers"),
    ("chalicelib/notify/sns.py", "from chalicelib.engines import elasticsearch", "notify may not import engines"),
    ("chalicelib/notify/sns.py", "from mypy_boto3_sns import SNSClient", "only under TYPE_CHECKING"),
    ("chalicelib/handlers/work.py", "from chalicelib.store import dynamo", "handlers may not import store"),
    ("chalicelib/handlers/work.py", "import boto3", "handlers may not import boto3"),
    ("chalicelib/handlers/work.py", "from infra import vendor", "handlers may not import infra"),
    ("chalicelib/handlers/work.py", "from chalicelib.cli import main", "handlers may not import cli"),
    ("chalicelib/web/routes.py", "from chalicelib.store import memory", "web may not import store"),
    ("chalicelib/settings.py", "from chalicelib import bootstrap", "settings may not import bootstrap"),
    ("chalicelib/bootstrap.py", "from chalicelib.handlers import work", "bootstrap may not import handlers"),
    ("chalicelib/bootstrap.py", "from chalicelib.cli import main", "bootstrap may not import cli"),
    ("chalicelib/bootstrap.py", "import infra.vendor", "bootstrap may not import infra"),
    ("chalicelib/bootstrap.py", "import rich", "bootstrap may not import rich"),
    ("chalicelib/cli/main.py", "import infra.local", "cli may import infra only inside"),
    ("chalicelib/cli/main.py", "def status():\n    import infra.local", "cli may import infra only inside"),
    ("chalicelib/cli/main.py", "from chalicelib.engines import elasticsearch", "cli may not import engines"),
    ("infra/vendor.py", "from chalicelib.store import dynamo", "infra may not import store"),
    ("infra/local/demo.py", "from chalicelib.handlers import work", "infra may not import handlers"),
    ("infra/local/demo.py", "from tests import servers", "infra may not import tests"),
    ("app.py", "import infra", "app may not import infra"),
    ("app.py", "from chalicelib.service import start", "app may not import service"),
    ("chalicelib/utils.py", "", "utils is no room"),
]


@pytest.mark.parametrize(("path", "source", "why"), WRONG, ids=[f"{path}: {why}" for path, _, why in WRONG])
def test_a_planted_wrong_arrow_is_found(tmp_path: Path, path: str, source: str, why: str) -> None:
    _plant(tmp_path, path, source)

    [found] = violations(tmp_path)

    assert found.startswith(f"{path}:")
    assert why in found


RIGHT = [
    (
        "chalicelib/core/model.py",
        "import dataclasses\nfrom urllib.parse import urlsplit\nimport pydantic\nfrom chalicelib.core import spec",
    ),
    ("chalicelib/core/repository/blobs.py", "import zstandard"),
    ("chalicelib/core/config.py", "import yaml"),
    ("chalicelib/service/start.py", "from chalicelib.core.model import Run\nfrom chalicelib.service import tell"),
    ("chalicelib/engines/__init__.py", "from importlib import import_module\nimport_module(__name__ + '.x')"),
    ("chalicelib/engines/elasticsearch.py", "from elasticsearch import Elasticsearch"),
    ("chalicelib/store/dynamo.py", "from pynamodb.models import Model\nfrom botocore.exceptions import ClientError"),
    ("chalicelib/notify/sns.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_sns"),
    ("chalicelib/bootstrap.py", "import boto3\nfrom chalicelib import engines, settings, store"),
    ("chalicelib/cli/main.py", "import typer\ndef up():\n    from infra.local import stage"),
    ("infra/local/demo.py", "import psutil\nfrom chalicelib import bootstrap"),
    ("app.py", "from chalice import Chalice\nfrom chalicelib.handlers import work"),
]


@pytest.mark.parametrize(("path", "source"), RIGHT, ids=[path for path, _ in RIGHT])
def test_a_right_arrow_is_left_alone(tmp_path: Path, path: str, source: str) -> None:
    _plant(tmp_path, path, source)

    assert violations(tmp_path) == []


def _plant(root: Path, path: str, source: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(source + "\n")
