"""Closing, opening and data streams by the Elasticsearch in memory (elasticsearch.py)."""

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.streams import StreamRef
from tests.fakes.elasticsearch_configure import FakeConfigurator


class FakeInPlace(FakeConfigurator):
    def close(self, index: IndexRef) -> None:
        found = self._the(index, "close")
        with self._cluster._request("close", index.name):
            if self._cluster.is_bound(index.name):
                raise Retryable(f"close {index.name}: a snapshot of it runs")
            found.closed = True

    def open(self, index: IndexRef) -> None:
        found = self._the(index, "open")
        with self._cluster._request("open", index.name):
            found.closed = False

    def remove_stream(self, stream: StreamRef) -> None:
        ours = {index.name: index.uuid for index in stream.indices}
        with self._cluster._request("state", stream.name):
            members = {name: self._cluster.indices[name].uuid for name in self._cluster.backing(stream.name)}
        if foreign := [name for name, uuid in members.items() if ours.get(name) != uuid]:
            raise Refused(f"remove {stream.name}: it has {foreign[0]}, which the restore did not make")
        if members and self._cluster.deletes_streams:
            with self._cluster._request("remove", stream.name):
                if any(self._cluster.is_bound(name) for name in members):
                    raise Retryable(f"remove {stream.name}: a snapshot of it runs")
                for name in members:
                    del self._cluster.indices[name]
        for index in sorted(stream.indices, key=lambda index: (index.name in members, index.name)):
            if index.name in self._cluster.indices:
                self.remove(index)
