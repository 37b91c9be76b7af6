"""Restores and drills into another target, on two real servers, each a cluster of its own, that reach one folder."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import drills, plans, restores
from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import Places
from tests.elastic_admin import Admin
from tests.live.accidents import Breakable, Scene, codes
from tests.live.conftest import Opener

WISH = Wish(policy="nightly", into="spare")
CHECKS = ["doc_count", "mapping", {"sample_hash": 20}]


@dataclass(frozen=True)
class Two:
    """`config`: the folder of the first one, where files for its analyzers lie."""

    shop: Breakable
    spare: Breakable
    config: Path

    def targets(self, *allow: str) -> dict[str, Any]:
        spare = {
            "engine": "elasticsearch",
            "hosts": [self.spare.server.url],
            "auth": {"none": True},
            "repositories": {"own": {"type": "fs", "settings": {"location": "own"}}},
            "restore": {"allow": ["restored-*", "drill-*", *allow]},
        }
        return {"spare": spare}


@pytest.fixture(scope="module", params=["8.19.2", "9.2.0"])
def two(request: pytest.FixtureRequest, server_places: Places, server_root: Path) -> Iterator[Two]:
    """The second of this version. They boot at the same time."""
    root = server_root / f"elsewhere-{request.param}"
    shop = Elasticsearch(server_places, "8.19.2", root / "shop", repositories=root / "shared")
    spare = Elasticsearch(server_places, request.param, root / "spare", repositories=root / "shared")
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(Breakable, (shop, spare))
    both = Two(shop=first, spare=second, config=root / "shop" / "config")
    yield both
    both.spare.server.stop()
    both.shop.server.stop()


def backed_up(two: Two, new_scene: Opener) -> tuple[Scene, Admin]:
    """Two indices on the first; how the second is asked."""
    scene = new_scene(two.shop.server)
    scene.index("one", documents=50)
    scene.index("wide", documents=200, settings={"number_of_shards": 5})
    drill = {"schedule": "rate(7 days)", "into": {"target": "spare"}, "checks": CHECKS}
    scene.apply(scene.name("*"), prove="L2", targets=two.targets(f"{scene.own}-*"), drill=drill)
    assert scene.ended(scene.start()).good
    return scene, Admin(two.spare.server.url)


def restored(scene: Scene, wish: Wish = WISH) -> Run:
    plan = plans.plan(scene.world, wish, by="tester")
    assert (plan.conflicts, plan.approval) == ((), ())
    run = restores.start(scene.world, plan.plan_id, by="tester")
    return scene.play(run, lambda row: row.told, "its end is told")


def names(scene: Scene, admin: Admin) -> list[str]:
    return sorted(admin.send("GET", f"/*{scene.own}*/_settings?expand_wildcards=all"))


def test_a_backup_of_one_comes_back_on_the_other(two: Two, new_scene: Opener) -> None:
    scene, spare = backed_up(two, new_scene)
    run = restored(scene)
    assert (run.state, run.good, run.docs, codes(run)) == (State.SUCCEEDED, True, 250, [])
    assert names(scene, spare) == [f"restored-{scene.name('one')}", f"restored-{scene.name('wide')}"]
    assert spare.send("GET", f"/restored-{scene.name('wide')}/_count")["count"] == 200
    spare.send("POST", f"/restored-{scene.name('one')}/_doc", {"text": "it takes writes"})
    assert names(scene, scene.admin) == [scene.name("one"), scene.name("wide")], "nothing was made where it came from"
    registered = spare.send("GET", f"/_snapshot/snapwarden-from-shop.{scene.own}")
    (settings,) = (each["settings"] for each in registered.values())
    assert settings == {"location": scene.own, "readonly": "true"}


def test_a_drill_proves_the_backup_on_the_other_and_leaves_nothing(two: Two, new_scene: Opener) -> None:
    scene, spare = backed_up(two, new_scene)
    run = scene.ended(drills.request(scene.world, "nightly", request_id="now-1", by="tester"))
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, [])
    assert (run.source, run.target, names(scene, spare)) == ("shop", "spare", [])
    (backup,) = scene.store.backups("nightly")
    assert (backup.level, backup.proved) == ("L4", 2)


def test_the_cluster_is_lost_and_all_comes_back_under_its_own_names_on_the_other(two: Two, new_scene: Opener) -> None:
    """Killed, and nobody starts it again until all is back."""
    scene, spare = backed_up(two, new_scene)
    with two.shop.down():
        run = restored(scene, Wish(policy="nightly", into="spare", prefix=""))
        assert (run.state, run.good, run.docs) == (State.SUCCEEDED, True, 250), run
        assert names(scene, spare) == [scene.name("one"), scene.name("wide")]
        again = plans.plan(scene.world, Wish(policy="nightly", into="spare", prefix=""), by="tester")
        assert {found.code for found in again.conflicts} == {"restore.name_taken"}


def test_what_the_other_server_lacks_for_an_index_is_named_and_nothing_is_left(two: Two, new_scene: Opener) -> None:
    """A file of stop words that only the first one has, as it would be with an analysis plugin."""
    scene = new_scene(two.shop.server)
    words = f"{scene.own}.txt"
    (two.config / words).write_text("und\n")
    stop = {"filter": {"own": {"type": "stop", "stopwords_path": words}}}
    analyzer = {"own": {"type": "custom", "tokenizer": "standard", "filter": ["own"]}}
    scene.index("words", documents=3, settings={"analysis": {**stop, "analyzer": analyzer}})
    scene.apply(scene.name("*"), prove="L2", targets=two.targets())
    assert scene.ended(scene.start()).good
    run = restored(scene)
    assert (run.state, names(scene, Admin(two.spare.server.url))) == (State.FAILED, [])
    assert words in " ".join(found.message for found in run.findings), run
