"""The functions as they were deployed: their records from Lambda's API, their code from the very zip."""

import base64
import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra.local.aws import Aws
from infra.local.errors import CannotStart
from infra.local.installed import install


@dataclass(frozen=True, slots=True)
class Function:
    """`timeout` in seconds, `memory` in MB; `task_root` is the unpacked zip."""

    name: str
    arn: str
    handler: str
    timeout: float
    memory: int
    environment: Mapping[str, str]
    task_root: Path
    concurrency: int
    retries: int = 2
    on_failure: str | None = None
    """ARN of the queue that gets asynchronous calls which failed for good."""


def deployed(aws: Aws, project: Path, folder: Path, default_concurrency: int) -> tuple[Function, ...]:
    """All functions that Lambda knows. Their zips are unpacked below `folder`, others there are removed."""
    lambdas = aws.client("lambda")
    records = [one for page in lambdas.get_paginator("list_functions").paginate() for one in page["Functions"]]
    roots = {record["CodeSha256"]: unpack(project, record["CodeSha256"], folder) for record in records}
    keep = {root.name for root in roots.values()}
    for old in folder.glob("[0-9a-f]*"):
        if old.is_dir() and old.name not in keep:
            shutil.rmtree(old, ignore_errors=True)
    return tuple(_function(lambdas, record, roots[record["CodeSha256"]], default_concurrency) for record in records)


def unpack(project: Path, code_sha256: str, folder: Path) -> Path:
    """The package with this checksum (as Lambda writes it), unpacked. Lambda's own copy cannot be asked: moto answers
    `get_function` with an address where nothing is."""
    digest = base64.b64decode(code_sha256)
    for package in (project / ".chalice" / "deployments").glob("*.zip"):
        if hashlib.sha256(package.read_bytes()).digest() == digest:
            return install(folder / digest.hex()[:16], code_sha256, partial(_unzip, package))
    raise CannotStart(f"No package in .chalice/deployments has the deployed checksum {code_sha256}.")


def _unzip(package: Path, folder: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)


def _function(lambdas: Any, record: Mapping[str, Any], root: Path, default_concurrency: int) -> Function:
    name = record["FunctionName"]
    reserved = lambdas.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    asynchronous = _invoke_config(lambdas, name)
    return Function(
        name=name,
        arn=record["FunctionArn"],
        handler=record["Handler"],
        timeout=float(record["Timeout"]),
        memory=int(record["MemorySize"]),
        environment=record.get("Environment", {}).get("Variables", {}),
        task_root=root,
        concurrency=default_concurrency if reserved is None else int(reserved),
        retries=int(asynchronous.get("MaximumRetryAttempts", 2)),
        on_failure=asynchronous.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
    )


def _invoke_config(lambdas: Any, name: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = lambdas.get_function_event_invoke_config(FunctionName=name)
    except lambdas.exceptions.ResourceNotFoundException:
        return {}
    return found
