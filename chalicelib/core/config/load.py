"""The file users write -> targets and policies, or every problem in it at once."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.core.config import checks, target_checks
from chalicelib.core.config.checks import Remark
from chalicelib.core.config.document import Document, Path, dotted, read_document
from chalicelib.core.config.problems import empty_values, translate
from chalicelib.core.errors import BadInput, Problem
from chalicelib.core.nearest import unknown_key
from chalicelib.core.spec import Policy, Target, Tls
from chalicelib.core.values import WRITTEN, shown

VERSION = 1
TOP = ("version", "targets", "policies")

STAND_INS: Mapping[type[BaseModel], Mapping[str, Any]] = {
    Target: {"name": "x", "engine": "elasticsearch", "auth": {"none": True}, "repositories": {}},
    Policy: {"name": "x", "target": "", "repository": "", "select": {"indices": ["*"]}},
}
"""For required keys that are wrong or missing. They contradict nothing, and what is said about them is dropped."""
RAW = ("engine", "target", "repository", "schedule", "drill")
"""Keys with checks of what was written, which hold whatever else is wrong with them."""

M = TypeVar("M", bound=BaseModel)


def _no_neighbour(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A file without problems. `warnings` stand at places too, in the order of the file."""

    targets: Mapping[str, Target]
    policies: Mapping[str, Policy]
    warnings: tuple[Problem, ...] = ()

    @property
    def digest(self) -> str:
        """The same for files that mean the same, whatever their layout and comments."""
        parts = {"targets": self.targets, "policies": self.policies}
        plain = {kind: {n: m.model_dump(mode="json") for n, m in models.items()} for kind, models in parts.items()}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def load(text: str | bytes, file: str, *, neighbour: Callable[[str], str] = _no_neighbour) -> Config:
    """BadInput carries every problem, in the order of the file; `file` is only repeated in them.

    `neighbour` reads a file that the text names (the certificates of `tls.ca`, which take the name's place: whoever
    connects has no such file); ValueError when it can't be used.
    """
    return _Loader(read_document(text, file), neighbour).config()


