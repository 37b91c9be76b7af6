"""The scripts of .ci: what they say when a machine lacks something, and that nothing is left running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / ".ci" / script, *arguments], capture_output=True, text=True, check=False, timeout=60)


def fake_python(folder: Path, *, fails_on: str) -> str:
    """An interpreter that fails on any command holding these words."""
    fake = folder / "python"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *"{fails_on}"*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    return str(fake)


@pytest.mark.parametrize(
    ("fails_on", "says"),
    [("-c", "cannot run"), ("version_info[:2]", "needed is 3.11, 3.12 or 3.13"), ("ensurepip", "python3-venv")],
)
def test_setup_says_what_the_machine_lacks(tmp_path: Path, fails_on: str, says: str) -> None:
    result = run("setup", str(tmp_path / "venv"), fake_python(tmp_path, fails_on=fails_on))

    assert result.returncode == 1
    assert says in result.stderr
    assert not (tmp_path / "venv").exists()


def test_an_interpreter_is_found_by_its_version() -> None:
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = run("python", wanted).stdout.strip()
    version = subprocess.run([found, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], capture_output=True)

    assert version.stdout.decode().strip() == wanted


def test_a_missing_interpreter_fails_by_name() -> None:
    result = run("python", "3.99")

    assert result.returncode == 1
    assert "Python 3.99 is not installed" in result.stderr


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc: Linux only")
def test_a_process_left_behind_is_named_and_ended() -> None:
    mark = f"planted-{os.getpid()}"
    assert run("left-behind", mark).returncode == 0

    environment = {**os.environ, "SNAPWARDEN_CI_RUN": mark}
    with subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True) as left:
        result = run("left-behind", mark)

        assert left.wait(10) != 0
    assert result.returncode == 1
    assert result.stderr == f"left behind: {left.pid} sleep 60 \n"
