"""Runs inside the process of one function: `python -I -S -B child.py FD TASK_ROOT LIBRARIES HANDLER`.

Answers calls that come over the socket FD, one at a time, each message a length and JSON. Imports nothing of ours and
as little as possible: what it imports, the function finds imported.
"""

import importlib
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any


class Context:
    """What Lambda's Python hands to a handler as `context`."""

    def __init__(self, call: dict[str, Any]) -> None:
        self._deadline: float = call["deadline"]
        self.aws_request_id: str = call["request_id"]
        self.invoked_function_arn: str = call["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


class Formatter(logging.Formatter):
    """Lambda's own: level, time, request, message."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = f"[{record.levelname}]\t{moment}.{int(record.msecs):03d}Z\t{self.request_id}\t{record.getMessage()}"
        return text if record.exc_info is None else f"{text}\n{self.formatException(record.exc_info)}"


class Channel:
    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        self._socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._exactly(4))
        message: dict[str, Any] = json.loads(self._exactly(length))
        return message

    def _exactly(self, length: int) -> bytes:
        parts = []
        while length:
            part = self._socket.recv(min(length, 1 << 20))
            if not part:
                os._exit(0)  # the runtime is gone, or wants us to be
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def main() -> None:
    descriptor, task_root, libraries, name = sys.argv[1:]
    sys.argv = [""]
    sys.path[:0] = [task_root, libraries]
    channel, formatter = Channel(int(descriptor)), Formatter()
    _log_as_lambda(formatter)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        handler = _load(name)
    except BaseException as error:
        channel.send({"error": _described(error, skip=1)})
        sys.exit(1)
    channel.send({"ready": True})
    while True:
        call = channel.receive()
        formatter.request_id = call["request_id"]
        answer = _answer(handler, call)
        sys.stdout.flush()
        sys.stderr.flush()
        channel.send(answer)


def _answer(handler: Callable[[Any, Any], Any], call: dict[str, Any]) -> dict[str, Any]:
    try:
        result = handler(json.loads(call["event"]), Context(call))
    except Exception as error:
        traceback.print_exc()
        return {"error": {**_described(error, skip=1), "requestId": call["request_id"]}}
    try:
        return {"result": json.dumps(result)}
    except (TypeError, ValueError) as error:
        described = {**_described(error, skip=1), "errorType": "Runtime.MarshalError", "requestId": call["request_id"]}
        return {"error": described}


def _load(name: str) -> Callable[[Any, Any], Any]:
    module, _, attribute = name.rpartition(".")
    try:
        handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module.replace("/", ".")), attribute)
    except BaseException:
        traceback.print_exc()
        raise
    return handler


def _described(error: BaseException, skip: int) -> dict[str, Any]:
    """As Lambda does: without its own frames, and with its name for a module that is missing."""
    kind, message = type(error).__name__, str(error)
    if isinstance(error, ImportError):
        kind, message = "Runtime.ImportModuleError", f"Unable to import module: {error}"
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[skip:])
    return {"errorMessage": message, "errorType": kind, "stackTrace": frames}


def _log_as_lambda(formatter: Formatter) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # else a kill would swallow what was said
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def _end_with_parent(parent: int) -> None:
    """A killed runtime cannot end us, and a handler may never come back to read that the socket is closed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
