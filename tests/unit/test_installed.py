import os
import stat
from pathlib import Path

import pytest

from infra.local.installed import install


def _fill(folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "run").write_text("#!")
    (folder / "bin" / "run").chmod(0o700)
    (folder / "text").write_text("text")


def _never(folder: Path) -> None:
    raise AssertionError("it was complete")


def test_filled_once_and_readable_by_all(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        folder = install(tmp_path / "it", "1", _fill)
    finally:
        os.umask(old)
    modes = [
        stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "bin", folder / "bin/run", folder / "text")
    ]
    assert modes == [0o755, 0o755, 0o755, 0o644]
    assert install(tmp_path / "it", "1", _never) == folder


@pytest.mark.parametrize("harm", ["removed", "cut", "manifest"])
def test_an_incomplete_one_is_filled_again(harm: str, tmp_path: Path) -> None:
    folder = install(tmp_path / "it", "1", _fill)
    if harm == "removed":
        (folder / "bin" / "run").unlink()
    elif harm == "cut":
        (folder / "text").write_text("")
    else:
        (folder / ".installed.json").write_text("{")
    install(folder, "1", _fill)
    assert (folder / "bin" / "run").exists()
    assert (folder / "text").read_text() == "text"


def test_another_stamp_replaces_it(tmp_path: Path) -> None:
    folder = install(tmp_path / "it", "1", _fill)
    install(folder, "2", lambda fresh: (fresh / "new").touch())
    assert sorted(path.name for path in folder.iterdir()) == [".installed.json", "new"]


def test_a_fill_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space")

    folder = install(tmp_path / "it", "1", _fill)
    with pytest.raises(OSError, match="no space"):
        install(folder, "2", fail)
    assert install(folder, "1", _never) == folder
