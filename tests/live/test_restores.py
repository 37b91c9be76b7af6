"""Restores by the real driver on real servers: what comes back is what was backed up, or nothing is left."""

from typing import Any

import pytest

from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import control, plans, restores
from infra.local.servers import Server
from tests.elastic_admin import wait
from tests.live.accidents import Breakable, Scene, codes
from tests.live.conftest import Opener

ANALYSIS = {"analyzer": {"own": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}
SORTED = {"settings": {"number_of_replicas": 0, "sort.field": "n", "sort.order": "desc"}}
MARK = "index.search.slowlog.threshold.fetch.trace"


@pytest.fixture(params=["elasticsearch", "elasticsearch_9"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


def backed_up(scene: Scene) -> Run:
    scene.apply(scene.name("*"), prove="L2")
    run = scene.ended(scene.start())
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    return run


def restore(scene: Scene, prefix: str = "restored-") -> Run:
    """Asked for; no step of it has been taken."""
    plan = plans.plan(scene.world, Wish(policy="nightly", prefix=prefix), by="tester")
    assert plan.conflicts == ()
    return restores.start(scene.world, plan.plan_id, by="tester")


def made(scene: Scene) -> list[str]:
    return sorted(scene.admin.send("GET", f"/restored-*{scene.own}*/_settings?expand_wildcards=all"))


def settings(scene: Scene, name: str) -> dict[str, Any]:
    found = scene.admin.send("GET", f"/{name}/_settings?flat_settings=true")[name]["settings"]
    own = ("index.creation_date", "index.uuid", "index.provided_name", "index.version")
    return {key: value for key, value in found.items() if not key.startswith(own)}


def test_every_kind_of_index_comes_back_as_it_was(server: Server, new_scene: Opener) -> None:
    """Ten shards, a write alias, an analyzer of its own, a sort order, nested documents, pipelines; closed ones come
    back open. No alias moves, and the settings are those of the source."""
    scene = new_scene(server)
    wide = scene.index("wide", documents=200, settings={"number_of_shards": 10, "index.priority": 7})
    scene.index("words", documents=3, settings={"analysis": ANALYSIS, "index.default_pipeline": "_none"})
    scene.admin.send("PUT", f"/{scene.name('sorted')}", {**SORTED, "mappings": {"properties": {"n": {"type": "long"}}}})
    nested = {"settings": {"number_of_replicas": 0}, "mappings": {"properties": {"parts": {"type": "nested"}}}}
    scene.admin.send("PUT", f"/{scene.name('nested')}", nested)
    scene.admin.send("POST", f"/{scene.name('nested')}/_doc", {"parts": [{"a": 1}, {"a": 2}]})
    scene.admin.send("POST", f"/{scene.index('closed', documents=5)}/_close")
    alias = {"add": {"index": wide, "alias": f"{scene.own}-live", "is_write_index": True}}
    scene.admin.send("POST", "/_aliases", {"actions": [alias]})
    backed_up(scene)
    run = scene.ended(restore(scene))
    assert (run.state, run.good, run.indices) == (State.SUCCEEDED, True, 5)
    assert codes(run) == ["restore.not_compared"], "of the closed one"
    for name in ("wide", "words", "sorted", "nested"):
        assert settings(scene, f"restored-{scene.name(name)}") == settings(scene, scene.name(name))
        mapping = scene.admin.send("GET", f"/restored-{scene.name(name)}/_mapping")
        assert list(mapping.values()) == list(scene.admin.send("GET", f"/{scene.name(name)}/_mapping").values())
    counted = scene.admin.send("GET", f"/restored-{wide}/_count")
    assert (counted["count"], counted["_shards"]["successful"]) == (200, 10)
    assert scene.admin.send("GET", f"/restored-{scene.name('closed')}/_count")["count"] == 5
    assert list(scene.admin.send("GET", f"/_alias/{scene.own}-live")) == [wide]
    scene.admin.send("POST", f"/restored-{wide}/_doc", {"text": "it takes writes again"})


def test_a_lost_file_of_the_repository_fails_the_restore_with_its_shard_and_nothing_is_left(
    server: Server, new_scene: Opener
) -> None:
    scene = new_scene(server)
    scene.index("whole", documents=5)
    scene.index("lost", documents=5)
    backed_up(scene)
    for blob in sorted(scene.folder.glob("indices/*/0"))[0].glob("__*"):  # of one of them, under a name of the server's
        blob.unlink()
    run = scene.ended(restore(scene))
    assert (run.state, codes(run)) == (State.FAILED, ["restore.shard_failed"])
    assert run.findings[0].subject in {f"restored-{scene.name(name)}[0]" for name in ("whole", "lost")}
    assert "NoSuchFileException" in run.findings[0].message
    assert made(scene) == []


def test_what_changes_between_plan_and_start_is_told_and_nothing_is_touched(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    one = scene.index("one", documents=5)
    backed_up(scene)
    run = restore(scene)
    scene.admin.create_index(f"restored-{one}", documents=2)
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.world_moved"])
    assert scene.admin.send("GET", f"/restored-{one}/_count")["count"] == 2


def test_five_restores_at_once_run_one_after_the_other(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    one = scene.index("one", documents=5)
    backed_up(scene)
    runs = [restore(scene, f"restored-{number}-") for number in range(5)]
    assert [run.state for run in runs] == [State.PLANNED, *(State.QUEUED,) * 4]
    for run in runs:
        scene.play(run, lambda row: row.told, "its end is told")
    assert {scene.row(run).state for run in runs} == {State.SUCCEEDED}
    assert made(scene) == [f"restored-{number}-{one}" for number in range(5)]


def _slow(scene: Scene) -> Run:
    """A restore in progress, of 6 MB at 100 KB a second."""
    scene.index("big", documents=2000)
    backed_up(scene)
    settings = {"location": scene.own, "max_restore_bytes_per_sec": "100kb"}
    scene.admin.send("PUT", f"/_snapshot/{scene.own}?verify=false", {"type": "fs", "settings": settings})
    run = restore(scene)
    return scene.play(run, lambda row: bool(row.progress and row.progress.bytes_done), "it is in progress")


def test_a_cancelled_restore_leaves_nothing(scene: Scene) -> None:
    run = _slow(scene)
    assert run.progress is not None
    assert run.progress.bytes_done is not None
    assert run.progress.bytes_done < (run.progress.bytes_total or 0)
    control.cancel(scene.world, run.run_id, by="tester", why="wrong one")
    run = scene.ended(run)
    assert (run.state, run.reason) == (State.CANCELLED, "cancelled by tester: wrong one")
    assert made(scene) == []


def test_a_server_killed_in_the_middle_of_a_restore_leaves_nothing_or_all_of_it(
    breakable: Breakable, scene: Scene
) -> None:
    run = _slow(scene)
    with breakable.down():
        pass
    wait(lambda: scene.admin.send("GET", "/_cluster/health")["status"] != "", "it answers")
    scene.unthrottle()
    run = scene.ended(run)
    assert run.state in (State.SUCCEEDED, State.FAILED)
    assert made(scene) == ([f"restored-{scene.name('big')}"] if run.good else [])


def test_an_index_that_was_shrunk_comes_back(server: Server, new_scene: Opener) -> None:
    """Shrunk with a null, which stays among its settings, and which the server takes from nobody as a value."""
    scene = new_scene(server)
    big = scene.index("big", documents=20, settings={"number_of_shards": 2})
    scene.admin.send("PUT", f"/{big}/_settings", {"index.blocks.write": True})
    small = scene.name("small")
    own: dict[str, Any] = {"settings": {"index.number_of_shards": 1, "index.blocks.write": None}}
    scene.admin.send("POST", f"/{big}/_shrink/{small}?wait_for_active_shards=1", own)
    scene.admin.send("GET", f"/_cluster/health/{small}?wait_for_status=yellow&timeout=20s")
    scene.admin.send("DELETE", f"/{big}")
    backed_up(scene)
    run = scene.ended(restore(scene))
    assert run.reason is None
    assert (run.state, run.indices) == (State.SUCCEEDED, 1)
    assert scene.admin.send("GET", f"/restored-{small}/_count")["count"] == 20
