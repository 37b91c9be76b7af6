"""Indices that are easy to get wrong (ten shards, an analyzer of their own, sorted, nested documents), in the modes
that touch what is live, and in drills: on both versions (test_restores.py has the restore beside)."""

from typing import Any

import pytest

from chalicelib.core.in_place import safety_run
from chalicelib.core.model import State
from chalicelib.core.plans import Mode, Wish
from chalicelib.service import control, drills, plans, restores
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import AT_NIGHT, Opener
from tests.live.restoring import settings_of

ANALYSIS = {"analyzer": {"own": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}
KINDS: dict[str, dict[str, Any]] = {
    "wide": {"settings": {"number_of_shards": 10}},
    "words": {
        "settings": {"analysis": ANALYSIS},
        "mappings": {"properties": {"word": {"type": "text", "analyzer": "own"}}},
    },
    "sorted": {
        "settings": {"sort.field": "n", "sort.order": "desc"},
        "mappings": {"properties": {"n": {"type": "long"}}},
    },
    "nested": {"mappings": {"properties": {"parts": {"type": "nested"}}}},
}
BOOKKEEPING = (
    "index.resize",
    "index.routing.allocation.initial_recovery",
    "index.routing_partition_size",
    "index.history.uuid",
)
DOCUMENTS = 30


pytestmark = pytest.mark.parametrize("server", AT_NIGHT, indirect=True)


@pytest.fixture
def scene(server: Server, new_scene: Opener) -> Scene:
    """All of them were backed up, and written to since."""
    scene = new_scene(server)
    for kind, body in KINDS.items():
        settings = {"number_of_replicas": 0, **body.get("settings", {})}
        scene.admin.send("PUT", f"/{scene.name(kind)}", {**body, "settings": settings})
        for number in range(DOCUMENTS):
            document = {"n": number, "word": f"ELAN {number}", "parts": [{"a": number}, {"a": -number}]}
            scene.admin.send("PUT", f"/{scene.name(kind)}/_doc/{number}", document)
        scene.admin.send("POST", f"/{scene.name(kind)}/_refresh")
    checks = ["doc_count", "mapping", {"sample_hash": 10}]
    drill = {"schedule": "rate(7 days)", "checks": checks}
    scene.apply(*map(scene.name, KINDS), prove="L2", drill=drill, restore={"allow": ["*"], "keep_old": "2h"})
    assert scene.ended(scene.start()).good
    return scene


def spoil(scene: Scene) -> None:
    for kind in KINDS:
        scene.admin.send("POST", f"/{scene.name(kind)}/_doc?refresh=true", {"n": 99, "word": "bad"})


def is_whole(scene: Scene, documents: int) -> None:
    """Each is found as its kind is searched, under the name that people use."""
    found = {kind: scene.admin.send("GET", f"/{scene.name(kind)}/_count")["count"] for kind in KINDS}
    assert found == dict.fromkeys(KINDS, documents)
    query = {"size": 0, "query": {"match": {"word": "elan"}}}
    assert scene.admin.send("POST", f"/{scene.name('words')}/_search", query)["hits"]["total"]["value"] == DOCUMENTS
    query = {"size": 0, "query": {"nested": {"path": "parts", "query": {"match_all": {}}}}}
    assert scene.admin.send("POST", f"/{scene.name('nested')}/_search", query)["hits"]["total"]["value"] == DOCUMENTS


def own_settings(scene: Scene) -> dict[str, dict[str, Any]]:
    """But for what the server itself writes into a clone, or into what was restored over."""
    return {
        kind: {
            key: value
            for key, value in settings_of(scene, _bearer(scene, kind)).items()
            if not key.startswith(BOOKKEEPING)
        }
        for kind in KINDS
    }


def _bearer(scene: Scene, kind: str) -> str:
    return str(next(iter(scene.admin.send("GET", f"/{scene.name(kind)}/_alias"))))


def test_swapped_and_rolled_back_they_are_what_they_were(scene: Scene) -> None:
    before = own_settings(scene)
    spoil(scene)
    plan = plans.plan(scene.world, Wish(policy="nightly", mode=Mode.SWAP), by="tester")
    run = restores.start(scene.world, plan.plan_id, by="tester")
    run = scene.play(run, lambda row: row.settled or row.state is State.SWAPPED, "it has swapped")
    assert (run.state, codes(run)) == (State.SWAPPED, [])
    is_whole(scene, DOCUMENTS)
    assert own_settings(scene) == before
    control.rollback(scene.world, run.run_id, by="tester", why="no")
    assert scene.ended(run).state is State.ROLLED_BACK
    is_whole(scene, DOCUMENTS + 1)
    assert own_settings(scene) == before


def test_restored_in_place_they_are_what_they_were(scene: Scene) -> None:
    before = own_settings(scene)
    spoil(scene)
    plan = plans.plan(scene.world, Wish(policy="nightly", mode=Mode.IN_PLACE, prefix=""), by="tester")
    assert plan.conflicts == ()
    run = restores.start(scene.world, plan.plan_id, by="tester")
    scene.play(run, lambda row: scene.row(scene.store.run(safety_run(plan)) or row).settled, "it is saved")
    run = scene.ended(run)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, [])
    is_whole(scene, DOCUMENTS)
    assert own_settings(scene) == before


def test_a_drill_proves_them(scene: Scene) -> None:
    run = scene.ended(drills.request(scene.world, "nightly", request_id="now-1", by="tester"))
    assert (run.state, run.good, codes(run), run.indices) == (State.SUCCEEDED, True, [], len(KINDS))
