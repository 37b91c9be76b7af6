"""Drills by the real driver on real servers: what came back whole is proved, damage is found, nothing is left."""

from datetime import timedelta

from chalicelib.core.model import Run, State
from chalicelib.service import control, drills
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener

CHECKS = ["doc_count", "mapping", {"sample_hash": 50}]


def backed_up(scene: Scene, **drill: object) -> None:
    query = {"query": {"index": scene.name("one"), "body": {"match_all": {}}, "min_hits": 10, "expect": 50}}
    block = {"schedule": "rate(7 days)", "rto": "30m", "checks": [*CHECKS, query], **drill}
    scene.apply(scene.name("*"), prove="L2", drill=block)
    assert scene.ended(scene.start()).good


def drill(scene: Scene, request_id: str = "now-1") -> Run:
    return drills.request(scene.world, "nightly", request_id=request_id, by="tester")


def made(scene: Scene) -> list[str]:
    return sorted(scene.admin.send("GET", f"/drill-*{scene.own}*/_settings?expand_wildcards=all"))


def test_what_came_back_is_proved_and_nothing_is_left(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    one = scene.index("one", documents=50)
    scene.index("wide", documents=200, settings={"number_of_shards": 5})
    scene.index("empty", documents=0)
    backed_up(scene, max_bytes_per_sec="40MB")
    run = scene.ended(drill(scene))
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, []), run
    assert (made(scene), run.leftover) == ([], False)
    evidence = scene.store.evidence(run.run_id, "proved", 1)
    assert evidence
    live = scene.admin.send("GET", f"/{scene.own}-*/_settings")
    assert {index.name: index.uuid for index in evidence.indices} == {
        name: body["settings"]["index"]["uuid"] for name, body in live.items()
    }
    second = scene.admin.send("GET", f"/_snapshot/snapwarden-drill-{scene.own}")[f"snapwarden-drill-{scene.own}"]
    limits = {"readonly": "true", "max_restore_bytes_per_sec": "40000000b"}
    assert second["settings"] == {"location": scene.own, **limits}, "no more, so it is not registered again"
    again = scene.ended(drill(scene, "now-2"))
    assert (again.good, again.through) == (True, f"snapwarden-drill-{scene.own}")
    assert scene.admin.send("GET", f"/{one}/_count")["count"] == 50


def test_a_cancelled_drill_leaves_nothing(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    scene.index("one", documents=2000)
    backed_up(scene, max_bytes_per_sec="100KB")
    run = drill(scene)
    scene.play(run, lambda row: bool(row.progress and row.progress.bytes_done), "it is in progress")
    control.cancel(scene.world, run.run_id, by="tester", why="wrong one")
    run = scene.ended(run)
    assert (run.state, made(scene)) == (State.CANCELLED, [])
    assert run.deadline_at - run.created_at < timedelta(hours=1)
