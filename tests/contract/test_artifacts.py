"""No file that differs from the lock is ever handed out, whatever the repository, the disk or a SIGKILL did to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.artifacts import fetch, read_lock, sha256_of
from infra.local.errors import CannotStart
from tests.maven import Repository, artifact, serving, write_lock

FILES = {"one": os.urandom(300_000), "two": os.urandom(200_000)}
FETCH = """
import json, sys
from pathlib import Path
from infra.local.artifacts import fetch
lock, cache, address = sys.argv[1:]
files = fetch("some", lock=Path(lock), cache=Path(cache), repositories={"test": address})
print(json.dumps([str(path) for _, path in files]))
"""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(FILES) as found:
        yield found


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return write_lock(tmp_path / "artifacts.lock", [artifact(name, content) for name, content in FILES.items()])


def _fetch(repository: Repository, lock: Path, cache: Path) -> list[Path]:
    found = fetch("some", lock=lock, cache=cache, repositories=repository.named)
    assert [sha256_of(path) for _, path in found] == [item.sha256 for item in read_lock(lock)["some"]]
    return [path for _, path in found]


def _start_fetch(repository: Repository, lock: Path, cache: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", FETCH, str(lock), str(cache), repository.address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_what_is_there_and_good_is_not_asked_for_again(repository: Repository, lock: Path, tmp_path: Path) -> None:
    first = _fetch(repository, lock, tmp_path)
    assert _fetch(repository, lock, tmp_path) == first
    assert set(repository.requests.values()) == {1}


def test_progress_adds_up_over_all_files(repository: Repository, lock: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(
        "some",
        lock=lock,
        cache=tmp_path,
        repositories=repository.named,
        progress=lambda _, done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (500_000, 500_000)


@pytest.mark.parametrize("size", [0, 1_000, 199_999])
def test_a_truncated_answer_is_fetched_once_more(size: int, repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.spoil = lambda number, content: content[:size] if number == 1 else content
    _fetch(repository, lock, tmp_path)
    assert set(repository.requests.values()) == {2}


def test_a_file_that_stays_wrong_fails_with_one_clear_message(
    repository: Repository, lock: Path, tmp_path: Path
) -> None:
    repository.spoil = lambda _, content: _flip(content)
    with pytest.raises(CannotStart) as caught:
        _fetch(repository, lock, tmp_path)
    said = str(caught.value)
    wanted = read_lock(lock)["some"][0]
    assert f"org.example:one:1.0:jar: expected 300000 bytes with sha256 {wanted.sha256}; got 300000 bytes with" in said
    assert "try again" in said
    assert set(repository.requests.values()) <= {1, 2}
    assert not list(tmp_path.rglob("*.jar"))


def test_a_file_the_repository_lacks_is_named(repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.files.clear()
    with pytest.raises(CannotStart, match=r"org.example:one:1.0:jar.*not found"):
        _fetch(repository, lock, tmp_path)


def test_a_byte_flipped_in_the_cache_is_noticed_and_mended(repository: Repository, lock: Path, tmp_path: Path) -> None:
    one, _ = _fetch(repository, lock, tmp_path)
    before = one.stat()
    one.write_bytes(_flip(one.read_bytes()))
    os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
    _fetch(repository, lock, tmp_path)
    assert sorted(repository.requests.values()) == [1, 2]


def test_killed_in_mid_download(repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.stall_after = 100_000
    process = _start_fetch(repository, lock, tmp_path)
    _wait_for(lambda: sum(path.stat().st_size for path in tmp_path.rglob("*.jar")) > 150_000)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    process.communicate()
    repository.stall_after = None
    repository.go_on.set()
    left = list(tmp_path.rglob("*.jar"))
    assert left
    assert all("incoming" in path.parts for path in left)
    _fetch(repository, lock, tmp_path)


def test_two_processes_at_once_download_once(repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.stall_after = 50_000
    processes = [_start_fetch(repository, lock, tmp_path) for _ in range(2)]
    _wait_for(lambda: len(repository.requests) == 2)
    time.sleep(0.5)  # long enough for the other one to run into the lock, or to do harm
    repository.go_on.set()
    answers = [json.loads(process.communicate(timeout=30)[0]) for process in processes]
    assert answers[0] == answers[1]
    assert set(repository.requests.values()) == {1}
    assert _fetch(repository, lock, tmp_path) == [Path(path) for path in answers[0]]


def test_a_broken_line_of_the_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "artifacts.lock"
    lock.write_text("# head\n[some]\norg.example:one:jar 00 12\n")
    with pytest.raises(CannotStart, match=r"artifacts.lock:3: expected group:artifact"):
        read_lock(lock)


def _flip(content: bytes) -> bytes:
    return content[:1_000] + bytes([content[1_000] ^ 1]) + content[1_001:]


def _wait_for(condition: object) -> None:
    assert callable(condition)
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")
