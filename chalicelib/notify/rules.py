"""Rules of triggers through EventBridge, on the default bus: the only one that events of AWS's services reach."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import Retryable
from chalicelib.core.triggers import TriggerRule, canonical, prefix
from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import TargetTypeDef

TARGET = "snapwarden"
"""The id of our target in each rule."""


class DefaultBus:
    """A rule is ours by its description: other things that are called like our stage are on this bus, too, such as the
    schedule of the tick and the rules of a stage whose name begins with ours."""

    def __init__(self, client: "EventBridgeClient", stage: str, queue_arn: str) -> None:
        self._client = client
        self._stage = stage
        self._queue_arn = queue_arn
        self._ours = f"Snapwarden, stage {stage}: a trigger of policy "

    def all(self) -> tuple[TriggerRule, ...]:
        return tuple(sorted(map(self._read, self._listed()), key=lambda rule: rule.name))

    def put(self, rule: TriggerRule) -> None:
        description = f"{self._ours}{rule.policy}"
        with asked(f"put rule {rule.name}"):
            self._client.put_rule(
                Name=rule.name,
                EventPattern=rule.pattern,
                State="ENABLED" if rule.enabled else "DISABLED",
                Description=description,
            )
            answer = self._client.put_targets(Rule=rule.name, Targets=[self._target(rule)])
        if answer["FailedEntryCount"]:
            codes = sorted({entry["ErrorCode"] for entry in answer["FailedEntries"]})
            raise Retryable(f"rule {rule.name} did not take its target: {', '.join(codes)}")

    def _target(self, rule: TriggerRule) -> "TargetTypeDef":
        return {"Id": TARGET, "Arn": self._queue_arn, "InputTransformer": {"InputTemplate": rule.template}}

    def remove(self, name: str) -> None:
        """A rule goes only when it has no targets."""
        with asked(f"remove rule {name}"):
            try:
                found = self._client.list_targets_by_rule(Rule=name)["Targets"]
                if found:
                    self._client.remove_targets(Rule=name, Ids=[target["Id"] for target in found])
                self._client.delete_rule(Name=name)
            except self._client.exceptions.ResourceNotFoundException:
                return

    def _listed(self) -> Iterator[Any]:
        with asked(f"list the rules of stage {self._stage}"):
            for page in self._client.get_paginator("list_rules").paginate(NamePrefix=prefix(self._stage)):
                yield from (rule for rule in page["Rules"] if rule.get("Description", "").startswith(self._ours))

    def _read(self, rule: Any) -> TriggerRule:
        with asked(f"look at rule {rule['Name']}"):
            targets = self._client.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        sent = [target for target in targets if (target["Id"], target["Arn"]) == (TARGET, self._queue_arn)]
        return TriggerRule(
            name=rule["Name"],
            policy=rule["Description"].removeprefix(self._ours),
            pattern=canonical(json.loads(rule.get("EventPattern") or "{}")),
            template=sent[0].get("InputTransformer", {}).get("InputTemplate", "") if sent else "",
            enabled=rule["State"] == "ENABLED",
        )
