"""The folder that Lambda's own Python brings: boto3 with its dependencies, in the versions of the development lock."""

import hashlib
import re
import sys
from pathlib import Path

from infra import vendor
from infra.local.errors import CannotStart
from infra.local.installed import install
from infra.local.paths import CHECKOUT, cache_folder

PROVIDED = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""The Makefile's `lock` leaves the same ones out of requirements-vendor.txt."""


def folder(cache: Path | None = None, lock: Path = CHECKOUT / "requirements-dev.txt") -> Path:
    """Made once per user and lock; 3 s then, nothing later."""
    cache = cache or cache_folder()
    text = part_of(lock.read_text())
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{text}{sys.version}".encode()).hexdigest()[:12]

    def fill(fresh: Path) -> None:
        wanted = fresh.with_suffix(".txt")
        wanted.write_text(text)
        vendor.install(wanted, fresh)
        wanted.unlink()

    return install(cache / f"lambda-python-{key}", key, fill)


def part_of(lock: str) -> str:
    """The entries of `PROVIDED` in a hash lock, with their hashes."""
    entries = re.split(r"(?m)^(?=\S)", lock)
    found = {name: entry for entry in entries for name in PROVIDED if entry.startswith(f"{name}==")}
    if len(found) != len(PROVIDED):
        raise CannotStart(f"The lock lacks {', '.join(sorted(set(PROVIDED) - set(found)))}.")
    return "".join(found[name] for name in PROVIDED)
