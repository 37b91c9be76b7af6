"""Folders that are filled once, appear whole or not at all, and are readable by everybody."""

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

MANIFEST = ".installed.json"


def install(folder: Path, stamp: str, fill: Callable[[Path], None]) -> Path:
    """`folder`, filled by `fill(empty folder)` unless a complete one with this `stamp` is there.

    Complete means: as many files and bytes as when it was filled, because systems clean /var/tmp file by file.
    """
    if _is_complete(folder, stamp):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not _is_complete(folder, stamp):
            fresh = folder.with_name(f".{folder.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            fill(fresh)
            _open_to_readers(fresh)
            (fresh / MANIFEST).write_text(json.dumps({"stamp": stamp, **_measure(fresh)}))
            (fresh / MANIFEST).chmod(0o644)
            if folder.exists():
                shutil.rmtree(folder)
            fresh.rename(folder)
    return folder


def _is_complete(folder: Path, stamp: str) -> bool:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return bool(manifest == {"stamp": stamp, **_measure(folder)})


def _measure(folder: Path) -> dict[str, int]:
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _open_to_readers(folder: Path) -> None:
    """0755 and 0644, whatever the umask was; executables stay executable."""
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            path.chmod(0o755)
        elif stat.S_ISREG(mode):
            path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
