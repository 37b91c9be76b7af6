"""`vendor/`: what goes into the deployed zip besides our own code.

Exactly requirements-vendor.txt, which `make lock` writes: without what Lambda's Python brings (boto3 and its
dependencies, urllib3 among them), without Chalice (its deploy adds the two files that it needs) and without what only
the command line uses. Everything is compiled beforehand, because a function cannot write byte code: a cold start of
180 ms instead of 350 ms.
"""

import compileall
import hashlib
import os
import platform
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from infra.local.errors import CannotStart

STAMP = ".stamp"
RUBBISH = ("bin", "__pycache__", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", ".lock")


def fill(project: Path) -> Path:
    """Make `project/vendor` what the lock says, for this Python and machine. At once when it is that already."""
    vendor, lock = project / "vendor", project / "requirements-vendor.txt"
    wanted = stamp(lock)
    (project / ".local").mkdir(exist_ok=True)
    with FileLock(project / ".local" / "vendor.lock"):
        if _read(vendor / STAMP) != wanted:
            fresh = project / ".local" / "vendor.new"
            shutil.rmtree(fresh, ignore_errors=True)
            install(lock, fresh)
            (fresh / STAMP).write_text(wanted)
            shutil.rmtree(vendor, ignore_errors=True)
            fresh.rename(vendor)
    return vendor


def stamp(lock: Path) -> str:
    """Changes with whatever `install` makes of the lock."""
    parts = (lock.read_bytes(), Path(__file__).read_bytes(), platform.platform().encode(), sys.version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def install(lock: Path, folder: Path) -> None:
    """The packages of a hash lock, and no others, compiled, in a new folder."""
    options = ["--target", str(folder), "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
    folder.mkdir(parents=True, exist_ok=True)
    uv = _uv()
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--link-mode", "copy", *options]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotStart(f"The packages of {lock.name} could not be installed:\n{done.stderr.strip()}")
    for pattern in RUBBISH:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    compile_all(folder, py_compile.PycInvalidationMode.UNCHECKED_HASH)


def compile_all(folder: Path, mode: py_compile.PycInvalidationMode) -> None:
    """Byte code without the path of this machine in it, so that equal sources give equal files."""
    compiled = compileall.compile_dir(folder, quiet=2, force=True, invalidation_mode=mode, stripdir=str(folder.parent))
    if not compiled:
        raise CannotStart(f"Some files below {folder} are no Python of this version.")


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
