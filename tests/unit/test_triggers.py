"""Triggers of the file as rules: names, patterns, and what a rule may start."""

import json
from dataclasses import replace

import pytest

from chalicelib.core import triggers
from chalicelib.core.config import load
from chalicelib.core.errors import BadInput, Refused, Retryable
from chalicelib.core.spec import Policy
from chalicelib.service import triggers as service
from tests.fakes.rules import FakeRules
from tests.faults.world import FILE, Stage

DEPLOY = "    triggers: [{pattern: {source: [aws.codedeploy], detail: {state: [START]}}}]\n"
ALARM = """\
    triggers: [{pattern: {source: [aws.cloudwatch]}, action: restore, restore: {indices: [a], prefix: restored-b-}}]
"""


def policy(text: str) -> Policy:
    return load(FILE + text, "f").policies["nightly"]


def agreed(stage: Stage, rules: FakeRules) -> service.RuleChanges:
    return service.agree(stage.store, rules, "local")


def test_a_rule_sends_the_whole_event_and_says_which_trigger_it_stands_for() -> None:
    (rule,) = triggers.rules("local", [policy(DEPLOY)])
    assert rule.name.startswith("snapwarden-local-nightly-")
    assert json.loads(rule.pattern) == {"source": ["aws.codedeploy"], "detail": {"state": ["START"]}}
    sent = json.loads(rule.template.replace("<aws.events.event.json>", '{"id": "1"}'))
    found = triggers.find(policy(DEPLOY), sent["snapwarden_trigger"]["trigger"])
    assert (sent["event"], found) == ({"id": "1"}, policy(DEPLOY).triggers[0])
    assert triggers.find(policy(ALARM), sent["snapwarden_trigger"]["trigger"]) is None


def test_names_fit_and_differ_however_long_stage_and_policy_are() -> None:
    """EventBridge takes 64 characters; a policy's may be 40, a stage's 24."""
    named = [policy(DEPLOY).model_copy(update={"name": "n" * 39 + end}) for end in "ab"]
    found = triggers.rules("s" * 24, named)
    assert len({rule.name for rule in found}) == 2
    assert all(len(rule.name) <= 64 for rule in found)


def test_a_trigger_that_is_there_twice_is_one_rule() -> None:
    twice = DEPLOY.replace("[{pattern", "[&t {pattern").replace("}}}]", "}}}, *t]")
    assert len(policy(twice).triggers) == 2
    assert len(triggers.rules("local", [policy(twice)])) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{pattern: {detail-type: [x]}}", "must name its `source`"),
        ("{pattern: {source: [snapwarden]}}", "start a loop"),
        ("{pattern: {source: [{anything-but: [x]}]}}", "start a loop"),
        ("{pattern: {source: [x]}, restore: {prefix: a-}}", "a backup has no use for"),
        ("{pattern: {source: [x]}, action: restore, restore: {mode: swap}}", "'swap' is not known here"),
        ("{pattern: {source: [x]}, action: restore, restore: {backup: x}}", "unknown key"),
    ],
)
def test_what_no_event_may_do_or_would_loop_is_refused_with_the_file(text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        policy(f"    triggers: [{text}]\n")


def test_rules_follow_the_rows() -> None:
    stage, rules = Stage(FILE + DEPLOY), FakeRules()
    made = agreed(stage, rules)
    assert [rule.policy for rule in made.put] == ["nightly"]
    assert agreed(stage, rules) == service.RuleChanges(), "nothing to do is nothing done"
    stage.apply(FILE + ALARM)
    changed = agreed(stage, rules)
    assert (changed.removed, len(changed.put), len(rules.kept)) == (made.put, 1, 1)
    stage.apply(FILE)
    assert agreed(stage, rules).removed == changed.put
    assert rules.kept == {}


def test_a_retired_policy_has_no_rules_and_one_that_only_left_the_file_keeps_them() -> None:
    other = FILE.replace("  nightly:", "  weekly:")
    stage, rules = Stage(FILE + DEPLOY), FakeRules()
    agreed(stage, rules)
    stage.apply(other)
    assert agreed(stage, rules) == service.RuleChanges()
    stage.apply(other, prune=True)
    assert len(agreed(stage, rules).removed) == 1


def test_what_somebody_changed_by_hand_is_put_right() -> None:
    stage, rules = Stage(FILE + DEPLOY), FakeRules()
    (rule,) = agreed(stage, rules).put
    for spoiled in (replace(rule, pattern="{}"), replace(rule, template=""), replace(rule, enabled=False)):
        rules.kept[rule.name] = spoiled
        assert agreed(stage, rules).put == (rule,)
        assert rules.kept == {rule.name: rule}


@pytest.mark.parametrize(("number", "lost"), [(0, False), (1, False), (2, False), (0, True), (1, True)])
def test_no_answer_in_between_is_told_and_mended_by_the_next(number: int, lost: bool) -> None:
    """To the list, to the new rule, to the removal of the old one; with and without an effect."""
    stage, rules = Stage(FILE + DEPLOY), FakeRules()
    agreed(stage, rules)
    stage.apply(FILE + ALARM)
    (rules.lose_answer if lost else rules.fail)(*[None] * number, Retryable("no answer"))
    with pytest.raises(Retryable, match="the file is stored, and its triggers are not all in force yet: no answer"):
        agreed(stage, rules)
    agreed(stage, rules)
    assert [rule.pattern for rule in rules.kept.values()] == ['{"source": ["aws.cloudwatch"]}']


def test_what_is_refused_is_said_with_what_is_stored() -> None:
    class Forbidden(FakeRules):
        def before(self) -> None:
            raise Refused("AccessDenied: events:ListRules")

    with pytest.raises(Refused, match=r"the file is stored.*ListRules"):
        agreed(Stage(FILE + DEPLOY), Forbidden())