class _Loader:
    def __init__(self, document: Document, neighbour: Callable[[str], str]) -> None:
        self.document = document
        self.neighbour = neighbour
        self.problems: list[Problem] = list(document.problems)
        self.warnings: list[Problem] = []
        self.wrong: dict[Path, set[int | str]] = {}

    def config(self) -> Config:
        data = self.document.data
        if not isinstance(data, dict):
            raise BadInput(
                *self.problems, self._problem((), f"found {shown(data)}", f"a mapping with {', '.join(TOP)}")
            )
        for key in data:
            if key not in TOP:
                self.add((key,), *unknown_key(key, TOP))
        self._version(data)
        raw_targets, raw_policies = self._section(data, "targets"), self._section(data, "policies")
        targets = self._models(Target, "targets", raw_targets)
        policies = self._models(Policy, "policies", raw_policies)
        self._judge_targets(raw_targets, targets)
        self._judge_policies(raw_policies, policies, raw_targets, targets)
        targets = {name: self._with_certificates(target) for name, target in targets.items()}
        if self.problems:
            raise BadInput(*_ordered(self.problems))
        return Config(targets=targets, policies=policies, warnings=_ordered(self.warnings))

    def add(self, path: Path, message: str, expected: str | None = None) -> None:
        self.problems.append(self._problem(path, message, expected))

    def _problem(self, path: Path, message: str, expected: str | None = None) -> Problem:
        """The key that is missing is named although it stands nowhere."""
        line, _ = self.document.place(path)
        return Problem(message, expected, self.document.file, line, dotted(path) or None)

    def _version(self, data: Mapping[str, Any]) -> None:
        if "version" not in data:
            self.add(("version",), "is missing", str(VERSION))
        elif data["version"] != VERSION or isinstance(data["version"], bool):
            self.add(("version",), f"version {shown(data['version'])} is not known here", str(VERSION))

    def _section(self, data: Mapping[str, Any], key: str) -> dict[str, Any]:
        section = data.get(key)
        expected = "a mapping of names to " + key
        if isinstance(section, dict):
            if not section and key == "targets":
                self.add((key,), "is empty", expected)
            elif not section:
                self.warnings.append(self._problem((key,), "there is none: nothing is protected"))
            return section
        self.add((key,), "is missing" if key not in data else f"found {shown(section)}", expected)
        return {}

    def _models(self, kind: type[M], section: str, raws: Mapping[str, Any]) -> dict[str, M]:
        made = {name: self._model(kind, (section, name), raw) for name, raw in raws.items()}
        return {name: model for name, model in made.items() if model is not None}

    def _model(self, kind: type[M], base: Path, raw: Any) -> M | None:
        """Keys that are wrong are told of and left out, so that the rest can still be judged as a whole."""
        if not isinstance(raw, dict):
            self.add(base, f"found {shown(raw)}", "a mapping")
            return None
        told = len(self.problems)
        if "name" in raw:
            self.add((*base, "name"), "unknown key: the name is the key above", "no such key")
        data = {**raw, "name": base[-1]}
        model: M | None = None
        try:
            model = kind.model_validate(data, context=WRITTEN)
        except ValidationError as error:
            self.problems += translate(self.document, base, kind, error)
            wrong = {item["loc"][0] if item["loc"] else "" for item in error.errors()}
            model = self._rest(kind, base, {key: value for key, value in data.items() if key not in wrong})
            self.wrong[base] = wrong
        keys = {problem.key for problem in self.problems[told:]}
        for path in empty_values(raw, base):
            if dotted(path) not in keys:
                self.add(path, "has no value", "a value, or no such key")
        return model

    def _rest(self, kind: type[M], base: Path, data: Mapping[str, Any]) -> M | None:
        try:
            return kind.model_validate({**STAND_INS[kind], **data})
        except ValidationError:
            return None

    def _judge_targets(self, raws: Mapping[str, Any], targets: Mapping[str, Target]) -> None:
        for name, raw in raws.items():
            if isinstance(raw, dict):
                self._take(("targets", name), target_checks.check_engine(raw))
        for name, target in targets.items():
            self._take(("targets", name), target_checks.check_target(target))
        for name, remark in target_checks.check_shared(targets):
            self._take(("targets", name), [remark])

    def _with_certificates(self, target: Target) -> Target:
        if target.tls.ca is None or "tls" in self.wrong.get(("targets", target.name), ()):
            return target
        try:
            return target.model_copy(update={"tls": Tls(ca=self.neighbour(target.tls.ca))})
        except ValueError as error:
            self.add(("targets", target.name, "tls", "ca"), str(error), "a PEM file, relative to this one")
            return target

    def _judge_policies(
        self,
        raws: Mapping[str, Any],
        policies: Mapping[str, Policy],
        raw_targets: Mapping[str, Any],
        targets: Mapping[str, Target],
    ) -> None:
        for name, raw in raws.items():
            if isinstance(raw, dict):
                self._take(("policies", name), checks.check_references(raw, raw_targets))
                self._take(("policies", name), checks.check_schedules(raw))
        for name, policy in policies.items():
            self._take(("policies", name), checks.check_policy(policy, targets.get(policy.target)))
            if policy.drill is not None:
                into = targets.get(policy.drill.into.target or policy.target)
                self._take(("policies", name), checks.check_drill(policy.drill, into))
        drilled = {policy.drill.into.target for policy in policies.values() if policy.drill is not None}
        for name in sorted(targets.keys() - {policy.target for policy in policies.values()} - drilled):
            self._take(("targets", name), [Remark((), "no policy protects it", warning=True)])

    def _take(self, base: Path, remarks: Iterable[Remark]) -> None:
        for remark in remarks:
            if remark.path and remark.path[0] in self.wrong.get(base, ()) and remark.path[0] not in RAW:
                continue
            path = (*base, *remark.path)
            if remark.path[:1] == ("rpo",):
                path = self.document.place(path)[1]  # one duration stands for a level that is not written
            problem = self._problem(path, remark.message, remark.expected)
            (self.warnings if remark.warning else self.problems).append(problem)


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """In the order of the file, each once."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0))
