"""Files of the local servers, fetched from a Maven repository by exact coordinates, checked against `artifacts.lock`.

jgo downloads, and is trusted with nothing: it only warns on a wrong checksum, hands out truncated files and writes in
place. So it writes into `incoming/`, and only what has our sha256 is renamed (atomically) into `artifacts/`.

    python -m infra.local.artifacts            fetch everything
    python -m infra.local.artifacts --relock   write artifacts.lock anew (see locking.py)
"""

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock, Timeout

from infra.local.errors import CannotStart
from infra.local.paths import cache_folder, require_space

LOCK = Path(__file__).with_name("artifacts.lock")
AT_ONCE = 8
TRIES = 2
LOCK_TIMEOUT = 900.0

Progress = Callable[[str, int, int], None]
"""Called as progress(what, bytes so far, bytes in all), from several threads but never by two at once."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One line of the lock: a file that may be used if, and only if, it has this sha256."""

    group: str
    name: str
    version: str
    packaging: str
    classifier: str
    sha256: str
    size: int

    @property
    def coordinates(self) -> str:
        return ":".join(filter(None, (self.group, self.name, self.version, self.packaging, self.classifier)))

    @property
    def filename(self) -> str:
        return f"{'-'.join(filter(None, (self.name, self.version, self.classifier)))}.{self.packaging}"

    def __str__(self) -> str:
        return f"{self.coordinates} {self.sha256} {self.size}"


def read_lock(lock: Path = LOCK) -> dict[str, list[Artifact]]:
    """Set name -> its files. A set begins with a line `[name]`."""
    found: dict[str, list[Artifact]] = {}
    current: list[Artifact] = []
    for number, raw in enumerate(lock.read_text().splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        elif line:
            try:
                coordinates, sha256, size = line.split()
                group, name, version, packaging, *classifier = coordinates.split(":")
                current.append(Artifact(group, name, version, packaging, "".join(classifier), sha256, int(size)))
            except ValueError:
                raise CannotStart(
                    f"{lock}:{number}: expected group:artifact:version:packaging[:classifier] sha256 size"
                ) from None
    return found


def fetch(
    name: str,
    *,
    progress: Progress | None = None,
    lock: Path = LOCK,
    cache: Path | None = None,
    repositories: Mapping[str, str] | None = None,
) -> list[tuple[Artifact, Path]]:
    """The files of set `name`, all verified just now, downloading what is missing or damaged.

    Any number of processes may do this at once: one downloads, the others wait for it. `repositories` (name -> address)
    defaults to what the user's jgo settings name, else Maven Central.
    """
    wanted = read_lock(lock)[name]
    cache = cache or cache_folder()
    kept = cache / "artifacts"
    if _damaged(wanted, kept):
        require_space([cache])
        kept.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(cache / "lock", timeout=LOCK_TIMEOUT):
                _download(_damaged(wanted, kept), cache, progress, repositories)
        except Timeout:
            raise CannotStart(
                f"Another process has held {cache / 'lock'} for {LOCK_TIMEOUT / 60:.0f} minutes. End it and try again."
            ) from None
    return [(artifact, _place(kept, artifact)) for artifact in wanted]


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_good(path: Path, artifact: Artifact) -> bool:
    return path.exists() and path.stat().st_size == artifact.size and sha256_of(path) == artifact.sha256


def _place(kept: Path, artifact: Artifact) -> Path:
    """Named by content: a file of an older lock is never taken for one of this lock."""
    return kept / f"{artifact.sha256[:12]}-{artifact.filename}"


def _damaged(wanted: Sequence[Artifact], kept: Path) -> list[Artifact]:
    return [artifact for artifact in wanted if not is_good(_place(kept, artifact), artifact)]


def _download(
    missing: Sequence[Artifact], cache: Path, progress: Progress | None, repositories: Mapping[str, str] | None
) -> None:
    """Under the lock, so nobody else writes into `incoming/`: what lies there is of a process that was killed."""
    tally = _Tally(sum(artifact.size for artifact in missing), progress)
    context = maven(cache / "incoming", repositories, tally)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_download_one, artifact, cache, context) for artifact in missing]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _download_one(artifact: Artifact, cache: Path, context: Any) -> None:
    source = maven_artifact(context, artifact)
    incoming: Path = source.cached_path
    if not is_good(incoming, artifact):
        incoming.unlink(missing_ok=True)
    trouble = ""
    for _ in range(TRIES):
        try:
            source.resolve()
        except (requests.RequestException, RuntimeError, OSError) as error:
            trouble = f"{type(error).__name__}: {error}"
        else:
            if is_good(incoming, artifact):
                incoming.replace(_place(cache / "artifacts", artifact))
                return
            trouble = f"got {incoming.stat().st_size} bytes with sha256 {sha256_of(incoming)}"
        incoming.unlink(missing_ok=True)
    raise CannotStart(
        f"Could not fetch {artifact.coordinates}: expected {artifact.size} bytes with sha256 {artifact.sha256};"
        f" {trouble} ({TRIES} tries). Nothing damaged was kept. Check the network and the repositories in your jgo"
        " settings, then try again; if the file itself has changed, do not use it before you know why."
    )


def maven(folder: Path, repositories: Mapping[str, str] | None = None, tally: "_Tally | None" = None) -> Any:
    """A jgo context that keeps its files in `folder`."""
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver

    remote = dict(repositories or GlobalSettings.load().repositories) or None
    resolver = PythonResolver(progress_callback=tally.file if tally else None)
    return MavenContext(resolver=resolver, repo_cache=folder, remote_repos=remote, timeout=60)


def maven_artifact(context: Any, artifact: Artifact) -> Any:
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    return component.artifact(artifact.classifier, artifact.packaging)


class _Tally:
    """Adds up the bytes of all files that are under way."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def file(self, filename: str, _size: int) -> Iterator[Callable[[int], None]]:
        """jgo calls this for each file, and what it yields for each piece of it."""

        def add(count: int) -> None:
            with self._one_at_a_time:
                self._done = min(self._done + count, self._total)  # a second try counts again
                if self._progress:
                    self._progress(filename, self._done, self._total)

        yield add


def main(arguments: Sequence[str]) -> int:
    try:
        if "--relock" in arguments:
            from infra.local import locking

            locking.relock(LOCK)
        else:
            for name in read_lock():
                files = fetch(name)
                print(f"{name}: {len(files)} files, {sum(item.size for item, _ in files) / 1e6:.0f} MB")
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
