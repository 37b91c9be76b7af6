"""What restores and drills take, and cost, through the deployed functions: against the server's bare `_restore`."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from chalicelib import bootstrap
from chalicelib.core.config import load
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import apply as applying
from chalicelib.service import control, drills, plans, restores
from chalicelib.service.world import World
from infra.local.runtime.poller import Poller, mappings
from infra.local.servers import Server
from tests.app.calling import caller, token
from tests.app.deployed import PREFIX, Deployed
from tests.bench.figures import Line, Table, in_turn, milliseconds
from tests.bench.test_bench import _run, product
from tests.elastic_admin import Admin
from tests.fakes.secrets import FakeSecrets

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]
__all__ = ["product"]

INDICES, DOCUMENTS = 5, 4_000
"""About 60 MB in the repository."""
Begin = Callable[[World, str], Run]
CHECKS = ["doc_count", "mapping", {"sample_hash": 500}]
BARE = "PUT _restore?wait_for_completion"


@pytest.fixture
def world(product: Deployed) -> Iterator[World]:
    """Its functions take up what is asked for."""
    with ExitStack() as stack:
        for mapped in mappings(product.aws):
            poller = Poller(product.aws, mapped, product.pools[mapped.function.removeprefix(PREFIX)])
            poller.start()
            stack.callback(poller.join, 3)
            stack.callback(poller.stop)
        yield replace(caller(product), engine=lambda spec: bootstrap.connect(spec, FakeSecrets()))


def test_restores_and_drills(table: Table, world: World, elasticsearch: Server) -> None:
    """All of the same backup, in turn. What a drill takes includes its checks and the removal of what it made."""
    admin, own = Admin(elasticsearch.url), f"bench-{uuid4().hex[:8]}"
    for number in range(INDICES):
        admin.create_index(f"{own}-{number}", documents=DOCUMENTS)
    applying.apply(load(_file(admin.url, own), "f"), world.store, world.clock, "t", new_token=token)
    backup = _run(world, own)
    runs: list[tuple[str, Run]] = []
    for what, begin in (("drill", _drill), ("restore beside", _restore)):

        def ours(what: str = what, begin: Begin = begin) -> float:
            took = milliseconds(lambda: runs.append((what, _ended(world, begin(world, own)))))
            _delete(admin, f"restored-{own}-*")
            return took

        pairs = in_turn(ours, lambda: _bare(admin, own, backup.snapshot))
        table.lines.append(Line(f"{what}, request to SUCCEEDED", BARE, "ms", pairs))
        beyond = statistics.median(first - 1.2 * second for first, second in pairs) / 1000
        table.notes.append(f"{what} of {(backup.bytes or 0) / 1e6:.0f} MB: 1.2 times the bare call and {beyond:.1f} s")
    runs.append(("swap", _swapped(world, own)))
    for what, run in dict(runs).items():
        table.notes.append(_cost(what, run))
    _delete(admin, f"*{own}-*")


def _file(url: str, own: str) -> bytes:
    target = {
        "engine": "elasticsearch",
        "hosts": [url],
        "auth": {"none": True},
        "repositories": {own: {"type": "fs", "settings": {"location": own}}},
        "restore": {"allow": ["*"]},
    }
    policy = {
        "target": own,
        "repository": own,
        "select": {"indices": [f"{own}-*"]},
        "prove": "L2",
        "drill": {"schedule": "rate(7 days)", "checks": CHECKS},
    }
    return json.dumps({"version": 1, "targets": {own: target}, "policies": {own: policy}}).encode()


def _drill(world: World, own: str) -> Run:
    return drills.request(world, own, request_id=token(), by="bench")


def _restore(world: World, own: str, mode: Mode = Mode.RENAME) -> Run:
    plan = plans.plan(world, Wish(policy=own, mode=mode), by="bench")
    assert plan.conflicts == ()
    return restores.start(world, plan.plan_id, by="bench")


def _swapped(world: World, own: str) -> Run:
    """And finished."""
    run = _until(world, _restore(world, own, Mode.SWAP), State.SWAPPED)
    control.finish(world, run.run_id, by="bench", why="measured")
    return _ended(world, run)


def _ended(world: World, run: Run) -> Run:
    run = _until(world, run, State.SUCCEEDED)
    assert run.good, run.findings
    return run


def _until(world: World, run: Run, state: State) -> Run:
    while run.state is not state:
        assert not run.settled, (run.state, run.reason)
        time.sleep(0.02)
        run = world.store.run(run.run_id) or run
    return run


def _bare(admin: Admin, own: str, snapshot: str) -> float:
    body = {
        "indices": f"{own}-*",
        "rename_pattern": "(.+)",
        "rename_replacement": "bare-$1",
        "include_aliases": False,
        "index_settings": {"index.number_of_replicas": 0},
    }
    path = f"/_snapshot/{own}/{snapshot}/_restore?wait_for_completion=true"
    took = milliseconds(lambda: admin.send("POST", path, body))
    _delete(admin, f"bare-{own}-*")
    return took


def _delete(admin: Admin, pattern: str) -> None:
    for name in admin.send("GET", f"/{pattern}/_settings?expand_wildcards=all"):
        admin.send("DELETE", f"/{name}")


def _cost(what: str, run: Run) -> str:
    calls = run.calls
    seconds = f", restored in {run.restore_seconds:.1f} s" if run.restore_seconds else ""
    return (
        f"a {what} of {INDICES} indices, {run.looks} looks{seconds}: {calls.engine} calls of the engine,"
        f" {calls.store_reads} reads, {calls.store_writes} writes, {calls.messages} messages"
    )
