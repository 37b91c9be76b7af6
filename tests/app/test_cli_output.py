"""What the commands print of a stage that has lived: tables, JSON, exit codes. The world behind them is in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli.main import app
from chalicelib.cli.output import Output
from chalicelib.cli.stage import print_addresses
from chalicelib.core.errors import BadInput
from chalicelib.service import control
from chalicelib.service.world import World
from tests.fakes.rules import FakeRules
from tests.faults.world import FILE, RUN_ID, Stage

Type = Callable[..., Result]
PROMISED = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n")


@pytest.fixture
def stage() -> Stage:
    """One good backup, then a failed one."""
    made = Stage(PROMISED)
    made.until_slot()
    made.live(1)
    made.engine.delete_index("orders")
    made.backup()
    made.live(1)
    return made


@pytest.fixture
def snapwarden(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    def world(name: str | None) -> World:
        return stage.world

    rules = FakeRules()
    monkeypatch.setattr(bootstrap, "of_terminal", world)
    monkeypatch.setattr(bootstrap, "rules_of_terminal", lambda name: rules)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


def test_policies_is_a_list_of_tasks(snapwarden: Type) -> None:
    printed = snapwarden("policies").stdout
    assert "nightly" in printed
    assert "FAILED" in printed
    (row,) = json.loads(snapwarden("--json", "policies").stdout)
    assert (row["name"], row["last_result"]["state"], row["last_good"]["level"]) == ("nightly", "FAILED", "L1")
    assert row["next_due"] == "2026-11-22T02:00:00Z"


def test_status_is_code_one_once_the_promise_is_broken(stage: Stage, snapwarden: Type) -> None:
    kept = snapwarden("status")
    assert (kept.exit_code, "KEPT" in kept.stdout) == (0, True)
    stage.live(60 * 30, step=60)
    broken = snapwarden("status", "nightly")
    assert (broken.exit_code, "BROKEN for" in broken.stdout) == (1, True)
    (promise,) = json.loads(snapwarden("--json", "status").stdout)
    assert promise["kept"] is False
    assert promise["rpo_seconds"] == 26 * 3600


def test_runs_are_listed_newest_first_and_filtered(snapwarden: Type) -> None:
    assert [run["state"] for run in json.loads(snapwarden("--json", "runs").stdout)] == ["FAILED", "SUCCEEDED"]
    assert [run["run_id"] for run in json.loads(snapwarden("--json", "runs", "--state", "SUCCEEDED").stdout)] == [
        RUN_ID
    ]
    assert len(json.loads(snapwarden("--json", "runs", "--policy", "nightly").stdout)) == 2
    assert "no index on shop matches orders*" in " ".join(snapwarden("runs").stdout.split())


@pytest.mark.parametrize("command", [("runs", "--policy", "nigthly"), ("status", "nigthly")])
def test_a_policy_that_is_mistyped_is_bad_input_with_the_nearest(snapwarden: Type, command: tuple[str, ...]) -> None:
    """No runs of it would read as if it had never run."""
    done = snapwarden(*command)
    assert isinstance(done.exception, BadInput)
    assert "there is no policy nigthly (expected perhaps nightly)" in str(done.exception)


def test_show_takes_a_policy_for_its_newest_run(snapwarden: Type) -> None:
    assert json.loads(snapwarden("--json", "show", "nightly").stdout)["run_id"] == "backup:nightly:now-1"
    assert "there is no run nigthly" in str(snapwarden("show", "nigthly").exception)


def test_status_says_that_a_policy_is_paused(stage: Stage, snapwarden: Type) -> None:
    """Its promise goes on, and nothing will keep it."""
    control.pause(stage.world, "nightly", by="ann", why="migration")
    told = " ".join(snapwarden("status").stdout.split())
    assert "KEPT" in told
    assert "paused by ann: migration" in told
    (promise,) = json.loads(snapwarden("--json", "status").stdout)
    assert promise["pause"]["why"] == "migration"


def test_show_tells_steps_findings_and_cost(snapwarden: Type) -> None:
    good = snapwarden("show", RUN_ID).stdout
    for word in ("SUCCEEDED", "VERIFYING", "snapwarden-", "engine calls", "deadline"):
        assert word in good
    failed = snapwarden("show", "backup:nightly:now-1").stdout
    assert "select.no_match" in failed
    assert "next: correct `select.indices`" in failed


def test_apply_shows_what_it_changed_and_prunes_only_when_told(snapwarden: Type) -> None:
    other = FILE.replace("  nightly:", "  weekly:")
    Path("other.yaml").write_text(other)
    would = snapwarden("apply", "other.yaml", "--dry-run", "--prune").stdout
    assert "- policy nightly (retired, its backups stay)" in would
    assert "nothing was stored" in would
    left = snapwarden("apply", "other.yaml").stdout
    assert "+ policy weekly" in left
    assert "left the file, still active: --prune retires it" in left
    assert {row["name"]: row["active"] for row in json.loads(snapwarden("--json", "policies").stdout)} == {
        "nightly": True,
        "weekly": True,
    }
    assert json.loads(snapwarden("--json", "apply", "other.yaml", "--prune").stdout)["retired"] == ["nightly"]
    rows = json.loads(snapwarden("--json", "policies").stdout)
    assert {row["name"]: row["active"] for row in rows} == {"nightly": False, "weekly": True}


def test_apply_shows_the_rules_of_triggers_and_looks_at_them_each_time(snapwarden: Type) -> None:
    Path("with.yaml").write_text(FILE + "    triggers: [{pattern: {source: [aws.codedeploy]}}]\n")
    would = json.loads(snapwarden("--json", "apply", "with.yaml", "--dry-run").stdout)["rules"]
    assert "+ rule snapwarden-local-nightly-" in snapwarden("apply", "with.yaml").stdout
    assert json.loads(snapwarden("--json", "apply", "with.yaml", "--dry-run").stdout)["rules"] == {
        "put": [],
        "removed": [],
    }
    bootstrap.rules_of_terminal(None).remove(would["put"][0])
    assert "its rules were put right" in snapwarden("apply", "with.yaml").stdout
    assert "nothing to do: the file is in force" in snapwarden("apply", "with.yaml").stdout
    Path("without.yaml").write_text(FILE)
    assert json.loads(snapwarden("--json", "apply", "without.yaml").stdout)["rules"]["removed"] == would["put"]


def test_a_request_id_names_one_run(snapwarden: Type) -> None:
    first = snapwarden("backup", "nightly", "--request-id", "release-7")
    again = snapwarden("backup", "nightly", "--request-id", "release-7")
    assert first.stdout == again.stdout == "backup:nightly:release-7\n"


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("", 160), ("many", 160)])
def test_a_pipe_is_as_wide_as_columns_says(
    stage: Stage, snapwarden: Type, monkeypatch: pytest.MonkeyPatch, columns: str, widest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    stage.engine.refuse("resolve", "said no " * 40)
    stage.backup("now-2")
    stage.live(1)
    lines = snapwarden("runs").stdout.splitlines()
    assert widest - 10 < max(len(line) for line in lines) <= widest


def test_next_counts_for_each_policy(snapwarden: Type) -> None:
    slots = json.loads(snapwarden("--json", "next", "-n", "2").stdout)
    assert [slot["slot"] for slot in slots] == ["2026-11-22T02:00:00Z", "2026-11-23T02:00:00Z"]


def test_names_that_look_like_markup_are_shown_as_they_are(stage: Stage, snapwarden: Type) -> None:
    stage.engine.refuse("resolve", "shard [bold]0[/bold] of orders[1] said no")
    stage.backup("now-2")
    stage.live(1)
    assert "shard [bold]0[/bold] of orders[1] said no" in " ".join(snapwarden("runs").stdout.split())
    assert "[bold]0[/bold]" in snapwarden("show", "backup:nightly:now-2").stdout


def test_up_sets_names_and_addresses_apart(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = "http://127.0.0.1:9"
    urls = dict.fromkeys(("endpoint_url", "dynamodb_endpoint_url", "invoke_endpoint_url", "logs"), nobody)
    print_addresses(Output(stage=None, json=False), {**urls, "elasticsearch": {"url": nobody, "version": None}})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(f" {nobody}")[0].strip() == "Elasticsearch of yours"
    assert {line.index(nobody) for line in lines} == {lines[0].index(nobody)}
