"""The command line as a shell sees it: what is printed where, and the exit code. Nothing runs that it could reach."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.world import FILE

COMMANDS = (
    *("up", "down", "tick", "apply", "schema", "policies", "status", "next", "backup", "runs", "show"),
    *("backups", "explain", "cancel", "pause", "resume", "mute", "accept", "doctor"),
    *("restore plan", "restore approve", "restore start", "restore finish", "restore rollback"),
    *("salvage", "drill", "emergency"),
    *("hold", "release"),
)
GROUPS = ("", "restore")
"""Commands of commands; the first is `snapwarden` itself."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "snapwarden.yaml").write_text(FILE)
    return tmp_path


def snapwarden(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SNAPWARDEN_LOCAL": str(folder / "nothing-here"), "COLUMNS": "120"}
    environ.pop("SNAPWARDEN_STAGE", None)
    return subprocess.run(
        [sys.executable, "-m", "chalicelib.cli.main", *words],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(folder: Path, command: str) -> None:
    done = snapwarden(folder, *command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: snapwarden {command}" in done.stdout


def test_help_lists_exactly_the_commands_that_exist(folder: Path) -> None:
    listed = []
    for group in GROUPS:
        done = snapwarden(folder, *group.split(), "--help")
        names = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line.strip()]
        listed += [f"{group} {name}".strip() for name in names if name not in GROUPS]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("group", GROUPS)
def test_help_says_of_each_command_a_whole_sentence(folder: Path, group: str) -> None:
    """Its columns are 80 at most, however wide the terminal is."""
    said = snapwarden(folder, *group.split(), "--help").stdout.split("Commands:")[1]
    assert [line for line in said.splitlines() if line.endswith("...")] == []


def test_a_dry_run_needs_no_stage(folder: Path) -> None:
    done = snapwarden(folder, "apply", "snapwarden.yaml", "--dry-run")
    assert done.returncode == 0
    assert "+ policy nightly" in done.stdout
    assert "compared with nothing: the local stage is not running" in done.stdout
    document = json.loads(snapwarden(folder, "apply", "snapwarden.yaml", "--dry-run", "--json").stdout)
    assert document["policies"]["added"] == ["nightly"]
    assert document["stored"] is False


def test_everything_wrong_with_a_file_is_told_at_once_with_its_place(folder: Path) -> None:
    bad = FILE.replace("repository: main", "repositry: main").replace("0 2 * * *", "0 25 * * *")
    (folder / "snapwarden.yaml").write_text(bad)
    done = snapwarden(folder, "apply", "snapwarden.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "snapwarden.yaml:11: policies.nightly.repositry" in done.stderr
    assert "repository" in done.stderr
    assert "snapwarden.yaml:13: policies.nightly.schedule" in done.stderr
    assert "nothing was stored" in done.stderr
    document = json.loads(snapwarden(folder, "--json", "apply", "snapwarden.yaml").stdout)
    assert document["error"]["code"] == "bad_input"
    assert {problem["line"] for problem in document["error"]["problems"]} >= {11, 13}


@pytest.mark.parametrize("words", [("policies",), ("runs",), ("status",), ("next",), ("backup", "x"), ("show", "x")])
def test_without_a_stage_it_says_what_to_do(folder: Path, words: tuple[str, ...]) -> None:
    done = snapwarden(folder, *words)
    assert done.returncode == 3, "it can't be told"
    assert "the local stage is not running" in done.stderr
    assert "snapwarden up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stage_that_does_not_answer_cannot_be_told(folder: Path) -> None:
    local = folder / "nothing-here"
    local.mkdir()
    nowhere = "http://127.0.0.1:9"
    state = {"stage": "local", "region": "eu-central-1", "account": "123456789012", "endpoint_url": nowhere}
    urls = {"dynamodb_endpoint_url": nowhere, "invoke_endpoint_url": nowhere}
    (local / "stage.json").write_text(json.dumps({**state, **urls}))
    done = snapwarden(folder, "policies")
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_state_file_that_cannot_be_read_is_said(folder: Path) -> None:
    local = folder / "nothing-here"
    local.mkdir()
    (local / "stage.json").write_text("{")
    done = snapwarden(folder, "policies")
    assert done.returncode == 3
    assert "state file" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--stage", "prod", "policies"), "stage prod"),
        (("tick", "--at", "tomorrow"), "tomorrow"),
        (("tick", "--at", "0001-01-01T00:00+01:00"), "0001-01-01T00:00+01:00 can't be read"),
        (("tick", "--at", "9999-12-31T23:59-01:00"), "9999-12-31T23:59-01:00 can't be read"),
        (("tick", "--at", "0001-01-02T00:00Z"), "more than 40 days away"),
        (("pause", "nightly", "--why", "moved \x1b[2J"), r"'moved \x1b[2J' holds '\x1b'"),
        (("backup", os.fsdecode(b"night\xff")), r"'night\udcff' holds '\udcff'"),
        (("show", "backup:\u202enightly"), r"holds '\u202e'"),
        (("apply", "missing.yaml"), "there is no such file"),
        (("frobnicate",), "No such command"),
        (("next", "-n", "0"), "-n"),
    ],
)
def test_bad_input_is_exit_code_two(folder: Path, words: tuple[str, ...], says: str) -> None:
    done = snapwarden(folder, *words)
    assert done.returncode == 2
    assert says in done.stderr


def test_what_the_terminal_has_no_letters_for_is_shown_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a table and a traceback would be the answer otherwise, and no JSON."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = snapwarden(folder, "show", "Größe")
    assert done.returncode == 3
    bad = FILE.replace("repository: main", "repository: größe")
    (folder / "snapwarden.yaml").write_text(bad, encoding="utf-8")
    done = snapwarden(folder, "apply", "snapwarden.yaml")
    assert (done.returncode, r"gr\xf6\xdfe" in done.stderr) == (2, True)
    problem = json.loads(snapwarden(folder, "--json", "apply", "snapwarden.yaml").stdout)["error"]["problems"][0]
    assert "größe" in problem["message"]


def test_arguments_that_make_no_sense_are_a_document_too(folder: Path) -> None:
    for words in (("apply",), ("frobnicate",), ("runs", "-n", "x")):
        done = snapwarden(folder, *words, "--json")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["code"] == "bad_input"


def test_the_version_is_told(folder: Path) -> None:
    assert snapwarden(folder, "--version").stdout.startswith("snapwarden 0.")


def test_the_schema_is_one_json_document(folder: Path) -> None:
    schema = json.loads(snapwarden(folder, "schema").stdout)
    assert "policies" in schema["properties"]
