"""Functions to measure: ours as it is deployed, and the least that Chalice and pynamodb can do, packed the same way."""

import json
import re
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from infra.local import provided
from infra.local.aws import Aws
from infra.local.deploy import deploy
from infra.local.moto_server import MotoServer
from infra.local.paths import CHECKOUT
from infra.local.runtime.functions import Function, deployed
from infra.local.runtime.pool import Environment, Pool

LEAST = """\
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

app = Chalice("least")


class Row(Model):
    class Meta:
        table_name = "snapwarden-local"
        region = "eu-central-1"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


@app.lambda_function(name="get")
def get(event, context):
    try:
        return Row.get(event["pk"], event["sk"], consistent_read=True).pk
    except Row.DoesNotExist:
        return None
"""
CONFIG = {"version": "2.0", "app_name": "least", "autogen_policy": False, "stages": {"bench": {}}}
READ = {"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": ["arn:aws:dynamodb:*:*:table/snapwarden-local"]}
NEEDS = ("pynamodb", "typing-extensions")
_numbers = count()


@dataclass(frozen=True)
class Cold:
    """Milliseconds: `init` and `call` as the REPORT line of Lambda has them, `cpu` what the process used (user and
    system), which other work on the machine disturbs less."""

    init: float
    call: float
    cpu: float

    @property
    def both(self) -> float:
        return self.init + self.call


def cold(function: Function, aws: Aws, event: Mapping[str, Any], folder: Path) -> Cold:
    """A new process, one call, the end."""
    logs = folder / str(next(_numbers))
    before = _cpu_of_children()
    pool = Pool(function, Environment(provided.folder(), logs, aws.environ(), 30.0))
    try:
        answer = pool.invoke(json.dumps(event))
        assert not answer.failed, answer.payload
    finally:
        pool.close()
    found = re.search(
        r"\tDuration: ([\d.]+) ms.*\tInit Duration: ([\d.]+) ms", (logs / f"{function.name}.log").read_text()
    )
    assert found
    return Cold(init=float(found[2]), call=float(found[1]), cpu=_cpu_of_children() - before)


def _cpu_of_children() -> float:
    """Of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


@contextmanager
def least(folder: Path, dynamodb_url: str) -> Iterator[tuple[Function, Aws]]:
    """The baseline, deployed onto an AWS of its own; it reads our table."""
    project = folder / "least"
    (project / ".chalice").mkdir(parents=True)
    (project / "app.py").write_text(LEAST)
    (project / "requirements.txt").write_text("")
    (project / "requirements-vendor.txt").write_text(_part_of_lock())
    policy = {"Version": "2012-10-17", "Statement": [READ]}
    (project / ".chalice" / "policy-bench.json").write_text(json.dumps(policy))
    (project / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    moto = MotoServer(folder / "least.log").start()
    try:
        aws = Aws(moto.url, dynamodb_url)
        deploy(aws, project, "bench")
        (function,) = deployed(aws, project, folder / "functions", 1)
        yield function, aws
    finally:
        moto.stop()


def _part_of_lock() -> str:
    entries = re.split(r"(?m)^(?=\S)", (CHECKOUT / "requirements-vendor.txt").read_text())
    return "".join(entry for entry in entries if entry.startswith(tuple(f"{name}==" for name in NEEDS)))
