"""Somebody who writes to an index all the time, in a process of its own, so that the driver's work slows nothing."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from infra.local.paths import CHECKOUT
from tests.elastic_admin import Admin

DOCUMENTS = 30_000
"""Before anybody writes, and about as many of them all the time."""
HOT = 3_000
"""Three of four operations are on these, and everything else changes seldom: as in most indices. Where nearly all
documents change while they are backed up, a drill rightly says that it could compare too few."""
SHARDS = 3
TOGETHER = 200
RATE = 1_200
"""Operations a second that are tried for."""
FIELDS = 40
EXPECTED = frozenset({200, 201, 404, 409})
"""Of one operation: what is to be changed or deleted may be gone."""


@dataclass(frozen=True)
class Written:
    """`failed`: operations that the server did not carry out for another reason than that there was nothing to do it
    to. `longest`: seconds between the answers of two bulks."""

    operations: int
    seconds: float
    failed: int
    longest: float

    @property
    def rate(self) -> float:
        return self.operations / self.seconds


def create(admin: Admin, index: str) -> None:
    """Every third document has a routing of its own."""
    settings = {"number_of_replicas": 0, "number_of_shards": SHARDS}
    admin.send("PUT", f"/{index}", {"settings": settings})
    lines = [line for number in range(DOCUMENTS) for line in _put(number, {"n": number})]
    assert not admin.send("POST", f"/{index}/_bulk?refresh=true", _text(lines))["errors"]


@contextmanager
def writer(admin: Admin, index: str) -> Iterator[list[Written]]:
    """Writes until the block ends; then the list has what was written. It ends with its parent, too."""
    found: list[Written] = []
    command = [sys.executable, "-m", "tests.live.writing", admin.url, index]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        assert process.stdout.readline() == "writing\n"
        yield found
    finally:
        said, _ = process.communicate(timeout=60)  # closes its input, which is the sign to end
    assert process.returncode == 0
    found.append(Written(**json.loads(said)))


def _put(number: int, source: dict[str, Any], *, other: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"index": _place(number, other=other)}, source


def _place(number: int, *, other: bool = False) -> dict[str, Any]:
    """`other`: under another routing, which makes it another document, or on the same shard the same one."""
    if number % 3:
        return {"_id": f"id-{number}"}
    return {"_id": f"id-{number}", "routing": f"{'s' if other else 'r'}{number % 7}"}


def _text(lines: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def _operation(dice: random.Random, count: int) -> tuple[dict[str, Any], ...]:
    """Of a number that may be there or not: a whole document (now and then with a new field, or the same source once
    more), a part of it, or its removal."""
    number = dice.randrange(HOT if dice.random() < 0.75 else DOCUMENTS + HOT)
    match dice.choices(("put", "same", "part", "delete", "other"), (50, 8, 15, 22, 5))[0]:
        case "put":
            more = {f"new{count // 500 % FIELDS}": "text"} if count % 500 == 0 else {}
            return _put(number, {"n": number, "count": count, **more})
        case "same":
            return _put(number, {"n": number})
        case "part":
            return {"update": _place(number)}, {"doc": {"part": count}}
        case "delete":
            return ({"delete": _place(number)},)
        case _:
            return _put(number, {"n": number, "count": count}, other=True)


def _main(url: str, index: str) -> None:
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    admin, dice = Admin(url), random.Random(index)
    count = failed = 0
    longest = 0.0
    began = last = time.monotonic()
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    while not over.wait(max(0.0, began + count / RATE - time.monotonic())):
        lines = [line for number in range(TOGETHER) for line in _operation(dice, count + number)]
        answer = admin.send("POST", f"/{index}/_bulk?filter_path=items.*.status", _text(lines))
        failed += sum(item["status"] not in EXPECTED for each in answer["items"] for item in each.values())
        count += TOGETHER
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    said = Written(operations=count, seconds=last - began, failed=failed, longest=longest)
    sys.stdout.write(json.dumps(asdict(said)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
