"""Restores in place by the real driver on real servers: what is live is saved, replaced, and keeps its uuid."""

from dataclasses import replace
from typing import Any

from chalicelib.core.in_place import safety_run
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.service import approvals, control, plans, restores
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener

ANNA = "arn:aws:iam::123456789012:user/anna"
CHANGED = {"index.number_of_replicas": "1", "index.priority": "9", "index.refresh_interval": "7s"}


def live(scene: Scene, *, allow: str = "*", documents: int = 20) -> None:
    """Of three indices that were backed up one got bad documents, other settings and another alias, one was closed, and
    one was deleted."""
    for name in ("orders", "closed", "deleted"):
        scene.index(name, documents=documents, settings={"number_of_shards": 2})
    point(scene, "add", "orders", "then")
    scene.apply(scene.name("*"), prove="L2", restore={"allow": [allow]})
    assert scene.ended(scene.start()).good
    point(scene, "remove", "orders", "then")
    point(scene, "add", "orders", "since")
    scene.admin.send("PUT", f"/{scene.name('orders')}/_settings", CHANGED)
    scene.admin.send("POST", f"/{scene.name('orders')}/_doc?refresh=true", {"bad": "update"})
    scene.admin.send("POST", f"/{scene.name('closed')}/_close")
    scene.admin.send("DELETE", f"/{scene.name('deleted')}")


def point(scene: Scene, does: str, index: str, alias: str) -> None:
    scene.admin.send(
        "POST", "/_aliases", {"actions": [{does: {"index": scene.name(index), "alias": scene.name(alias)}}]}
    )


def planned(scene: Scene, *indices: str, backup: str | None = None) -> Plan:
    names = tuple(map(scene.name, indices or ("orders", "closed", "deleted")))
    return plans.plan(
        scene.world,
        Wish(policy="nightly", mode=Mode.IN_PLACE, prefix="", indices=names, backup=backup),
        by=ANNA,
    )


def restored(scene: Scene, plan: Plan) -> Run:
    assert plan.conflicts == ()
    run = restores.start(scene.world, plan.plan_id, by="tester")
    waits = run.after is not None
    if waits:
        scene.play(run, lambda row: scene.row(scene.store.run(safety_run(plan)) or row).settled, "it is saved")
    return scene.ended(run)


def settings(scene: Scene, name: str) -> dict[str, Any]:
    found: dict[str, Any] = scene.admin.send("GET", f"/{scene.name(name)}/_settings?flat_settings=true")
    return found[scene.name(name)]["settings"]  # type: ignore[no-any-return]


def count(scene: Scene, name: str) -> int:
    return int(scene.admin.send("GET", f"/{scene.name(name)}/_count")["count"])


def test_open_closed_and_deleted_indices_come_back_and_the_safety_backup_undoes_it(
    server: Server, new_scene: Opener
) -> None:
    scene = new_scene(server)
    live(scene)
    before = settings(scene, "orders")
    plan = planned(scene)
    assert [found.code for found in plan.findings] == ["restore.was_closed", "restore.in_place"]
    run = restored(scene, plan)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, []), run.findings
    assert [count(scene, name) for name in ("orders", "closed", "deleted")] == [20, 20, 20]
    after = settings(scene, "orders")
    assert {key: after.get(key) for key in (*CHANGED, "index.uuid") if "refresh" not in key} == {
        key: before.get(key) for key in (*CHANGED, "index.uuid") if "refresh" not in key
    }
    assert not [key for key in after if "slowlog" in key or "blocks" in key or "rebalance" in key]
    assert list(scene.admin.send("GET", f"/{scene.name('orders')}/_alias")[scene.name("orders")]["aliases"]) == [
        scene.name("since")
    ]
    scene.admin.send("POST", f"/{scene.name('orders')}/_doc?refresh=true", {"n": 1})

    saved = next(one for one in scene.store.backups("nightly") if one.run_id == safety_run(plan))
    run = restored(scene, planned(scene, "orders", backup=saved.backup_id))
    assert (run.state, count(scene, "orders")) == (State.SUCCEEDED, 21)
    assert settings(scene, "orders")["index.uuid"] == before["index.uuid"]


def test_a_lost_file_leaves_it_red_and_the_safety_backup_brings_it_back(server: Server, new_scene: Opener) -> None:
    """Live was made anew, so that no segment of it is the same and the lost file is needed."""
    scene = new_scene(server)
    live(scene)
    scene.admin.send("DELETE", f"/{scene.name('orders')}")
    scene.index("orders", documents=5, settings={"number_of_shards": 2})
    uuid = settings(scene, "orders")["index.uuid"]
    for blob in scene.folder.glob("indices/*/*/__*"):
        blob.unlink()
    plan = planned(scene, "orders")
    run = restored(scene, plan)
    assert (run.state, codes(run)[0]) == (State.FAILED, "restore.shard_failed")
    (left,) = [found for found in run.findings if found.code == "restore.left_as"]
    assert "is red: " in left.message
    saved = next(one for one in scene.store.backups("nightly") if one.run_id == safety_run(plan))
    assert saved.backup_id in left.next_step
    again = planned(scene, "orders", backup=saved.backup_id)
    assert "restore.not_whole" in [found.code for found in again.findings]
    run = restored(scene, again)
    assert (run.state, count(scene, "orders")) == (State.SUCCEEDED, 5), run.findings
    assert settings(scene, "orders")["index.uuid"] == uuid


def test_another_number_of_shards_and_an_alias_of_that_name_are_conflicts(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    live(scene)
    scene.admin.send("DELETE", f"/{scene.name('orders')}")
    scene.index("orders", settings={"number_of_shards": 3})
    scene.admin.send("DELETE", f"/{scene.name('closed')}")
    point(scene, "add", "orders", "closed")
    found = planned(scene).conflicts
    assert [(one.code, one.subject) for one in found] == [
        ("restore.name_is_alias", scene.name("closed")),
        ("restore.other_shards", scene.name("orders")),
    ]


def test_beyond_what_is_allowed_it_needs_a_second_person(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    live(scene, allow="restored-*")
    ben = ANNA.replace("anna", "ben")
    scene.world = replace(scene.world, identity=lambda: ANNA, local=True)
    plan = planned(scene, "orders")
    assert plan.approval == (scene.name("orders"),)
    approvals.approve(replace(scene.world, identity=lambda: ben), plan.plan_id)
    run = restored(scene, plan)
    assert (run.state, run.approved_by, count(scene, "orders")) == (State.SUCCEEDED, ben, 20)


def test_cancelled_in_the_middle_it_says_what_is_left(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    live(scene)
    plan = planned(scene, "orders", "deleted")
    run = restores.start(scene.world, plan.plan_id, by="tester")
    run = scene.play(run, lambda row: row.state is State.RESTORING, "it is being restored")
    control.cancel(scene.world, run.run_id, by="tester", why="no")
    run = scene.ended(run)
    assert run.state in (State.CANCELLED, State.SUCCEEDED)  # what was checked already is as good as back
    if run.state is State.CANCELLED:
        assert codes(run) == ["restore.left_as"]
        assert "error" in scene.admin.send("GET", f"/{scene.name('deleted')}", ok=(404,))
