"""What the tests of proofs and of allocation do to the servers of engine_worlds.py."""

from typing import Protocol

from tests.elastic_admin import Admin
from tests.fakes.elasticsearch import FakeEngine

WORDS = {"none": "no allocations are allowed", "later": "reached the limit of ongoing initial primary recoveries [0]"}
"""Of the deciders."""
ALLOCATION = "cluster.routing.allocation"


class ProofWorld(Protocol):
    def put(self, index: str, name: str, source: str | None, *, routing: str | None = None) -> None:
        """One document of that id, JSON as it is to be kept; None: into an index without sources. Not refreshed."""

    def spoil(self, index: str, name: str, source: str | None) -> None:
        """The document of a restored index is another one, or (None) is gone. It must be without routing."""

    def maps(self, index: str, field: str) -> None:
        """A new field of type `long`."""

    def sourceless(self, name: str) -> None:
        """An index that keeps no sources."""

    def allocates(self, how: str) -> None:
        """New shards of the whole cluster: `all`, `none` (no node may take one), or `later` (no node may take one as
        long as this holds)."""


class FakeProofs:
    fake: FakeEngine

    def put(self, index: str, name: str, source: str | None, *, routing: str | None = None) -> None:
        self.fake.indices[index].put(name, source, routing=routing)

    def spoil(self, index: str, name: str, source: str | None) -> None:
        self.fake.indices[index].damage(name, source)

    def maps(self, index: str, field: str) -> None:
        properties = self.fake.indices[index].mapping["properties"]
        assert isinstance(properties, dict)
        self.fake.indices[index].mapping["properties"] = {**properties, field: {"type": "long"}}

    def sourceless(self, name: str) -> None:
        self.fake.create_index(name)

    def allocates(self, how: str) -> None:
        self.fake.no_node = f"enable: {WORDS['none']}" if how == "none" else None
        self.fake.no_turn = f"throttling: {WORDS['later']}" if how == "later" else None


class ElasticsearchProofs:
    _admin: Admin

    def put(self, index: str, name: str, source: str | None, *, routing: str | None = None) -> None:
        where = f"?routing={routing}" if routing else ""
        self._admin.send("PUT", f"/{index}/_doc/{name}{where}", (source or "{}").encode())

    def spoil(self, index: str, name: str, source: str | None) -> None:
        self._admin.send("PUT", f"/{index}/_settings", {"index.blocks.write": None})
        if source is None:
            self._admin.send("DELETE", f"/{index}/_doc/{name}")
        else:
            self.put(index, name, source)

    def maps(self, index: str, field: str) -> None:
        self._admin.send("PUT", f"/{index}/_settings", {"index.blocks.write": None})
        self._admin.send("PUT", f"/{index}/_mapping", {"properties": {field: {"type": "long"}}})

    def sourceless(self, name: str) -> None:
        mappings = {"_source": {"enabled": False}}
        self._admin.send("PUT", f"/{name}", {"settings": {"number_of_replicas": 0}, "mappings": mappings})

    def allocates(self, how: str) -> None:
        settings = {
            f"{ALLOCATION}.enable": "none" if how == "none" else None,
            f"{ALLOCATION}.node_initial_primaries_recoveries": 0 if how == "later" else None,
        }
        self._admin.send("PUT", "/_cluster/settings", {"persistent": settings})
