"""What tests do to a real Elasticsearch around the engine: making indices and documents, reading health."""

import base64
import json
import random
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Admin:
    """`ca`: the file of certificates to trust, when it speaks https."""

    def __init__(self, url: str, user: tuple[str, str] | None = None, ca: Path | None = None) -> None:
        self.url = url
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if ca:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
        self._opener = urllib.request.build_opener(*handlers)
        self.headers = {"content-type": "application/json"}
        if user:
            self.headers["authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()

    def send(self, method: str, path: str, body: object = None, *, ok: tuple[int, ...] = (200, 201)) -> Any:
        """The JSON answered; another status than `ok` is an error."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method, headers=self.headers)
        try:
            with self._opener.open(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        assert status in ok, f"{method} {path}: {status} {text[:500]!r}"
        return json.loads(text)

    def create_index(self, name: str, *, documents: int = 1, settings: dict[str, Any] | None = None) -> None:
        """Documents of 1 KB that do not compress, so that a throttled snapshot takes its time."""
        self.send("PUT", f"/{name}", {"settings": {"number_of_replicas": 0, **(settings or {})}})
        if documents:
            noise = random.Random(name)
            lines = (f'{{"index":{{}}}}\n{{"text":"{noise.randbytes(768).hex()}"}}\n' for _ in range(documents))
            answer = self.send("POST", f"/{name}/_bulk?refresh=true", "".join(lines).encode())
            assert not answer["errors"]

    def create_red_index(self, name: str) -> None:
        """Its primary has no node to be on."""
        nowhere = {"index.routing.allocation.require._name": "nobody"}
        self.send("PUT", f"/{name}?wait_for_active_shards=0", {"settings": {"number_of_replicas": 0, **nowhere}})

    def create_repository(self, name: str, location: str, **settings: object) -> None:
        self.send("PUT", f"/_snapshot/{name}", {"type": "fs", "settings": {"location": location, **settings}})

    def unthrottle(self, name: str, location: str) -> None:
        """Taken over at once, even by the snapshot that runs. Not verified: that waits for a thread that is busy."""
        self.send("PUT", f"/_snapshot/{name}?verify=false", {"type": "fs", "settings": {"location": location}})

    def state_of(self, repository: str, snapshot: str) -> str:
        answer = self.send("GET", f"/_snapshot/{repository}/{snapshot}", ok=(200, 404, 500))
        return str(answer["snapshots"][0]["state"]) if "snapshots" in answer else str(answer["error"]["type"])

    def wait_for_end(self, repository: str, snapshot: str) -> None:
        wait(lambda: self.state_of(repository, snapshot) != "IN_PROGRESS", f"the end of {repository}:{snapshot}")


def wait(over: Callable[[], bool], what: str, *, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not over():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout:g} s"
        time.sleep(0.1)
