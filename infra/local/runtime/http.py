"""Lambda's Invoke API on loopback, for `boto3.client("lambda", endpoint_url=…).invoke(…)`."""

import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from infra.local.runtime.events import Asynchronous
from infra.local.runtime.pool import Pool, Throttled
from infra.local.servers import HOST

PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class InvokeApi:
    """Signatures are not checked: whoever reaches loopback may call."""

    def __init__(self, pools: Mapping[str, Pool], asynchronous: Asynchronous, port: int) -> None:
        handler = type("Handler", (_Handler,), {"pools": pools, "asynchronous": asynchronous})
        self._server = ThreadingHTTPServer((HOST, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="invoke-api", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    pools: Mapping[str, Pool]
    asynchronous: Asynchronous
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        event = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode() or "{}"
        match = PATH.fullmatch(urlsplit(self.path).path)
        name = unquote(match[1]) if match else ""
        if ":function:" in name:
            name = name.split(":")[6]
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if name not in self.pools:
            self._refuse(404, "ResourceNotFoundException", f"Function not found: {name}")
        elif not _is_json(event):
            self._refuse(400, "InvalidRequestContentException", "Could not parse request body into json")
        elif kind == "Event":
            self.asynchronous.submit(name, event)
            self._send(202, "", {})
        elif kind == "DryRun":
            self._send(204, "", {})
        else:
            self._invoke(self.pools[name], event)

    def _invoke(self, pool: Pool, event: str) -> None:
        try:
            answer = pool.invoke(event, wait=False)
        except Throttled:
            self._refuse(429, "TooManyRequestsException", "Rate Exceeded.")
            return
        headers = {"X-Amz-Executed-Version": "$LATEST", "X-Amzn-RequestId": answer.request_id}
        if answer.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        self._send(200, answer.payload, headers)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, json.dumps({"Type": "User", "Message": message}), {"X-Amzn-ErrorType": code})

    def _send(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Functions log their calls themselves."""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
