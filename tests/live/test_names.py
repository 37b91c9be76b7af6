"""Names that are easily taken for patterns: in every mode exactly what was named comes back, on real servers."""

from urllib.parse import quote

import pytest

from chalicelib.core.in_place import safety_run
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.service import drills, plans, restores, salvages
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import AT_NIGHT, Opener

HELD = {"a[1]": 7, "a1": 3, "a[!x]": 2}
"""Documents by index. As a glob the first one means the second, and the last one as well."""


pytestmark = pytest.mark.parametrize("server", AT_NIGHT, indirect=True)


@pytest.fixture
def scene(server: Server, new_scene: Opener) -> Scene:
    """The policy selects those in brackets only, by a pattern; one document was deleted since the backup."""
    scene = new_scene(server)
    for name, documents in HELD.items():
        body = {"settings": {"number_of_replicas": 0}}
        scene.admin.send("PUT", f"/{url(scene, name)}", body)
        for number in range(documents):
            scene.admin.send("PUT", f"/{url(scene, name)}/_doc/{number}?refresh=true", {"n": number})
    drill = {"schedule": "rate(7 days)", "checks": ["doc_count", {"query": query(scene)}]}
    scene.apply(scene.name("a*"), prove="L2", drill=drill, restore={"allow": ["*"], "keep_old": "2h"})
    run = scene.ended(scene.start())
    assert (run.good, run.indices) == (True, len(HELD))
    for name in HELD:
        scene.admin.send("DELETE", f"/{url(scene, name)}/_doc/0?refresh=true")
    return scene


def query(scene: Scene) -> dict[str, object]:
    return {"index": scene.name("a[1]"), "body": {"match_all": {}}, "expect": HELD["a[1]"]}


def url(scene: Scene, name: str, prefix: str = "") -> str:
    return quote(prefix + scene.name(name), safe="")


def documents(scene: Scene, prefix: str = "") -> dict[str, int]:
    """Of those that are there."""
    found = {}
    for name in HELD:
        answer = scene.admin.send("GET", f"/{url(scene, name, prefix)}/_count", ok=(200, 404))
        if "count" in answer:
            found[name] = answer["count"]
    return found


def planned(scene: Scene, mode: Mode, prefix: str) -> Plan:
    wish = Wish(policy="nightly", mode=mode, prefix=prefix, indices=(scene.name("a[1]"),))
    plan = plans.plan(scene.world, wish, by="tester")
    assert plan.conflicts == ()
    assert [move.source for move in plan.moves] == [scene.name("a[1]")]
    return plan


def started(scene: Scene, mode: Mode, prefix: str = "restored-") -> Run:
    return restores.start(scene.world, planned(scene, mode, prefix).plan_id, by="tester")


AFTER = {name: held - 1 for name, held in HELD.items()}


def test_a_name_with_brackets_comes_back_beside_itself_and_into_itself(scene: Scene) -> None:
    run = scene.ended(started(scene, Mode.RENAME))
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, [])
    assert (documents(scene, "restored-"), documents(scene)) == ({"a[1]": HELD["a[1]"]}, AFTER)
    (move,) = salvages.plan(scene.world, run.run_id, by="tester", indices=(scene.name("a[1]"),)).moves
    assert (move.name, move.difference and move.difference.missing) == (scene.name("a[1]"), 1)
    copied = salvages.start(scene.world, run.run_id, by="tester")
    assert scene.play(copied, lambda row: row.told, "its end is told").state is State.SUCCEEDED
    scene.admin.send("POST", f"/{url(scene, 'a[1]')}/_refresh")
    assert documents(scene) == {**AFTER, "a[1]": HELD["a[1]"]}


def test_a_name_with_brackets_is_swapped_and_nothing_else(scene: Scene) -> None:
    run = scene.play(started(scene, Mode.SWAP), lambda row: row.settled or row.state is State.SWAPPED, "it has swapped")
    assert (run.state, codes(run)) == (State.SWAPPED, [])
    assert documents(scene) == {**AFTER, "a[1]": HELD["a[1]"]}


def test_a_name_with_brackets_is_restored_over_and_nothing_else(scene: Scene) -> None:
    plan = planned(scene, Mode.IN_PLACE, "")
    run = restores.start(scene.world, plan.plan_id, by="tester")
    scene.play(run, lambda row: scene.row(scene.store.run(safety_run(plan)) or row).settled, "it is saved")
    run = scene.ended(run)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, [])
    assert documents(scene) == {**AFTER, "a[1]": HELD["a[1]"]}


def test_a_drill_asks_its_query_of_the_index_with_that_name(scene: Scene) -> None:
    """Asked of the other one, it would find another number of documents."""
    run = scene.ended(drills.request(scene.world, "nightly", request_id="now-1", by="tester"))
    assert (run.state, run.good, codes(run), run.indices) == (State.SUCCEEDED, True, [], len(HELD))
