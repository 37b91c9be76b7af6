"""Our own CloudFormation templates as data, for whatever has to look into them: tests, and the local stage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

NAME_PROPERTIES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Archive": "ArchiveName",
    "AWS::Events::Rule": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::CloudWatch::Alarm": "AlarmName",
}
ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{where}:table/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SQS::Queue": "sqs:{where}:{name}",
    "AWS::SNS::Topic": "sns:{where}:{name}",
    "AWS::Events::EventBus": "events:{where}:event-bus/{name}",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """`properties` are final: nothing is left to be resolved."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    deletion_policy: str = "Delete"

    @property
    def name(self) -> str:
        return str(self.properties[NAME_PROPERTIES[self.type]])


class UnknownTemplate(Exception):
    """The template uses something that this reader was not taught."""


def read(path: Path, *, region: str, account: str, **parameters: str) -> tuple[Resource, ...]:
    """Every resource as CloudFormation would see it. Understands Ref, Sub and GetAtt, because we use no more."""
    document = yaml.load(path.read_text(), Loader=_Loader)
    known = set(document.get("Parameters", {}))
    if known != set(parameters):
        raise UnknownTemplate(f"{path.name} wants the parameters {sorted(known)}, not {sorted(parameters)}")
    values = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws", **parameters}
    resolver = _Resolver(document["Resources"], values)
    return tuple(
        Resource(
            logical_id=logical_id,
            type=raw["Type"],
            properties=resolver.resolve(raw.get("Properties", {})),
            deletion_policy=raw.get("DeletionPolicy", "Delete"),
        )
        for logical_id, raw in document["Resources"].items()
    )


class _Loader(yaml.SafeLoader):
    pass


def _tag(function: str) -> None:
    def construct(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, Any]:
        if not isinstance(node, yaml.ScalarNode):
            raise UnknownTemplate(f"{function} with a list or a map")
        return {function: loader.construct_scalar(node)}

    _Loader.add_constructor(f"!{function}", construct)


for _function in ("Ref", "Sub", "GetAtt"):
    _tag(_function)


@dataclass(frozen=True, slots=True)
class _Resolver:
    resources: Mapping[str, Any]
    values: Mapping[str, str]

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref":
                return self._ref(inner)
            if key == "Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._ref(found[1]), inner)
            if key == "GetAtt":
                return self._attribute(*inner.split("."))
        return {key: self.resolve(inner) for key, inner in value.items()}

    def _ref(self, name: str) -> str:
        if name in self.values:
            return self.values[name]
        kind = self.resources[name]["Type"]
        if kind == "AWS::SQS::Queue":
            region, account = self.values["AWS::Region"], self.values["AWS::AccountId"]
            return f"https://sqs.{region}.amazonaws.com/{account}/{self._name(name)}"
        return self._attribute(name, "Arn") if kind == "AWS::SNS::Topic" else self._name(name)

    def _name(self, logical_id: str) -> str:
        raw = self.resources[logical_id]
        return str(self.resolve(raw["Properties"][NAME_PROPERTIES[raw["Type"]]]))

    def _attribute(self, logical_id: str, attribute: str) -> str:
        kind = self.resources[logical_id]["Type"]
        if attribute == "QueueName":
            return self._name(logical_id)
        if attribute != "Arn" or kind not in ARNS:
            raise UnknownTemplate(f"{attribute} of {kind}")
        where = f"{self.values['AWS::Region']}:{self.values['AWS::AccountId']}"
        return f"arn:aws:{ARNS[kind].format(where=where, name=self._name(logical_id))}"
