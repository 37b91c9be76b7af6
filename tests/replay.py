"""An HTTP server on loopback that answers what it was told to, in order: recorded answers, and what proxies and broken
lines do. It notes every request, so that a request sent twice is seen.
"""

import json
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from chalicelib.core.ports import Engine
from chalicelib.core.spec import Auth, Target
from chalicelib.engines.elasticsearch import connect

PRODUCT = {"X-elastic-product": "Elasticsearch", "Content-Type": "application/vnd.elasticsearch+json;compatible-with=8"}


@dataclass(frozen=True)
class Reply:
    """`raw`: the bytes of the body as they are. `hang_up`: the line is cut after the request was read."""

    status: int = 200
    body: object = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: PRODUCT)
    hang_up: bool = False

    def content(self) -> bytes:
        return json.dumps(self.body).encode() if self.raw is None else self.raw


@dataclass(frozen=True)
class Sent:
    method: str
    target: str
    headers: Mapping[str, str]
    body: Any


class Replay:
    """A context. More requests than replies get 599, which no caller mistakes for an answer. `tls`: speaks https."""

    def __init__(self, replies: Sequence[Reply], tls: ssl.SSLContext | None = None) -> None:
        self.sent: list[Sent] = []
        self._replies = list(replies)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _next(self, sent: Sent) -> Reply:
        self.sent.append(sent)
        return self._replies.pop(0) if self._replies else Reply(status=599)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                text = self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.loads(text) if text else None
                reply = replay._next(Sent(self.command, self.path, dict(self.headers), body))
                self.close_connection = True
                if reply.hang_up:
                    return
                self.send_response(reply.status)
                content = reply.content()
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Not into the test's output."""

        return Handler


def target_of(*hosts: str, **more: Any) -> Target:
    written = {"name": "shop", "engine": "elasticsearch", "hosts": hosts, "auth": Auth(none=True), "repositories": {}}
    return Target(**{**written, **more})


def engine_of(*hosts: str) -> Engine:
    return connect(target_of(*hosts), None, timeout=5.0)
