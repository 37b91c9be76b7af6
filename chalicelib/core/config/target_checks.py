"""Checks of a target as a whole, and of targets beside each other. Remarks as in `checks.py`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from chalicelib.core.config.checks import Remark
from chalicelib.core.spec import EngineName, Repository, Target
from chalicelib.core.values import A_NAME, NAME, shown

AVAILABLE_ENGINES = ("elasticsearch",)
"""The engines that this release protects; the file may name the others already."""

PLACES = {"fs": ("location",), "s3": ("bucket", "base_path"), "gcs": ("bucket", "base_path")}
PLACES |= {"azure": ("container", "base_path"), "hdfs": ("uri", "path"), "url": ("url",)}
"""Per type, the settings that say where a repository is. The first is required."""
SECRETS = ("access_key", "secret_key", "session_token", "password", "account_key", "sas_token")


def check_engine(raw: Mapping[str, Any]) -> Iterator[Remark]:
    """On what was written: whoever tries an engine that is not there wants to know that first of all."""
    engine = raw.get("engine")
    if engine in get_args(EngineName) and engine not in AVAILABLE_ENGINES:
        available = ", ".join(AVAILABLE_ENGINES)
        yield Remark(("engine",), f"engine {engine} is not available yet; available: {available}")


def check_target(target: Target) -> Iterator[Remark]:
    """For a target whose values are all valid."""
    yield from _access(target)
    if not target.repositories:
        yield Remark(("repositories",), "is empty", "at least one repository")
    for name, repository in target.repositories.items():
        yield from _repository(name, repository)
    yield from _same_places(target)
    for position, pattern in enumerate(target.restore.allow):
        if pattern == "*":
            message = "'*' lets a restore write over live names without a second person"
            yield Remark(("restore", "allow", position), message, "a prefix like restored-*", warning=True)


def _access(target: Target) -> Iterator[Remark]:
    if target.engine == "elasticsearch" and not target.hosts:
        yield Remark(
            ("hosts",), "is missing" if "hosts" not in target.model_fields_set else "is empty", "[https://…:9200]"
        )
    for position, host in enumerate(target.hosts):
        if host in target.hosts[:position]:
            yield Remark(("hosts", position), f"{shown(host)} is there twice", "each address once")
    if target.auth.sigv4 and target.engine != "opensearch":
        message = f"sigv4 is for Amazon OpenSearch Service, not for {target.engine}"
        yield Remark(("auth", "sigv4"), message, "{secret: NAME} or {none: true}")
    plain = [host for host in target.hosts if host.startswith("http:")]
    if plain and target.auth.secret:
        yield Remark(("hosts",), "credentials go over http unencrypted", "https", warning=True)
    if target.tls.insecure:
        yield Remark(("tls", "insecure"), "certificates are not verified", "{ca: FILE}", warning=True)
    elif target.tls.ca and len(plain) == len(target.hosts):
        yield Remark(("tls", "ca"), "no address is https, so this is not used", warning=True)


def _repository(name: str, repository: Repository) -> Iterator[Remark]:
    """A repository that we never touch may have any name that its server gave it."""
    path = ("repositories", name)
    if repository.manage and not NAME.fullmatch(name):
        yield Remark(path, f"{shown(name)} is not a name", f"{A_NAME} (or `manage: false` for one that is there)")
    elif not name or len(name) > 128 or not name.isprintable() or set(name) & set(' ,"*\\<>|?/#'):
        yield Remark(path, f"{shown(name)} is not a name of a repository", "letters, digits, ., _ and -")
    for key in repository.settings:
        if key.rpartition(".")[2] in SECRETS:
            message = "credentials do not belong into the file"
            yield Remark((*path, "settings", key), message, "the keystore of the server")
    needed = PLACES.get(repository.type, ("",))[0]
    if needed and repository.manage and not repository.settings.get(needed):
        yield Remark((*path, "settings", needed), "is missing", f"where the {repository.type} repository is")


def place_of(repository: Repository) -> str | None:
    """The same text for the same place; None when the file does not say."""
    keys = PLACES.get(repository.type)
    if keys is None or not repository.settings.get(keys[0]):
        return None
    values = [str(repository.settings.get(key) or "").strip("/") for key in keys]
    return json.dumps([repository.type, *values])


def _same_places(target: Target) -> Iterator[Remark]:
    seen: dict[str, str] = {}
    for name, repository in target.repositories.items():
        place = place_of(repository)
        if place is not None and (first := seen.setdefault(place, name)) != name:
            message = f"is in the same place as {first!r}; two registrations that write to one place destroy it"
            yield Remark(("repositories", name), message, "a place of its own")


def check_shared(targets: Mapping[str, Target]) -> Iterator[tuple[str, Remark]]:
    """Target and remark. `fs` locations of two clusters may be two disks, so only object stores are compared."""
    seen: dict[str, str] = {}
    for name, target in targets.items():
        for key, repository in target.repositories.items():
            place = None if repository.type == "fs" or "readonly" in repository.settings else place_of(repository)
            if place is not None and (first := seen.setdefault(place, name)) != name:
                message = f"target {first} writes to the same place; two clusters that write to one place destroy it"
                expected = "`readonly: true` in one of them, unless they are one cluster"
                yield name, Remark(("repositories", key), message, expected, warning=True)
