"""What the tests of proofs and of allocation do to the servers of engine_worlds.py, beside what those of copies do."""

from typing import Protocol

from tests.contract.document_worlds import DocumentWorld, ElasticsearchDocuments, FakeDocuments

WORDS = {"none": "no allocations are allowed", "later": "reached the limit of ongoing initial primary recoveries [0]"}
"""Of the deciders."""
ALLOCATION = "cluster.routing.allocation"


class ProofWorld(DocumentWorld, Protocol):
    def spoil(self, index: str, document: str, source: str | None) -> None:
        """The document of a restored index is another one, or (None) is gone. It must be without routing."""

    def maps(self, index: str, field: str) -> None:
        """A new field of type `long`."""

    def allocates(self, how: str) -> None:
        """New shards of the whole cluster: `all`, `none` (no node may take one), or `later` (no node may take one as
        long as this holds)."""


class FakeProofs(FakeDocuments):
    def spoil(self, index: str, document: str, source: str | None) -> None:
        self.fake.indices[index].damage(document, source)

    def maps(self, index: str, field: str) -> None:
        properties = self.fake.indices[index].mapping["properties"]
        assert isinstance(properties, dict)
        self.fake.indices[index].mapping["properties"] = {**properties, field: {"type": "long"}}

    def allocates(self, how: str) -> None:
        self.fake.no_node = f"enable: {WORDS['none']}" if how == "none" else None
        self.fake.no_turn = f"throttling: {WORDS['later']}" if how == "later" else None


class ElasticsearchProofs(ElasticsearchDocuments):
    def spoil(self, index: str, document: str, source: str | None) -> None:
        self._admin.send("PUT", f"/{index}/_settings", {"index.blocks.write": None})
        if source is None:
            self._admin.send("DELETE", f"/{index}/_doc/{document}")
        else:
            self.put(index, document, source)

    def maps(self, index: str, field: str) -> None:
        self._admin.send("PUT", f"/{index}/_settings", {"index.blocks.write": None})
        self._admin.send("PUT", f"/{index}/_mapping", {"properties": {field: {"type": "long"}}})

    def allocates(self, how: str) -> None:
        settings = {
            f"{ALLOCATION}.enable": "none" if how == "none" else None,
            f"{ALLOCATION}.node_initial_primaries_recoveries": 0 if how == "later" else None,
        }
        self._admin.send("PUT", "/_cluster/settings", {"persistent": settings})
