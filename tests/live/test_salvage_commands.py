"""Documents that somebody lost, back into the live index by the commands that two people type, on a whole stage."""

import json

from tests.live.test_second_person import person, typing
from tests.stages import Stage

OWN = {"salvaged": {"type": "fs", "settings": {"location": "salvaged"}}}
POLICY = {"select": {"indices": ["bitten"]}, "repository": "salvaged", "prove": "L2"}
DOCUMENTS = 300


def write(stage: Stage, *actions: tuple[str, int, str | None]) -> None:
    lines = []
    for action, number, text in actions:
        lines.append(json.dumps({action: {"_id": f"d{number}"}}))
        lines += [json.dumps({"n": number, "text": text})] if text else []
    answer = stage.elastic.send("POST", "/bitten/_bulk?refresh=true", ("\n".join(lines) + "\n").encode())
    assert not answer["errors"]


def test_what_was_lost_comes_back_with_another_ones_approval(stage: Stage) -> None:
    stage.elastic.send("PUT", "/bitten", {"settings": {"number_of_shards": 2, "number_of_replicas": 0}})
    write(stage, *(("index", number, "as it was") for number in range(DOCUMENTS)))
    stage.apply({"salvaging": POLICY}, repositories=OWN)
    stage.run("backup", "salvaging", "--wait")
    plan = stage.ask("restore", "plan", "--policy", "salvaging")
    of = stage.ask("restore", "start", plan["plan_id"], "--wait")["run_id"]
    write(stage, *(("delete", number, None) for number in range(20)))
    write(stage, *(("index", number, "spoiled") for number in range(100, 105)))
    write(stage, ("index", DOCUMENTS, "new"))

    (_, her), (ben, his) = person(stage, "anna"), person(stage, "ben")
    with typing(stage, her) as by_anna, typing(stage, his) as by_ben:
        shown = by_anna.run("salvage", of, "--dry-run").stdout
        assert "restored-bitten bitten 20 5 275 1" in " ".join(shown.split())
        assert "a second person must approve" in by_anna.run("salvage", of, expect=2).stderr
        told = by_ben.run("restore", "approve", shown.split()[0]).stdout
        assert "restored-bitten bitten 20 5 275 1" in " ".join(told.split())
        run = by_anna.ask("salvage", of, "--wait")

    counted = run["salvage"]
    assert (run["state"], run["approved_by"], run["docs"]) == ("SUCCEEDED", ben, 25)
    assert (counted["created"], counted["replaced"], counted["same"], counted["unsure"]) == (20, 5, 275, False)
    stage.elastic.send("POST", "/bitten/_refresh")
    assert stage.elastic.send("GET", "/bitten/_count")["count"] == DOCUMENTS + 1
    spoiled = stage.elastic.send("GET", "/bitten/_count", {"query": {"match": {"text": "spoiled"}}})
    assert spoiled["count"] == 0
    states = [event["detail"]["state"] for event in stage.events_of(run["run_id"], until="SUCCEEDED")]
    assert list(dict.fromkeys(states)) == ["PLANNED", "RESTORING", "SUCCEEDED"]
    assert "25 documents copied (20 were missing, 5 different)" in stage.report_of(run["run_id"])["body"]
