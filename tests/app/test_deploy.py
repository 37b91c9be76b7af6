"""The genuine `chalice deploy` of the sample onto the embedded AWS."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.aws import Aws
from infra.local.deploy import PARTIAL, deploy, function_names
from infra.local.errors import CannotStart
from tests.app.lambdas import STAGE, embedded_aws, sample_in


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    with embedded_aws(tmp_path) as found:
        yield found


def test_a_deploy_makes_everything_and_may_be_repeated(aws: Aws, tmp_path: Path) -> None:
    project = sample_in(tmp_path)
    config = (project / ".chalice" / "config.json").read_bytes()

    for _ in range(2):
        deploy(aws, project, STAGE)

        names = {function["FunctionName"] for function in aws.client("lambda").list_functions()["Functions"]}
        assert names == set(function_names(project, STAGE))
        (mapping,) = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        assert mapping["FunctionResponseTypes"] == [PARTIAL]
        assert len(aws.client("events").list_rules()["Rules"]) == 1
    assert (project / ".chalice" / "config.json").read_bytes() == config


def test_an_aws_that_has_forgotten_is_deployed_anew(tmp_path: Path) -> None:
    project = sample_in(tmp_path)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with embedded_aws(tmp_path / name) as aws:
            deploy(aws, project, STAGE)

            (mapping,) = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
            assert mapping["FunctionResponseTypes"] == [PARTIAL]


def test_the_zip_holds_byte_code_that_a_new_date_does_not_spoil(aws: Aws, tmp_path: Path) -> None:
    project = sample_in(tmp_path)
    deploy(aws, project, STAGE)

    (package,) = (project / ".chalice" / "deployments").glob("*.zip")
    with zipfile.ZipFile(package) as archive:
        (code,) = [name for name in archive.namelist() if name.startswith("chalicelib/") and name.endswith(".pyc")]
        assert archive.read(code)[4:8] == b"\x03\0\0\0"  # belongs to a hash, and is checked


def test_the_same_source_gives_the_same_package(aws: Aws, tmp_path: Path) -> None:
    project = sample_in(tmp_path)
    deploy(aws, project, STAGE)
    deploy(aws, project, STAGE)

    assert len(list((project / ".chalice" / "deployments").glob("*.zip"))) == 1


def test_what_chalice_says_is_passed_on(aws: Aws, tmp_path: Path) -> None:
    project = sample_in(tmp_path)
    (project / "app.py").write_text("raise ValueError('a mistake in app.py')\n")

    with pytest.raises(CannotStart, match=r"a mistake in app\.py"):
        deploy(aws, project, STAGE)


def test_every_function_of_the_configuration_is_declared() -> None:
    """Chalice ignores a name in config.json that does not exist: the function would get the stage's defaults."""
    root = Path(__file__).parents[2]
    source = (root / "app.py").read_text()
    for stage in json.loads((root / ".chalice" / "config.json").read_text())["stages"].values():
        for name in stage["lambda_functions"]:
            assert f'name="{name}"' in source
