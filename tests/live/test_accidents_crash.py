"""Servers that die or hang, and nodes that leave, while a snapshot runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.model import State
from infra.local.elasticsearch import Elasticsearch, server_jvm
from infra.local.paths import Places
from tests.live.accidents import Breakable, Scene, codes
from tests.live.conftest import Opener
from tests.live.nodes import FIRST, SECOND, TwoNodes


@pytest.fixture
def breakable_9(server_places: Places, server_root: Path) -> Iterator[Breakable]:
    one = Breakable(Elasticsearch(server_places, "9.2.0", server_root / "breakable-9"))
    yield one
    one.server.stop()


@pytest.fixture
def two_nodes(server_places: Places, server_root: Path) -> Iterator[TwoNodes]:
    both = TwoNodes(server_places, server_root)
    yield both
    both.stop()


def test_a_server_that_is_killed_ends_its_runs_as_failures_and_the_next_one_recovers(
    breakable: Breakable, new_scene: Opener
) -> None:
    _survives_a_crash(breakable, new_scene)


@pytest.mark.nightly
def test_the_same_on_version_9(breakable_9: Breakable, new_scene: Opener) -> None:
    _survives_a_crash(breakable_9, new_scene)


def _survives_a_crash(cluster: Breakable, new_scene: Opener) -> None:
    """One run sees it come back without the snapshot; the time of another one ends before that."""
    patient, impatient = new_scene(cluster.server), new_scene(cluster.server)
    patient.slow()
    impatient.slow()
    run, given_up = patient.running(), impatient.running()
    with cluster.down():
        given_up = impatient.to_deadline(given_up)
        assert (given_up.state, codes(given_up)) == (State.TIMED_OUT, ["run.timed_out"])
        assert "no answer from " in (given_up.reason or "")
        run = patient.play(run, lambda row: "no answer from " in (row.last_error or ""), "it is not answered")
        assert run.state is State.RUNNING

    run = patient.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.vanished"])
    assert "crash" in (run.reason or "")
    patient.unthrottle()
    again = patient.ended(patient.start())
    assert (again.state, again.recovers) == (State.SUCCEEDED, True)
    assert "RECOVERED" in patient.reports(again)[0].subject


@pytest.mark.nightly
def test_a_server_that_hangs_for_a_while_is_asked_again(breakable: Breakable, scene: Scene) -> None:
    """It takes connections and says nothing: each look costs its whole time."""
    scene.slow()
    run = scene.running()
    server = server_jvm(breakable.server.identity)
    server.suspend()
    try:
        run = scene.play(run, lambda row: row.last_error is not None, "it is not answered")
        assert (run.state, "no answer within 10 s" in (run.last_error or "")) == (State.RUNNING, True)
    finally:
        server.resume()
    scene.unthrottle()
    assert scene.ended(run).state is State.SUCCEEDED


def test_a_node_that_leaves_while_a_snapshot_runs_is_no_whole_success(two_nodes: TwoNodes, new_scene: Opener) -> None:
    """The primary of `moves` is on the node that dies. Its replica takes over, but not in the snapshot that runs; the
    next backup is whole, though the node stays away."""
    scene = new_scene(two_nodes.first.server)
    moves = scene.index("moves", documents=2000, settings={"index.routing.allocation.require._name": SECOND})
    freed = {"index.routing.allocation.require._name": None, "index.number_of_replicas": 1}
    scene.admin.send("PUT", f"/{moves}/_settings", freed)
    scene.slow(moves)
    scene.admin.send("PUT", f"/{scene.name('big')}/_settings", {"index.routing.allocation.require._name": FIRST})
    settled = "wait_for_status=green&wait_for_no_relocating_shards=true&wait_for_events=languid&timeout=30s"
    scene.admin.send("GET", f"/_cluster/health?{settled}")
    run = scene.running()
    two_nodes.second.kill()
    scene.unthrottle()
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.PARTIAL, ["snapshot.shard_failed"])
    assert run.findings[0].subject == f"{moves}[0]"
    assert "node left the cluster" in run.findings[0].message
    assert scene.snapshot(run)["state"] == "PARTIAL"
    again = scene.ended(scene.start())
    assert (again.state, again.recovers) == (State.SUCCEEDED, True)
