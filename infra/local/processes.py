"""Children that outlive us: started, recognised and ended by pid and start time, never by name."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from infra.local.errors import CannotStart
from infra.local.paths import ServerUser

MARK = "SNAPWARDEN_GROUP"
_PORTS = range(20_000, 32_000)  # systems hand out 32768 and up to outgoing connections, which would grab a free one
_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}  # only the parent can wait for them; others find no zombie

LISTENERS: list[Callable[["Identity", Path], None]] = []
"""Told of each child and its log as soon as there is one, long before it answers: so that none is ever forgotten."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for all time; a pid is reused. `started` is opaque, `mark` tells its children from strangers."""

    pid: int
    started: str
    mark: str = ""

    def to_json(self) -> dict[str, int | str]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, int | str]) -> "Identity":
        return cls(pid=int(stored["pid"]), started=str(stored["started"]), mark=str(stored.get("mark", "")))


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    user: ServerUser | None = None,
) -> Identity:
    """Start `command` as leader of its own session, its output appended to `log`. `environ` is all it gets."""
    mark = os.urandom(8).hex()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**environ, MARK: mark},
            start_new_session=True,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    _CHILDREN[process.pid] = process
    # until we wait for it, our child's pid cannot become another's
    identity = Identity(pid=process.pid, started=_started(process.pid), mark=mark)
    for listener in LISTENERS:
        listener(identity, log)
    return identity


def identity_of(pid: int) -> Identity:
    """Of a process that we did not spawn here, e.g. ourselves."""
    return Identity(pid=pid, started=_started(pid))


def is_alive(identity: Identity) -> bool:
    _reap(identity.pid)
    try:
        return _started(identity.pid) == identity.started and _runs(psutil.Process(identity.pid))
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return False


def end(identity: Identity, grace: float = 10.0) -> None:
    """SIGTERM to the group, after `grace` seconds SIGKILL. Returns when all are gone, even if they were before."""
    members = _members(identity)
    _signal(members, signal.SIGTERM)
    if not _gone(identity, members, grace):
        members = _members(identity)
        _signal(members, signal.SIGKILL)
        if not _gone(identity, members, 5.0):
            raise CannotStart(f"Process {identity.pid} does not end, not even by SIGKILL.")


def free_port() -> int:
    """A port nobody listens on now."""
    for _ in range(200):
        port = random.choice(_PORTS)
        if is_port_free(port):
            return port
    raise CannotStart(f"Found no free port between {_PORTS.start} and {_PORTS.stop}.")


def is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def wait_until(answers: Callable[[], bool], identity: Identity, *, name: str, log: Path, timeout: float) -> None:
    """Poll `answers` (which must not raise) until True. When the process dies: fails at once, with its last lines."""
    deadline = time.monotonic() + timeout
    while True:
        if not is_alive(identity):
            raise CannotStart(f"{name} ended while starting. The end of its log, {log}:\n{last_lines(log)}")
        if answers():
            return
        if time.monotonic() > deadline:
            end(identity)
            raise CannotStart(
                f"{name} gave no answer within {timeout:.0f} s. The end of its log, {log}:\n{last_lines(log)}"
            )
        time.sleep(0.1)


def last_lines(log: Path, count: int = 15) -> str:
    if not log.exists():
        return "  (no log)"
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 20_000))
        lines = stream.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-count:])


def _started(pid: int) -> str:
    """Ticks since boot plus the boot itself: exact, and unlike a wall-clock time not moved by a clock that is set."""
    if sys.platform != "linux":
        return repr(psutil.Process(pid).create_time())
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot[:8]}-{ticks}"


def _members(identity: Identity) -> list[psutil.Process]:
    """The leader and its group. What a dead leader left counts only by our mark: the number may be another's by now."""
    whole = is_alive(identity)
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) != identity.pid or not _runs(process):
                continue
            if whole or (identity.mark and process.environ().get(MARK) == identity.mark):
                found.append(process)
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def _signal(members: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in members:
        try:
            process.send_signal(number)  # psutil compares the start time first
        except psutil.NoSuchProcess:
            continue


def _gone(identity: Identity, members: Sequence[psutil.Process], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        _reap(identity.pid)
        if not any(_runs(process) for process in members):
            return True
        time.sleep(0.02)
    return False


def _runs(process: psutil.Process) -> bool:
    """A zombie whose parent never asks is as good as gone."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _reap(pid: int) -> None:
    child = _CHILDREN.get(pid)
    if child and child.poll() is not None:
        del _CHILDREN[pid]
