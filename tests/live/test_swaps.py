"""Swaps by the real driver on real servers: all names move, nothing is lost, and there is a way back."""

from typing import Any

from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import control, plans, restores
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener


def live(scene: Scene) -> None:
    """`orders` is written to through one alias and read through another, with a filter; `plain` has none. Both were
    backed up, and then a bad update came."""
    for name in ("orders", "plain"):
        scene.index(name, documents=20, settings={"number_of_shards": 2})
    scene.index("more", documents=1)
    point(scene, "orders", "write", is_write_index=True)
    point(scene, "more", "write", is_write_index=False)
    point(
        scene,
        "orders",
        "read",
        filter={
            "term": {
                "b": 1,
            }
        },
        search_routing="r1,r2",
        is_hidden=True,
    )
    scene.apply(scene.name("orders"), scene.name("plain"), prove="L2", restore={"allow": ["*"], "keep_old": "2h"})
    assert scene.ended(scene.start()).good
    for name in ("orders", "plain"):
        scene.admin.send("POST", f"/{scene.name(name)}/_doc?refresh=true", {"bad": "update"})


def point(scene: Scene, index: str, alias: str, **more: Any) -> None:
    action = {"add": {"index": scene.name(index), "alias": scene.name(alias), **more}}
    scene.admin.send("POST", "/_aliases", {"actions": [action]})


def swapped(scene: Scene, *indices: str) -> Run:
    wish = Wish(policy="nightly", mode=Mode.SWAP, indices=tuple(map(scene.name, indices)))
    plan = plans.plan(scene.world, wish, by="tester")
    assert plan.conflicts == ()
    run = restores.start(scene.world, plan.plan_id, by="tester")
    return scene.play(run, lambda row: row.settled or row.state is State.SWAPPED, "it has swapped")


def aliases(scene: Scene) -> dict[str, Any]:
    return {
        name: held["aliases"]
        for name, held in scene.admin.send("GET", f"/*{scene.own}*/_alias?expand_wildcards=all").items()
    }


def others(run: Run) -> list[str]:
    """Findings, but for what is said of the old names: tests/faults/test_swaps.py has that."""
    return [code for code in codes(run) if code != "restore.swap_name"]


def count(scene: Scene, name: str) -> int:
    return int(scene.admin.send("GET", f"/{scene.name(name)}/_count")["count"])


def test_both_kinds_of_names_move_and_come_back(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    live(scene)
    before = aliases(scene)
    run = swapped(scene, "orders", "plain")
    assert (run.state, run.fence, others(run)) == (State.SWAPPED, None, [])
    now = aliases(scene)
    assert now[f"restored-{scene.name('orders')}"] == before[scene.name("orders")]
    assert (now[scene.name("orders")], list(now[f"restored-{scene.name('plain')}"])) == ({}, [scene.name("plain")])
    assert (count(scene, "plain"), count(scene, "write")) == (20, 21)
    written = scene.admin.send("POST", f"/{scene.name('write')}/_doc?refresh=true", {"n": 1})
    assert written["_index"] == f"restored-{scene.name('orders')}"

    control.rollback(scene.world, run.run_id, by="tester", why="no")
    run = scene.ended(run)
    assert (run.state, others(run)) == (State.ROLLED_BACK, ["restore.rolled_back"] * 2)
    assert [found.message for found in run.findings if "took 1 operation since" in found.message]
    back = aliases(scene)
    assert back[scene.name("orders")] == before[scene.name("orders")]
    (clone,) = [name for name in back if name.startswith(f"{scene.name('plain')}-before-")]
    assert (list(back[clone]), count(scene, "plain")) == ([scene.name("plain")], 21)
    scene.admin.send("POST", f"/{scene.name('plain')}/_doc", {"n": 1})
    settings = scene.admin.send("GET", f"/{clone}/_settings?flat_settings=true")[clone]["settings"]
    assert settings["index.number_of_replicas"] == "0"
    assert "index.search.slowlog.threshold.fetch.trace" not in settings


def test_finished_the_old_ones_are_gone(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    live(scene)
    run = swapped(scene, "orders", "plain")
    control.finish(scene.world, run.run_id, by="tester", why="yes")
    run = scene.ended(run)
    assert (run.state, run.good, others(run)) == (State.SUCCEEDED, True, [])
    left = {scene.name("more"), *(f"restored-{scene.name(name)}" for name in ("orders", "plain"))}
    assert set(aliases(scene)) == left
    assert scene.name("orders") in aliases(scene)[f"restored-{scene.name('orders')}"], "the old name follows"
    assert (count(scene, "plain"), count(scene, "orders")) == (20, 20)


def test_an_index_that_was_deleted_comes_back_under_its_name(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    live(scene)
    scene.admin.send("DELETE", f"/{scene.name('plain')}")
    run = swapped(scene, "plain")
    assert (run.state, count(scene, "plain")) == (State.SWAPPED, 20)
    assert run.kept_until is not None
    scene.clock.skip(run.kept_until - scene.clock.now())
    scene.world.wake(run.run_id)  # as the tick does
    run = scene.ended(run)
    assert (run.state, count(scene, "plain")) == (State.SUCCEEDED, 20)


def test_a_closed_index_gives_its_aliases_away_and_gets_them_back_closed(server: Server, new_scene: Opener) -> None:
    """It was closed after the backup, as people do who want nobody to see bad data. With a filter, no way back."""
    scene = new_scene(server)
    live(scene)
    scene.admin.send("POST", f"/{scene.name('orders')}/_close")
    wish = Wish(policy="nightly", mode=Mode.SWAP, indices=(scene.name("orders"),))
    found = plans.plan(scene.world, wish, by="tester").conflicts
    assert [each.code for each in found] == ["restore.swap_closed"]
    gone = {"remove": {"index": scene.name("orders"), "alias": scene.name("read")}}
    scene.admin.send("POST", "/_aliases", {"actions": [gone]})
    before = aliases(scene)
    run = swapped(scene, "orders")
    assert (run.state, others(run)) == (State.SWAPPED, [])
    assert aliases(scene)[f"restored-{scene.name('orders')}"] == before[scene.name("orders")]
    assert count(scene, "write") == 21
    control.rollback(scene.world, run.run_id, by="tester", why="no")
    run = scene.ended(run)
    assert run.state is State.ROLLED_BACK
    assert aliases(scene)[scene.name("orders")] == before[scene.name("orders")]
    state = scene.admin.send("GET", f"/_cluster/state/metadata/{scene.name('orders')}?filter_path=**.state")
    assert state["metadata"]["indices"][scene.name("orders")]["state"] == "close"


def test_an_old_one_that_was_closed_meanwhile_is_rolled_back_to_when_it_is_open(
    server: Server, new_scene: Opener
) -> None:
    scene = new_scene(server)
    live(scene)
    before = aliases(scene)
    run = swapped(scene, "orders")
    scene.admin.send("POST", f"/{scene.name('orders')}/_close")
    control.rollback(scene.world, run.run_id, by="tester", why="no")
    run = scene.play(run, lambda row: row.rollback is None, "it is refused")
    assert (run.state, others(run)) == (State.SWAPPED, ["restore.rollback_refused"])
    assert "open it first" in run.findings[-1].message
    scene.admin.send("POST", f"/{scene.name('orders')}/_open?wait_for_active_shards=all")
    control.rollback(scene.world, run.run_id, by="tester", why="no")
    assert scene.ended(run).state is State.ROLLED_BACK
    assert aliases(scene)[scene.name("orders")] == before[scene.name("orders")]
