"""Closing and opening by Elasticsearch, for restores in place.

Requests: close and open 2 each.
"""

from chalicelib.core.errors import Retryable
from chalicelib.core.model import IndexRef
from chalicelib.engines.elasticsearch_swap import ElasticsearchSwapper


class ElasticsearchInPlace(ElasticsearchSwapper):
    """The whole of the `Restorer` port of one target."""

    def close(self, index: IndexRef) -> None:
        """A closed one answers yes, with nothing in its list. An index whose primaries are missing can be closed."""
        self._check(index, "close")
        body = self._acknowledged(
            "close",
            index.name,
            lambda client: client.indices.close(
                index=index.name, wait_for_active_shards="0", master_timeout=self._patience, timeout=self._patience
            ),
        )
        if not all(told.flag("closed") for _, told in body.items("indices")):
            raise Retryable(f"{self._question('close', index=index.name)}: not all of its shards could be closed")

    def open(self, index: IndexRef) -> None:
        self._check(index, "open")
        self._acknowledged(
            "open",
            index.name,
            lambda client: client.indices.open(
                index=index.name, wait_for_active_shards="0", master_timeout=self._patience, timeout=self._patience
            ),
        )
