"""What the tests of proofs do to the servers of engine_worlds.py, beside what those of copies do."""

from typing import Protocol

from tests.contract.document_worlds import DocumentWorld, ElasticsearchDocuments, FakeDocuments


class ProofWorld(DocumentWorld, Protocol):
    def spoil(self, index: str, document: str, source: str | None) -> None:
        """The document of a restored index is another one, or (None) is gone. It must be without routing."""

    def maps(self, index: str, field: str) -> None:
        """A new field of type `long`."""


class FakeProofs(FakeDocuments):
    def spoil(self, index: str, document: str, source: str | None) -> None:
        self.fake.indices[index].damage(document, source)

    def maps(self, index: str, field: str) -> None:
        properties = self.fake.indices[index].mapping["properties"]
        assert isinstance(properties, dict)
        self.fake.indices[index].mapping["properties"] = {**properties, field: {"type": "long"}}


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
