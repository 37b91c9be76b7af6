"""A real Elasticsearch with security on: it keeps API keys, and has users from files: `root` and one for each role."""

import base64
import hashlib
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import ServerUser
from infra.local.servers import HOST, Server
from tests.certificates import Certificates
from tests.stub_analysis import with_plugin

Role = Mapping[str, Any]
"""As in `role_descriptors` of an API key."""

ROLES: Mapping[str, Role] = {
    "backup": {"cluster": ["create_snapshot", "cluster:monitor/state"]},
    "registers": {"cluster": ["create_snapshot", "cluster:monitor/state", "cluster:admin/repository/put"]},
    "snapshots-only": {"cluster": ["create_snapshot"]},
    "watches": {"cluster": ["cluster:monitor/state"]},
    "counts": {"indices": [{"names": ["orders*"], "privileges": ["maintenance", "monitor"]}]},
    "stats-only": {"indices": [{"names": ["*"], "privileges": ["monitor"]}]},
    "restores": {
        "cluster": [
            "cluster:monitor/state",
            "cluster:monitor/nodes/stats",
            "cluster:monitor/allocation/stats",
            "cluster:monitor/settings",
            "cluster:monitor/allocation/explain",
            "cluster:admin/snapshot/get",
            "cluster:admin/snapshot/restore",
        ],
        "indices": [
            {
                "names": ["restored-*"],
                "privileges": ["indices:monitor/recovery", "indices:admin/delete", "indices:admin/settings/update"],
            }
        ],
    },
    "watches-nodes": {
        "cluster": ["cluster:monitor/state", "cluster:monitor/nodes/stats", "cluster:monitor/allocation/stats"]
    },
    "deletes": {"cluster": ["cluster:admin/snapshot/delete"]},
}
"""Users of which answers are recorded: what a backup or a restore takes, and parts of what it takes."""


def password(user: str) -> str:
    return f"password-of-{user}"


@dataclass(frozen=True)
class SecuredElasticsearch(Elasticsearch):
    """`tls`: it speaks https only."""

    tls: Certificates | None = None

    def start(self, timeout: float = 120.0) -> Server:
        server = super().start(timeout)
        return replace(server, url=server.url.replace("http:", "https:")) if self.tls else server

    def _software(self) -> Path:
        return with_plugin(self.places, self.version)

    def _settings(self, port: int, repositories: Path) -> dict[str, str | int | bool]:
        settings = {**super()._settings(port, repositories), "xpack.security.enabled": True}
        if self.tls:
            settings["xpack.security.http.ssl.enabled"] = True
            settings["xpack.security.http.ssl.certificate"] = self.tls.server.name
            settings["xpack.security.http.ssl.key"] = self.tls.key.name
        return settings

    def _write_configuration(self, software: Path, user: ServerUser | None, port: int, repositories: Path) -> None:
        config = self.root / "config"
        config.mkdir(exist_ok=True)
        users = {"root": "superuser", **{role: role for role in ROLES}}
        lines = (f"{name}:{{SHA}}{_hash(password(name))}\n" for name in users)
        (config / "users").write_text("".join(lines))
        (config / "users_roles").write_text("".join(f"{role}:{name}\n" for name, role in users.items()))
        (config / "roles.yml").write_text("".join(f"{name}: {json.dumps(role)}\n" for name, role in ROLES.items()))
        for path in (self.tls.server, self.tls.key) if self.tls else ():
            (config / path.name).write_bytes(path.read_bytes())
        super()._write_configuration(software, user, port, repositories)

    def _answers(self, url: str) -> bool:
        """Without credentials it says only that it wants some."""
        port = int(url.rpartition(":")[2])
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        if self.tls:
            trusted = ssl.create_default_context(cafile=self.tls.authority)
            connection = http.client.HTTPSConnection(HOST, port, timeout=5, context=trusted)
        try:
            connection.request("GET", "/_cluster/health")
            return connection.getresponse().status == 401
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
