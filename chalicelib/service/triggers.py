"""Makes the rules on the default bus agree with the triggers of the policies in force: after the rows, never before.

Repeatable: a crash in between, a rule that somebody changed or removed, and two of these at once are mended by the
next. A rule that is behind starts nothing that the file does not say (`core/triggers.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core import triggers
from chalicelib.core.config import Config
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.ports import Store
from chalicelib.core.triggers import Rules, TriggerRule
from chalicelib.service.differences import Active, read_current


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChanges:
    """`put`: made, or made again."""

    put: tuple[TriggerRule, ...] = ()
    removed: tuple[TriggerRule, ...] = ()


def agree(store: Store, rules: Rules, stage: str) -> RuleChanges:
    """With the rows as they are now, whoever wrote them. New rules first: an event that two of them match is one run.
    Retryable and Refused say that the file itself is stored."""
    try:
        in_force = [active.spec.policy for active in read_current(store).values() if active.spec]
        changes = compare(triggers.rules(stage, in_force), rules)
        for rule in changes.put:
            rules.put(rule)
        for rule in changes.removed:
            rules.remove(rule.name)
    except (Retryable, Refused) as error:
        words = f"the file is stored, and its triggers are not all in force yet: {error}; apply again"
        raise (Retryable if isinstance(error, Retryable) else Refused)(words) from error
    return changes


def wanted(config: Config, current: Mapping[str, Active], stage: str) -> tuple[TriggerRule, ...]:
    """When the file is applied; those of `current` that it does not name stay in force."""
    left = [active.spec.policy for name, active in current.items() if active.spec and name not in config.policies]
    return triggers.rules(stage, [*config.policies.values(), *left])


def compare(wanted: Sequence[TriggerRule], rules: Rules) -> RuleChanges:
    """What is to be done so that there are these and no others."""
    there = rules.all()
    names = {rule.name for rule in wanted}
    return RuleChanges(
        put=tuple(rule for rule in wanted if rule not in there),
        removed=tuple(rule for rule in there if rule.name not in names),
    )
