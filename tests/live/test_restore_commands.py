"""Back from a backup by the commands that people type, on a whole stage and a real Elasticsearch."""

import json
from pathlib import Path

from tests.stages import Stage

OWN = {"restoring": {"type": "fs", "settings": {"location": "restoring"}}}
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


def test_what_can_t_be_meant_is_said_all_at_once(stage: Stage) -> None:
    stage.apply({"restoring": POLICY}, repositories=OWN)
    bad = ("--prefix", "Copy$", "--indices", "a b", "--backup", "x", "--at", "2026-11-21")
    said = json.loads(stage.run("restore", "plan", "--policy", "restoring", *bad, "--json", expect=2).stdout)
    assert [problem["key"] for problem in said["error"]["problems"]] == ["--prefix", "--indices", "--at"]
    assert "no policy nope" in stage.run("restore", "plan", "--policy", "nope", expect=2).stderr
    assert (
        "no level" in stage.run("restore", "plan", "--policy", "restoring", "--level-at-least", "L9", expect=2).stderr
    )


def test_the_configuration_and_a_script_are_stored_beside_each_backup(stage: Stage, tmp_path: Path) -> None:
    """By the deployed function, in the bucket of the stage."""
    stage.elastic.create_index("kept-for-emergencies", documents=3)
    policy = {**POLICY, "select": {"indices": ["kept-for-emergencies"]}}
    stage.apply({"restoring": policy}, repositories=OWN)
    first = stage.ask("backup", "restoring", "--wait", "--request-id", "one")
    template = {"index_patterns": ["never-*"], "priority": 901}
    stage.elastic.send("PUT", "/_index_template/new-one", template)
    second = stage.ask("backup", "restoring", "--wait", "--request-id", "two")
    stage.elastic.send("DELETE", "/_index_template/new-one")

    assert second["findings"] == []
    shown = stage.ask("show", second["run_id"])["capsule"]
    assert (shown["key"], shown["against"]) == (f"capsules/restoring/{second['snapshot']}.json.gz", first["snapshot"])
    assert "/index_templates/new-one" in shown["difference"]["added"]
    assert "+ /index_templates/new-one" in stage.run("show", second["run_id"]).stdout
    script = stage.run("emergency", second["snapshot"]).stdout
    assert "restore kept-for-emergencies" in script
    assert "_index_template/new-one" in script
    stage.run("emergency", second["snapshot"], "-o", str(tmp_path / "restore.sh"))
    assert (tmp_path / "restore.sh").read_text() == script
    assert (tmp_path / "restore.sh").stat().st_mode & 0o777 == 0o600
    assert "there is no backup nope" in stage.run("emergency", "nope", expect=2).stderr


def test_a_bad_update_is_undone_by_a_swap_rolled_back_and_swapped_for_good(stage: Stage) -> None:
    """By the words that people read: how long the old one stays, and the two commands that end it."""
    stage.elastic.create_index("prices", documents=30)
    policy = {"select": {"indices": ["prices"]}, "repository": "swapping", "prove": "L2"}
    own = {"swapping": {"type": "fs", "settings": {"location": "swapping"}}}
    stage.apply({"swapping": policy}, repositories=own, restore={"allow": ["restored-*", "prices*"]})
    stage.run("backup", "swapping", "--wait", "--request-id", "before")
    stage.elastic.send("POST", "/prices/_doc?refresh=true", {"price": -1})

    def swap(prefix: str) -> str:
        arguments = ("restore", "plan", "--policy", "swapping", "--mode", "swap", "--prefix", prefix)
        shown = stage.run(*arguments).stdout
        assert "keeps what is live now, for" in " ".join(shown.split())
        assert "POST /_aliases" in shown
        started = stage.run("restore", "start", stage.ask(*arguments)["plan_id"], "--wait").stdout
        run_id = started.split()[0]
        assert f"snapwarden restore rollback {run_id} --wait" in " ".join(started.split())
        assert stage.elastic.send("GET", "/prices/_count")["count"] == 30
        return run_id

    first = swap("restored-")
    back = stage.run("restore", "rollback", first, "--wait", "--why", "it was right after all").stdout
    assert "ROLLED_BACK" in back
    assert stage.elastic.send("GET", "/prices/_count")["count"] == 31
    assert "ROLLED_BACK restore swapping" in stage.report_of(first)["subject"]
    second = swap("restored-again-")
    done = stage.ask("restore", "finish", second, "--wait")
    assert (done["state"], done["good"], done["findings"]) == ("SUCCEEDED", True, [])
    assert stage.elastic.send("GET", "/prices/_count")["count"] == 30
    states = [event["detail"]["state"] for event in stage.events_of(second, until="SUCCEEDED")]
    assert states == ["PLANNED", "RESTORING", "CHECKING", "SWAPPING", "SWAPPED", "SUCCEEDED"]
