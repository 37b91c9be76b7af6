"""The local stage: `up` and `down`. A supervisor process (infra/local/supervisor.py) owns everything that runs."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from infra.local import artifacts, processes, stagefile
from infra.local.errors import CannotStart, UnknownVersion
from infra.local.paths import CHECKOUT, Places

DEFAULT_FOLDER = CHECKOUT / ".local"
DEFAULT_VERSION = "8.19.2"
GRACE = 60.0
Progress = Callable[[str], None]


def up(
    version: str = DEFAULT_VERSION,
    *,
    fresh: bool = False,
    progress: Progress = lambda said: None,
    folder: Path = DEFAULT_FOLDER,
) -> dict[str, Any]:
    """Starts the stage of `folder` and returns its state (infra/local/stagefile.py) when all of it answers.

    `fresh` wipes the table, Elasticsearch's data and its backups first. Ends whatever a killed stage left. Raises
    CannotStart when it runs already or something is in the way; then nothing of it is left running.
    """
    require_version(version)
    os.umask(os.umask(0o022) | 0o022)  # others must not be able to write what we run
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    if is_running(folder):
        state = stagefile.load(folder)
        where = f", with Elasticsearch at {state['elasticsearch']['url']}" if state else ""
        raise CannotStart(f"The local stage runs already{where}. `snapwarden down` stops it.")
    log = folder / "logs" / "supervisor.log"
    order = {"folder": str(folder), "version": version, "fresh": fresh}
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.supervisor", json.dumps(order)],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        return _follow(process, progress, log)
    except BaseException:  # Ctrl-C too: half a stage is of no use
        process.send_signal(signal.SIGTERM)
        process.wait(GRACE)
        raise


def down(folder: Path = DEFAULT_FOLDER) -> bool:
    """Stops the stage of `folder` and whatever a killed one left; its data stay. False: there was nothing to stop."""
    journal = stagefile.Journal(folder)
    supervisor = journal.identities().get("supervisor")
    was_alive = supervisor is not None and processes.is_alive(supervisor)
    if supervisor and was_alive:
        processes.end(supervisor, GRACE)
    left = journal.end_all()
    stagefile.remove(folder)
    return bool(was_alive or left)


def is_running(folder: Path = DEFAULT_FOLDER) -> bool:
    """Starting counts. The supervisor holds a lock that the system frees, however it ends, a moment later."""
    if not folder.exists():
        return False
    supervisor = stagefile.Journal(folder).identities().get("supervisor")
    if supervisor and processes.is_alive(supervisor):
        return True
    try:
        with lock(folder):
            return False
    except Timeout:
        return True


def lock(folder: Path) -> FileLock:
    return FileLock(folder / "stage.lock", timeout=3)


def servers_root(places: Places, folder: Path) -> Path:
    """Where the servers of this stage keep their data: open to the user they run as."""
    key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return places.servers / f"stage-{key}"


def require_version(version: str) -> None:
    known = [name.removeprefix("elasticsearch-") for name in artifacts.read_lock() if name.startswith("elasticsearch-")]
    if version not in known and not os.environ.get("SNAPWARDEN_ES_URL"):
        raise UnknownVersion(f"Elasticsearch {version} is not known here. Known: {', '.join(sorted(known))}.")


def _follow(process: "subprocess.Popen[bytes]", progress: Progress, log: Path) -> dict[str, Any]:
    """The supervisor's lines until it is ready, has failed, or is gone."""
    if process.stdout is None:
        raise ValueError("started without a pipe")
    with process.stdout as lines:
        for line in lines:
            said = json.loads(line)
            if "ready" in said:
                state: dict[str, Any] = said["ready"]
                return state
            if "failed" in said:
                raise CannotStart(said["failed"])
            progress(said["step"])
    raise CannotStart(f"The supervisor ended while starting. The end of its log, {log}:\n{processes.last_lines(log)}")
