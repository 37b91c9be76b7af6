"""The `triggers` of policies as rules on the default bus, where the events of AWS's services arrive.

What a rule sends says which policy and which of its triggers it stands for, and nothing of what is to be done: that is
read from the file in force when the event comes. So a rule that is behind the file, or that somebody made by hand,
starts nothing that the file does not say.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.spec import Policy, Trigger

WRAPPED = "snapwarden_trigger"
"""The key that a rule puts beside the event: where whoever sends an event can write nothing."""
NAME = 64
"""Characters that the name of a rule may have."""
IDENT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRule:
    """`pattern` is JSON with sorted keys. `template`: what is sent, with the whole event in it. `enabled`: nobody has
    switched it off."""

    name: str
    policy: str
    pattern: str
    template: str
    enabled: bool = True


class Rules(Protocol):
    """The rules of one stage on the account's default bus that stand for triggers of policies, and no others.
    A port as those of `ports.py`: it raises Retryable or Refused, and nothing else that comes from the world."""

    def all(self) -> tuple[TriggerRule, ...]:
        """As they are there, sorted by name; one that does not send to our queue has an empty template."""

    def put(self, rule: TriggerRule) -> None:
        """Makes it, or makes it again as it shall be. Safe to repeat."""

    def remove(self, name: str) -> None:
        """One that is not there is removed: safe to repeat."""


def rules(stage: str, policies: Iterable[Policy]) -> tuple[TriggerRule, ...]:
    """Of all triggers of these policies, each once, sorted by name."""
    found = {
        one.name: one for policy in policies for trigger in policy.triggers for one in [rule(stage, policy, trigger)]
    }
    return tuple(found[name] for name in sorted(found))


def rule(stage: str, policy: Policy, trigger: Trigger) -> TriggerRule:
    mark = ident(policy.name, trigger)
    head = prefix(stage)
    shown = policy.name[: NAME - len(head) - len(mark) - 1]
    wrapped = json.dumps({WRAPPED: {"policy": policy.name, "trigger": mark}})
    return TriggerRule(
        name=f"{head}{shown}-{mark}",
        policy=policy.name,
        pattern=canonical(trigger.pattern),
        template=f'{wrapped[:-1]}, "event": <aws.events.event.json>}}',
    )


def prefix(stage: str) -> str:
    """Of the names of all rules. Those of stage `dev-2` begin as those of `dev` do: ours are not known by it alone."""
    return f"snapwarden-{stage}-"


def ident(policy: str, trigger: Trigger) -> str:
    """The same as long as the file says the same, whatever keys a later release brings."""
    said = canonical([policy, trigger.model_dump(mode="json", exclude_defaults=True)])
    return hashlib.sha256(said.encode()).hexdigest()[:IDENT]


def find(policy: Policy, mark: str) -> Trigger | None:
    return next((trigger for trigger in policy.triggers if ident(policy.name, trigger) == mark), None)


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=dict)
