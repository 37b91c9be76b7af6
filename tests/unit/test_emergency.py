"""The emergency script as text: it is a program, holds what is needed, and no name of anybody's becomes a command.
tests/live/test_emergency.py runs it."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core import emergency
from chalicelib.core.capsules import Configuration, without_secrets
from chalicelib.core.emergency import Subject
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.rows import Spec
from chalicelib.core.spec import Repository
from chalicelib.engines import elasticsearch_restored as restored
from tests.contract.records import a_spec

SUBJECT = Subject(
    backup_id="snapwarden-k3f9-nightly-20261121t0200z",
    snapshot="snapwarden-k3f9-nightly-20261121t0200z",
    uuid="sVn8Kb9mQvSZy0vTzHW7Tg",
    repository="main",
    taken_at=datetime(2026, 11, 21, 2, 0, tzinfo=UTC),
    indices=(".ds-logs-000001", ".ds-logs-000002", "broken", "customers", "orders"),
    broken=frozenset({"broken"}),
)
EXPECTED = Evidence(
    run_id="backup:nightly:2026-11-21T02:00Z",
    kind="expected",
    n=1,
    indices=(
        IndexRef(name=".ds-logs-000001", uuid="u1", shards=1, settings={"index.number_of_replicas": "1"}),
        IndexRef(name=".ds-logs-000002", uuid="u2", shards=2, settings={"index.number_of_replicas": "2"}),
        IndexRef(name="broken", uuid="u3", shards=1),
        IndexRef(name="customers", uuid="u4", shards=3),
        IndexRef(
            name="orders",
            uuid="u5",
            shards=1,
            settings={
                "index.number_of_replicas": "0",
                "index.auto_expand_replicas": "0-all",
                "index.lifecycle.name": "hot",
                "index.default_pipeline": "clean",
                "index.blocks.write": "true",
            },
        ),
    ),
    counts=(IndexCount(name="orders", uuid="u5", docs=120_345, max_seq_no=(9,)),),
)
PARTS: dict[str, dict[str, Any]] = {
    "lifecycle_policies": {
        "hot": {"policy": {"phases": {"hot": {"actions": {}}}}},
        "ilm-history": {"policy": {"_meta": {"managed": True}, "phases": {}}},
    },
    "pipelines": {"clean": {"processors": []}},
    "component_templates": {"base": {"template": {"settings": {"index": {"number_of_shards": "1"}}}}},
    "index_templates": {"logs": {"index_patterns": ["logs*"], "data_stream": {}, "composed_of": ["base"]}},
    "legacy_templates": {".monitoring": {"_meta": {"managed": True}}},
    "cluster_settings": {"cluster.max_shards_per_node": "2000"},
    "repositories": {
        "main": {"type": "s3", "settings": {"bucket": "b", "secret_key": "hunter2", "max_restore_bytes_per_sec": "9mb"}}
    },
    "data_streams": {"logs": [".ds-logs-000001", ".ds-logs-000002"], "others": [".ds-others-1"]},
    "aliases": {
        "orders": {"live": {"is_write_index": True, "filter": {"term": {"city": "L'Aquila"}}, "index_routing": "1"}},
        "logs": {"all-logs": {}},
        "others": {"all-logs": {}},
    },
}


def a_script(subject: Subject = SUBJECT, configuration: Configuration | None = None, spec: Spec | None = None) -> str:
    return emergency.script(subject, EXPECTED, spec or a_spec(), configuration)


def test_the_script_as_it_is_stored(golden: Callable[[str, str], None]) -> None:
    golden("emergency.sh", a_script(configuration=without_secrets(PARTS, {"aliases": "half of them"})))


def test_without_a_capsule_it_says_what_it_lacks(golden: Callable[[str, str], None]) -> None:
    golden("emergency_without_capsule.sh", a_script(replace(SUBJECT, indices=("orders",), broken=frozenset())))


@pytest.mark.parametrize("configuration", [None, without_secrets(PARTS, {})])
def test_it_is_a_program(configuration: Configuration | None) -> None:
    check(a_script(configuration=configuration))


def test_no_secret_is_in_it_and_a_redacted_one_stops_it() -> None:
    found = a_script(configuration=without_secrets(PARTS, {}))
    assert "hunter2" not in found
    assert 'case "$REPOSITORY" in *REDACTED*) stop' in found
    assert "REDACTED: /repositories/main/settings/secret_key" in found


HOSTILE = (
    "a'b",
    "$(touch HIT)",
    "`touch HIT`",
    "x;touch HIT",
    "x&touch HIT",
    "ü-ñ",
    "@UUID@",
    "-n",
    "a b\ntouch HIT",
    '"',
)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_a_command(name: str, tmp_path: Path) -> None:
    """Names of indices, aliases, repositories and addresses, of which a server may allow more than we know. A `curl`
    that always fails runs it as far as it goes; one that always answers yes runs it to the end."""
    spec = a_spec()
    target = spec.target.model_copy(
        update={"hosts": (name,), "repositories": {name: Repository(type="fs", settings={"location": name})}}
    )
    parts = {**PARTS, "aliases": {name: {name: {"filter": {"term": {"x": name}}}}}, "pipelines": {name: {"x": name}}}
    held = replace(SUBJECT, indices=(name,), repository=name, snapshot=name, uuid=name, broken=frozenset({name + "2"}))
    found = emergency.script(
        held,
        EXPECTED,
        replace(spec, target=target),
        Configuration(parts=parts, redacted=(name,), incomplete={"x": name}),
    )
    check(found)
    (tmp_path / "script.sh").write_text(found)
    (tmp_path / "uuid").write_text(f'{{"uuid":"{name}"}}')
    assert b"done" not in run_with(tmp_path, "exit 22")
    assert run_with(tmp_path, YES).endswith(b"done\n"), "so it came to every line"
    assert not list(tmp_path.glob("HIT*"))


YES = """\
case "$*" in
*http_code*) echo 404 ;;
*snapshots.uuid*) cat uuid ;;
*_cat/shards*) printf 'p STARTED\\np STARTED\\np STARTED\\n' ;;
esac
"""


def run_with(folder: Path, curl: str) -> bytes:
    """What the script in the folder says, with this instead of curl."""
    (folder / "curl").write_text(f"#!/bin/sh\n{curl}")
    (folder / "curl").chmod(0o755)
    environ = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "script.sh"], cwd=folder, env=environ, capture_output=True, timeout=20, check=False
    ).stdout


def test_it_restores_as_restores_of_ours_do() -> None:
    """One place for what must not come back with an index would be in the engine's room, which this one may not see."""
    assert emergency.LEFT_OUT == restored.LEFT_OUT
    assert emergency.MADE_WITH.items() <= restored.PUT_ON.items()
    assert restored.MARK in emergency.OURS


def check(script: str) -> None:
    """Bash understands it; and shellcheck, where there is one."""
    parsed = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False)
    assert parsed.returncode == 0, parsed.stderr.decode()
    if shellcheck := shutil.which("shellcheck"):
        found = subprocess.run(
            [shellcheck, "--severity=warning", "-"], input=script.encode(), capture_output=True, check=False
        )
        assert found.returncode == 0, found.stdout.decode()
