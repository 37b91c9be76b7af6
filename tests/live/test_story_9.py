"""The story in short on Elasticsearch 9: the same promises, another server."""

from tests.stages import Stage

DAILY = {"select": {"indices": ["nine-orders-*"]}, "schedule": "0 2 * * *", "timezone": "Europe/Berlin"}


def test_a_slot_comes_due_and_ends_as_a_proved_backup(stage_9: Stage) -> None:
    assert stage_9.elastic.send("GET", "/_nodes")["nodes"].popitem()[1]["version"] == "9.2.0"
    stage_9.elastic.create_index("nine-orders-1", documents=50, settings={"number_of_shards": 2})
    stage_9.apply({"nine": DAILY})
    (following,) = stage_9.ask("next", "nine", "-n", "1")
    stage_9.run("tick", "--at", following["due_at"])
    (run,) = stage_9.ask("runs", "--policy", "nine")
    stage_9.run("show", run["run_id"], "--follow")

    run = stage_9.ask("show", run["run_id"])
    assert (run["state"], run["level"], run["requested_by"]) == ("SUCCEEDED", "L1", "schedule")
    assert (run["indices"], run["shards"]) == (1, {"total": 2, "failed": 0})
    found = stage_9.snapshot(run)
    assert found["state"] == "SUCCESS"
    assert found["metadata"]["snapwarden"]["run_id"] == run["run_id"]
    states = [event["detail"]["state"] for event in stage_9.events_of(run["run_id"], until="SUCCEEDED")]
    assert (states[0], states[-2:]) == ("STARTING", ["VERIFYING", "SUCCEEDED"])


def test_a_typo_fails_and_is_told(stage_9: Stage) -> None:
    stage_9.apply({"nine-typo": {"select": {"indices": ["nine-oders-*"]}}})
    run = stage_9.ask("backup", "nine-typo", "--wait", expect=1)
    assert (run["state"], run["attempts"], run["findings"][0]["code"]) == ("FAILED", 0, "select.no_match")
    assert "no index on cluster matches nine-oders-*" in stage_9.report_of(run["run_id"])["subject"]
