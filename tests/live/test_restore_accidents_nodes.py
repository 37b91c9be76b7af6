"""Restores on two nodes, of which one dies in the middle."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.model import State
from infra.local.paths import Places
from tests.elastic_admin import wait
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener
from tests.live.nodes import SECOND, TwoNodes
from tests.live.restoring import backed_up, in_the_middle, made, restore

VERSIONS = ["8.19.2", pytest.param("9.2.0", marks=pytest.mark.nightly)]


@pytest.fixture(params=VERSIONS)
def two_nodes(request: pytest.FixtureRequest, server_places: Places, server_root: Path) -> Iterator[TwoNodes]:
    both = TwoNodes(server_places, server_root, request.param)
    yield both
    both.stop()


def test_shards_that_were_under_way_on_a_node_that_dies_are_restored_on_the_other(
    two_nodes: TwoNodes, new_scene: Opener
) -> None:
    scene = new_scene(two_nodes.first.server)
    big = scene.index("big", documents=2000, settings={"number_of_shards": 4})
    backed_up(scene)
    run = in_the_middle(scene)
    assert _on_second(scene, f"restored-{big}"), "some of it is on the node that dies"
    two_nodes.second.kill()
    scene.unthrottle()
    run = scene.ended(run)
    assert (run.state, run.good, run.reason) == (State.SUCCEEDED, True, None)
    counted = scene.admin.send("GET", f"/restored-{big}/_count")
    assert (counted["count"], counted["_shards"]["successful"]) == (2000, 4)


def test_what_was_back_on_a_node_that_dies_is_lost_with_it_and_the_rest_is_removed(
    two_nodes: TwoNodes, new_scene: Opener
) -> None:
    """It has no replicas yet; the server doesn't take it from the backup once more."""
    scene = new_scene(two_nodes.first.server)
    small = scene.index("small", documents=5, settings={"number_of_shards": 4})
    backed_up(scene)
    run = scene.play(restore(scene), lambda row: row.state is State.RESTORING, "the server was asked for it")
    wait(lambda: len(_started(scene, f"restored-{small}")) == 4, "all of it is back, and nobody has looked")
    lost = _on_second(scene, f"restored-{small}")
    assert lost
    two_nodes.second.kill()
    wait(lambda: len(_started(scene, f"restored-{small}")) == 4 - len(lost), "the node is missed")
    run = scene.ended(run)
    assert (run.state, set(codes(run))) == (State.FAILED, {"restore.shard_failed"}), run.findings
    assert {found.subject for found in run.findings} == {f"restored-{small}[{shard}]" for shard in lost}
    assert all("did a node leave" in found.message for found in run.findings), run.findings
    assert made(scene) == []


def _copies(scene: Scene, index: str) -> list[dict[str, str]]:
    return list(scene.admin.send("GET", f"/_cat/shards/{index}?format=json"))


def _started(scene: Scene, index: str) -> list[int]:
    return [int(copy["shard"]) for copy in _copies(scene, index) if copy["state"] == "STARTED"]


def _on_second(scene: Scene, index: str) -> list[int]:
    return [int(copy["shard"]) for copy in _copies(scene, index) if copy["node"] == SECOND]
