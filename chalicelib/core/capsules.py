"""The capsule: how a cluster was configured when a backup was taken, stored beside it. Pure.

A document of JSON, zipped: what `Engine.configuration` brought, for whom, and what of it is missing. Secrets never get
in: they are taken out where the configuration is read.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib.core.errors import Refused
from chalicelib.core.model import Finding, Severity

VERSION = 1
REDACTED = "REDACTED"
PARTS = (
    "lifecycle_policies",
    "pipelines",
    "component_templates",
    "index_templates",
    "legacy_templates",
    "cluster_settings",
    "repositories",
    "data_streams",
    "aliases",
)
"""Of a configuration, in the order in which they can be put back. Each by name; what is below a name is the body that
the server's own API takes, but for `data_streams` (the names of their indices) and `aliases` (alias by alias, by index
or data stream)."""
NAMED_IN = frozenset(
    {
        "properties",
        "fields",
        "runtime",
        "analyzer",
        "tokenizer",
        "filter",
        "char_filter",
        "normalizer",
        "aliases",
        "_meta",
    }
)
"""Below these, names are somebody's own: a field called `password` is no secret."""
SECRET = re.compile(
    r"pass(word|wd|phrase)|secret|credential|(api|access|private|account|shared)[._-]?key|authorization|tokens?$", re.I
)
NO_SECRET = re.compile(r"^max_tokens?$", re.I)
LOGIN = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
"""Of an address: `https://user:password@host`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`parts`: those of PARTS, without secrets; `redacted`: where they were (`/repositories/main/settings/secret_key`).
    `incomplete`: parts that could not be read, or not wholly, and why."""

    parts: Mapping[str, Mapping[str, Any]]
    redacted: tuple[str, ...] = ()
    incomplete: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Paths as in `redacted`, sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)


def key(policy: str, backup_id: str) -> str:
    """Derives from the run, so that storing it again changes nothing."""
    return f"capsules/{policy}/{backup_id}.json.gz"


def without_secrets(parts: Mapping[str, Mapping[str, Any]], incomplete: Mapping[str, str]) -> Configuration:
    """The names of templates, pipelines and the like may say `secret`; what stands below a key that does is taken
    out."""
    found: list[str] = []
    clean = {
        part: {name: _clean(body, f"/{part}/{name}", part == "aliases", found) for name, body in named.items()}
        if part != "cluster_settings"
        else _clean(named, f"/{part}", False, found)
        for part, named in parts.items()
    }
    return Configuration(parts=clean, redacted=tuple(sorted(found)), incomplete=dict(incomplete))


def sealed(configuration: Configuration, *, backup_id: str, policy: str, target: str) -> bytes:
    """Without the time of its making: what did not change is the same bytes."""
    document = {
        "version": VERSION,
        "backup_id": backup_id,
        "policy": policy,
        "target": target,
        "configuration": configuration.parts,
        "redacted": list(configuration.redacted),
        "incomplete": dict(configuration.incomplete),
    }
    return gzip.compress(json.dumps(document, sort_keys=True, ensure_ascii=False).encode(), mtime=0)


def opened(content: bytes) -> Configuration:
    """Refused when it is no capsule that this release can read."""
    try:
        document = json.loads(gzip.decompress(content))
        return Configuration(
            parts={str(part): dict(named) for part, named in document["configuration"].items()},
            redacted=tuple(map(str, document["redacted"])),
            incomplete={str(part): str(why) for part, why in document["incomplete"].items()},
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"the capsule can't be read: {type(error).__name__}: {error}") from error


def difference(before: Configuration, after: Configuration) -> Difference:
    """Of parts that both could read wholly: what a lost privilege hides was not removed. Which indices a data stream
    has changes by itself and is left out."""
    skipped = before.incomplete.keys() | after.incomplete.keys()
    old, new = (
        {path: value for part in PARTS if part not in skipped for path, value in _leaves(of, part)}
        for of in (before, after)
    )
    return Difference(
        added=tuple(sorted(_highest(new.keys() - old.keys(), old))),
        removed=tuple(sorted(_highest(old.keys() - new.keys(), new))),
        changed=tuple(sorted(path for path in old.keys() & new.keys() if old[path] != new[path])),
    )


def public(found: Difference) -> dict[str, list[str]]:
    return {kind: list(paths) for kind, paths in asdict(found).items()}


def missing(policy: str, why: str) -> Finding:
    """The backup is as good as without one."""
    message = f"the cluster's configuration could not be stored beside the backup: {why}"
    next_step = "mend what the message names; the next backup stores it again"
    return Finding(
        code="capsule.missing", severity=Severity.WARNING, subject=policy, message=message, next_step=next_step
    )


def incomplete(configuration: Configuration) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            code="capsule.incomplete",
            severity=Severity.WARNING,
            subject=part,
            message=f"{part} of the cluster could not be stored wholly beside the backup: {why}",
            next_step="grant what the message names (docs/security.md), or leave it: the data are not concerned",
        )
        for part, why in sorted(configuration.incomplete.items())
    )


def _clean(value: Any, path: str, named: bool, found: list[str]) -> Any:
    """`named`: the keys of this object are somebody's own names."""
    match value:
        case Mapping():
            return {
                name: _redacted(f"{path}/{name}", found)
                if _is_secret(name, inner, named)
                else _clean(inner, f"{path}/{name}", name in NAMED_IN and not named, found)
                for name, inner in value.items()
            }
        case list():
            return [_clean(inner, f"{path}/{at}", False, found) for at, inner in enumerate(value)]
        case str() if LOGIN.search(value):
            found.append(path)
            return LOGIN.sub(REDACTED, value)
    return value


def _is_secret(name: str, value: Any, named: bool) -> bool:
    """A name of somebody's own may be a secret's too, but then it holds a text and no definition."""
    if value is None or isinstance(value, bool) or (named and isinstance(value, Mapping)):
        return False
    return SECRET.search(name) is not None and NO_SECRET.search(name) is None


def _redacted(path: str, found: list[str]) -> str:
    found.append(path)
    return REDACTED


def _leaves(configuration: Configuration, part: str) -> Iterator[tuple[str, Any]]:
    for name, body in configuration.parts.get(part, {}).items():
        yield from _below(None if part == "data_streams" else body, f"/{part}/{name}")


def _below(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _below(inner, f"{path}/{name}")
    else:
        yield path, value


def _highest(paths: set[str], other: Mapping[str, Any]) -> set[str]:
    """A template that is new is one difference, not one for each of its settings."""
    known = {path[:at] for path in other for at, letter in enumerate(path) if letter == "/"} | other.keys()
    return {next((head for head in _heads(path) if head not in known), path) for path in paths}


def _heads(path: str) -> Iterator[str]:
    """`/a/b`, `/a/b/c` of `/a/b/c`: never a part as such."""
    steps = path.split("/")
    for length in range(min(3, len(steps)), len(steps) + 1):
        yield "/".join(steps[:length])
