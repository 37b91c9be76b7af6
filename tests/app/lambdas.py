"""A local Lambda with the sample application, really deployed, for the tests of the runtime."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.aws import KEY, Aws
from infra.local.deploy import deploy
from infra.local.moto_server import MotoServer
from infra.local.runtime import Runtime, Settings

SAMPLE = Path(__file__).with_name("sample")
STAGE = "test"


@dataclass(frozen=True)
class Lambdas:
    aws: Aws
    runtime: Runtime
    project: Path
    logs: Path

    def client(self) -> Any:
        return boto3.client(
            "lambda",
            endpoint_url=self.runtime.url,
            region_name=self.aws.region,
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        )

    def call(self, name: str, **event: Any) -> tuple[str | None, Any]:
        """The kind of the error, if any, and what came back."""
        answer = self.client().invoke(FunctionName=f"sample-{STAGE}-{name}", Payload=json.dumps(event))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def queue(self, name: str) -> str:
        return str(self.aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def send(self, name: str, *bodies: str) -> None:
        for body in bodies:
            self.aws.client("sqs").send_message(QueueUrl=self.queue(name), MessageBody=body)

    def take(self, name: str, wanted: Callable[[Any], bool], count: int = 1, seconds: float = 20) -> list[Any]:
        """The next `count` wanted messages of a queue; others are taken out and dropped. Fails when they don't come."""
        sqs, url = self.aws.client("sqs"), self.queue(name)
        found: list[Any] = []
        end = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < end, f"only {found} came out of {name}"
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
                "Messages", ()
            ):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                body = json.loads(message["Body"])
                if wanted(body):
                    found.append(body)
        return found

    def log(self, name: str) -> str:
        return (self.logs / f"sample-{STAGE}-{name}.log").read_text()


@contextmanager
def embedded_aws(folder: Path) -> Iterator[Aws]:
    """A moto of its own, with the queues of the sample."""
    server = MotoServer(folder / "moto.log").start()
    try:
        aws = Aws(server.url, server.url)
        sqs = aws.client("sqs")
        sqs.create_queue(QueueName="sample-seen")
        sqs.create_queue(QueueName="sample-dead")
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{aws.region}:{aws.account}:sample-dead", "maxReceiveCount": 3}
        attributes = {"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(redrive)}
        sqs.create_queue(QueueName="sample-jobs", Attributes=attributes)
        yield aws
    finally:
        server.stop()


def sample_in(folder: Path) -> Path:
    """A project to deploy from: the sample without what earlier deploys left."""
    project = folder / "project"
    shutil.copytree(SAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", "deployed", "deployments", "vendor"))
    return project


@contextmanager
def running(folder: Path, prepare: Callable[[Aws, Path], None] = lambda aws, project: None) -> Iterator[Lambdas]:
    """`prepare` comes between the deploy and the start."""
    with embedded_aws(folder) as aws:
        project = sample_in(folder)
        deploy(aws, project, STAGE)
        prepare(aws, project)
        logs = folder / "logs"
        runtime = Runtime(
            Settings(aws=aws, project=project, work=folder / "work", logs=logs, backoff=(0.1, 0.1), schedules=True)
        )
        runtime.start()
        try:
            yield Lambdas(aws, runtime, project, logs)
        finally:
            runtime.stop()
