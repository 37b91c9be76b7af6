"""What goes wrong around a restore on a real server: it ends, says why, and leaves nothing that it did not name."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.core.model import Run, State
from chalicelib.core.workflows.restore_stuck import STILL
from chalicelib.service import control
from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import Places
from infra.local.servers import Server
from tests.live.accidents import Breakable, Scene, codes
from tests.live.conftest import Opener
from tests.live.restoring import backed_up, cluster, creep, in_the_middle, left, made, planned, restore


@pytest.fixture
def breakable_9(server_places: Places, server_root: Path) -> Iterator[Breakable]:
    one = Breakable(Elasticsearch(server_places, "9.2.0", server_root / "breakable-9"))
    yield one
    one.server.stop()


def test_a_server_that_is_killed_in_mid_restore(breakable: Breakable, new_scene: Opener) -> None:
    _survives_a_crash(breakable, new_scene(breakable.server))


@pytest.mark.nightly
def test_the_same_on_version_9(breakable_9: Breakable, new_scene: Opener) -> None:
    _survives_a_crash(breakable_9, new_scene(breakable_9.server))


def _survives_a_crash(cluster_: Breakable, scene: Scene) -> None:
    """The server forgets that it was restoring: what is there is no longer of any use, and goes."""
    scene.index("big", documents=2000)
    scene.index("small", documents=5)
    backed_up(scene)
    run = in_the_middle(scene)
    with cluster_.down():
        run = scene.play(run, lambda row: "no answer" in (row.last_error or ""), "it is not answered")
        assert run.state is State.RESTORING
    scene.unthrottle()
    run = scene.ended(run)
    assert (run.state, run.findings[0].code) == (State.FAILED, "restore.shard_lost"), run.findings
    assert "restart" in (run.reason or "")
    assert (made(scene), left(scene, run)) == ([], [])
    again = scene.ended(restore(scene))
    assert (again.state, len(made(scene))) == (State.SUCCEEDED, 2)


def test_a_restore_is_cancelled_in_the_middle(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    scene.index("big", documents=2000)
    backed_up(scene)
    run = in_the_middle(scene)
    control.cancel(scene.world, run.run_id, by="tester", why="wrong one")
    run = scene.ended(run)
    assert (run.state, run.reason, made(scene)) == (State.CANCELLED, "cancelled by tester: wrong one", [])


def test_somebody_deletes_a_restored_index_in_the_middle(server: Server, new_scene: Opener) -> None:
    """The other one, which nobody touched, is removed by the run."""
    scene = new_scene(server)
    big = scene.index("big", documents=2000)
    scene.index("small", documents=5)
    backed_up(scene)
    run = in_the_middle(scene)
    scene.admin.send("DELETE", f"/restored-{big}")
    run = scene.ended(run)
    assert (run.state, codes(run), made(scene)) == (State.FAILED, ["restore.vanished"], [])


def test_somebody_makes_the_index_anew_in_the_middle_and_keeps_it(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    big = scene.index("big", documents=2000)
    scene.index("small", documents=5)
    backed_up(scene)
    run = in_the_middle(scene)
    scene.admin.send("DELETE", f"/restored-{big}")
    scene.admin.create_index(f"restored-{big}", documents=3)
    run = scene.ended(run)
    assert (run.state, codes(run), made(scene)) == (State.FAILED, ["restore.foreign"], [f"restored-{big}"])
    assert scene.admin.send("GET", f"/restored-{big}/_count")["count"] == 3


def test_what_somebody_takes_a_snapshot_of_is_removed_later(server: Server, new_scene: Opener) -> None:
    """One that must hold all of the index: the server refuses to delete it meanwhile, which is no failure."""
    scene = new_scene(server)
    small = scene.index("small", documents=5)
    backed_up(scene)
    big, theirs = scene.index("big", documents=2000), f"{scene.own}-theirs"
    settings = {"location": theirs, "max_snapshot_bytes_per_sec": "20kb"}
    scene.admin.send("PUT", f"/_snapshot/{theirs}?verify=false", {"type": "fs", "settings": settings})
    run = scene.play(restore(scene), lambda row: row.state is State.RESTORING, "the server was asked for it")
    scene.admin.send("GET", f"/_cluster/health/restored-{small}?wait_for_status=green&timeout=30s")
    held = {"indices": f"{big},restored-{small}", "partial": False}
    scene.admin.send("PUT", f"/_snapshot/{theirs}/theirs", held)
    control.cancel(scene.world, run.run_id, by="tester", why="wrong one")
    run = scene.play(run, lambda row: row.aborts > 0, "its removal was refused")
    assert "snapshot" in (run.last_error or "")
    assert run.ending is State.CANCELLED
    scene.admin.unthrottle(theirs, theirs)
    scene.admin.wait_for_end(theirs, "theirs")
    run = scene.ended(run)
    assert (run.state, codes(run), made(scene)) == (State.CANCELLED, [], [])
    assert scene.admin.state_of(theirs, "theirs") == "SUCCESS", "and theirs is whole"


@pytest.mark.parametrize("kind", ["index", "closed", "alias", "stream"])
def test_a_name_that_is_taken_is_a_conflict_with_its_fix(server: Server, new_scene: Opener, kind: str) -> None:
    """Also a closed index, over which the server would restore without a word."""
    scene = new_scene(server)
    one = scene.index("one", documents=5)
    other = scene.index("other", documents=1)
    backed_up(scene)
    taken = f"restored-{one}"
    if kind == "alias":
        scene.admin.send("POST", "/_aliases", {"actions": [{"add": {"index": other, "alias": taken}}]})
    elif kind == "stream":
        taken = _stream(scene, taken)
    else:
        scene.admin.create_index(taken, documents=2)
    if kind == "closed":
        scene.admin.send("POST", f"/{taken}/_close")
    plan = planned(scene)
    expected = {"alias": "restore.name_is_alias", "stream": "restore.name_is_stream"}
    (found,) = plan.conflicts
    assert (found.code, taken in found.message) == (expected.get(kind, "restore.name_taken"), True)
    assert "--prefix" in found.next_step


def _stream(scene: Scene, name: str) -> str:
    """This server can't delete one: it goes with the server."""
    template = {"index_patterns": [name], "data_stream": {}, "priority": 700}
    scene.admin.send("PUT", f"/_index_template/{scene.own}", template)
    scene.admin.send("POST", f"/{name}/_doc?refresh=true", {"@timestamp": "2026-11-21T02:00:00Z"})
    return name


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_an_index_that_gets_in_the_way_after_the_plan_is_left_alone(
    server: Server, new_scene: Opener, closed: bool
) -> None:
    scene = new_scene(server)
    one = scene.index("one", documents=5)
    backed_up(scene)
    run = restore(scene)
    scene.admin.create_index(f"restored-{one}", documents=2)
    if closed:
        scene.admin.send("POST", f"/restored-{one}/_close")
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["restore.world_moved"])
    if closed:
        scene.admin.send("POST", f"/restored-{one}/_open?wait_for_active_shards=1")
    assert scene.admin.send("GET", f"/restored-{one}/_count")["count"] == 2


