"""What the servers of engine_worlds.py do with single documents."""

from typing import Protocol

from tests.elastic_admin import Admin
from tests.fakes.elasticsearch import FakeEngine


class DocumentWorld(Protocol):
    def bare(self, name: str, *, shards: int = 1, whole: bool = True, routed: bool = False) -> None:
        """An index without documents. `whole`: it keeps them as they are written; `routed`: it asks for a routing."""

    def put(self, index: str, document: str, source: str, *, routing: str | None = None) -> None:
        """Writes exactly this text. Not refreshed."""

    def refresh(self, index: str) -> None: ...
    def refuse(self, index: str, document: str, first: str) -> None:
        """From now on the mapping takes no document of that id whose fields are of other types than those of `first`,
        which is written under another id."""

    def block(self, index: str) -> None:
        """Its writes."""


class FakeDocuments:
    fake: FakeEngine

    def bare(self, name: str, *, shards: int = 1, whole: bool = True, routed: bool = False) -> None:
        self.fake.create_index(name, shards=shards)
        self.fake.indices[name].whole, self.fake.indices[name].routed = whole, routed

    def put(self, index: str, document: str, source: str, *, routing: str | None = None) -> None:
        self.fake.indices[index].put(document, source, routing=routing)

    def refresh(self, index: str) -> None:
        self.fake.refresh(index)

    def refuse(self, index: str, document: str, first: str) -> None:
        self.put(index, "first", first)
        self.fake.indices[index].unwelcome |= {document}

    def block(self, index: str) -> None:
        self.fake.indices[index].writable = False


class ElasticsearchDocuments:
    _admin: Admin

    def bare(self, name: str, *, shards: int = 1, whole: bool = True, routed: bool = False) -> None:
        mappings = {"_source": {"enabled": whole}, "_routing": {"required": routed}}
        settings = {"number_of_shards": shards, "number_of_replicas": 0}
        self._admin.send("PUT", f"/{name}", {"settings": settings, "mappings": mappings})

    def put(self, index: str, document: str, source: str, *, routing: str | None = None) -> None:
        query = f"?routing={routing}" if routing else ""
        self._admin.send("PUT", f"/{index}/_doc/{document}{query}", source.encode())

    def refresh(self, index: str) -> None:
        self._admin.send("POST", f"/{index}/_refresh")

    def refuse(self, index: str, document: str, first: str) -> None:
        self.put(index, "first", first)

    def block(self, index: str) -> None:
        self._admin.send("PUT", f"/{index}/_settings", {"index.blocks.write": True})
