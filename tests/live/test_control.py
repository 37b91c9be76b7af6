"""What people decide and ask, on a whole stage and a real Elasticsearch."""

import json

from chalicelib.core.model import State
from tests.stages import Stage

OWN = {"doctored": {"type": "fs", "settings": {"location": "doctored"}}}
WELL = ("resolve", "registration", "readable", "delete", "snapshot", "counts", "select")


def test_doctor_tries_everything_on_the_server_and_leaves_nothing_there(stage: Stage) -> None:
    stage.elastic.create_index("doctored", documents=3)
    policy = {"select": {"indices": ["doctored"]}, "repository": "doctored", "prove": "L2"}
    stage.apply({"doctored": policy}, repositories=OWN)
    told, _ = stage.start("doctor", "cluster").communicate()
    assert "a snapshot was taken and deleted again" in " ".join(told.split())

    lines, _ = stage.start("doctor", "cluster", "--json").communicate()  # other tests' policies may lack something
    own = {line["check"]: line for line in json.loads(lines) if line["subject"] in ("doctored", "cluster")}
    assert {check: line["status"] for check, line in own.items()} == {f"doctor.{check}": "ok" for check in WELL} | {
        "doctor.settings": "warning"
    }, "it has no schedule"
    assert own["doctor.counts"]["message"] == "3 documents in 1 index were counted"
    assert stage.elastic.send("GET", "/_snapshot/doctored/_all")["snapshots"] == []


def test_a_running_backup_is_cancelled_on_the_server_too(stage: Stage) -> None:
    stage.elastic.create_index("controlled", documents=8000)
    stage.apply({"controlled": {"select": {"indices": ["controlled"]}, "repository": "slow"}})
    asked = stage.ask("backup", "controlled", "--request-id", "wrong-day")
    stage.wait_for(asked["run_id"], lambda row: row.state is State.RUNNING, "it is running")
    assert stage.snapshot(asked)["state"] == "IN_PROGRESS"

    stage.run("cancel", asked["run_id"], "--why", "wrong day")
    run = stage.ask("show", asked["run_id"], "--follow", expect=1)

    assert run["state"] == "CANCELLED"
    assert run["reason"].endswith("wrong day")
    assert stage.elastic.state_of("slow", run["snapshot"]) == "snapshot_missing_exception"
    assert "CANCELLED controlled" in stage.report_of(run["run_id"])["subject"]
    assert stage.ask("explain", run["run_id"])["cause"] == run["reason"]
    assert stage.ask("backups", "--policy", "controlled") == []
