"""Writes `artifacts.lock` anew: `python -m infra.local.artifacts --relock`, after changing a version here.

Everything is downloaded into a fresh folder, so no damaged file of a cache gets into the lock, and a file that does not
have the checksum which its repository publishes stops it.

What DynamoDB Local needs was found with `java -verbose:class` while tables, indexes, streams and TTL were made and
items written, read, queried, scanned and deleted, singly and in transactions, with good and bad expressions: 28 of its
85 files. After a new version repeat that; its native library is taken out of its own jar (dynamodb.py).
"""

import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.local.artifacts import AT_ONCE, Artifact, maven, maven_artifact, sha256_of
from infra.local.errors import CannotStart

DYNAMODB = "2.5.4"
ELASTICSEARCH = ("8.19.2", "9.2.0")

DYNAMODB_LOADS = frozenset(
    {
        "DynamoDBLocal",
        "antlr4-runtime",
        "auth",
        "aws-core",
        "aws-java-sdk-core",
        "aws-java-sdk-dynamodb",
        "commons-cli",
        "commons-lang3",
        "dynamodb",
        "guava",
        "identity-spi",
        "jackson-annotations",
        "jackson-core",
        "jackson-databind",
        "jackson-datatype-jsr310",
        "jetty-http",
        "jetty-io",
        "jetty-server",
        "jetty-util",
        "joda-time",
        "log4j-api",
        "log4j-core",
        "pinpoint",
        "regions",
        "sdk-core",
        "slf4j-api",
        "sqlite4java",
        "utils",
    }
)
HEAD = """\
# Files of the local servers. Written by `python -m infra.local.artifacts --relock`.
# group:artifact:version:packaging[:classifier] sha256 size
"""


def relock(lock: Path) -> None:
    complaints = _Complaints()
    logging.getLogger("jgo").addHandler(complaints)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        context = maven(Path(folder))
        sets = {f"elasticsearch-{version}": [_elasticsearch(version)] for version in ELASTICSEARCH}
        sets = {"dynamodb": _dynamodb(context)} | sets
        text = HEAD
        for name, artifacts in sets.items():
            lines = sorted(str(item) for item in pool.map(lambda item: _measured(context, item), artifacts))
            text += "\n".join((f"\n[{name}]", *lines, ""))
    if complaints.said:
        raise CannotStart("The lock was not written: " + "; ".join(complaints.said))
    lock.write_text(text)


class _Complaints(logging.Handler):
    """jgo says "Checksum mismatch" as a warning and goes on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _elasticsearch(version: str) -> Artifact:
    return Artifact("org.elasticsearch.distribution.integ-test-zip", "elasticsearch", version, "zip", "", "", 0)


def _dynamodb(context: Any) -> list[Artifact]:
    from jgo.maven import Dependency

    root = context.project("com.amazonaws", "DynamoDBLocal").at_version(DYNAMODB).artifact(packaging="jar")
    nodes = context.resolver.get_dependency_list([Dependency(root)])[1]  # without the root itself
    found = [root, *(node.dep.artifact for node in nodes)]
    wanted = [item for item in found if item.artifactId in DYNAMODB_LOADS]
    absent = DYNAMODB_LOADS - {item.artifactId for item in wanted}
    if absent:
        raise CannotStart(f"DynamoDB Local {DYNAMODB} no longer depends on {', '.join(sorted(absent))}")
    return [Artifact(it.groupId, it.artifactId, it.version, it.packaging, it.classifier, "", 0) for it in wanted]


def _measured(context: Any, artifact: Artifact) -> Artifact:
    path: Path = maven_artifact(context, artifact).resolve()
    return Artifact(
        artifact.group,
        artifact.name,
        artifact.version,
        artifact.packaging,
        artifact.classifier,
        sha256_of(path),
        path.stat().st_size,
    )
