"""All processes of one function: warm ones are used again, more are started while calls overlap."""

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from infra.local.runtime.functions import Function
from infra.local.runtime.process import Died, Process, TimedOut


class Throttled(Exception):
    """As many calls as the function may have at once are running."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`payload` is JSON: the handler's result, or Lambda's description of the error when `failed`."""

    request_id: str
    payload: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Environment:
    """What all functions of a stage have in common. `aws`: variables by which they find AWS."""

    libraries: Path
    logs: Path
    aws: Mapping[str, str]
    init_timeout: float


class Pool:
    def __init__(self, function: Function, environment: Environment) -> None:
        self.function = function
        self._environment = environment
        self._slots = threading.BoundedSemaphore(max(1, function.concurrency))
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._closed = False
        environment.logs.mkdir(parents=True, exist_ok=True)
        self._log = (environment.logs / f"{function.name}.log").open("ab", buffering=0)

    def invoke(self, event: str, *, wait: bool = True) -> Answer:
        """Runs the handler with `event` (JSON). Without `wait` raises Throttled when there is no room."""
        if not self._slots.acquire(blocking=wait):
            raise Throttled(self.function.name)
        try:
            return self._invoke(event, str(uuid4()))
        finally:
            self._slots.release()

    def close(self) -> None:
        """Kills what runs; calls in flight answer with an error."""
        with self._lock:
            self._closed = True
            processes = list(self._all)
        for process in processes:
            process.kill()

    def say(self, line: str) -> None:
        """A line of our own in the function's log."""
        self._log.write(f"{line}\n".encode())

    def _invoke(self, event: str, request_id: str) -> Answer:
        process, init = self._warm(), None
        if process is None:
            process = self._start()
            broken = process.wait_ready(self._environment.init_timeout)
            init = (time.monotonic() - process.started) * 1000
            if broken:
                self._drop(process)
                self.say(f"INIT_REPORT Init Duration: {init:.2f} ms\tPhase: init\tStatus: error")
                self.say(f"RequestId: {request_id} Error: {broken['errorType']}: {broken['errorMessage']}")
                return _failed(request_id, broken)
        self.say(f"START RequestId: {request_id} Version: $LATEST")
        began = time.monotonic()
        try:
            answer = process.call(event, request_id)
        except (TimedOut, Died) as error:
            self._drop(process)
            answer = {"error": self._end_of(error, request_id)}
        self._report(process, request_id, (time.monotonic() - began) * 1000, init)
        self._give_back(process)
        if "error" in answer:
            return _failed(request_id, answer["error"])
        return Answer(request_id=request_id, payload=answer["result"], failed=False)

    def _end_of(self, error: TimedOut | Died, request_id: str) -> dict[str, Any]:
        if isinstance(error, TimedOut):
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            said = f"{moment} {request_id} Task timed out after {self.function.timeout:.2f} seconds"
            kind = "Sandbox.Timedout"
        else:
            kind, said = "Runtime.ExitError", f"RequestId: {request_id} Error: {error}"
        self.say(said)
        return {"errorType": kind, "errorMessage": said}

    def _report(self, process: Process, request_id: str, took: float, init: float | None) -> None:
        self.say(f"END RequestId: {request_id}")
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {took:.2f} ms",
            f"Billed Duration: {int(took) + 1} ms",
            f"Memory Size: {self.function.memory} MB",
            f"Max Memory Used: {process.memory_used()} MB",
        ]
        self.say("\t".join(parts if init is None else [*parts, f"Init Duration: {init:.2f} ms"]))

    def _warm(self) -> Process | None:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive():
                    return process
                self._all.discard(process)
        return None

    def _start(self) -> Process:
        process = Process(self.function, self._environment.libraries, self._variables(), self._log)
        with self._lock:
            self._all.add(process)
            closed = self._closed
        if closed:
            process.kill()
        return process

    def _give_back(self, process: Process) -> None:
        with self._lock:
            if process in self._all and not self._closed:
                self._idle.append(process)

    def _drop(self, process: Process) -> None:
        process.kill()
        with self._lock:
            self._all.discard(process)

    def _variables(self) -> dict[str, str]:
        """The function's own, and what Lambda adds. Nothing of ours gets in."""
        function = self.function
        return {
            **function.environment,
            **self._environment.aws,
            "AWS_SESSION_TOKEN": "local",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{uuid4().hex}",
            "LAMBDA_TASK_ROOT": str(function.task_root),
            "LAMBDA_RUNTIME_DIR": str(self._environment.libraries),
            "_HANDLER": function.handler,
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
        }


def _failed(request_id: str, error: Mapping[str, Any]) -> Answer:
    return Answer(request_id=request_id, payload=json.dumps(error), failed=True)
