"""A Maven repository on loopback whose files a test can spoil, slow down and count."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.local.artifacts import Artifact

Spoil = Callable[[int, bytes], bytes]
"""From the number of the request for a file (1, 2, …) and its true content to what is sent."""


@dataclass
class Repository:
    files: dict[str, bytes]
    spoil: Spoil = lambda _, content: content
    stall_after: int | None = None
    """Send so many bytes of each file, then wait for `go_on`."""

    go_on: threading.Event = field(default_factory=threading.Event)
    requests: Counter[str] = field(default_factory=Counter)
    address: str = ""

    @property
    def named(self) -> dict[str, str]:
        return {"test": self.address}


def artifact(name: str, content: bytes) -> Artifact:
    return Artifact("org.example", name, "1.0", "jar", "", hashlib.sha256(content).hexdigest(), len(content))


def write_lock(path: Path, artifacts: Sequence[Artifact]) -> Path:
    path.write_text("\n".join(["[some]", *(str(item) for item in artifacts), ""]))
    return path


@contextmanager
def serving(contents: dict[str, bytes]) -> Iterator[Repository]:
    files = {f"/org/example/{name}/1.0/{name}-1.0.jar": content for name, content in contents.items()}
    repository = Repository(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in repository.files:
                self.send_error(404)
                return
            repository.requests[self.path] += 1
            content = repository.spoil(repository.requests[self.path], repository.files[self.path])
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            first = len(content) if repository.stall_after is None else repository.stall_after
            self.wfile.write(content[:first])
            self.wfile.flush()
            if first < len(content):
                repository.go_on.wait(30)
                self.wfile.write(content[first:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # a killed client is no news
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    repository.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield repository
    finally:
        repository.go_on.set()
        server.shutdown()
        server.server_close()
