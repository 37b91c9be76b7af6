"""The genuine `chalice deploy`, against the embedded AWS, and what Chalice cannot set."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from filelock import FileLock

from infra import vendor
from infra.local.aws import Aws
from infra.local.errors import CannotStart
from infra.local.servers import clean_environ

PARTIAL = "ReportBatchItemFailures"
KEPT_PACKAGES = 3
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"


def deploy(aws: Aws, project: Path, stage: str) -> None:
    """Functions, roles, mappings and schedules of `project` on `aws`. Safe to repeat.

    Moto forgets: what an earlier one had deployed would make Chalice update functions that are not there any more, so
    its record of them is dropped when it is not about this moto.
    """
    (project / ".local").mkdir(exist_ok=True)
    with FileLock(project / ".local" / "deploy.lock"):  # Chalice's record is one per project
        _forget_stale(aws, project, stage)
        vendor.fill(project)
        _compile(project / "chalicelib")
        _chalice_deploy(aws, project, stage)
        _report_partial_failures(aws, project, stage)
        _tidy(project)


def function_names(project: Path, stage: str) -> tuple[str, ...]:
    """What Chalice noted as deployed, e.g. `snapwarden-local-tick`."""
    deployed = [one for one in _deployed(project, stage) if one["resource_type"] == "lambda_function"]
    return tuple(one["lambda_arn"].rpartition(":")[2] for one in deployed)


def _forget_stale(aws: Aws, project: Path, stage: str) -> None:
    there = {function["FunctionName"] for function in aws.client("lambda").list_functions()["Functions"]}
    if not set(function_names(project, stage)) <= there:
        _record(project, stage).unlink()


def _compile(folder: Path) -> None:
    """Byte code that belongs to the source's content, not to its date: a zip changes dates, and Chalice packs whatever
    lies in `__pycache__`. Checked, because developers go on editing these very files."""
    for old in folder.rglob("__pycache__"):
        shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        vendor.compile_all(folder, PycInvalidationMode.CHECKED_HASH)


def _chalice_deploy(aws: Aws, project: Path, stage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHALICE, "deploy", "--stage", stage],
        cwd=project,
        env=clean_environ(**aws.environ(), PYTHONDONTWRITEBYTECODE="1", HOME=os.devnull),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise CannotStart(f"`chalice deploy --stage {stage}` failed:\n{said}")


def _report_partial_failures(aws: Aws, project: Path, stage: str) -> None:
    """Only the failed messages of a batch come again. Chalice has no word for it; later deploys keep it."""
    lambdas = aws.client("lambda")
    for uuid in [one["event_uuid"] for one in _deployed(project, stage) if one["resource_type"] == "sqs_event"]:
        lambdas.update_event_source_mapping(UUID=uuid, FunctionResponseTypes=[PARTIAL])
        found = lambdas.get_event_source_mapping(UUID=uuid)
        if found.get("FunctionResponseTypes") != [PARTIAL]:
            raise CannotStart(f"The mapping of {found['EventSourceArn']} did not take {PARTIAL}.")


def _tidy(project: Path) -> None:
    """Every change makes a new package of 9 MB."""
    packages = sorted((project / ".chalice" / "deployments").glob("*.zip"), key=lambda path: path.stat().st_mtime)
    for old in packages[:-KEPT_PACKAGES]:
        old.unlink()


def _record(project: Path, stage: str) -> Path:
    return project / ".chalice" / "deployed" / f"{stage}.json"


def _deployed(project: Path, stage: str) -> list[dict[str, str]]:
    try:
        return list(json.loads(_record(project, stage).read_text())["resources"])
    except FileNotFoundError:
        return []
