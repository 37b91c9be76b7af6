"""What the local servers have in common: a folder of their own that the server user owns, a start, an end."""

import http.client
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import processes
from infra.local.errors import CannotStart
from infra.local.paths import ServerUser
from infra.local.processes import Identity

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has answered. Plain data: all that is needed to use it, to find it again and to end it."""

    name: str
    url: str
    port: int
    identity: Identity
    log: Path
    repositories: Path | None = None
    """Elasticsearch: the folder (`path.repo`) below which `fs` repositories may lie."""

    def is_alive(self) -> bool:
        return processes.is_alive(self.identity)

    def stop(self, grace: float = 20.0) -> None:
        processes.end(self.identity, grace)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "url": self.url,
            "port": self.port,
            "identity": self.identity.to_json(),
            "log": str(self.log),
            "repositories": str(self.repositories) if self.repositories else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Server":
        repositories = stored["repositories"]
        return cls(
            name=stored["name"],
            url=stored["url"],
            port=stored["port"],
            identity=Identity.from_json(stored["identity"]),
            log=Path(stored["log"]),
            repositories=Path(repositories) if repositories else None,
        )


def own_folder(folder: Path, user: ServerUser | None, mode: int = 0o755) -> Path:
    """Make `folder` (its parents stay ours) and give it to the server user."""
    folder.mkdir(parents=True, exist_ok=True)
    if user:
        shutil.chown(folder, user.uid, user.gid)
    folder.chmod(mode)
    return folder


def require_reachable(folder: Path, user: ServerUser | None) -> None:
    """Fail early when a parent of `folder` is closed to the server user: Java's own messages lead nowhere."""
    if user is None:
        return
    test = subprocess.run(
        ["/usr/bin/env", "test", "-x", str(folder)],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    if test.returncode != 0:
        raise CannotStart(
            f"User '{user.name}', who runs the servers, cannot enter {folder}. Choose one below the servers folder."
        )


def take_port(port: int | None, name: str) -> int:
    """`port` if it is free; any free one for None."""
    if port is None:
        return processes.free_port()
    if not processes.is_port_free(port):
        raise CannotStart(f"{name} cannot start: port {port} is taken by another process.")
    return port


def clean_environ(**extra: str) -> dict[str, str]:
    """Nothing of the caller's environment but PATH: a JAVA_TOOL_OPTIONS or CLASSPATH changes every Java."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **extra}


def get(url: str, timeout: float = 5.0) -> tuple[int, bytes] | None:
    """Status and body of whatever answers, past any proxy; None for no answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return None
