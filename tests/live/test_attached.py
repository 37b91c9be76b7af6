"""Aliases put on what a restore brings back, on real servers: what is written goes where it went before."""

from typing import Any

from chalicelib.core.model import State
from chalicelib.core.plans import Wish
from chalicelib.service import plans, restores
from infra.local.servers import Server
from tests.live.accidents import Scene
from tests.live.conftest import Opener

FILTER = {"term": {"text": "x"}}


def point(scene: Scene, index: str, alias: str, **more: Any) -> None:
    action = {"add": {"index": scene.name(index), "alias": scene.name(alias), **more}}
    scene.admin.send("POST", "/_aliases", {"actions": [action]})


def written(scene: Scene, alias: str) -> str:
    return str(scene.admin.send("POST", f"/{scene.name(alias)}/_doc?refresh=true", {"n": 1})["_index"])


def test_aliases_are_read_through_and_never_a_second_way_to_write(server: Server, new_scene: Opener) -> None:
    """`write` has a write index, `only` is borne by nobody else, `both` by another index, too; `gone` by nobody."""
    scene = new_scene(server)
    orders, more = (scene.index(name, documents=20) for name in ("orders", "more"))
    point(scene, "orders", "write", is_write_index=True)
    point(scene, "orders", "only")
    point(scene, "orders", "gone", filter=FILTER, search_routing="r1,r2", is_hidden=True)
    point(scene, "orders", "both", is_write_index=True)
    point(scene, "more", "shared", is_write_index=True)
    point(scene, "orders", "shared", is_write_index=False)
    scene.apply(orders, prove="L2", restore={"allow": ["*"]})
    assert scene.ended(scene.start()).good
    before = scene.admin.send("GET", f"/{orders}/_alias")[orders]["aliases"]
    gone = {"remove": {"index": orders, "alias": scene.name("gone")}}
    scene.admin.send("POST", "/_aliases", {"actions": [gone]})
    plan = plans.plan(scene.world, Wish(policy="nightly", attach_aliases=True), by="tester")
    assert plan.conflicts == ()
    wanted = sorted(map(scene.name, ("gone", "shared")))
    assert [alias.name for alias in plan.moves[0].attach] == wanted
    run = scene.ended(restores.start(scene.world, plan.plan_id, by="tester"))
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    has = scene.admin.send("GET", f"/restored-{orders}/_alias")[f"restored-{orders}"]["aliases"]
    assert has == {name: before[name] for name in wanted}
    assert [written(scene, alias) for alias in ("write", "only", "both", "shared")] == [orders, orders, orders, more]
    assert scene.admin.send("GET", f"/{scene.name('shared')}/_count")["count"] == 20 + 23 + 21
