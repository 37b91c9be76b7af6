"""The two files by which a local stage is found: `stage.json` for everybody, `children.json` for cleaning up.

stage.json is there while a stage runs (and after one was killed). Its keys are stable:

    stage, region, account                     "local", "eu-central-1", "123456789012"
    endpoint_url                               the embedded AWS
    dynamodb_endpoint_url                      DynamoDB Local
    invoke_endpoint_url                        Lambda's Invoke API
    elasticsearch: {url, version, repo_dir}    the last two are null for a server of your own (SNAPWARDEN_ES_URL)
    children: {name: {pid, started, mark}}     supervisor, dynamodb, elasticsearch, moto
    logs                                       folder
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local import processes
from infra.local.processes import Identity


def load(folder: Path) -> dict[str, Any] | None:
    """The state of the stage in `folder`; None when there is none."""
    found: dict[str, Any] | None = _read(folder / "stage.json")
    return found


def store(folder: Path, state: Mapping[str, Any]) -> None:
    _write(folder / "stage.json", state)


def remove(folder: Path) -> None:
    """Both files; nothing may run any more."""
    for name in ("stage.json", "children.json"):
        (folder / name).unlink(missing_ok=True)


class Journal:
    """Every process of a stage from the moment it exists, on disk: whoever comes later can end what is left."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "children.json"
        self._lock = threading.Lock()

    def add(self, name: str, identity: Identity) -> None:
        with self._lock:
            _write(self._path, {**(_read(self._path) or {}), name: identity.to_json()})

    def identities(self) -> dict[str, Identity]:
        with self._lock:
            return {name: Identity.from_json(stored) for name, stored in (_read(self._path) or {}).items()}

    def end_all(self, *, but: int | None = None) -> list[str]:
        """Ends what is alive, except the process `but`; the names of those. By pid and start time, never by name."""
        found = {name: one for name, one in self.identities().items() if one.pid != but}
        alive = [name for name, one in found.items() if processes.is_alive(one)]
        threads = [threading.Thread(target=processes.end, args=(one, 20.0)) for one in found.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return alive


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(path)
