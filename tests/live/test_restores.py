"""Restores by the real driver on real servers: what comes back is what was backed up, or nothing is left."""

from typing import Any

from chalicelib.core.model import State
from infra.local.servers import Server
from tests.live.accidents import codes
from tests.live.conftest import Opener
from tests.live.restoring import backed_up, made, restore, settings_of

ANALYSIS = {"analyzer": {"own": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}
SORTED = {"settings": {"number_of_replicas": 0, "sort.field": "n", "sort.order": "desc"}}


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
        assert settings_of(scene, f"restored-{scene.name(name)}") == settings_of(scene, scene.name(name))
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


def test_a_template_that_would_catch_the_new_name_is_not_applied(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    one = scene.index("one", documents=5)
    backed_up(scene)
    caught = {"settings": {"index.refresh_interval": "77s"}, "aliases": {f"{scene.own}-caught": {}}}
    body = {"index_patterns": [f"restored-{scene.own}*"], "priority": 900, "template": caught}
    scene.admin.send("PUT", f"/_index_template/{scene.own}", body)
    run = scene.ended(restore(scene))
    scene.admin.send("DELETE", f"/_index_template/{scene.own}")
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    assert settings_of(scene, f"restored-{one}") == settings_of(scene, one)
    assert scene.admin.send("GET", f"/restored-{one}/_alias")[f"restored-{one}"]["aliases"] == {}


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
