"""The day when Snapwarden itself is gone: the script that was stored with a backup, run on real servers."""

import os
import subprocess
from pathlib import Path

import pytest

from chalicelib.core import capsules, emergency
from chalicelib.core.model import Run, State
from chalicelib.service import capsules as stored
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import AT_NIGHT, Opener

pytestmark = pytest.mark.parametrize("server", AT_NIGHT, indirect=True)


def backed_up(scene: Scene, *patterns: str) -> Run:
    scene.apply(*(patterns or (scene.name("*"),)), prove="L2")
    run = scene.ended(scene.start())
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, [])
    return run


def play(scene: Scene, run: Run, folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """As somebody would who has only the bucket, bash and curl."""
    script = folder / "restore.sh"
    script.write_bytes(scene.vault.objects[emergency.key(run.policy, run.snapshot)])
    known = {"PATH": os.environ["PATH"], "ES": scene.admin.url, "PATIENCE": "10", **environ}
    return subprocess.run(["bash", str(script)], env=known, capture_output=True, text=True, timeout=120, check=False)


def count(scene: Scene, name: str) -> int:
    return int(scene.admin.send("GET", f"/{name}/_count")["count"])


def test_a_deleted_index_comes_back_with_its_documents_settings_and_alias(
    server: Server, new_scene: Opener, tmp_path: Path
) -> None:
    """Not even the repository is registered any more. What was not deleted is left alone."""
    scene = new_scene(server)
    lost = scene.index("lost", documents=200, settings={"number_of_shards": 3, "index.priority": 7})
    kept = scene.index("kept", documents=5)
    alias = f"{scene.own}-live"
    how = {"filter": {"term": {"text": "it's"}}, "index_routing": "1", "search_routing": "1", "is_write_index": True}
    scene.admin.send("POST", "/_aliases", {"actions": [{"add": {"index": lost, "alias": alias, **how}}]})
    run = backed_up(scene)
    uuid = scene.admin.send("GET", f"/{kept}/_settings")[kept]["settings"]["index"]["uuid"]
    scene.admin.send("DELETE", f"/{lost}")
    scene.admin.send("DELETE", f"/_snapshot/{run.repository}")

    played = play(scene, run, tmp_path)

    assert played.returncode == 0, played.stdout + played.stderr
    assert f"{kept}: is there already, left alone" in played.stdout
    assert scene.admin.send("GET", f"/{kept}/_settings")[kept]["settings"]["index"]["uuid"] == uuid
    assert scene.admin.send("GET", f"/{lost}/_stats/docs")["_all"]["primaries"]["docs"]["count"] == 200
    assert scene.admin.send("GET", f"/{lost}/_alias/{alias}") == {lost: {"aliases": {alias: how}}}
    back = scene.admin.send("GET", f"/{lost}/_settings?flat_settings=true")[lost]["settings"]
    assert (back["index.number_of_replicas"], back["index.priority"]) == ("0", "7")
    scene.admin.send("POST", f"/{lost}/_doc?routing=1", {"text": "it takes writes again"})
    registered = scene.admin.send("GET", f"/_snapshot/{run.repository}")[run.repository]["settings"]
    assert registered["readonly"] == "true", "two clusters must never write to one repository"


def test_all_of_it_comes_back_beside_what_is_there_without_its_aliases(
    server: Server, new_scene: Opener, tmp_path: Path
) -> None:
    scene = new_scene(server)
    name = scene.index("orders", documents=50)
    alias = f"{scene.own}-live"
    scene.admin.send("POST", "/_aliases", {"actions": [{"add": {"index": name, "alias": alias}}]})
    run = backed_up(scene)

    played = play(scene, run, tmp_path, PREFIX="restored-")

    assert played.returncode == 0, played.stdout + played.stderr
    assert count(scene, f"restored-{name}") == count(scene, name) == 50
    assert list(scene.admin.send("GET", f"/_alias/{alias}")) == [name], "an alias must never span two copies"


def test_a_data_stream_comes_back_as_one(server: Server, new_scene: Opener, tmp_path: Path) -> None:
    """Beside the live one, because the trimmed server cannot delete streams."""
    scene = new_scene(server)
    stream = f"logs-{scene.own.removeprefix('own')}"  # not among the indices that the scene takes away: it could not
    template = {"index_patterns": [f"{stream}*"], "data_stream": {}, "priority": 500}
    scene.admin.send(
        "PUT", f"/_index_template/{stream}", {**template, "template": {"settings": {"number_of_replicas": 0}}}
    )
    scene.admin.send("POST", f"/{stream}/_doc?refresh=true", {"@timestamp": "2026-11-21T02:00:00Z"})
    run = backed_up(scene, stream)

    played = play(scene, run, tmp_path, PREFIX="restored-")

    assert played.returncode == 0, played.stdout + played.stderr
    assert count(scene, f"restored-{stream}") == 1
    state = scene.admin.send("GET", "/_cluster/state/metadata?filter_path=metadata.data_stream.data_stream.*.name")
    assert f"restored-{stream}" in state["metadata"]["data_stream"]["data_stream"]


def test_a_lost_file_of_the_repository_is_said_and_the_rest_comes_back(
    server: Server, new_scene: Opener, tmp_path: Path
) -> None:
    """A script that says `done` over an empty shard would be worse than none."""
    scene = new_scene(server)
    names = {scene.index("one", documents=20), scene.index("two", documents=20)}
    run = backed_up(scene)
    for blob in sorted(scene.folder.glob("indices/*/0"))[0].glob("__*"):  # of one of them, under a name of the server's
        blob.unlink()

    played = play(scene, run, tmp_path, PREFIX="restored-")

    assert played.returncode == 1
    bad = played.stderr.strip().splitlines()[-1].removeprefix("not as it should be: ")
    assert f"restored-{bad}: 0 of 1 shards are back" in played.stderr
    (good,) = names - {bad}
    assert count(scene, f"restored-{good}") == 20


def test_what_has_no_script_gets_one_from_the_catalogue(server: Server, new_scene: Opener, tmp_path: Path) -> None:
    """A backup of before this release, or one whose bucket was emptied."""
    scene = new_scene(server)
    name = scene.index("orders", documents=7)
    run = backed_up(scene)
    (backup,) = scene.store.backups(run.policy)
    assert backup.capsule == capsules.key(run.policy, run.snapshot)
    scene.vault.objects.clear()
    scene.vault.objects[emergency.key(run.policy, run.snapshot)] = stored.emergency_script(scene.world, backup).encode()
    scene.admin.send("DELETE", f"/{name}")

    played = play(scene, run, tmp_path)

    assert played.returncode == 0, played.stdout + played.stderr
    assert count(scene, name) == 7