def test_too_little_disk_below_the_watermark_is_a_conflict_with_its_fix(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    scene.index("one", documents=5)
    backed_up(scene)
    marks = {"disk__watermark__low": "1000tb", "disk__watermark__high": "1b", "disk__watermark__flood_stage": "1b"}
    with cluster(scene, **marks):
        (found,) = planned(scene).conflicts
    assert (found.code, "low watermark" in found.message) == ("restore.disk", True)
    assert "free disk" in found.next_step
    assert planned(scene).conflicts == ()


def test_room_that_is_gone_between_plan_and_start_ends_it_untouched(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    scene.index("one", documents=5)
    backed_up(scene)
    run = restore(scene)
    marks = {"disk__watermark__low": "1000tb", "disk__watermark__high": "1b", "disk__watermark__flood_stage": "1b"}
    with cluster(scene, **marks):
        run = scene.ended(run)
    assert (run.state, codes(run), made(scene)) == (State.FAILED, ["restore.world_moved"], [])


def test_five_restores_asked_for_at_once_come_one_after_the_other(server: Server, new_scene: Opener) -> None:
    """They are one repository's: never two at once, in the order in which they were asked for, and all of them end."""
    scene = new_scene(server)
    one = scene.index("one", documents=5)
    backed_up(scene)
    runs = [restore(scene, f"restored-{number}-") for number in range(5)]
    assert [run.state for run in runs] == [State.PLANNED, *(State.QUEUED,) * 4]
    for run in runs:
        scene.play(run, lambda row: row.told, "its end is told")
    rows = [scene.row(run) for run in runs]
    assert [row.state for row in rows] == [State.SUCCEEDED] * 5
    assert made(scene) == [f"restored-{number}-{one}" for number in range(5)]
    spans = [_at_work(row) for row in rows]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert scene.store.waiters("shop", 1) == ()


def _at_work(run: Run) -> tuple[float, float]:
    """From the claim of its restore to its end."""
    assert run.claimed_at
    assert run.finished_at
    restoring = next(step.at for step in run.steps if step.state is State.RESTORING)
    return restoring.timestamp(), run.finished_at.timestamp()


OBSTACLES: dict[str, tuple[dict[str, object], str]] = {
    "filter": ({"require__zone": "nowhere"}, 'cluster.routing.allocation.require] filters [zone:"nowhere"]'),
    "awareness": ({"awareness__attributes": "zone"}, "node does not contain the awareness attribute [zone]"),
    "shards": ({"total_shards_per_node": 1}, "cluster.routing.allocation.total_shards_per_node=1"),
}


@pytest.mark.parametrize(
    "kind", ["filter", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in [*OBSTACLES][1:])]
)
def test_what_no_node_may_take_ends_at_once_and_the_deciders_are_quoted(
    server: Server, new_scene: Opener, kind: str
) -> None:
    """The server gives such shards up whatever the reason is, and never tries them again."""
    obstacle, words = OBSTACLES[kind]
    scene = new_scene(server)
    scene.index("one", documents=5)
    backed_up(scene)
    run = restore(scene)
    with cluster(scene, **obstacle):
        run = scene.ended(run)
    assert (run.state, codes(run), made(scene)) == (State.FAILED, ["restore.not_allocated"], [])
    assert words in (run.reason or "")
    assert scene.ended(restore(scene)).state is State.SUCCEEDED


def test_allocation_that_is_switched_off_is_seen_before_anything_is_restored(server: Server, new_scene: Opener) -> None:
    """The server would give all of it up, and never try again."""
    scene = new_scene(server)
    scene.index("one", documents=5)
    backed_up(scene)
    run = restore(scene)
    with cluster(scene, enable="none"):
        assert [found.code for found in planned(scene, "restored-b-").conflicts] == ["restore.allocation_off"]
        run = scene.ended(run)
    assert (run.state, codes(run), made(scene)) == (State.FAILED, ["restore.world_moved"], [])
    assert scene.ended(restore(scene)).state is State.SUCCEEDED


def test_a_server_that_is_busy_is_waited_for_and_its_reason_is_shown(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    scene.index("one", documents=5)
    backed_up(scene)
    run = restore(scene)
    with cluster(scene, node_initial_primaries_recoveries=0):
        run = scene.play(run, lambda row: row.progress is not None, "its index is there")
        scene.clock.skip(STILL)
        run = scene.play(run, lambda row: row.last_error is not None, "the deciders were asked")
        assert "reached the limit of ongoing initial primary recoveries [0]" in (run.last_error or "")
        assert run.state is State.RESTORING
    run = scene.ended(run)
    assert (run.state, run.good, run.last_error) == (State.SUCCEEDED, True, None)


def test_a_slow_restore_is_not_asked_why(server: Server, new_scene: Opener) -> None:
    """It moves."""
    scene = new_scene(server)
    scene.index("big", documents=2000)
    backed_up(scene)
    run = in_the_middle(scene)
    creep(scene)
    scene.clock.skip(STILL)
    looks = run.looks
    run = scene.play(run, lambda row: row.looks >= looks + 3, "three more looks")
    assert (run.state, run.last_error) == (State.RESTORING, None)
    scene.unthrottle()
    assert scene.ended(run).state is State.SUCCEEDED
