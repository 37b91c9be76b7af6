"""Putting back how a cluster was configured, piece by piece, by Elasticsearch 8 and 9.

Requests: configure 1.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from elasticsearch import Elasticsearch

from chalicelib.core.emergency import APIS
from chalicelib.core.errors import Refused
from chalicelib.core.rebuilds import Piece
from chalicelib.engines.elasticsearch_select import is_pattern
from chalicelib.engines.elasticsearch_swap import ElasticsearchSwapper

CREATED = ("component_templates", "index_templates", "legacy_templates")
"""Those of which the server itself refuses to replace one."""
JSON = {"accept": "application/json", "content-type": "application/json"}


class ElasticsearchConfigurator(ElasticsearchSwapper):
    """Sent as it was stored, past the client's own methods, which know only the keys of their own release."""

    def configure(self, piece: Piece) -> None:
        method, path, body = _request(piece)

        def send(client: Elasticsearch) -> Any:
            params = {"master_timeout": self._patience, "timeout": self._patience}
            if piece.part in CREATED:
                del params["timeout"]
                params["create"] = "true"
            return client.perform_request(method, path, params=params, headers=JSON, body=body)

        self._acknowledged("configure", piece.path[1:], send)

    def spelled_pieces(self, pieces: Sequence[Piece]) -> tuple[str, ...]:
        """Bodies stand in the capsule; those of aliases say more than their names do."""
        return tuple(
            f"{method} {path} {json.dumps(body) if piece.part == 'aliases' else '{…}'}"
            for piece in pieces
            for method, path, body in (_request(piece),)
        )


def _request(piece: Piece) -> tuple[str, str, Mapping[str, Any]]:
    if is_pattern(piece.name):
        raise Refused(f"configure {piece.path[1:]}: needs an exact name")
    if piece.part == "aliases":
        return "POST", "/_aliases", {"actions": list(_added(piece))}
    return "PUT", f"/{APIS[piece.part]}/{quote(piece.name, safe='')}", piece.body


def _added(piece: Piece) -> Iterator[Mapping[str, Any]]:
    """All of them in one request, which the server does wholly or not at all."""
    for holder, how in sorted(piece.body.items()):
        yield {"add": {"index": holder, "alias": piece.name, **how}}
