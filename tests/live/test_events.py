"""What events ask for on a whole stage: its real bus and queue, the deployed function, a real Elasticsearch."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.core.model import Run
from infra.local import inbox
from tests.elastic_admin import wait
from tests.stages import Stage

OWN = {"asked": {"type": "fs", "settings": {"location": "asked"}}}
POLICY = {"select": {"indices": ["asked-for"]}, "repository": "asked", "prove": "L2", "schedule": []}
TRIGGERS = [
    {"pattern": {"source": ["test.deploy"], "detail": {"state": ["START"]}}},
    {"pattern": {"source": ["test.alarm"]}, "action": "restore", "restore": {"prefix": "restored-alarm-"}},
]


@pytest.fixture(scope="module")
def asked(stage: Stage) -> Stage:
    stage.elastic.create_index("asked-for", documents=20)
    stage.apply({"asked": {**POLICY, "triggers": TRIGGERS}}, repositories=OWN)
    run_id = put(stage, "Backup Requested", {"policy": "asked", "request_id": "first", "requested_by": "ben"})
    run = ended(stage, f"backup:asked:{run_id}")
    assert (run.state, run.good, run.requested_by) == ("SUCCEEDED", True, "event:test.ci (ben)")
    return stage


def put(stage: Stage, what: str, detail: Mapping[str, Any], *, source: str = "test.ci", own: bool = True) -> str:
    """The id that the request has."""
    bus = {"EventBusName": "snapwarden-local"} if own else {}
    entry = {**bus, "Source": source, "DetailType": what, "Detail": json.dumps(detail)}
    answer = stage.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer
    return str(detail.get("request_id") or answer["Entries"][0]["EventId"])


def refusal(stage: Stage, asked: str) -> Mapping[str, Any]:
    """Of the event, or of the request, of this id."""

    def found() -> list[Mapping[str, Any]]:
        details = [event["detail"] for event in stage.events if event["detail-type"] == "Request Refused"]
        return [detail for detail in details if asked in (detail["event_id"], detail["request_id"])]

    def came() -> bool:
        stage.events += inbox.events(stage.state)
        return bool(found())

    wait(came, f"the refusal of {asked}", timeout=30)
    return found()[0]


def ended(stage: Stage, run_id: str) -> Run:
    """Once the event has become that run, and it has ended and is told."""
    wait(lambda: stage.store.run(run_id) is not None, run_id, timeout=30)
    return stage.wait_for(run_id, lambda run: run.settled and run.told, "its end")


def test_a_restore_is_asked_for_and_comes_back(asked: Stage) -> None:
    run_id = put(asked, "Restore Requested", {"policy": "asked", "level_at_least": "L2", "request_id": "back"})
    run = ended(asked, f"restore:asked:{run_id}")
    assert (run.state, run.docs) == ("SUCCEEDED", 20), run.reason
    assert asked.elastic.send("GET", "/restored-asked-for/_count")["count"] == 20
    assert "SUCCEEDED restore asked" in asked.report_of(run.run_id)["subject"]


def test_the_same_request_is_one_run_and_another_under_its_id_is_refused(asked: Stage) -> None:
    put(asked, "Backup Requested", {"policy": "asked", "request_id": "first", "requested_by": "ben"})
    put(asked, "Backup Requested", {"policy": "asked", "request_id": "first", "requested_by": "eve"})
    told = refusal(asked, "first")
    assert (told["status"], told["policy"]) == (409, "asked")
    assert len([run for run in asked.store.runs(policy="asked", kind="backup") if run.slot == "first"]) == 1


def test_names_that_are_not_allowed_wait_for_a_person(asked: Stage) -> None:
    run_id = put(asked, "Restore Requested", {"policy": "asked", "prefix": "copy-"})
    run = ended(asked, f"restore:asked:{run_id}")
    assert run.state == "DEFERRED"
    assert run.plan
    assert run.plan in asked.report_of(run.run_id)["body"]
    assert asked.elastic.send("GET", "/_cat/indices/copy-*?format=json") == []


def test_what_can_not_be_meant_is_answered_on_the_bus_and_by_mail(asked: Stage) -> None:
    event_id = put(asked, "Restore Requested", {"policy": "askd", "mode": "swap"})
    told = refusal(asked, event_id)
    assert (told["request"], told["status"], told["source"]) == ("Restore Requested", 400, "test.ci")
    assert [problem["key"] for problem in told["problems"]] == ["mode", "policy"]
    assert "mode: swap touches live data" in asked.report(key=f"{event_id}#refused")["body"]


def test_nothing_of_our_own_starts_anything(asked: Stage) -> None:
    put(asked, "Backup Requested", {"policy": "asked", "request_id": "loop"}, source="snapwarden")
    put(asked, "Backup Requested", {"policy": "askd", "request_id": "after"})
    refusal(asked, "after")
    assert asked.store.run("backup:asked:loop") is None


def test_events_of_the_default_bus_start_what_the_triggers_say(asked: Stage) -> None:
    stopped = put(asked, "Deployment", {"state": "STOP"}, source="test.deploy", own=False)
    started = put(asked, "Deployment", {"state": "START"}, source="test.deploy", own=False)
    run = ended(asked, f"backup:asked:{started}")
    assert (run.state, run.requested_by) == ("SUCCEEDED", "event:test.deploy (Deployment)")
    assert asked.store.run(f"backup:asked:{stopped}") is None
    alarm = put(asked, "Alarm", {}, source="test.alarm", own=False)
    back = ended(asked, f"restore:asked:{alarm}")
    assert back.state == "SUCCEEDED", back.reason
    assert asked.elastic.send("GET", "/restored-alarm-asked-for/_count")["count"] == 20


def test_apply_puts_right_what_somebody_changed_and_shows_it_before(asked: Stage) -> None:
    file = asked.folder / f"{uuid4().hex[:8]}.yaml"
    file.write_text(asked.file({"asked": {**POLICY, "triggers": TRIGGERS}}, repositories=OWN))
    events = asked.client("events")
    names = [rule["Name"] for rule in events.list_rules(NamePrefix="snapwarden-local-asked-")["Rules"]]
    assert len(names) == 2
    events.disable_rule(Name=names[0])
    assert asked.ask("apply", str(file), "--dry-run")["rules"] == {"put": [names[0]], "removed": []}
    assert asked.ask("apply", str(file))["rules"] == {"put": [names[0]], "removed": []}
    assert events.describe_rule(Name=names[0])["State"] == "ENABLED"
    file.write_text(asked.file({"asked": POLICY}, repositories=OWN))
    assert sorted(asked.ask("apply", str(file))["rules"]["removed"]) == sorted(names)
    left = [rule["Name"] for rule in events.list_rules(NamePrefix="snapwarden-local-")["Rules"]]
    assert left == ["snapwarden-local-tick-event"], "the schedule of the tick is called like a rule of ours"
