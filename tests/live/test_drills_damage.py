"""Damage planted between the restore of a drill and its checks, in indices of 10,000 documents: what must be found, and
the one thing that is said not to be."""

from typing import Any

import pytest

from chalicelib.core import samples
from chalicelib.core.model import Run, State
from chalicelib.service import drills
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener

DOCUMENTS = 10_000
SAMPLE = 500
DAMAGED = ("altered", "beside", "dropped", "mapped", "whole")


def restored(scene: Scene, checks: list[object], *indices: str) -> tuple[Run, dict[str, set[str]]]:
    """A drill of these that has restored and compared nothing yet; and the ids that it will compare, by index."""
    for index in indices:
        name = scene.name(index)
        settings = {"number_of_replicas": 0, "number_of_shards": 2}
        scene.admin.send("PUT", f"/{name}", {"settings": settings})
        lines = (f'{{"index":{{"_id":"id-{n}"}}}}\n{{"n":{n}}}\n' for n in range(DOCUMENTS))
        assert not scene.admin.send("POST", f"/{name}/_bulk?refresh=true", "".join(lines).encode())["errors"]
    scene.apply(scene.name("*"), prove="L2", drill={"schedule": "rate(7 days)", "checks": checks})
    backup = scene.ended(scene.start())
    assert backup.good
    compared = {index: recorded(scene, backup, scene.name(index)) for index in indices}
    run = drills.request(scene.world, "nightly", request_id="now-1", by="tester")
    run = scene.play(run, lambda row: row.state is State.RESTORING, "it is being restored")
    names = ",".join(drilled(scene, index) for index in indices)
    scene.admin.send("GET", f"/_cluster/health/{names}?wait_for_status=green&timeout=60s")
    scene.admin.send("PUT", f"/{names}/_settings", {"index.blocks.write": False})
    return run, compared


def recorded(scene: Scene, backup: Run, name: str) -> set[str]:
    """The ids that the backup's run wrote down as stable."""
    before, after = (
        {index.name: index for index in found.facts.indices}[name]
        for kind in ("facts", "stable")
        if (found := scene.store.evidence(backup.run_id, kind, backup.attempts)) and found.facts
    )
    return {document.id for document in samples.chosen(before, after)}


def drilled(scene: Scene, index: str) -> str:
    return f"drill-{scene.name(index)}"


def alter(scene: Scene, index: str, document: str) -> None:
    path = f"/{drilled(scene, index)}/_update/{document}?refresh=true"
    assert scene.admin.send("POST", path, {"doc": {"n": -1}})["result"] == "updated"


def judged(scene: Scene, run: Run, *indices: str) -> Run:
    """With writes refused again, as after a restore that nobody meddled with."""
    names = ",".join(drilled(scene, index) for index in indices)
    scene.admin.send("PUT", f"/{names}/_settings", {"index.blocks.write": True})
    run = scene.ended(run)
    assert scene.admin.send("GET", f"/drill-*{scene.own}*/_settings?expand_wildcards=all") == {}
    return run


def said(scene: Scene, run: Run) -> dict[str, set[str]]:
    """The codes that were found, by index."""
    found: dict[str, set[str]] = {}
    for finding in run.findings:
        found.setdefault(finding.subject.removeprefix(drilled(scene, "")), set()).add(finding.code)
    return found


def test_each_damage_is_found_where_it_was_planted(server: Server, new_scene: Opener) -> None:
    """One of 10,000 documents altered, one dropped, a field added. Each write takes a sequence number, by which the
    counts find even the one altered document that is not among those compared."""
    scene = new_scene(server)
    run, compared = restored(scene, ["doc_count", "mapping", {"sample_hash": SAMPLE}], *DAMAGED)
    assert {len(ids) for ids in compared.values()} == {2 * SAMPLE}, "nobody wrote to them"
    alter(scene, "altered", min(compared["altered"]))
    alter(scene, "beside", unseen(compared["beside"]))
    gone = f"/{drilled(scene, 'dropped')}/_doc/{unseen(compared['dropped'])}?refresh=true"
    assert scene.admin.send("DELETE", gone)["result"] == "deleted"
    planted: dict[str, Any] = {"properties": {"planted": {"type": "keyword"}}}
    scene.admin.send("PUT", f"/{drilled(scene, 'mapped')}/_mapping", planted)
    run = judged(scene, run, *DAMAGED)
    assert (run.state, run.good) == (State.FAILED, False)
    assert said(scene, run) == {
        "altered": {"restore.sample", "restore.counts"},
        "beside": {"restore.counts"},
        "dropped": {"restore.counts"},
        "mapped": {"restore.mapping"},
    }
    proved = scene.store.evidence(run.run_id, "proved", 1)
    assert proved
    assert [index.name for index in proved.indices] == [scene.name("whole")]
    (backup,) = scene.store.backups("nightly")
    assert not backup.good


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "not sampled"])
def test_where_only_samples_are_compared_an_altered_document_is_found_when_it_is_one(
    server: Server, new_scene: Opener, sampled: bool
) -> None:
    """The limit that docs/drills.md gives the probability of: the other 9,000 are not looked at."""
    scene = new_scene(server)
    run, compared = restored(scene, ["mapping", {"sample_hash": SAMPLE}], "one")
    alter(scene, "one", max(compared["one"]) if sampled else unseen(compared["one"]))
    run = judged(scene, run, "one")
    assert codes(run) == (["restore.sample"] if sampled else [])
    assert (run.state, run.good) == ((State.FAILED, False) if sampled else (State.SUCCEEDED, True))


def unseen(compared: set[str]) -> str:
    return next(name for n in range(DOCUMENTS) if (name := f"id-{n}") not in compared)
