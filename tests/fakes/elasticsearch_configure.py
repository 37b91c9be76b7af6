"""Putting back how a cluster was configured, in the Elasticsearch in memory (elasticsearch.py)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chalicelib.core.errors import Refused
from chalicelib.core.rebuilds import Piece
from chalicelib.core.swaps import Alias
from chalicelib.engines.elasticsearch_configure import CREATED
from tests.fakes.elasticsearch_swaps import FakeSwapper


class FakeConfigurator(FakeSwapper):
    def configure(self, piece: Piece) -> None:
        with self._cluster._request("configure", piece.path):
            if why := self._cluster.takes_not.get(piece.path):
                raise Refused(f"configure {piece.path}: {why}")
            if piece.part == "aliases":
                self._alias(piece)
                return
            held: dict[str, Any] = self._cluster.configured.setdefault(piece.part, {})
            if piece.part in CREATED and piece.name in held:
                raise Refused(f"configure {piece.path}: it already exists")
            for part in piece.body.get("composed_of", ()):
                if part not in self._cluster.configured.get("component_templates", {}):
                    raise Refused(f"configure {piece.path}: component template {part} does not exist")
            held[piece.name] = dict(piece.body)

    def _alias(self, piece: Piece) -> None:
        cluster, name = self._cluster, piece.name
        if name in cluster.indices:
            raise Refused(f"configure {piece.path}: an index exists with the same name as the alias")
        holders = {
            index: (holder, body)
            for holder, body in piece.body.items()
            for index, found in cluster.indices.items()
            if holder in (index, found.stream)
        }
        if {holder for holder, _ in holders.values()} != set(piece.body):
            raise Refused(f"configure {piece.path}: no such index")
        writers = [
            of for of, index in cluster.indices.items() if name in index.details and index.details[name].is_write_index
        ]
        writers += [of for of, (_, body) in holders.items() if body.get("is_write_index") and of not in writers]
        if len(writers) > 1:
            raise Refused(f"configure {piece.path}: alias has more than one write index")
        for of, (_, body) in holders.items():
            found = cluster.indices[of]
            found.aliases = (*(alias for alias in found.aliases if alias != name), name)
            found.details = {
                **found.details,
                name: replace(Alias(name=name), is_write_index=body.get("is_write_index")),
            }
            cluster.alias_details[f"{of}/{name}"] = dict(body)

    def spelled_pieces(self, pieces: Sequence[Piece]) -> tuple[str, ...]:
        return tuple(f"PUT {piece.path}" for piece in pieces)
