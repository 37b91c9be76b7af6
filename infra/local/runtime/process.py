"""One process of one function, as Lambda runs it: its own environment, only what Lambda has on `sys.path`."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import psutil

from infra.local.runtime.functions import Function

CHILD = Path(__file__).with_name("child.py")


class TimedOut(Exception):
    """No answer in time; the process has been killed."""


class Died(Exception):
    """The process ended by itself while it should have answered."""


class Process:
    """Starts in the constructor; `wait_ready` before the first `call`. Not for two threads at once."""

    def __init__(self, function: Function, libraries: Path, environ: Mapping[str, str], output: IO[bytes]) -> None:
        self.started = time.monotonic()
        self._function = function
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-B", str(CHILD), str(theirs.fileno())),
                    *(str(function.task_root), str(libraries), function.handler),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environ),
                cwd=function.task_root,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self, timeout: float) -> dict[str, Any] | None:
        """None, or Lambda's description of the error that importing the handler ended with."""
        try:
            return self._receive(time.monotonic() + timeout).get("error")
        except Died as died:
            return {"errorType": "Runtime.ExitError", "errorMessage": str(died)}
        except TimedOut:
            return {"errorType": "Sandbox.Timedout", "errorMessage": f"Init timed out after {timeout:.2f} seconds"}

    def call(self, event: str, request_id: str) -> dict[str, Any]:
        """`{"result": JSON}` or `{"error": {...}}`. `event` is JSON. After TimedOut or Died it is of no more use."""
        timeout = self._function.timeout
        message = {
            "event": event,
            "request_id": request_id,
            "arn": self._function.arn,
            "deadline": time.time() + timeout,
        }
        body = json.dumps(message).encode()
        deadline = time.monotonic() + timeout
        try:
            self._channel.settimeout(timeout)
            self._channel.sendall(struct.pack(">I", len(body)) + body)
        except TimeoutError:
            self.kill()
            raise TimedOut from None
        except OSError:
            raise Died(self._end()) from None
        return self._receive(deadline)

    def memory_used(self) -> int:
        """MB."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss) // 2**20
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """With whatever it started. Safe to repeat."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()

    def _receive(self, deadline: float) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._exactly(4, deadline))
        answer: dict[str, Any] = json.loads(self._exactly(length, deadline))
        return answer

    def _exactly(self, length: int, deadline: float) -> bytes:
        parts = []
        while length:
            try:
                self._channel.settimeout(max(0.001, deadline - time.monotonic()))
                part = self._channel.recv(min(length, 1 << 20))
            except TimeoutError:
                self.kill()
                raise TimedOut from None
            except OSError:
                part = b""
            if not part:
                raise Died(self._end())
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _end(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.poll()
        self.kill()
        how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        return f"Runtime exited with error: {how}"
