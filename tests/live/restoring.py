"""What the live tests of restores share: a backup, a restore of it that is slow, and who looks at what it left."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from chalicelib.core.model import Run, State
from chalicelib.core.plans import Plan, Wish
from chalicelib.service import plans, restores
from tests.elastic_admin import wait
from tests.live.accidents import Scene

CREEPING = "400kb"
"""A second: `big` takes some ten of them. Not less: the server goes on reading what was deleted meanwhile, at this
pace, with a thread that the next restores, snapshots and registrations wait for."""


def backed_up(scene: Scene) -> Run:
    """Of all that the scene has made so far."""
    scene.apply(scene.name("*"), prove="L2")
    run = scene.ended(scene.start())
    assert (run.state, run.good) == (State.SUCCEEDED, True), run.findings
    return run


def planned(scene: Scene, prefix: str = "restored-") -> Plan:
    return plans.plan(scene.world, Wish(policy="nightly", prefix=prefix), by="tester")


def restore(scene: Scene, prefix: str = "restored-") -> Run:
    """Asked for; no step of it has been taken."""
    plan = planned(scene, prefix)
    assert plan.conflicts == ()
    return restores.start(scene.world, plan.plan_id, by="tester")


def creep(scene: Scene) -> None:
    """Restores from the scene's repository are throttled from now on."""
    settings = {"location": scene.own, "max_restore_bytes_per_sec": CREEPING}
    scene.admin.send("PUT", f"/_snapshot/{scene.own}?verify=false", {"type": "fs", "settings": settings})


def in_the_middle(scene: Scene, prefix: str = "restored-") -> Run:
    """A restore of the newest backup, slow, of which something is there and something is not."""
    creep(scene)
    run = restore(scene, prefix)
    run = scene.play(run, lambda row: bool(row.progress and row.progress.bytes_done), "it is in progress")
    assert run.progress is not None
    assert run.progress.bytes_done is not None
    assert run.progress.bytes_done < (run.progress.bytes_total or 0)
    return run


def made(scene: Scene) -> list[str]:
    """What is there of restores."""
    return sorted(scene.admin.send("GET", f"/restored-*{scene.own}*/_settings?expand_wildcards=all"))


def left(scene: Scene, run: Run) -> list[str]:
    """What the run left behind without naming it."""
    told = " ".join(f"{found.subject} {found.message}" for found in run.findings if found.code == "restore.leftover")
    return [name for name in made(scene) if name not in told]


@contextmanager
def cluster(scene: Scene, **settings: object) -> Iterator[None]:
    """Persistent settings of the whole cluster, below `cluster.routing.allocation`, for a while. `__` is a dot."""
    put = partial(scene.admin.send, "PUT", "/_cluster/settings")
    dotted = {f"cluster.routing.allocation.{key.replace('__', '.')}": value for key, value in settings.items()}
    put({"persistent": dotted})
    try:
        yield
    finally:
        put({"persistent": dict.fromkeys(dotted)})


def answers(scene: Scene) -> None:
    """Waits for a server that has just come back, and for all of its primaries."""
    wait(lambda: scene.admin.send("GET", "/_cluster/health", ok=(200, 503)).get("status") != "", "it answers")


def settings_of(scene: Scene, name: str) -> dict[str, Any]:
    """But for those that each index has of its own."""
    found = scene.admin.send("GET", f"/{name}/_settings?flat_settings=true")[name]["settings"]
    own = ("index.creation_date", "index.uuid", "index.provided_name", "index.version")
    return {key: value for key, value in found.items() if not key.startswith(own)}
