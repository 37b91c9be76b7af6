"""An Elasticsearch that can keep API keys. The trimmed distribution lacks the analysis filters that the template of its
security index asks for, so that index can never be made: here a plugin knows them by name.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from infra.local import artifacts, elasticsearch
from infra.local.installed import MANIFEST, install
from infra.local.java import java_home
from infra.local.paths import Places
from infra.local.servers import clean_environ

HERE = Path(__file__).parent
LOCK, DESCRIPTOR, SOURCE = HERE / "artifacts.lock", HERE / "plugin-descriptor.properties", HERE / "StubAnalysis.java"
JAVA = "17"


def with_plugin(places: Places, version: str) -> Path:
    """The unzipped server with the plugin, made once; the rest of it are hard links to the files of the plain one."""
    plain = elasticsearch.installed(places, version)

    def fill(folder: Path) -> None:
        ignored = shutil.ignore_patterns(MANIFEST)  # written anew, which must not reach through a link
        shutil.copytree(plain, folder, dirs_exist_ok=True, copy_function=os.link, ignore=ignored)
        _build(places, version, plain / "lib", folder / "plugins" / "stub-analysis")

    made_of = [(plain / MANIFEST), LOCK, DESCRIPTOR, SOURCE]
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()
    return install(places.servers / f"secured-{version}", stamp, fill)


def _build(places: Places, version: str, libraries: Path, plugin: Path) -> None:
    """The Java runtime has no compiler, so Eclipse's."""
    ((_, ecj),) = artifacts.fetch("ecj", lock=LOCK, cache=places.cache)
    plugin.mkdir()
    classes = plugin / "classes"
    path = os.pathsep.join(str(jar) for jar in sorted(libraries.glob("*.jar")))
    compiler = [java_home(places) / "bin" / "java", "-jar", ecj]
    options = ["-source", JAVA, "-target", JAVA, "-proc:none", "-cp", path, "-d", classes]
    subprocess.run([*map(str, (*compiler, *options, SOURCE))], env=clean_environ(), check=True)
    shutil.make_archive(str(plugin / "stub-analysis"), "zip", classes)
    (plugin / "stub-analysis.zip").rename(plugin / "stub-analysis.jar")
    shutil.rmtree(classes)
    (plugin / DESCRIPTOR.name).write_text(
        f"{DESCRIPTOR.read_text()}java.version={JAVA}\nelasticsearch.version={version}\n"
    )
