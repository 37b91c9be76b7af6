"""A server with security on, and whoever asks it something."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.core.spec import Auth, Tls
from chalicelib.engines.elasticsearch import TIMEOUT, ElasticsearchEngine
from chalicelib.engines.elasticsearch_client import Connection
from tests.elastic_admin import Admin
from tests.replay import target_of

Role = dict[str, Any]


@dataclass(frozen=True)
class Secured:
    """One server with the indices `orders` and `other`, and the snapshot `main:good` of both."""

    url: str
    authority: Path
    admin: Admin

    def key(self, role: Role, **more: Any) -> dict[str, str]:
        """The secret of a new API key."""
        body = {"name": "test", "role_descriptors": {"test": role}, **more}
        return {"api_key": self.admin.send("POST", "/_security/api_key?refresh=true", body)["encoded"]}

    def revoke_all(self) -> None:
        self.admin.send("DELETE", "/_security/api_key", {"username": "root"})

    def connection(self, secret: dict[str, str]) -> Connection:
        target = target_of(self.url, auth=Auth(secret="shop-backup"), tls=Tls(ca="ca.pem"))
        return Connection(target, secret, self.authority.read_text(), TIMEOUT)

    def engine(self, secret: dict[str, str]) -> ElasticsearchEngine:
        return ElasticsearchEngine(self.connection(secret))

    def as_key(self, role: Role) -> Admin:
        admin = Admin(self.url, ca=self.authority)
        admin.headers["authorization"] = f"ApiKey {self.key(role)['api_key']}"
        return admin
