"""Documents from a restored index back into the live one, on real servers."""

import json
from typing import Any

from chalicelib.core.model import Run, State
from chalicelib.core.plans import Wish
from chalicelib.service import control, plans, restores, salvages
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener

DOCUMENTS, DELETED, CHANGED, NEW = 10_000, 100, 50, 20
EVERY = 7
"""Every so many documents have a routing of their own."""


def source(number: int, text: str = "as it was") -> str:
    """With digits that no float holds."""
    return f'{{"n": {number}, "big": 123456789012345678{number % 10}, "f": 0.123456789012345678901234, "t": "{text}"}}'


def address(number: int) -> dict[str, str]:
    return {"_id": f"d{number}", **({"routing": f"r{number % 5}"} if number % EVERY == 0 else {})}


def bulk(scene: Scene, index: str, *actions: tuple[str, int, str | None]) -> None:
    lines = []
    for action, number, text in actions:
        lines.append(json.dumps({action: address(number)}))
        lines += [source(number, text)] if text else []
    answer = scene.admin.send("POST", f"/{index}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode())
    assert not answer["errors"]


def restored(scene: Scene, documents: int, shards: int = 3) -> tuple[str, Run]:
    name = scene.name("orders")
    scene.admin.send("PUT", f"/{name}", {"settings": {"number_of_shards": shards, "number_of_replicas": 0}})
    for begin in range(0, documents, 5000):
        numbers = range(begin, min(begin + 5000, documents))
        bulk(scene, name, *(("index", number, "as it was") for number in numbers))
    scene.apply(scene.name("*"), prove="L2", restore={"allow": ["restored-*", scene.name("*")]})
    scene.ended(scene.start())
    plan = plans.plan(scene.world, Wish(policy="nightly"), by="tester")
    run = scene.ended(restores.start(scene.world, plan.plan_id, by="tester"))
    assert run.good
    return name, run


def salvaged(scene: Scene, run: Run) -> Run:
    return told(scene, salvages.start(scene.world, run.run_id, by="tester"))


def told(scene: Scene, run: Run) -> Run:
    return scene.play(run, lambda row: row.told, "its end is told")


def held(scene: Scene, index: str, number: int) -> dict[str, Any]:
    where = address(number)
    routing = f"?routing={where['routing']}" if "routing" in where else ""
    found = scene.admin.send("GET", f"/{index}/_doc/{where['_id']}{routing}", ok=(200, 404))
    return dict(found)


def test_what_is_missing_or_different_comes_back_and_what_is_new_stays(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    name, run = restored(scene, DOCUMENTS)
    deleted, changed = range(0, DELETED * 3, 3), range(5000, 5000 + CHANGED)
    bulk(scene, name, *(("delete", number, None) for number in deleted))
    bulk(scene, name, *(("index", number, "spoiled") for number in changed))
    bulk(scene, name, *(("index", DOCUMENTS + number, "new") for number in range(NEW)))

    (move,) = salvages.plan(scene.world, run.run_id, by="tester").moves
    of = move.difference
    assert of is not None
    same = DOCUMENTS - DELETED - CHANGED
    assert (of.missing, of.different, of.same, of.only_live) == (DELETED, CHANGED, same, NEW)
    versions = {number: held(scene, name, number)["_version"] for number in (1, 4999, DOCUMENTS + 1)}

    salvage = salvaged(scene, run)
    assert (salvage.state, salvage.good, salvage.docs, salvage.findings) == (State.SUCCEEDED, True, 150, ())
    assert salvage.salvage is not None
    assert (salvage.salvage.created, salvage.salvage.replaced, salvage.salvage.same) == (DELETED, CHANGED, same)
    scene.admin.send("POST", f"/{name}/_refresh")
    assert scene.admin.send("GET", f"/{name}/_count")["count"] == DOCUMENTS + NEW
    for number in (0, 3, 21, 5000, 5005):
        assert held(scene, name, number)["_source"] == json.loads(source(number))
    assert {number: held(scene, name, number)["_version"] for number in versions} == versions, "not written again"

    (again,) = salvages.plan(scene.world, run.run_id, by="tester").moves
    assert again.difference is not None
    assert (again.difference.missing, again.difference.different, again.bytes) == (0, 0, 0)


def test_the_copy_has_the_very_digits_of_the_backup(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    name, run = restored(scene, 10, shards=1)
    bulk(scene, name, ("delete", 3, None), ("delete", 7, None))
    salvages.plan(scene.world, run.run_id, by="tester")
    assert salvaged(scene, run).good
    texts = []
    for index in (name, f"restored-{name}"):
        with scene.admin._opener.open(f"{scene.admin.url}/{index}/_source/d3", timeout=10) as answer:
            texts.append(answer.read().decode())
    assert texts == [source(3)] * 2


def test_a_mapping_that_refuses_is_told_with_its_reason_and_the_others_are_copied(
    server: Server, new_scene: Opener
) -> None:
    scene = new_scene(server)
    name, run = restored(scene, 20, shards=1)
    salvages.plan(scene.world, run.run_id, by="tester")
    scene.admin.send("DELETE", f"/{name}")
    mapping = {"mappings": {"properties": {"t": {"type": "long"}}}, "settings": {"number_of_replicas": 0}}
    scene.admin.send("PUT", f"/{name}", mapping)
    scene.admin.send("PUT", f"/{name}/_doc/other?refresh=true", {"x": 1})
    (move,) = salvages.plan(scene.world, run.run_id, by="tester").moves
    assert move.difference is not None
    assert (move.difference.missing, move.difference.only_live) == (20, 1)
    salvage = salvaged(scene, run)
    assert (salvage.state, codes(salvage)) == (State.FAILED, ["salvage.documents_refused"])
    assert "document_parsing_exception" in salvage.findings[0].message
    assert scene.admin.send("GET", f"/{name}/_count")["count"] == 1


def test_cancelled_it_ends_with_what_was_copied(server: Server, new_scene: Opener) -> None:
    scene = new_scene(server)
    name, run = restored(scene, 2000, shards=1)
    bulk(scene, name, *(("delete", number, None) for number in range(2000)))
    salvages.plan(scene.world, run.run_id, by="tester")
    scene.admin.send("PUT", f"/{name}/_settings", {"index.blocks.write": False})
    salvage = salvages.start(scene.world, run.run_id, by="tester")
    scene.admin.send("PUT", f"/restored-{name}/_settings", {"index.blocks.read": True})
    salvage = scene.play(salvage, lambda row: row.last_error is not None, "the server refuses to be read")
    control.cancel(scene.world, salvage.run_id, by="tester", why="enough")
    salvage = told(scene, salvage)
    assert (salvage.state, salvage.docs) == (State.CANCELLED, 0)
