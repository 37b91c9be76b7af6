"""The emergency script: one backup's whole restore as curl lines, for somebody who has nothing else. Pure.

It is made when the backup is, and stored beside the capsule, so that it outlives the table and the functions.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from chalicelib.core import emergency_text as text
from chalicelib.core.capsules import Configuration
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import IndexRef
from chalicelib.core.prose import counted, instant
from chalicelib.core.rows import Spec

MADE_WITH: Mapping[str, object] = {"index.number_of_replicas": 0, "index.auto_expand_replicas": "false"}
LEFT_OUT = ("index.routing.allocation.*", "index.lifecycle.*", "index.default_pipeline", "index.final_pipeline")
"""As restores of ours leave them out (a test compares)."""
UNSAFE = tuple(pattern.removesuffix("*") for pattern in LEFT_OUT)
OURS = ("index.search.slowlog.threshold.fetch.trace", "index.blocks.write")
"""What a restore of ours may have left there."""
APIS = {
    "lifecycle_policies": "_ilm/policy",
    "pipelines": "_ingest/pipeline",
    "component_templates": "_component_template",
    "index_templates": "_index_template",
    "legacy_templates": "_template",
}
NOTHING = Configuration(parts={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is restored. `indices`: what the snapshot holds; `broken`: those of which it lacks a shard."""

    backup_id: str
    snapshot: str
    uuid: str
    repository: str
    taken_at: datetime
    indices: tuple[str, ...]
    broken: frozenset[str] = frozenset()


def key(policy: str, backup_id: str) -> str:
    return f"emergency/{policy}/{backup_id}.sh"


def script(subject: Subject, expected: Evidence, spec: Spec, configuration: Configuration | None) -> str:
    """`expected`: shards, settings and counts of the indices, as far as they were written down. Without a
    `configuration` it holds no aliases, data streams or templates, and says so."""
    known = configuration or NOTHING
    held = {index.name: index for index in expected.indices}
    whole = [held.get(name, IndexRef(name=name, uuid="")) for name in subject.indices if name not in subject.broken]
    units = tuple(_units(whole, known.parts.get("data_streams", {})))
    where = {"NAME": _url(subject.repository), "SNAPSHOT": _url(subject.snapshot)}
    uuid = shlex.quote(f'"uuid":"{subject.uuid}"')
    ignored = {"SETTINGS": json.dumps(MADE_WITH), "IGNORED": json.dumps(LEFT_OUT)}
    hosts = spec.target.hosts or ("http://localhost:9200",)
    parts = (
        _filled(text.HEAD, FACTS=_facts(subject, spec, units), ES=shlex.quote(hosts[0].rstrip("/"))),
        _configuration(configuration),
        _filled(text.REPOSITORY, NAME=where["NAME"], REPOSITORY=_repository(subject.repository, spec, known)),
        _filled(text.SNAPSHOT, UUID=uuid, **where),
        _filled(text.RESTORE, **where, **ignored)
        + _lines(_calls("restore", units, lambda unit: json.dumps([unit.name]))),
        text.WAIT + _lines(_calls("await", units, lambda unit: str(unit.shards))),
        text.SETTINGS + _lines(line for unit in units for line in _settings(unit)),
        text.ALIASES + _lines(_aliases(units, known)),
        _filled(text.END, COUNTS="\n".join(_counts(expected, subject.indices))),
    )
    return "\n".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What is restored by one request: an index, or a data stream with its indices. `shards` in all (0: not known)."""

    name: str
    shards: int
    settings: Mapping[str, object]
    stream: bool = False


def _units(indices: Iterable[IndexRef], streams: Mapping[str, Any]) -> Iterator[_Unit]:
    """Data streams as such: their indices alone would come back as mere indices."""
    of = {member: stream for stream, members in streams.items() for member in members}
    together: dict[str, _Unit] = {}
    for index in indices:
        if (stream := of.get(index.name)) is None:
            yield _Unit(name=index.name, shards=max(index.shards, 1), settings=index.settings)
        else:
            before = together.get(stream, _Unit(name=stream, shards=0, settings={}, stream=True))
            together[stream] = replace(
                before, shards=before.shards + max(index.shards, 1), settings=index.settings or before.settings
            )
    yield from together.values()


def _facts(subject: Subject, spec: Spec, units: tuple[_Unit, ...]) -> str:
    streams = sum(unit.stream for unit in units)
    held = counted(len(units) - streams, "index", "indices")
    lines = (
        f"backup   {subject.backup_id}",
        f"of       policy {spec.policy.name} on {spec.target.name}",
        f"data of  {instant(subject.taken_at)}",
        f"holds    {held}"
        + (f", {counted(streams, 'data stream')}: first see to their index templates, below" if streams else ""),
        *(
            f"lacks    {name}: a shard is not in the snapshot, so it is not restored here"
            for name in sorted(subject.broken)
        ),
    )
    return "\n".join(f"#   {_line(fact)}" for fact in lines)


def _configuration(configuration: Configuration | None) -> str:
    """Commented out: what the cluster has by now may be newer. In the order in which it can be put back."""
    lines = [
        "# 2. Templates, pipelines and policies as they were, commented out: take the # away where you need them,",
        "#    before the restore. Index templates first of all, where there are data streams.",
    ]
    if configuration is None:
        return "\n".join((*lines, "#    None: the configuration was not stored with this backup.", ""))
    managed = 0
    for part, api in APIS.items():
        for name, body in sorted(configuration.parts.get(part, {}).items()):
            if _is_managed(body):
                managed += 1
            else:
                lines.append(_call("PUT", f"{api}/{_url(name)}", body))
    if settings := configuration.parts.get("cluster_settings"):
        lines.append(_call("PUT", "_cluster/settings", {"persistent": settings}))
    if managed:
        lines.append(f"#    Left out, because each server brings its own: {managed} that Elasticsearch manages itself.")
    lines += [f"#    REDACTED: {_line(path)}" for path in configuration.redacted]
    lines += [f"#    Not whole: {part}: {_line(why)}" for part, why in sorted(configuration.incomplete.items())]
    return "\n".join((*lines, ""))


def _call(method: str, path: str, body: object) -> str:
    return f'# curl "${{OPTIONS[@]}}" -X {method} "$ES/{path}" -d {_json(body)}'


def _is_managed(body: Any) -> bool:
    inner = body.get("policy", body)
    return isinstance(inner, Mapping) and (inner.get("_meta") or {}).get("managed") is True


def _repository(name: str, spec: Spec, known: Configuration) -> str:
    """As the server had it; the file's word, which may leave settings out, only where that is not known."""
    written = spec.target.repositories.get(name)
    found = known.parts.get("repositories", {}).get(name)
    if found is None:
        found = (
            {"type": written.type, "settings": dict(written.settings)} if written else {"type": "fs", "settings": {}}
        )
    return _json({"type": found["type"], "settings": {**found.get("settings", {}), "readonly": True}})


