"""The product itself, really deployed onto an embedded AWS: the zip, the roles, and its functions as Lambda runs them.

Each function's process is that of the local stage, from the unpacked zip alone, and reaches AWS through a gate that
allows what its role allows (gate.py).
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import vendor
from infra.local import foundation, provided
from infra.local.aws import Aws
from infra.local.deploy import deploy
from infra.local.moto_server import MotoServer
from infra.local.paths import CHECKOUT
from infra.local.runtime.functions import Function
from infra.local.runtime.functions import deployed as deployed_functions
from infra.local.runtime.pool import Environment, Pool
from tests.app.gate import Gate, grants

STAGE = "local"
PREFIX = f"snapwarden-{STAGE}-"
FILES = ("app.py", "requirements.txt", "requirements-vendor.txt")


@dataclass(frozen=True)
class Deployed:
    """`functions`, `policies`, `gates` and `pools` by the name in app.py; `policies` are what the roles say."""

    aws: Aws
    package: Path
    root: Path
    libraries: Path
    logs: Path
    functions: Mapping[str, Function]
    policies: Mapping[str, Mapping[str, Any]]
    gates: Mapping[str, Gate]
    pools: Mapping[str, Pool]

    def call(self, name: str, event: Mapping[str, Any]) -> Any:
        """The handler's result. An error that the handler raised is one of the test."""
        answer = self.pools[name].invoke(json.dumps(event))
        assert not answer.failed, answer.payload
        return json.loads(answer.payload)

    def deliver(self, name: str, *bodies: str) -> list[str]:
        """A batch of messages `m0`, `m1` …; returns those that failed."""
        records = [{"messageId": f"m{n}", "receiptHandle": "r", "body": body} for n, body in enumerate(bodies)]
        common = {"eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}, "awsRegion": self.aws.region}
        answer = self.call(name, {"Records": [{**common, **record} for record in records]})
        return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]

    def tick(self, at: str) -> None:
        scheduled = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}, "region": self.aws.region}
        extra = {"id": "1", "version": "0", "account": self.aws.account, "resources": [], "time": at}
        self.call("tick", {**scheduled, **extra})

    def log(self, name: str) -> str:
        return (self.logs / f"{PREFIX}{name}.log").read_text()


@contextmanager
def deployed(folder: Path, dynamodb_url: str) -> Iterator[Deployed]:
    """Everything that `snapwarden up` makes, but pollers and schedules."""
    with ExitStack() as stack:
        moto = MotoServer(folder / "moto.log").start()
        stack.callback(moto.stop)
        aws = Aws(moto.url, dynamodb_url)
        foundation.create(aws, STAGE)
        project = copy_of_project(folder / "project")
        deploy(aws, project, STAGE)
        (package,) = (project / ".chalice" / "deployments").glob("*.zip")
        named = {one.name: one for one in deployed_functions(aws, project, folder / "functions", 2)}
        functions = {name.removeprefix(PREFIX): function for name, function in named.items()}
        policies = {name: role_policy(aws, function) for name, function in functions.items()}
        gates = {name: Gate(aws, grants(policy)) for name, policy in policies.items()}
        pools = {
            name: Pool(function, Environment(provided.folder(), folder / "logs", gates[name].environ(), 30.0))
            for name, function in functions.items()
        }
        for gate in gates.values():
            stack.callback(gate.close)
        for pool in pools.values():
            stack.callback(pool.close)
        (root,) = {function.task_root for function in functions.values()}
        yield Deployed(aws, package, root, provided.folder(), folder / "logs", functions, policies, gates, pools)


def copy_of_project(folder: Path) -> Path:
    """What Chalice packs, away from a stage that may run from the checkout."""
    folder.mkdir(parents=True)
    rubbish = shutil.ignore_patterns("__pycache__", ".*_cache", "deployed", "deployments")
    for name in FILES:
        shutil.copy(CHECKOUT / name, folder / name)
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=rubbish)
    shutil.copytree(vendor.fill(CHECKOUT), folder / "vendor")
    return folder


def role_policy(aws: Aws, function: Function) -> Mapping[str, Any]:
    """The only policy of the function's role, as IAM has it."""
    iam = aws.client("iam")
    arn = aws.client("lambda").get_function_configuration(FunctionName=function.name)["Role"]
    role = arn.rpartition("/")[2]
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found: Mapping[str, Any] = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    return found
