"""Snapshots of our name that we did not make, and what others do to ours while they run."""

from chalicelib.core import naming
from chalicelib.core.model import State
from tests.live.accidents import Scene, codes


def _name(scene: Scene, request_id: str) -> str:
    return naming.snapshot_name(scene.world.installation(), "nightly", request_id, requested=True)


def test_a_name_that_a_stranger_took_is_left_to_him(scene: Scene) -> None:
    """His snapshot is complete and would look like a success."""
    some = scene.index("some")
    scene.apply(some)
    assert scene.ended(scene.start()).state is State.SUCCEEDED
    his = scene.stranger(_name(scene, "taken"), some)
    run = scene.ended(scene.start("taken"))
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.name_taken"])
    assert scene.snapshot(run)["uuid"] == his


def test_a_name_that_another_installation_is_taking_just_now_is_left_to_it(scene: Scene) -> None:
    """The metadata are like ours, but for the installation; its snapshot is in progress and would look like our own
    lost answer."""
    scene.slow()
    name, owner = _name(scene, "taken"), {"policy": "nightly", "slot": "taken", "run_id": "backup:nightly:taken"}
    metadata = {"snapwarden": {"installation": "another", **owner}}
    scene.admin.send("PUT", f"/_snapshot/{scene.own}/{name}", {"indices": scene.name("big"), "metadata": metadata})
    run = scene.ended(scene.start("taken"))
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.name_taken"])
    assert "installation another" in (run.reason or "")
    assert scene.admin.state_of(scene.own, name) == "IN_PROGRESS"


def test_a_snapshot_that_somebody_deletes_while_it_runs_has_vanished(scene: Scene) -> None:
    scene.slow()
    run = scene.running()
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}/{run.snapshot}")
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.vanished"])
    assert "DELETE" in run.findings[0].next_step


def test_a_snapshot_that_somebody_is_aborting_never_counts(scene: Scene) -> None:
    """While it is deleted `_status` calls it ABORTED, then SUCCESS; GET calls it FAILED for a moment."""
    scene.slow()
    run = scene.running()
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}/{run.snapshot}?wait_for_completion=false")
    run = scene.ended(run)
    assert run.state is State.FAILED
    assert codes(run) in (["snapshot.vanished"], ["snapshot.broken"])


def test_a_snapshot_that_a_stranger_put_in_the_place_of_ours_is_not_adopted(scene: Scene) -> None:
    """Complete, of the same name and the same index."""
    scene.slow()
    run = scene.running()
    ours = run.snapshot_uuid
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}/{run.snapshot}")
    scene.unthrottle()
    his = scene.stranger(run.snapshot, scene.name("big"))
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.replaced"])
    assert ours != his
    assert his in (run.reason or "")
    assert scene.snapshot(run)["state"] == "SUCCESS", "it is left alone"


def test_a_replacement_that_is_in_progress_and_carries_our_metadata_is_not_adopted(scene: Scene) -> None:
    """Only the uuid tells them apart."""
    scene.slow()
    run = scene.running()
    metadata = scene.snapshot(run)["metadata"]
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}/{run.snapshot}")
    body = {"indices": scene.name("big"), "metadata": metadata}
    scene.admin.send("PUT", f"/_snapshot/{scene.own}/{run.snapshot}", body)
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.replaced"])


def test_a_finished_snapshot_that_was_replaced_before_its_end_was_seen_is_not_adopted(scene: Scene) -> None:
    scene.slow()
    run = scene.finished_unseen()
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}/{run.snapshot}")
    scene.stranger(run.snapshot, scene.name("big"))
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.replaced"])
