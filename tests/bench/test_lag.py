"""How late an end is seen: snapshot finished → SUCCEEDED stored; and how many looks that takes."""

import statistics
import time
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest

from chalicelib.core.config import load
from chalicelib.service import apply as applying
from chalicelib.service.world import World
from infra.local.runtime.poller import Poller, mappings
from infra.local.servers import Server
from tests.app.calling import caller, token
from tests.app.deployed import PREFIX, Deployed
from tests.bench.figures import Table
from tests.bench.test_bench import _run, product
from tests.elastic_admin import Admin
from tests.faults.world import FILE, Stage

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
__all__ = ["product"]

RUNS = 20
RATES = ("400kb", "1500kb", "700kb", "3mb")
"""What 2.7 MB are copied with: 1 to 7 s."""
LENGTHS = {"10 s": 10, "1 min": 60, "10 min": 600, "1 h": 3600, "6 h": 21600}


def test_lag_of_real_runs(table: Table, product: Deployed, elasticsearch: Server) -> None:
    """Through the deployed functions. Each run copies data of its own; one policy, so it has a history."""
    admin = Admin(elasticsearch.url)
    with ExitStack() as stack:
        world = caller(product)
        for mapped in mappings(product.aws):
            poller = Poller(product.aws, mapped, product.pools[mapped.function.removeprefix(PREFIX)])
            poller.start()
            stack.callback(poller.join, 3)
            stack.callback(poller.stop)
        lags = [_lag(world, admin, elasticsearch.url, RATES[n % len(RATES)]) for n in range(RUNS)]
    table.notes.append(
        f"detection lag of {len(lags)} real runs of 1 to 7 s: median {statistics.median(lags):.1f} s,"
        f" worst {max(lags):.1f} s"
    )


def _lag(world: World, admin: Admin, url: str, rate: str) -> float:
    index = f"lag-{uuid4().hex[:8]}"
    admin.create_index(index, documents=2000)
    file = FILE.replace("http://localhost:9200", url).replace("orders*", index)
    file = file.replace("location: main", f"location: {index}, max_snapshot_bytes_per_sec: {rate}")
    file = file.replace("nightly", "lag").replace("main", index)
    applying.apply(load(file.encode(), "f"), world.store, world.clock, "t", new_token=token)
    run = _run(world, "lag")
    backup = world.store.backups("lag")[0]
    assert backup.run_id == run.run_id
    assert run.finished_at is not None
    admin.send("DELETE", f"/{index}")
    return (run.finished_at - backup.ended_at).total_seconds()


@pytest.mark.parametrize("name", LENGTHS)
def test_lag_by_length_in_simulation(table: Table, name: str) -> None:
    """With the clock moved by hand: looks and lag of a run of this length, the first time and when it is known."""
    stage = Stage(FILE.replace("timeout: 4h", "timeout: 12h").replace("0 2 * * *", "0 2 1 1 *"), looks=None)
    stage.engine._takes = timedelta(seconds=LENGTHS[name])
    said = []
    for n in range(4):
        run = stage.backup(f"now-{n}")
        started = time.monotonic()
        for _ in count():
            if stage.run(run.run_id).settled:
                break
            at = stage.queue.next_at
            assert at is not None
            stage.clock.set(max(at, stage.clock.now()))
            stage.deliver()
            assert time.monotonic() - started < 60
        ended = stage.run(run.run_id)
        backup = next(found for found in stage.store.backups("nightly") if found.run_id == run.run_id)
        assert ended.finished_at is not None
        said.append(f"{ended.looks} looks, {(ended.finished_at - backup.ended_at).total_seconds():.0f} s late")
        stage.live(1)
    table.notes.append(f"simulated run of {name}: {said[0]}; known: {said[-1]}")
