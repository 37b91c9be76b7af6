"""Restores on two nodes: what has replicas is back with them, and a drill makes none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.model import State
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import control, drills, plans, restores
from infra.local.paths import Places
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener
from tests.live.nodes import TwoNodes

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module", params=["8.19.2", "9.2.0"])
def two_nodes(request: pytest.FixtureRequest, server_places: Places, server_root: Path) -> Iterator[TwoNodes]:
    both = TwoNodes(server_places, server_root, request.param)
    yield both
    both.stop()


@pytest.fixture
def scene(two_nodes: TwoNodes, new_scene: Opener) -> Scene:
    """`orders`, behind an alias, and `plain`: two shards each, with a replica; both backed up."""
    scene = new_scene(two_nodes.first.server)
    for name in ("orders", "plain"):
        scene.index(name, documents=500, settings={"number_of_shards": 2, "number_of_replicas": 1})
    action = {"add": {"index": scene.name("orders"), "alias": scene.name("read")}}
    scene.admin.send("POST", "/_aliases", {"actions": [action]})
    settled(scene)
    checks = ["doc_count", "mapping", {"sample_hash": 50}]
    names = [scene.name(name) for name in ("orders", "plain")]
    block = {"schedule": "rate(7 days)", "checks": checks}
    scene.apply(*names, prove="L2", drill=block, restore={"allow": ["*"], "keep_old": "2h"})
    assert scene.ended(scene.start()).good
    return scene


def settled(scene: Scene) -> None:
    wanted = "wait_for_status=green&wait_for_no_relocating_shards=true&wait_for_events=languid&timeout=60s"
    assert not scene.admin.send("GET", f"/_cluster/health?{wanted}")["timed_out"]


def shards(scene: Scene, index: str) -> list[tuple[str, str, str]]:
    """Number, primary or replica, and state of each copy."""
    found: list[dict[str, Any]] = scene.admin.send("GET", f"/_cat/shards/{index}?format=json")
    return sorted((each["shard"], each["prirep"], each["state"]) for each in found)


WHOLE = [(number, copy, "STARTED") for number in "01" for copy in "pr"]


def test_a_drill_restores_no_replicas_and_disturbs_no_shard_of_others(scene: Scene) -> None:
    """Its own primaries are initialized on both nodes, which its guards must not take for somebody else's."""
    run = drills.request(scene.world, "nightly", request_id="now-1", by="tester")
    run = scene.play(run, lambda row: row.state is State.CHECKING, "it is being compared")
    for name in ("orders", "plain"):
        there = shards(scene, f"drill-{scene.name(name)}")
        assert there == [(number, "p", "STARTED") for number in "01"]
    run = scene.ended(run)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, [])
    assert scene.admin.send("GET", f"/drill-*{scene.own}*/_settings?expand_wildcards=all") == {}
    assert [shards(scene, scene.name(name)) for name in ("orders", "plain")] == [WHOLE, WHOLE]


def test_what_a_swap_brings_back_has_its_replicas_again(scene: Scene) -> None:
    for name in ("orders", "plain"):
        scene.admin.send("POST", f"/{scene.name(name)}/_doc?refresh=true", {"bad": "update"})
    wish = Wish(policy="nightly", mode=Mode.SWAP, indices=tuple(map(scene.name, ("orders", "plain"))))
    plan = plans.plan(scene.world, wish, by="tester")
    assert plan.conflicts == ()
    run = restores.start(scene.world, plan.plan_id, by="tester")
    run = scene.play(run, lambda row: row.settled or row.state is State.SWAPPED, "it has swapped")
    assert (run.state, codes(run)) == (State.SWAPPED, ["restore.swap_name"])
    settled(scene)
    for name in ("read", "plain"):
        assert scene.admin.send("GET", f"/{scene.name(name)}/_count")["count"] == 500
    brought = [f"restored-{scene.name(name)}" for name in ("orders", "plain")]
    assert [shards(scene, name) for name in brought] == [WHOLE, WHOLE]
    control.finish(scene.world, run.run_id, by="tester", why="yes")
    run = scene.ended(run)
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    assert sorted(scene.admin.send("GET", f"/*{scene.own}*/_settings?expand_wildcards=all")) == brought
