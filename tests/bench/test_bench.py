"""What `make bench` measures; docs/performance.md says what the figures mean. Nothing here fails for being slow."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from chalicelib.core import wire
from chalicelib.core.config import load
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Run, State
from chalicelib.service import apply as applying
from chalicelib.service import request
from chalicelib.service.advance import advance
from chalicelib.service.world import World
from infra.local import flights
from infra.local.runtime.poller import Poller, mappings
from infra.local.servers import Server
from tests.app.calling import caller, token
from tests.app.deployed import PREFIX, Deployed, deployed
from tests.bench.figures import PAIRS, Line, Table, in_turn, milliseconds
from tests.bench.functions import Cold, cold, least
from tests.elastic_admin import Admin
from tests.faults.play import Play
from tests.faults.world import Stage

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

IMPORT = (
    "import sys, time; sys.path[:0] = sys.argv[1:]; t = time.perf_counter(); import app; print(time.perf_counter() - t)"
)
INDICES = "flights-*,airports,planes,weather"
CONFIGURATION = 3
"""Requests for the cluster's configuration, beside the bound of a run."""
STEPS = 200
COLD = 15
SIMULATED = 12 * 60
"""Minutes."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, dynamodb_url: str) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("product"), dynamodb_url) as found:
        yield found


def test_cold_start(table: Table, product: Deployed, dynamodb_url: str, tmp_path: Path) -> None:
    """Init is the import of app.py; the first call adds clients and connections: both end with one GetItem."""
    body = wire.dump(Wakeup(run_id="backup:nobody:2026-01-01T00:00Z", rev=1))
    record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {}}
    event = {"Records": [{**record, "eventSource": "aws:sqs", "awsRegion": product.aws.region}]}
    with least(tmp_path, dynamodb_url) as (baseline, elsewhere):

        def ours() -> Cold:
            return cold(product.functions["work"], product.aws, event, tmp_path / "ours")

        def theirs() -> Cold:
            return cold(baseline, elsewhere, {"pk": "nobody", "sk": "META"}, tmp_path / "theirs")

        found = in_turn(ours, theirs, COLD)
    parts = {"init": "init", "first call": "call", "both": "both", "both, CPU time": "cpu"}
    for what, part in parts.items():
        figures = tuple((getattr(a, part), getattr(b, part)) for a, b in found)
        table.lines.append(Line(f"cold start of `work`: {what}", "Chalice + one pynamodb get", "ms", figures))
    table.notes.append(f"zip: {product.package.stat().st_size / 1e6:.1f} MB")


def test_import_with_and_without_byte_code(table: Table, product: Deployed, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(product.root, bare, ignore=shutil.ignore_patterns("__pycache__"))

    table.compare(
        "import of app.py, compiled",
        lambda: _import(product.root, product.libraries),
        "without `.pyc`",
        lambda: _import(bare, product.libraries),
    )


def _import(root: Path, libraries: Path) -> float:
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT, str(root), str(libraries)]
    done = subprocess.run(command, cwd=root, env={}, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1000


def test_a_whole_run(table: Table, product: Deployed, elasticsearch: Server) -> None:
    """Every snapshot goes into a repository of its own, so each copies all the data."""
    admin = Admin(elasticsearch.url)
    flights.load(elasticsearch.url)
    repositories = [f"bench-{uuid4().hex[:8]}" for _ in range(PAIRS + 1)]
    with ExitStack() as stack:
        world = caller(product)
        applying.apply(
            load(_file(elasticsearch.url, repositories), "f"), world.store, world.clock, "t", new_token=token
        )
        for mapped in mappings(product.aws):
            poller = Poller(product.aws, mapped, product.pools[mapped.function.removeprefix(PREFIX)])
            poller.start()
            stack.callback(poller.join, 3)
            stack.callback(poller.stop)
        left, ended = iter(repositories), []

        def ours() -> float:
            policy = next(left)
            return milliseconds(lambda: ended.append(_run(world, policy)))

        table.compare(
            "backup run, request to SUCCEEDED",
            ours,
            "`PUT _snapshot?wait_for_completion`",
            lambda: _bare_snapshot(admin),
        )
        run = _told(world, ended[-1])
    calls = run.calls
    table.notes.append(
        f"a successful run of {(run.bytes or 0) / 1e6:.0f} MB, {run.looks} looks: {calls.engine} calls of the engine,"
        f" {calls.store_reads} reads, {calls.store_writes} writes, {calls.messages} messages"
    )
    assert calls.engine <= 6 + CONFIGURATION + run.looks
    assert calls.store_writes <= 8 + run.looks


def _bare_snapshot(admin: Admin) -> float:
    name = f"bare-{uuid4().hex[:8]}"
    admin.create_repository(name, name)
    body = {"indices": INDICES, "include_global_state": False}
    return milliseconds(lambda: admin.send("PUT", f"/_snapshot/{name}/one?wait_for_completion=true", body))


def _file(url: str, repositories: list[str]) -> bytes:
    """As JSON, which is YAML too: one policy for each repository."""
    places = {name: {"type": "fs", "settings": {"location": name}} for name in repositories}
    target = {"engine": "elasticsearch", "hosts": [url], "auth": {"none": True}, "repositories": places}
    policy = {"target": "bench", "select": {"indices": INDICES.split(",")}, "schedule": "0 2 * * *"}
    policies = {name: {**policy, "repository": name} for name in repositories}
    return json.dumps({"version": 1, "targets": {"bench": target}, "policies": policies}).encode()


def _run(world: World, policy: str) -> Run:
    run = request.backup_now(world, policy, request_id=token(), requested_by="bench")
    while not run.settled:
        time.sleep(0.02)
        run = world.store.run(run.run_id) or run
    assert run.state is State.SUCCEEDED, run.reason
    return run


def _told(world: World, run: Run) -> Run:
    while not run.told:
        time.sleep(0.02)
        run = world.store.run(run.run_id) or run
    return run


def test_driver_steps(table: Table) -> None:
    """In memory: what the driver itself costs, in units of what reading and writing its row as JSON costs."""
    stage = Stage(looks=None)
    stage.until_slot()
    stage.live(0.5)
    run = stage.run()
    assert run.state is State.RUNNING

    def steps() -> float:
        def look() -> None:
            for _ in range(STEPS):
                advance(stage.world, Wakeup(run_id=run.run_id, rev=stage.run().rev))

        return milliseconds(look) / STEPS * 1000

    def rows() -> float:
        return milliseconds(lambda: [wire.load(Run, wire.dump(run)) for _ in range(STEPS)]) / STEPS * 1000

    before = stage.run().rev
    table.compare("one step of the driver, in memory", steps, "its row to JSON and back", rows, unit="µs")
    assert stage.run().rev == before + (PAIRS + 1) * STEPS
    table.notes.append(_simulated())
    table.notes.append(f"driver: {1e6 / table.lines[-1].medians[0]:,.0f} steps a second in memory")


def _simulated() -> str:
    """Two stages on one cluster, two policies each, a slot every ten minutes: as the fault search plays them."""
    play = Play(stages=2, schedule="*/10 * * * *")
    took = milliseconds(lambda: play.live(SIMULATED)) / 1000
    runs = sum(len(stage.ledger.runs) for stage in play.stages)
    return (
        f"simulation: {play.steps / took:,.0f} invocations a second, {SIMULATED / 60:.0f} hours with {runs} runs in"
        f" {took:.1f} s"
    )
