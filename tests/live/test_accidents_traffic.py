"""Many policies at one slot on one repository, and a backup that somebody cancels, on a real server."""

import json
import time
from datetime import timedelta
from itertools import pairwise

from chalicelib.core.config import load
from chalicelib.core.model import State
from chalicelib.service import apply as applying
from chalicelib.service import control
from chalicelib.service import tick as ticking
from tests.live.accidents import Scene

CROWD = 20


def test_twenty_policies_at_one_slot_are_backed_up_one_after_the_other(scene: Scene) -> None:
    """The server itself says when each began and ended: never two at once, none missing."""
    index = scene.index("some", documents=10)
    _apply_crowd(scene, index)
    state = scene.store.state("p0")
    assert state is not None
    assert state.due_at is not None
    scene.clock.skip(state.due_at - scene.clock.now() + timedelta(seconds=1))
    ticking.tick(scene.world, scene.clock.now())
    deadline = time.monotonic() + 180
    while left := [run for run in scene.store.runs(limit=CROWD + 1) if not run.told]:
        assert time.monotonic() < deadline, [(run.policy, run.state, run.last_error) for run in left]
        scene.deliver()
        time.sleep(0.02)
    runs = scene.store.runs(limit=CROWD + 1)
    assert [run.state for run in runs] == [State.SUCCEEDED] * CROWD
    assert all(run.good and run.docs == 10 for run in runs)
    found = scene.admin.send("GET", f"/_snapshot/{scene.own}/*?sort=start_time")["snapshots"]
    assert {snapshot["snapshot"] for snapshot in found} == {run.snapshot for run in runs}
    spans = [(snapshot["start_time_in_millis"], snapshot["end_time_in_millis"]) for snapshot in found]
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans))
    assert scene.store.waiters("shop", 1) == ()


def _apply_crowd(scene: Scene, index: str) -> None:
    shop = {
        "engine": "elasticsearch",
        "hosts": [scene.admin.url],
        "auth": {"none": True},
        "repositories": {scene.own: {"type": "fs", "settings": {"location": scene.own}}},
    }
    policy = {
        "target": "shop",
        "repository": scene.own,
        "select": {"indices": [index]},
        "schedule": "0 2 * * *",
        "prove": "L2",
    }
    written = {"version": 1, "targets": {"shop": shop}, "policies": {f"p{n}": policy for n in range(CROWD)}}
    config = load(json.dumps(written).encode(), "snapwarden.yaml")
    applying.apply(config, scene.store, scene.clock, "tester", new_token=scene.world.token)


def test_a_cancelled_backup_is_gone_from_the_server_and_the_next_one_succeeds(scene: Scene) -> None:
    scene.slow()
    run = scene.running()
    control.cancel(scene.world, run.run_id, by="tester", why="an incident")
    run = scene.ended(run)
    assert (run.state, run.reason) == (State.CANCELLED, "cancelled by tester: an incident")
    found = scene.admin.send("GET", f"/_snapshot/{scene.own}/*")["snapshots"]
    assert run.snapshot not in {snapshot["snapshot"] for snapshot in found}
    scene.unthrottle()
    assert scene.ended(scene.start()).state is State.SUCCEEDED
