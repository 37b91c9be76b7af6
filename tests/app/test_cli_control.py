"""The commands that people decide with, and those that explain, of a stage that has lived: texts, JSON, exit codes. The
world behind them is in memory."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.cli import asking
from chalicelib.core.errors import BadInput
from chalicelib.core.model import State
from chalicelib.service import request
from tests.app.terminal import Type
from tests.faults.world import FILE, RUN_ID, START, Stage

PROMISED = FILE.replace(
    "    timeout: 4h\n", "    timeout: 4h\n    rpo: 26h\n    contract: {max_shrink: 20%, allow_partial: true}\n"
)


NOWHERE = "http://127.0.0.1:9"
STAGE_FILE = {"stage": "local", "region": "eu-central-1", "account": "123456789012", "endpoint_url": NOWHERE}


@pytest.fixture
def stage() -> Stage:
    """A good backup of 100 documents, one that shrank to 50, and a slot that is running."""
    made = Stage(PROMISED)
    made.engine.create_index("orders", documents=100)
    for request_id in ("whole", "shrunken"):
        made.backup(request_id)
        made.live(1)
        if request_id == "whole":
            made.engine.delete_documents("orders", 50)
    made.until_slot()
    made.tick()
    return made


def shrunken(stage: Stage) -> str:
    return stage.run("backup:nightly:shrunken").snapshot


def test_cancel_asks_and_says_how_to_watch(stage: Stage, snapwarden: Type) -> None:
    done = snapwarden("cancel", RUN_ID, "--why", "wrong day")
    assert (done.code, f"snapwarden show {RUN_ID} --follow" in done.out) == (0, True)
    asked = snapwarden("show", RUN_ID, "--json").document["cancel"]
    assert (asked["by"].startswith("cli:"), asked["why"]) == (True, "wrong day")
    assert "cancel asked for by cli:" in snapwarden("show", RUN_ID).words
    stage.live(1)
    assert "cancelled by cli:" in snapwarden("explain", RUN_ID).out
    again = snapwarden("cancel", RUN_ID, "--json")
    assert (again.code, again.document["error"]["code"]) == (2, "bad_input")
    assert "has ended already as CANCELLED" in again.document["error"]["message"]


def test_pause_and_resume_show_in_the_list_of_policies(snapwarden: Type) -> None:
    done = snapwarden("pause", "nightly", "--why", "cluster is being moved")
    assert (done.code, "its promise is not: without a good backup it breaks at" in done.words) == (0, True)
    (row,) = snapwarden("policies", "--json").document
    assert (row["paused"], row["pause"]["why"]) == (True, "cluster is being moved")
    assert "paused by cli:" in snapwarden("policies").words
    assert snapwarden("pause", "nightly", "--why", "again").code == 2
    done = snapwarden("resume", "nightly", "--json")
    assert done.document == {"policy": "nightly", "paused": False, "pause": None, "next_due": "2026-11-22T02:00:00Z"}
    assert snapwarden("resume", "nightly").code == 2


def test_mute_shows_in_status_and_keeps_its_exit_code(stage: Stage, snapwarden: Type) -> None:
    early = snapwarden("mute", "nightly", "--until", "3d", "--why", "x")
    assert (early.code, "is not broken; without a good backup it breaks at" in early.err) == (2, True)
    stage.engine.delete_index("orders")
    stage.live(60 * 28, step=60)
    done = snapwarden("mute", "nightly", "--until", "2026-11-23", "--why", "disk comes on Monday")
    assert done.code == 0
    assert "2026-11-23 names no time zone: taken as UTC" in done.out
    assert "nobody is reminded of nightly until 2026-11-23 00:00:00 UTC" in done.out
    told = snapwarden("status", "nightly")
    assert told.code == 1
    assert "acknowledged until 2026-11-23 00:00:00 UTC by cli:" in told.words
    assert "disk comes on Monday" in told.words
    assert snapwarden("status", "--json").document[0]["muted"]["until"] == "2026-11-23T00:00:00Z"


def test_accept_makes_a_shrunken_backup_the_measure(stage: Stage, snapwarden: Type) -> None:
    assert "contract.max_shrink" in snapwarden("backups").words
    done = snapwarden("accept", shrunken(stage), "--why", "old orders removed")
    assert (done.code, "is good (L2), and what comes is measured by it: 50 documents" in done.words) == (0, True)
    newest = snapwarden("backups", "--policy", "nightly", "--json").document[0]
    assert (newest["backup_id"], newest["good"]) == (shrunken(stage), True)
    assert newest["accepted"]["why"] == "old orders removed"
    unknown = snapwarden("accept", "snapwarden-x", "--why", "y")
    assert (unknown.code, unknown.err.startswith("error: there is no backup snapwarden-x")) == (2, True)


def test_backups_say_what_they_hold_and_what_they_are_worth(stage: Stage, snapwarden: Type) -> None:
    done = snapwarden("backups")
    assert done.out.index(shrunken(stage)) < done.out.index(stage.run("backup:nightly:whole").snapshot)
    for word in ("LEVEL", "WORTH", "DOCS", "100", "L2", "good"):
        assert word in done.out
    assert snapwarden("backups", "--policy", "nigthly").code == 2


def test_explain_tells_cause_code_and_next_step(stage: Stage, snapwarden: Type) -> None:
    done = snapwarden("explain", "backup:nightly:shrunken")
    assert done.code == 0
    for part in (
        "[contract.max_shrink]",
        "before never",
        "since no good run yet; the last one was backup:nightly:whole (",
        "next if that was meant: snapwarden",
    ):
        assert part in done.words
    document = snapwarden("explain", "backup:nightly:whole", "--json").document
    assert (document["good"], document["next_step"]) == (True, None)
    assert "it is good" in document["cause"]


def test_show_says_documents_and_whether_it_counts(stage: Stage, snapwarden: Type) -> None:
    whole = snapwarden("show", "backup:nightly:whole").out
    assert "SUCCEEDED L2 good" in whole
    assert "1 index, 100 documents, 1/1 shards" in whole


def test_a_run_that_waits_says_for_what(stage: Stage, snapwarden: Type) -> None:
    waiting = stage.backup("behind")
    assert "waits for the open run of its policy" in snapwarden("show", waiting.run_id).words


@pytest.mark.parametrize(("partial", "code"), [(True, 0), (False, 1)])
def test_waiting_for_a_backup_is_fine_when_it_is_good_whatever_it_is_called(
    snapwarden: Type, stage: Stage, monkeypatch: pytest.MonkeyPatch, partial: bool, code: int
) -> None:
    """An allowed PARTIAL counts; a SUCCEEDED that could not be counted does not."""
    stage.live(1)
    stage.engine.create_index("orders", documents=100)
    if partial:
        stage.engine.create_index("orders-red", red=True)
        monkeypatch.setattr("chalicelib.core.contract.needs_counts", lambda policy: False)
    else:
        stage.engine.refuse("refresh", "403 the privilege maintenance is needed")
    asked = request.backup_now(stage.world, "nightly", request_id="now", requested_by="tester")
    stage.live(1)
    assert stage.run(asked.run_id).state is (State.PARTIAL if partial else State.SUCCEEDED)
    assert snapwarden("backup", "nightly", "--wait", "--request-id", "now").code == code
    shown = snapwarden("show", asked.run_id, "--follow")
    assert (shown.code, "unproved" in shown.out) == (code, not partial)


def test_doctor_prints_a_line_for_each_check_and_says_by_its_code_how_it_went(stage: Stage, snapwarden: Type) -> None:
    stage.live(1)
    done = snapwarden("doctor")
    assert done.code == 0
    assert "ok doctor.snapshot main: a snapshot was taken and deleted again" in done.words
    stage.engine.refuse("delete", "403 the action cluster:admin/snapshot/delete is needed")
    done = snapwarden("doctor", "shop", "--json")
    assert done.code == 1
    (missing,) = [line for line in done.document if line["status"] == "missing"]
    assert missing["check"] == "doctor.delete"
    assert missing["next_step"]
    stage.engine.outage(10)
    assert snapwarden("doctor").code == 3
    unknown = snapwarden("doctor", "shpo")
    assert (unknown.code, "perhaps shop" in unknown.err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("pause", "nightly"),
        ("pause", "nightly", "--why", "  "),
        ("pause", "nightly", "--why", "x" * 501),
        ("accept", "some-backup"),
        ("mute", "nightly", "--until", "3d"),
        ("mute", "nightly", "--until", "tomorrow", "--why", "x"),
        ("resume", "nigthly"),
        ("cancel", "nothing"),
        ("explain", "nothing"),
    ],
)
def test_bad_input_is_one_message_and_code_two(stage: Stage, snapwarden: Type, words: tuple[str, ...]) -> None:
    before = stage.store.state("nightly")
    done = snapwarden(*words)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert stage.store.state("nightly") == before
    assert snapwarden(*words, "--json").document["error"]["code"] == "bad_input"


@pytest.mark.parametrize(
    ("text", "expected", "remarked"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC), True),
        ("2026-11-23T10:00", datetime(2026, 11, 23, 10, tzinfo=UTC), True),
        ("2026-11-23T10:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC), False),
        ("2026-11-23T10:00+01:00", datetime(2026, 11, 23, 9, tzinfo=UTC), False),
        ("36h", START + timedelta(hours=36), False),
        ("3d", START + timedelta(days=3), False),
    ],
)
def test_a_time_is_an_instant_or_a_duration_and_without_a_zone_it_is_utc_and_said_so(
    text: str, expected: datetime, remarked: bool
) -> None:
    found, remark = asking.until(text, START)
    assert (found, remark is not None) == (expected, remarked)


@pytest.mark.parametrize(
    "text", ["", "soon", "3", "-3d", "3 days", "2026-13-01", "999999999w", "0001-01-01T00:00+14:00"]
)
def test_a_time_that_cannot_be_read_is_one_message(text: str) -> None:
    with pytest.raises(BadInput, match=r"--until: .* is no time"):
        asking.until(text, START)


def test_what_a_command_measures_is_no_part_of_its_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slot that was skipped, or a run that made room, is counted where it ends, and that may be at a terminal."""
    urls = dict.fromkeys(("dynamodb_endpoint_url", "invoke_endpoint_url"), NOWHERE)
    (tmp_path / "stage.json").write_text(json.dumps({**STAGE_FILE, **urls}))
    monkeypatch.setenv("SNAPWARDEN_LOCAL", str(tmp_path))
    metrics = bootstrap.of_terminal(None).metrics
    metrics.count("RunsFinished", Kind="backup", State="SKIPPED")
    metrics.seconds("BackupSeconds", 1.0)
    metrics.gauge("OpenRuns", 1)
    assert capsys.readouterr().out == ""
