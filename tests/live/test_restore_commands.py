"""Back from a backup by the commands that people type, on a whole stage and a real Elasticsearch."""

import json

from tests.stages import Stage

OWN = {"restoring": {"type": "fs", "settings": {"location": "restoring"}}}
SALVAGED = {"salvaging": {"type": "fs", "settings": {"location": "salvaging"}}}
POLICY = {"select": {"indices": ["lost-and-found"]}, "repository": "restoring", "prove": "L2"}


def test_a_deleted_index_is_planned_restored_and_told(stage: Stage) -> None:
    stage.elastic.create_index("lost-and-found", documents=30)
    stage.apply({"restoring": POLICY}, repositories=OWN)
    stage.run("backup", "restoring", "--wait", "--request-id", "before")
    stage.elastic.send("DELETE", "/lost-and-found")

    shown = " ".join(stage.run("restore", "plan", "--policy", "restoring").stdout.split())
    assert "restored-lost-and-found 1" in shown
    assert "POST /_snapshot/restoring/" in shown
    plan = stage.ask("restore", "plan", "--policy", "restoring")
    assert (plan["startable"], plan["indices"][0]["behind"]) == (True, None)
    run = stage.ask("restore", "start", plan["plan_id"], "--wait")

    assert (run["state"], run["good"], run["docs"], run["findings"]) == ("SUCCEEDED", True, 30, [])
    assert stage.elastic.send("GET", "/restored-lost-and-found/_count")["count"] == 30
    assert "SUCCEEDED restore restoring" in stage.report_of(run["run_id"])["subject"]
    states = [event["detail"]["state"] for event in stage.events_of(run["run_id"], until="SUCCEEDED")]
    assert states == ["PLANNED", "RESTORING", "CHECKING", "SUCCEEDED"]
    assert stage.ask("restore", "start", plan["plan_id"])["run_id"] == run["run_id"], "asked twice, one run"
    assert plan["plan_id"] in stage.run("show", run["run_id"]).stdout

    again = stage.ask("restore", "plan", "--policy", "restoring", expect=1)
    assert [found["code"] for found in again["findings"]] == ["restore.name_taken"]
    assert (
        "there is an index restored-lost-and-found" in stage.run("restore", "start", again["plan_id"], expect=2).stderr
    )


def test_documents_are_counted_first_and_then_copied_back(stage: Stage) -> None:
    stage.elastic.create_index("lost-and-found-2", documents=30)
    policy = {**POLICY, "select": {"indices": ["lost-and-found-2"]}}
    stage.apply({"salvaging": {**policy, "repository": "salvaging"}}, repositories=SALVAGED)
    stage.run("backup", "salvaging", "--wait", "--request-id", "before")
    plan = stage.ask("restore", "plan", "--policy", "salvaging")
    restored = stage.ask("restore", "start", plan["plan_id"], "--wait")
    query = {"query": {"match_all": {}}, "max_docs": 10}
    stage.elastic.send("POST", "/lost-and-found-2/_delete_by_query?refresh=true", query)

    assert "dry run" in stage.run("salvage", restored["run_id"], expect=2).stderr.replace("--dry-run", "dry run")
    counted = stage.ask("salvage", restored["run_id"], "--dry-run", expect=1)
    difference = counted["indices"][0]["difference"]
    assert (difference["missing"], difference["different"], difference["same"]) == (10, 0, 20)
    assert [found["code"] for found in counted["findings"]] == ["restore.approval"]
    assert counted["approval"] == ["lost-and-found-2"], "a live name is beyond `restore.allow`"
    shown = stage.run("salvage", restored["run_id"], "--dry-run", expect=1).stdout
    assert "ONLY LIVE" in shown
    assert stage.elastic.send("GET", "/lost-and-found-2/_count")["count"] == 20


def test_what_can_t_be_meant_is_said_all_at_once(stage: Stage) -> None:
    stage.apply({"restoring": POLICY}, repositories=OWN)
    bad = ("--prefix", "Copy$", "--indices", "a b", "--backup", "x", "--at", "2026-11-21")
    said = json.loads(stage.run("restore", "plan", "--policy", "restoring", *bad, "--json", expect=2).stdout)
    assert [problem["key"] for problem in said["error"]["problems"]] == ["--prefix", "--indices", "--at"]
    assert "no policy nope" in stage.run("restore", "plan", "--policy", "nope", expect=2).stderr
    assert (
        "no level" in stage.run("restore", "plan", "--policy", "restoring", "--level-at-least", "L9", expect=2).stderr
    )
