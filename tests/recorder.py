"""Writes down what real servers answer, and what the engine makes of it (record_answers.py)."""

import json
from collections.abc import Callable
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import Any

from elastic_transport import Urllib3HttpNode

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.observations import Owner
from chalicelib.core.ports import StartOrder
from chalicelib.core.restores import RestoreOrder
from chalicelib.core.spec import Auth, Repository, Select, Target
from chalicelib.core.streams import StreamRef
from chalicelib.engines.elasticsearch import TIMEOUT, ElasticsearchEngine
from chalicelib.engines.elasticsearch_client import Connection
from infra.local.servers import Server
from tests.secured_elasticsearch import password


def outcome(call: Callable[[], object]) -> str:
    """As text: what the engine returned or raised."""
    try:
        return repr(call())
    except (Refused, Retryable) as error:
        return f"{type(error).__name__}: {error}"


class Recorder:
    """Each `case` is one call of the engine (`method`, or `restorer.method`), written with its answers to
    `<folder>/<name>.json`."""

    def __init__(self, server: Server, folder: Path, only: str, user: str | None = None) -> None:
        assert server.repositories is not None
        self.repositories, self._folder, self._only = server.repositories, folder, only
        secret = {"username": user, "password": password(user)} if user else None
        auth = Auth(secret="recorder") if user else Auth(none=True)
        target = Target(name="shop", engine="elasticsearch", hosts=(server.url,), auth=auth, repositories={})
        self._exchanges: list[dict[str, Any]] = []
        connection = Connection(target, secret, None, TIMEOUT)
        connection._options["node_class"] = self._node_class()
        self._engine = ElasticsearchEngine(connection)

    def case(self, name: str, method: str, *given: Any, **options: Any) -> None:
        self._exchanges.clear()
        result = outcome(lambda: attrgetter(method)(self._engine)(*given, **options))
        if not any(text in exchange["request"] for exchange in self._exchanges for text in self._only.split("|")):
            return
        record = {"method": method, "given": [_plain(item) for item in given], "options": options}
        text = json.dumps({**record, "exchanges": self._exchanges, "outcome": result}, indent=1, ensure_ascii=False)
        text = text.replace(str(self.repositories), "/repositories")
        (self._folder / f"{name}.json").write_text(text + "\n")

    def _node_class(self) -> type[Urllib3HttpNode]:
        exchanges = self._exchanges

        class Recording(Urllib3HttpNode):
            def perform_request(self, method: str, target: str, *args: Any, **options: Any) -> Any:
                response = super().perform_request(method, target, *args, **options)
                body = json.loads(response.body) if response.body else None
                exchanges.append({"request": f"{method} {target}", "status": response.meta.status, "body": body})
                return response

        return Recording


def _plain(item: Any) -> Any:
    """`None` of the golden file stands for what the reader makes anew from the case's name."""
    if isinstance(item, StartOrder):
        return {"repository": item.repository, "snapshot": item.snapshot, "indices": list(item.indices)}
    if isinstance(item, list):
        return [_plain(each) for each in item]
    if isinstance(item, IndexRef | Owner | RestoreOrder | StreamRef):
        return asdict(item)
    return item.model_dump(mode="json") if isinstance(item, Select | Repository) else item
