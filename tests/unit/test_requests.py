"""What arrives becomes a request or a refusal, whatever it is."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import refusals, requests
from chalicelib.core.dead_letter_reports import dead_letter_report
from chalicelib.core.model import Kind
from chalicelib.core.plans import Wish
from chalicelib.core.requests import Refusal, Request, Triggered
from chalicelib.core.spec import Trigger, TriggeredRestore

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ID = "17793124-05d4-b198-2fde-7ededc63b103"


def event(what: str = "Backup Requested", /, **more: Any) -> dict[str, Any]:
    detail = more.pop("detail", {"policy": "nightly"})
    head = {"version": "0", "id": ID, "detail-type": what, "source": "ci", "time": "2026-11-21T01:59:00Z"}
    return {**head, "detail": detail, **more}


def read(written: Any) -> Any:
    return requests.read(json.dumps(written), NOW)


def refused(written: Any) -> Refusal:
    found = read(written)
    assert isinstance(found, Refusal), found
    return found


def restore(**detail: Any) -> Any:
    return read(event("Restore Requested", detail={"policy": "nightly", **detail}))


def test_a_backup_is_asked_for() -> None:
    found = read(event(detail={"policy": "nightly", "request_id": "r-7", "reason": "release", "requested_by": "ben"}))
    assert isinstance(found, Request)
    assert (found.kind, found.policy, found.request_id, found.wish) == (Kind.BACKUP, "nightly", "r-7", None)
    assert found.by == "event:ci (ben: release)"


def test_without_a_request_id_the_id_of_the_event_is_it() -> None:
    assert read(event()).request_id == ID
    assert "request_id: is missing" in refused(event(id="Not_One")).reason


def test_a_restore_says_what_it_wants() -> None:
    asked = {
        "at": "2026-11-20T03:00:00+01:00",
        "level_at_least": "L2",
        "indices": ["orders-*"],
        "prefix": "restored-b-",
    }
    assert restore(**asked, mode="rename").wish == Wish(
        policy="nightly",
        at=datetime(2026, 11, 20, 2, tzinfo=UTC),
        level="L2",
        indices=("orders-*",),
        prefix="restored-b-",
    )
    assert restore(backup="latest").wish == Wish(policy="nightly")
    assert restore(backup="backup:nightly:now-1").wish.backup == "backup:nightly:now-1"


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"mode": "swap"}, "mode: swap touches live data, which no event may do (expected rename"),
        ({"mode": "in_place"}, "mode: in_place touches live data"),
        ({"mode": "clone"}, "mode: 'clone' is no mode"),
        ({"into": "Other"}, "into: 'Other' is not a name"),
        ({"into": ["other"]}, "into: found a list"),
        ({"request_id": "plan-1f0c"}, "request_id: 'plan-1f0c' begins as the ids of plans do"),
        ({"request_id": "2026-11-21T02:00Z"}, "can't be the id of a request"),
        ({"request_id": 7}, "request_id: found 7 (expected text)"),
        ({"policy": None}, "policy: found nothing"),
        ({"policy": "../x"}, "policy: '../x' is not a name"),
        ({"at": "yesterday"}, "at: 'yesterday' is no time with a zone"),
        ({"at": "2026-11-21T02:00:00"}, "is no time with a zone"),
        ({"at": "2026-11-20T02:00:00Z", "backup": "backup:nightly:now-1"}, "at: names a backup and a time"),
        ({"backup": "*"}, "backup: '*' is no id of a backup"),
        ({"level_at_least": ["L2"]}, "level_at_least: a list is no level"),
        ({"indices": "orders"}, "indices: found 'orders' (expected a list"),
        ({"indices": ["o"] * 101}, "101 patterns are too many"),
        ({"indices": ["-orders"]}, "starts with -"),
        ({"prefix": "Copy$"}, "prefix: 'Copy$' is not a prefix"),
        ({"indicies": []}, "indicies: unknown key; did you mean 'indices'?"),
        ({"allow_partial": True}, "allow_partial: unknown key"),
        ({"reason": {"a": 1}}, "reason: found a mapping (expected text)"),
    ],
)
def test_what_can_not_be_meant_is_said(detail: dict[str, Any], told: str) -> None:
    assert told in restore(**detail).reason


def test_everything_wrong_is_told_at_once() -> None:
    found = refused(event("Restore Requested", detail={"polcy": "nightly", "mode": "swap", "at": "x", "prefix": "X"}))
    assert {problem.key for problem in found.problems} == {"polcy", "policy", "mode", "at", "prefix"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"time": "2026-11-20T01:59:00Z"}, "more than a day away"),
        ({"time": "2026-11-22T02:01:00Z"}, "more than a day away"),
        ({"time": 1795226400}, "is no time"),
        ({"replay-name": "again"}, "played once more from an archive"),
        ({"source": ""}, "no event of EventBridge"),
        ({"id": None}, "no event of EventBridge"),
        ({"detail": ["policy"]}, "policy: is missing"),
        ({"detail-type": "Retention Requested"}, "'Retention Requested' asks for nothing"),
        ({"detail": {"policy": "nightly", "reason": "x" * 20_000}}, "the event is too large"),
    ],
)
def test_an_event_that_is_old_replayed_or_none_is_refused(more: dict[str, Any], told: str) -> None:
    assert told in refused(event(**more)).reason


def test_our_own_events_ask_for_nothing() -> None:
    assert read(event(source="snapwarden")) is None
    assert read({"snapwarden_trigger": {}, "event": event(source="snapwarden")}) is None


def test_an_event_of_a_trigger_starts_what_the_file_says_of_it() -> None:
    alarm = event("CloudWatch Alarm State Change", source="aws.cloudwatch", detail={"policy": "other", "x" * 9: [{}]})
    found = read({"snapwarden_trigger": {"policy": "nightly", "trigger": "1f"}, "event": alarm})
    assert isinstance(found, Triggered)
    assert (found.policy, found.trigger) == ("nightly", "1f")
    asked = requests.triggered(found, Trigger(pattern={"source": ["aws.cloudwatch"]}))
    assert isinstance(asked, Request)
    assert (asked.kind, asked.policy, asked.request_id) == (Kind.BACKUP, "nightly", ID)
    assert asked.by == "event:aws.cloudwatch (CloudWatch Alarm State Change)"
    which = TriggeredRestore(indices=("orders",), prefix="restored-c-", level_at_least="L2")
    back = requests.triggered(found, Trigger(pattern={"source": ["x"]}, action="restore", restore=which))
    assert isinstance(back, Request)
    assert back.wish == Wish(policy="nightly", level="L2", indices=("orders",), prefix="restored-c-")


def test_the_sender_can_not_pose_as_a_trigger() -> None:
    """What a rule wraps stands beside the event, where the detail does not reach."""
    assert isinstance(read(event(detail={"policy": "nightly", "snapwarden_trigger": {"policy": "x"}})), Refusal)


def test_words_of_the_sender_are_one_short_line() -> None:
    found = read(
        event(source="ci", detail={"policy": "nightly", "reason": "a\n\x1b[31m" + "b" * 999, "requested_by": "\ud800"})
    )
    assert found.by.isprintable()
    assert len(found.by) < 450


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
DETAILS = st.dictionaries(
    st.sampled_from(["policy", "request_id", "at", "backup", "mode", "indices", "prefix", "reason", "level_at_least"])
    | st.text(max_size=5),
    JSON | st.sampled_from(["nightly", "latest", "L2", "rename", "2026-11-21T02:00:00Z"]),
)


def sound(body: str) -> None:
    """A refusal can be sent and stored: its texts are text, and short."""
    found = requests.read(body, NOW)
    if isinstance(found, Refusal):
        told = refusals.event(found, NOW)
        assert told.key
        assert len(json.dumps(told.detail, ensure_ascii=False).encode()) < 64_000
        report = refusals.report(found, stage="local", topic="default")
        assert report is None or (report.subject.isascii() and len(report.subject) < 100 and report.body.encode())
    elif isinstance(found, Request):
        assert found.by.encode()


@given(JSON)
def test_any_json_is_a_request_or_a_refusal(written: Any) -> None:
    sound(json.dumps(written))
    sound(json.dumps({"snapwarden_trigger": written, "event": event(detail=written)}))


@given(DETAILS, st.sampled_from(list(requests.KINDS)))
def test_any_detail_is_a_request_or_a_refusal(detail: Any, what: str) -> None:
    sound(json.dumps(event(what, detail=detail)))


@pytest.mark.parametrize("body", ["", "{", "[" * 9_999, '{"a":' * 9_999, "NaN", "1" * 9_999, "\ud800", "null"])
def test_what_is_no_json_is_refused(body: str) -> None:
    assert isinstance(requests.read(body, NOW), Refusal)
    sound(body)


def test_the_same_event_is_refused_under_the_same_key() -> None:
    late = requests.read(json.dumps(event(detail={})), NOW + timedelta(minutes=5))
    assert isinstance(late, Refusal)
    assert refusals.event(late, NOW).key == refusals.event(refused(event(detail={})), NOW).key
    assert refusals.event(refused("x"), NOW).key != refusals.event(refused("y"), NOW).key


def test_who_waits_for_data_is_told_and_no_other() -> None:
    bad = {"policy": "nightly", "mode": "swap"}
    told = refusals.report(refused(event("Restore Requested", detail=bad)), stage="local", topic="default")
    assert told is not None
    assert told.subject.startswith("[snapwarden local] REFUSED restore request of nightly: mode: swap touches live")
    assert "mode: swap touches live data" in told.body
    assert refusals.report(refused(event(detail={})), stage="local", topic="default") is None
    replayed = refused(event("Restore Requested", **{"replay-name": "again"}))
    assert refusals.report(replayed, stage="local", topic="default") is None


@pytest.mark.parametrize("body", [event(), {"snapwarden_trigger": {}, "event": event()}])
def test_a_request_that_failed_too_often_is_not_called_a_strangers_message(body: Any) -> None:
    """Its run may not be there: whoever asked has to know."""
    report = dead_letter_report(json.dumps(body), "m-1", stage="local")
    assert "DEAD LETTER: an event failed too often" in report.subject
    assert "was perhaps not begun" in report.body
    assert "snapwarden-local-events around that time" in report.body
