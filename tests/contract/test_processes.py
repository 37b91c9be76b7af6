"""Ending exactly what we started: real processes."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from infra.local.errors import CannotStart
from infra.local.paths import server_user
from infra.local.processes import (
    Identity,
    end,
    free_port,
    identity_of,
    is_alive,
    is_port_free,
    spawn,
    wait_until,
)
from infra.local.servers import take_port

ENVIRON = {"PATH": os.defpath}
DEAF = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Identity]]:
    found: list[Identity] = []
    yield found
    for identity in found:
        end(identity, grace=0.1)


def _shell(tmp_path: Path, script: str, started: list[Identity]) -> Identity:
    started.append(spawn(["/bin/sh", "-c", script], log=tmp_path / "log", environ=ENVIRON))
    return started[-1]


def _said(tmp_path: Path, wanted: str) -> str:
    for _ in range(500):
        text = (tmp_path / "log").read_text()
        if wanted in text:
            return text
        time.sleep(0.01)
    raise AssertionError(f"never said {wanted}")


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_ended_by_sigterm_and_gone(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, "sleep 60", started)
    assert is_alive(identity)
    end(identity)
    assert not is_alive(identity)
    assert not psutil.pid_exists(identity.pid)
    end(identity)


def test_the_identity_survives_being_stored(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, "sleep 60", started)
    assert Identity.from_json(identity.to_json()) == identity


def test_deaf_to_sigterm_is_killed_after_the_grace(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, DEAF, started)
    _said(tmp_path, "ready")
    begun = time.monotonic()
    end(identity, grace=0.3)
    assert 0.3 <= time.monotonic() - begun < 5
    assert not is_alive(identity)


def test_a_reused_pid_is_left_alone(tmp_path: Path, started: list[Identity]) -> None:
    """A state file from before a reboot or long ago: the pid is somebody else's now."""
    stranger = _shell(tmp_path, "sleep 60", started)
    ours = replace(stranger, started="00000000-1", mark="another")
    assert not is_alive(ours)
    end(ours, grace=0.1)
    assert is_alive(stranger)


def test_children_end_with_their_leader(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, 'sh -c "$0" & echo child $!; wait'.replace("$0", DEAF.replace('"', "")), started)
    child = int(_said(tmp_path, "ready").split("child ")[1].split()[0])
    end(identity, grace=0.2)
    assert not _runs(child)


def test_children_of_a_dead_leader_are_found_by_their_mark(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, "sleep 60 & echo child $!; wait", started)
    child = int(_said(tmp_path, "child").split()[1])
    psutil.Process(identity.pid).kill()
    while is_alive(identity):
        time.sleep(0.01)
    end(replace(identity, mark="another"), grace=0.1)
    assert _runs(child)
    end(identity)
    assert not _runs(child)


def test_what_outlives_its_parent_can_be_ended_by_another(tmp_path: Path) -> None:
    """`up` and `down` are two processes; only the identity passes between them."""
    script = (
        "import json, sys; from pathlib import Path; from infra.local.processes import spawn;"
        "it = spawn(['/bin/sleep', '60'], log=Path(sys.argv[1]), environ={}); print(json.dumps(it.to_json()))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    identity = Identity.from_json(json.loads(answer.stdout))
    assert is_alive(identity)
    end(identity)
    assert not is_alive(identity)


def test_we_are_alive() -> None:
    assert is_alive(identity_of(os.getpid()))


def test_waiting_fails_at_once_when_it_dies_and_shows_its_last_words(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, "echo no such option; exit 3", started)
    begun = time.monotonic()
    with pytest.raises(CannotStart, match=r"Sleeper ended while starting(.|\n)*no such option"):
        wait_until(lambda: False, identity, name="Sleeper", log=tmp_path / "log", timeout=30)
    assert time.monotonic() - begun < 5


def test_waiting_ends_what_never_answers(tmp_path: Path, started: list[Identity]) -> None:
    identity = _shell(tmp_path, "sleep 60", started)
    with pytest.raises(CannotStart, match="no answer within 0 s"):
        wait_until(lambda: False, identity, name="Sleeper", log=tmp_path / "log", timeout=0.2)
    assert not is_alive(identity)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_port_free(port)
        with pytest.raises(CannotStart, match=f"port {port} is taken"):
            take_port(port, "DynamoDB Local")
    assert is_port_free(free_port())


@pytest.mark.skipif(server_user() is None, reason="only root can start processes of another user")
def test_another_user_has_no_groups_and_nothing_of_our_environment(
    tmp_path: Path, started: list[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "1")
    identity = spawn(
        ["/bin/sh", "-c", "id -un; id -G; env; echo end"],
        log=tmp_path / "log",
        environ=ENVIRON,
        user=server_user(),
    )
    started.append(identity)
    name, groups, *environ = _said(tmp_path, "end").splitlines()
    assert name == "nobody"
    assert "0" not in groups.split()
    assert not [line for line in environ if line.startswith("SECRET")]
