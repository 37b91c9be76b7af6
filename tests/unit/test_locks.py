"""The lock files say the same, cover pyproject.toml, and the tree names no registry and no path of anyone's machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.layering import OWN_LIBRARY, ROOMS

ROOT = Path(__file__).parents[2]
DEV, VENDOR = ROOT / "requirements-dev.txt", ROOT / "requirements-vendor.txt"
PROVIDED = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
"""What Lambda's Python brings; Chalice packs itself."""
NOT_ON_LAMBDA = {"infra", "cli"}
SERVED_BY = {"yaml": "pyyaml", "elastic_transport": "elastic-transport"}

STRANGE = re.compile(
    r"pypi[.]org|pythonhosted[.]org|repo1?[.]maven[.]|registry[.]npmjs|--(extra-)?(index-url|find-links|trusted-host)"
    r"|(?<![\w.}])/(root|home/\w+|Users/\w+)/",
    re.IGNORECASE,
)


def pins(lock: Path) -> dict[str, set[tuple[str, frozenset[str]]]]:
    """name -> its pins (one per marker) as (requirement, hashes)."""
    found: dict[str, set[tuple[str, frozenset[str]]]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text()):
        if "==" in (first := entry.splitlines()[0].removesuffix(" \\")):
            hashes = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", entry))
            found.setdefault(canonicalize_name(first.split("==")[0]), set()).add((first, hashes))
    return found


def declared() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {"project": project["project"]["dependencies"], **project["dependency-groups"]}
    return {group: [Requirement(text) for text in texts] for group, texts in groups.items()}


def test_every_locked_package_has_a_hash() -> None:
    assert [
        name for lock in (DEV, VENDOR) for name, entries in pins(lock).items() if not all(h for _, h in entries)
    ] == []


def test_what_is_deployed_is_what_was_tested() -> None:
    dev = pins(DEV)

    assert {name: entries for name, entries in pins(VENDOR).items() if entries != dev.get(name)} == {}


def test_the_lock_satisfies_pyproject() -> None:
    dev = pins(DEV)
    wanted = [requirement for group in declared().values() for requirement in group]

    stale = [
        f"{wish}: {pin}"
        for wish in wanted
        for pin, _ in dev.get(canonicalize_name(wish.name), {("not locked", frozenset[str]())})
        if not (pin != "not locked" and wish.specifier.contains(pin.split("==")[1].split()[0], prereleases=True))
    ]

    assert stale == [], "run make lock"


def test_vendor_holds_what_the_functions_import_and_lambda_lacks() -> None:
    groups = declared()
    vendored = pins(VENDOR).keys()

    assert {wish.name for wish in groups["lambda"]} <= {wish.name for wish in groups["project"]}
    assert {wish.name for wish in groups["lambda"]} <= vendored
    assert not vendored & (PROVIDED | {"chalice", "typer", "rich", "pip", "setuptools"})


def test_a_deployed_room_may_import_only_what_will_be_there() -> None:
    allowed = {library for name, room in ROOMS.items() if name not in NOT_ON_LAMBDA for library in room.third or ()}
    allowed |= {
        library
        for pattern, libraries in OWN_LIBRARY.items()
        if not pattern.startswith(("chalicelib/core/config", "chalicelib/core/repository"))
        for library in libraries.split()
    }
    there = {name.replace("-", "_") for name in pins(VENDOR)} | PROVIDED | {"chalice"}

    assert allowed - there == set()


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what is committed cannot be told")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_lock_with_addresses_is_committed(tracked: list[Path]) -> None:
    assert {path.name for path in tracked} & {"uv.lock", "pylock.toml", "poetry.lock"} == set()
    assert not re.search(r"https?://", DEV.read_text() + VENDOR.read_text())


def test_no_registry_and_no_path_of_a_machine_is_committed(tracked: list[Path]) -> None:
    assert [strange for path in tracked for strange in strangers(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "see https://PyPI" + ".org/simple",
        "--index" + "-url https://mirror",
        "https://repo1" + ".maven.org/maven2",
        "/ro" + "ot/project/x",
        "open('/ho" + "me/jane/x')",
        str(ROOT / "app.py"),
    ],
)
def test_planted_strangers_are_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "planted").write_text(f"fine\n{line}\n")

    assert len(strangers(tmp_path / "planted")) == 1


def strangers(path: Path) -> list[str]:
    text = path.read_bytes().decode(errors="replace")
    return [
        f"{path.name}:{number}: {line.strip()[:120]}"
        for number, line in enumerate(text.splitlines(), 1)
        if STRANGE.search(line) or f"{ROOT}/" in line
    ]
