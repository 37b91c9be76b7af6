"""The part of the worlds of `engine_worlds.py` that has to do with data streams."""

from typing import Protocol

from tests.elastic_admin import Admin
from tests.fakes.elasticsearch import FakeEngine


class StreamWorld(Protocol):
    def stream(self, name: str) -> str:
        """Makes a data stream of one document; its backing index."""

    def roll_over(self, stream: str) -> str:
        """Its next backing index, with one document."""

    def deletes_streams(self) -> bool: ...


class FakeStreams:
    fake: FakeEngine

    def stream(self, name: str) -> str:
        return self.roll_over(name)

    def roll_over(self, stream: str) -> str:
        name = f".ds-{stream}-2026.11.21-{len(self.fake.backing(stream)) + 1:06}"
        self.fake.create_index(name, stream=stream, documents=1)
        return name

    def deletes_streams(self) -> bool:
        return self.fake.deletes_streams


class ElasticsearchStreams:
    _admin: Admin

    def stream(self, name: str) -> str:
        template = {"index_patterns": [f"{name}*"], "data_stream": {}, "priority": 500}
        settings = {"settings": {"number_of_replicas": 0}}
        self._admin.send("PUT", f"/_index_template/{name}", {**template, "template": settings})
        return self._written_to(name)

    def roll_over(self, stream: str) -> str:
        self._admin.send("POST", f"/{stream}/_rollover")
        return self._written_to(stream)

    def deletes_streams(self) -> bool:
        """The trimmed servers have no request for it."""
        return False

    def _written_to(self, stream: str) -> str:
        made = self._admin.send("POST", f"/{stream}/_doc?refresh=true", {"@timestamp": "2026-11-21T02:00:00Z"})
        return str(made["_index"])
