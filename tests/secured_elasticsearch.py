"""A real Elasticsearch with security on and users from files: `root` and one user for each role."""

import base64
import hashlib
from pathlib import Path

from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import ServerUser
from infra.local.servers import get

ROLES = {
    "backup": {"cluster": ["create_snapshot", "cluster:monitor/state"]},
    "registers": {"cluster": ["create_snapshot", "cluster:monitor/state", "cluster:admin/repository/put"]},
    "snapshots-only": {"cluster": ["create_snapshot"]},
    "watches": {"cluster": ["cluster:monitor/state"]},
}
"""The first two are what docs tell people to grant; no privilege on any index is among them."""


def password(user: str) -> str:
    return f"password-of-{user}"


class SecuredElasticsearch(Elasticsearch):
    def _settings(self, port: int, repositories: Path) -> dict[str, str | int | bool]:
        return {**super()._settings(port, repositories), "xpack.security.enabled": True}

    def _write_configuration(self, software: Path, user: ServerUser | None, port: int, repositories: Path) -> None:
        config = self.root / "config"
        config.mkdir(exist_ok=True)
        users = {"root": "superuser", **{role: role for role in ROLES}}
        lines = (f"{name}:{{SHA}}{_hash(password(name))}\n" for name in users)
        (config / "users").write_text("".join(lines))
        (config / "users_roles").write_text("".join(f"{role}:{name}\n" for name, role in users.items()))
        roles = (f"{name}: {{cluster: {role['cluster']}}}\n" for name, role in ROLES.items())
        (config / "roles.yml").write_text("".join(roles))
        super()._write_configuration(software, user, port, repositories)

    def _answers(self, url: str) -> bool:
        """Without credentials it says only that it wants some."""
        answer = get(f"{url}/_cluster/health")
        return answer is not None and answer[0] == 401


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
