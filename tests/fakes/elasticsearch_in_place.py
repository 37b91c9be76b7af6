"""Closing and opening by the Elasticsearch in memory (elasticsearch.py)."""

from chalicelib.core.errors import Retryable
from chalicelib.core.model import IndexRef
from tests.fakes.elasticsearch_swaps import FakeSwapper


class FakeInPlace(FakeSwapper):
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
