"""DynamoDB Local: AWS's own imitation of DynamoDB, with true atomicity, on one file.

It listens on **all** interfaces and has no option for that; it takes any credentials. On a machine that others can
reach, have a firewall. PITR and tags are unknown to it; items past their TTL are deleted late.
"""

import platform
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.local import artifacts, processes
from infra.local.errors import CannotStart
from infra.local.installed import install
from infra.local.java import java_home
from infra.local.paths import Places, server_user
from infra.local.servers import HOST, Server, clean_environ, get, own_folder, require_reachable, take_port

SET = "dynamodb"
MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
NATIVE = "com/amazonaws/services/dynamodbv2/local/shared/access/sqlite/native"
NATIVES = {
    ("Linux", "x86_64"): "Linux/x86_64/libsqlite4java.so",
    ("Linux", "aarch64"): "Linux/aarch64/libsqlite4java.so",
    ("Darwin", "arm64"): "Mac/aarch64/libsqlite4java.dylib",
    ("Darwin", "x86_64"): "Mac/x86_64/libsqlite4java.dylib",
}


@dataclass(frozen=True)
class DynamoDBLocal:
    """One instance. `root` holds its data and log; the data survive a restart. No `port`: any free one."""

    places: Places
    root: Path
    port: int | None = None
    progress: artifacts.Progress | None = None

    def start(self, timeout: float = 60.0) -> Server:
        """Returns when it answers."""
        software, user = installed(self.places, self.progress), server_user()
        self.root.mkdir(parents=True, exist_ok=True)
        data, temporary = own_folder(self.root / "data", user, 0o700), own_folder(self.root / "tmp", user, 0o700)
        require_reachable(self.root, user)
        port, log = take_port(self.port, "DynamoDB Local"), self.root / "server.log"
        command: list[str | Path] = [
            java_home(self.places) / "bin" / "java",
            *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
            *("--enable-native-access=ALL-UNNAMED", f"-Djava.io.tmpdir={temporary}"),
            *(f"-Dsqlite4java.library.path={software}", "-cp", f"{software}/*", MAIN),
            *("-dbPath", data, "-sharedDb", "-disableTelemetry", "-port", str(port)),
        ]
        identity = processes.spawn(command, log=log, environ=clean_environ(), cwd=self.root, user=user)
        url = f"http://{HOST}:{port}"
        processes.wait_until(
            lambda: get(url) is not None, identity, name="DynamoDB Local", log=log, timeout=timeout
        )  # it answers anything unsigned with 400
        return Server(name="dynamodb", url=url, port=port, identity=identity, log=log)


def installed(places: Places, progress: artifacts.Progress | None = None) -> Path:
    """The jars and the native library of this machine, in one folder."""

    def fill(folder: Path) -> None:
        for artifact, path in artifacts.fetch(SET, cache=places.cache, progress=progress):
            shutil.copyfile(path, folder / artifact.filename)
            if artifact.name == "DynamoDBLocal":
                _take_native(path, folder)

    stamp = " ".join(artifact.sha256[:12] for artifact in artifacts.read_lock()[SET])
    return install(places.servers / "dynamodb", stamp, fill)


def _take_native(jar: Path, folder: Path) -> None:
    machine = (platform.system(), platform.machine())
    if machine not in NATIVES:
        raise CannotStart(f"DynamoDB Local has no native library for {' '.join(machine)}.")
    member = NATIVES[machine]
    with zipfile.ZipFile(jar) as archive:
        (folder / Path(member).name).write_bytes(archive.read(f"{NATIVE}/{member}"))
