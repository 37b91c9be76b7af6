"""Rules of triggers: what the port promises, of the fake and of EventBridge as moto plays it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from chalicelib.core.errors import Retryable
from chalicelib.core.triggers import Rules, TriggerRule
from chalicelib.notify.rules import DefaultBus
from tests.contract.aws import REGION, stage
from tests.fakes.rules import FakeRules

QUEUE = f"arn:aws:sqs:{REGION}:123456789012:snapwarden-test-events"
RULE = TriggerRule(
    name="snapwarden-test-nightly-1",
    policy="nightly",
    pattern='{"source": ["aws.codedeploy"]}',
    template='{"snapwarden_trigger": {"policy": "nightly", "trigger": "1"}, "event": <aws.events.event.json>}',
)
OTHER = replace(RULE, name="snapwarden-test-hourly-2", policy="hourly")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with stage(monkeypatch):
        yield boto3.client("events")


@pytest.fixture(params=["fake", "moto"])
def rules(request: pytest.FixtureRequest) -> Rules:
    if request.param == "fake":
        return FakeRules()
    return DefaultBus(request.getfixturevalue("events"), "test", QUEUE)


def test_what_was_put_is_there_by_name_until_it_is_removed(rules: Rules) -> None:
    assert rules.all() == ()
    rules.put(RULE)
    rules.put(OTHER)
    assert rules.all() == (OTHER, RULE)
    rules.remove(OTHER.name)
    assert rules.all() == (RULE,)


def test_putting_and_removing_may_be_repeated(rules: Rules) -> None:
    rules.put(replace(RULE, pattern='{"source": ["x"]}', enabled=False))
    rules.put(RULE)
    rules.put(RULE)
    assert rules.all() == (RULE,)
    rules.remove(RULE.name)
    rules.remove(RULE.name)
    assert rules.all() == ()


def test_what_is_not_ours_is_neither_seen_nor_touched(events: Any) -> None:
    """The tick's schedule, and the rules of a stage whose name begins with ours, have names like ours."""
    events.put_rule(Name="snapwarden-test-tick-event", ScheduleExpression="rate(1 minute)")
    neighbour = DefaultBus(events, "test-2", QUEUE.replace("test", "test-2"))
    neighbour.put(replace(RULE, name="snapwarden-test-2-nightly-1"))
    ours = DefaultBus(events, "test", QUEUE)
    assert ours.all() == ()
    assert [rule.name for rule in neighbour.all()] == ["snapwarden-test-2-nightly-1"]


def test_a_rule_that_was_half_made_or_meddled_with_is_not_what_it_shall_be(events: Any) -> None:
    """A crash between rule and target; a pattern, a state and a target that somebody changed by hand."""
    ours = DefaultBus(events, "test", QUEUE)
    spoils: list[Callable[[], Any]] = [
        lambda: events.remove_targets(Rule=RULE.name, Ids=["snapwarden"]),
        lambda: events.disable_rule(Name=RULE.name),
        lambda: events.put_targets(Rule=RULE.name, Targets=[{"Id": "snapwarden", "Arn": QUEUE}]),
        lambda: events.put_targets(Rule=RULE.name, Targets=[{"Id": "snapwarden", "Arn": f"{QUEUE}-of-others"}]),
    ]
    for spoil in spoils:
        ours.put(RULE)
        assert ours.all() == (RULE,)
        spoil()
        assert ours.all() != (RULE,)
    ours.put(RULE)
    assert ours.all() == (RULE,)


def test_a_rule_with_targets_of_others_is_removed_with_them(events: Any) -> None:
    ours = DefaultBus(events, "test", QUEUE)
    ours.put(RULE)
    events.put_targets(Rule=RULE.name, Targets=[{"Id": "theirs", "Arn": QUEUE.replace("events", "theirs")}])
    ours.remove(RULE.name)
    assert events.list_rules(NamePrefix="snapwarden-test-")["Rules"] == []


def test_a_target_that_is_not_taken_is_no_success() -> None:
    class Half:
        def put_rule(self, **named: Any) -> None:
            assert json.loads(named["EventPattern"])

        def put_targets(self, **named: Any) -> Any:
            return {"FailedEntryCount": 1, "FailedEntries": [{"ErrorCode": "ConcurrentModificationException"}]}

    half: Any = Half()
    with pytest.raises(Retryable, match="ConcurrentModification"):
        DefaultBus(half, "test", QUEUE).put(RULE)