def _settings(unit: _Unit) -> Iterator[str]:
    """Nulls are the server's defaults, where a setting was not written down."""
    own = {key: value for key, value in unit.settings.items() if key not in OURS}
    safe = {**dict.fromkeys(MADE_WITH), **{key: value for key, value in own.items() if not key.startswith(UNSAFE)}}
    yield f"settings {shlex.quote(_url(unit.name))} {_json(safe)}"
    if careful := {key: value for key, value in own.items() if key.startswith(UNSAFE)}:
        yield f"# settings {shlex.quote(_url(unit.name))} {_json(careful)}"


def _aliases(units: Iterable[_Unit], known: Configuration) -> Iterator[str]:
    for unit in units:
        if named := known.parts.get("aliases", {}).get(unit.name):
            actions = [{"add": {"index": unit.name, "alias": alias, **how}} for alias, how in sorted(named.items())]
            yield f"aliases {shlex.quote(_url(unit.name))} {_json({'actions': actions})}"


def _counts(expected: Evidence, indices: Iterable[str]) -> Iterator[str]:
    held = frozenset(indices)
    for count in expected.counts:
        if count.name in held:
            yield f"#      {count.docs:>15,}  {_line(count.name)}"
    if not expected.counts:
        yield "#      They were not counted."


def _calls(function: str, units: Iterable[_Unit], second: Callable[[_Unit], str]) -> Iterator[str]:
    return (f"{function} {shlex.quote(_url(unit.name))} {shlex.quote(second(unit))}" for unit in units)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"\n{line}" for line in lines) + "\n"


def _filled(template: str, **values: str) -> str:
    """In one go: a value that holds the name of another stays as it is."""
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], template)


def _json(value: object) -> str:
    """One line of ASCII, quoted for the shell."""
    return shlex.quote(json.dumps(value, sort_keys=True))


def _url(name: str) -> str:
    return quote(name, safe="")


def _line(words: str) -> str:
    return " ".join(words.splitlines())
