"""What stands beside the configuration file: certificates are read with it, because functions have no such file."""

from pathlib import Path

import pytest

from chalicelib.core.errors import BadInput
from chalicelib.service.config_file import read_config

FILE = """\
version: 1
targets:
  shop:
    engine: elasticsearch
    hosts: [https://es.internal:9200]
    auth: {none: true}
    tls:
      ca: certs/ca.pem
    repositories: {main: {type: fs, settings: {location: main}}}
policies:
  nightly: {target: shop, repository: main, select: {indices: [orders]}, schedule: "0 2 * * *"}
"""
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "snapwarden.yaml"
    path.write_text(FILE)
    (tmp_path / "certs").mkdir()
    return path


def test_certificates_take_the_place_of_their_name(file: Path) -> None:
    (file.parent / "certs" / "ca.pem").write_text(PEM)
    assert read_config(file).targets["shop"].tls.ca == PEM


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"hello", "no certificate"), (b"\xff\xfe", "no text")]
)
def test_certificates_that_cannot_be_used_are_a_problem_of_their_line(
    file: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (file.parent / "certs" / "ca.pem").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_config(file)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (8, "targets.shop.tls.ca")
    assert says in problem.message


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_config(tmp_path / "nothing.yaml")
    with pytest.raises(BadInput, match="this is a folder"):
        read_config(tmp_path)
