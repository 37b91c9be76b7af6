"""The story of the README through the commands that a user types: a slot comes due, a backup is proved, people are told
when one is not. The functions run from the deployed zip, the Elasticsearch is real."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.elastic_admin import wait
from tests.stages import Done, Stage, finished

DOCUMENTS = 2000
"""Enough for a throttled repository to be watched for some seconds."""
DAILY = {
    "repository": "slow",
    "select": {"indices": ["story-orders-*"]},
    "schedule": "0 2 * * *",
    "timezone": "America/New_York",
    "rpo": "26h",
}
REFERENCE = {"select": {"indices": ["story-countries"]}, "rpo": "32d"}
TRANSITIONS = ["STARTING", "RUNNING", "VERIFYING", "SUCCEEDED"]


@dataclass(frozen=True)
class Told:
    """The first slot as it was played."""

    due: str
    run: Mapping[str, Any]
    followed: Done
    seen: list[Mapping[str, Any]]
    """What `show` answered meanwhile."""


@pytest.fixture(scope="module")
def told(stage: Stage) -> Told:
    """Two policies are applied, the slot of one comes due, its run is followed to the end."""
    stage.elastic.create_index("story-orders-2026-10", documents=DOCUMENTS, settings={"number_of_shards": 2})
    stage.elastic.create_index("story-countries")
    done = stage.apply({"story-orders": DAILY, "story-reference": REFERENCE})
    assert "+ policy story-orders" in done.stdout
    assert "+ policy story-reference" in done.stdout

    (following,) = stage.ask("next", "story-orders", "-n", "1")
    for tick in [stage.start("tick", "--at", following["due_at"]) for _ in range(2)]:
        finished(tick, 0)
    (run,) = stage.ask("runs", "--policy", "story-orders")
    follow, seen = stage.start("show", run["run_id"], "--follow"), []

    def over() -> bool:
        seen.append(stage.ask("show", run["run_id"]))
        return seen[-1]["finished_at"] is not None

    wait(over, "the end of the first backup")
    return Told(due=following["due_at"], run=seen[-1], followed=finished(follow, 0), seen=seen)


def test_a_due_slot_becomes_exactly_one_proved_backup(stage: Stage, told: Told) -> None:
    """Although two ticks at once found it due."""
    assert len(stage.ask("runs", "--policy", "story-orders", "--kind", "backup")) == 1
    run = told.run
    assert run["run_id"] == f"backup:story-orders:{told.due.removesuffix(':00Z')}Z"
    assert (run["state"], run["level"], run["reason"], run["findings"]) == ("SUCCEEDED", "L1", None, [])
    assert (run["requested_by"], run["attempts"]) == ("schedule", 1)
    assert (run["indices"], run["shards"]) == (1, {"total": 2, "failed": 0})
    assert run["bytes"] == run["bytes_added"] > 1_000_000
    assert [step["state"] for step in run["steps"]] == TRANSITIONS
    assert [step["at"] for step in run["steps"]] == sorted(step["at"] for step in run["steps"])


def test_the_snapshot_is_in_elasticsearch_and_carries_our_name(stage: Stage, told: Told) -> None:
    found = stage.snapshot(told.run)
    assert found["state"] == "SUCCESS"
    assert found["indices"] == ["story-orders-2026-10"]
    assert found["include_global_state"] is False
    installation = stage.store.installation()
    assert installation is not None
    assert found["metadata"] == {
        "snapwarden": {
            "installation": installation.id,
            "policy": "story-orders",
            "slot": told.run["slot"],
            "run_id": told.run["run_id"],
        }
    }


def test_progress_is_seen_while_it_runs(told: Told) -> None:
    """In shards and bytes, from the row: no engine call of the one who looks."""
    moving = [run["progress"] for run in told.seen if run["state"] == "RUNNING"]
    known = [seen for seen in moving if "bytes_done" in seen]  # the first look says only that it runs
    assert any(0 < seen["bytes_done"] < seen["bytes_total"] for seen in known), moving
    assert told.run["progress"] == {"done": 2, "total": 2, "unit": "shards"}
    assert [line.rpartition(" ")[2] for line in told.followed.stderr.splitlines()][-1] == "SUCCEEDED"
    assert "2/2 shards" in told.followed.stdout


def test_the_bus_carries_an_event_for_each_transition(stage: Stage, told: Told) -> None:
    events = stage.events_of(told.run["run_id"], until="SUCCEEDED")
    assert [event["detail"]["state"] for event in events] == TRANSITIONS
    assert [event["detail"]["previous_state"] for event in events] == [None, *TRANSITIONS[:-1]]
    assert {(event["source"], event["detail-type"]) for event in events} == {("snapwarden", "Backup Run State Change")}
    assert len({event["detail"]["event_key"] for event in events}) == len(events)
    told_last = {key: value for key, value in events[-1]["detail"].items() if key in ("bytes", "level", "snapshot")}
    assert told_last == {key: told.run[key] for key in told_last}
    assert len(told_last) == 3


def test_the_catalogue_has_the_backup(stage: Stage, told: Told) -> None:
    backup = stage.store.backups("story-orders")[-1]
    assert (backup.run_id, backup.backup_id) == (told.run["run_id"], told.run["snapshot"])
    assert (backup.level, backup.outcome, backup.bytes) == ("L1", "SUCCEEDED", told.run["bytes"])
    assert backup.snapshot_uuid == stage.snapshot(told.run)["uuid"]


def test_the_commands_agree_on_what_happened(stage: Stage, told: Told) -> None:
    row = next(row for row in stage.ask("policies") if row["name"] == "story-orders")
    assert row["last_good"]["backup_id"] == told.run["snapshot"]
    assert row["last_good"]["level"] == "L1"
    assert (row["last_result"]["run_id"], row["last_result"]["state"]) == (told.run["run_id"], "SUCCEEDED")
    assert row["open_run"] is None
    (following,) = stage.ask("next", "story-orders", "-n", "1")
    assert row["next_due"] == following["due_at"] > told.due
    (promise,) = stage.ask("status", "story-orders")
    assert (promise["kept"], promise["rpo_seconds"]) == (True, 26 * 3600)
    assert "SUCCEEDED" in stage.run("runs", "--policy", "story-orders").stdout
    assert "KEPT" in stage.run("status", "story-orders").stdout
    assert "America/New_York" in stage.run("next", "story-orders").stdout
    shown = stage.run("show", told.run["run_id"]).stdout
    assert all(state in shown for state in TRANSITIONS)
    assert told.run["snapshot"] in shown


def test_a_second_backup_adds_only_what_is_new(stage: Stage, told: Told) -> None:
    stage.elastic.create_index("story-orders-2026-11", documents=100)
    done = stage.run("backup", "story-orders", "--wait", "--request-id", "story-more")
    assert done.stdout.startswith("backup:story-orders:story-more\n")
    assert "SUCCEEDED" in done.stderr
    run = stage.ask("show", "backup:story-orders:story-more")
    assert run["indices"] == 2
    assert run["bytes"] > told.run["bytes"]
    assert 0 < run["bytes_added"] < run["bytes"] / 5
    assert run["requested_by"].startswith("cli:")
    again = stage.ask("backup", "story-orders", "--request-id", "story-more")
    assert again["run_id"] == run["run_id"]
    assert again["finished_at"] == run["finished_at"], "the same request twice is one run"


def test_a_typo_fails_before_anything_is_started_and_its_repair_is_told(stage: Stage, told: Told) -> None:
    """Elasticsearch itself would call a snapshot of nothing a SUCCESS."""
    changed = stage.apply(
        {"story-orders": DAILY, "story-reference": {**REFERENCE, "select": {"indices": ["countrys"]}}}
    )
    assert "~ policy story-reference: select" in changed.stdout
    done = stage.run("backup", "story-reference", "--wait", "--request-id", "typo", expect=1)
    assert "no index on cluster matches countrys" in done.stdout
    run = stage.ask("show", "backup:story-reference:typo")
    assert (run["state"], run["attempts"], run["level"]) == ("FAILED", 0, None)
    assert [finding["code"] for finding in run["findings"]] == ["select.no_match"]
    assert stage.ask("runs", "--policy", "story-reference", "--state", "FAILED") == [run]
    names = [found["snapshot"] for found in stage.elastic.send("GET", "/_snapshot/_all/*")["snapshots"]]
    assert run["snapshot"] not in names

    report = stage.report_of(run["run_id"])
    assert (
        report["subject"]
        == "[snapwarden local] FAILED story-reference on cluster: no index on cluster matches countrys"
    )
    assert "There is no good backup of this policy" in report["body"]
    assert f"snapwarden show {run['run_id']}" in report["body"]
    expected = {"stage": "local", "policy": "story-reference", "target": "cluster", "kind": "backup"}
    assert report["attributes"].items() >= {**expected, "state": "FAILED", "severity": "error"}.items()

    stage.apply({"story-orders": DAILY, "story-reference": REFERENCE})
    stage.run("backup", "story-reference", "--wait", "--request-id", "repaired")
    recovery = stage.report_of("backup:story-reference:repaired")
    assert recovery["subject"].startswith("[snapwarden local] RECOVERED story-reference on cluster")
    assert recovery["attributes"]["severity"] == "info"
