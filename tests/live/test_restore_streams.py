"""Data streams by the real driver on real servers of their own, which are thrown away with their data: the trimmed ones
make streams and can't delete them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.model import State
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.workflows.restore_ends import CLEANING
from chalicelib.service import plans, restores
from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import Places
from infra.local.servers import Server
from tests.live.accidents import Scene, codes
from tests.live.conftest import Opener
from tests.live.restoring import backed_up, creep, settings_of

STREAM = {"data_stream": {}, "priority": 500, "template": {"settings": {"number_of_replicas": 0}}}


@pytest.fixture(scope="module", params=["8.19.2", "9.2.0"])
def throw_away(request: pytest.FixtureRequest, server_places: Places, server_root: Path) -> Iterator[Server]:
    server = Elasticsearch(server_places, request.param, server_root / f"streams-{request.param}").start()
    yield server
    server.stop()


def _stream(scene: Scene, documents: int = 5) -> str:
    """Of two backing indices, with a template that matches its own name only."""
    name = scene.name("logs")
    scene.admin.send("PUT", f"/_index_template/{name}", {"index_patterns": [f"{name}*"], **STREAM})
    _write(scene, name, documents)
    scene.admin.send("POST", f"/{name}/_rollover")
    _write(scene, name, documents)
    return name


def _write(scene: Scene, stream: str, documents: int) -> None:
    for n in range(documents):
        text = "x" * 1000 if documents > 100 else "x"
        body = {"@timestamp": "2026-11-21T02:00:00Z", "n": n, "text": text}
        scene.admin.send("POST", f"/{stream}/_doc", body)
    scene.admin.send("POST", f"/{stream}/_refresh")


def _planned(scene: Scene, stream: str) -> Plan:
    return plans.plan(scene.world, Wish(policy="nightly", indices=(stream,)), by="tester")


def _backing(scene: Scene, stream: str) -> list[str]:
    path = f"/_cluster/state/metadata/{stream}?allow_no_indices=true&ignore_unavailable=true"
    return sorted(
        scene.admin.send("GET", f"{path}&filter_path=cluster_uuid,metadata.indices.*.state")["metadata"]["indices"]
    )


def test_a_stream_comes_back_as_a_stream_and_takes_writes_again(throw_away: Server, new_scene: Opener) -> None:
    """Beside the live one, which stays as it is, with all of its documents and settings. What the plan notes is true:
    without a template of its own it can't be rolled over."""
    scene = new_scene(throw_away)
    stream = _stream(scene)
    backed_up(scene)
    live = _backing(scene, stream)
    plan = _planned(scene, stream)
    assert (plan.conflicts, len(plan.moves)) == ((), 2)
    assert [found.code for found in plan.findings] == ["restore.stream_template"]
    run = scene.ended(restores.start(scene.world, plan.plan_id, by="tester"))
    assert (run.state, run.good, run.indices, run.docs, codes(run)) == (State.SUCCEEDED, True, 2, 10, [])

    new = f"restored-{stream}"
    assert _backing(scene, new) == sorted(move.name for move in plan.moves)
    assert _backing(scene, stream) == live
    for index in live:
        assert settings_of(scene, index.replace(".ds-", ".ds-restored-")) == settings_of(scene, index)
    _write(scene, new, 1)
    assert [scene.admin.send("GET", f"/{name}/_count")["count"] for name in (new, stream)] == [11, 10]
    refused = scene.admin.send("POST", f"/{new}/_rollover", ok=(400,))
    assert "no matching index template" in refused["error"]["reason"]
    again = _planned(scene, stream)
    assert [(found.code, found.subject) for found in again.conflicts] == [("restore.name_is_stream", new)]


def test_what_this_server_can_t_remove_of_a_stream_is_told(throw_away: Server, new_scene: Opener) -> None:
    """A restore is cancelled in its middle. The newest backing index goes only with its stream, for which these servers
    have no request: after many tries people are told its name. The clock skips from try to try."""
    scene = new_scene(throw_away)
    stream = _stream(scene, documents=300)
    backed_up(scene)
    creep(scene)
    run = restores.start(scene.world, _planned(scene, stream).plan_id, by="tester")
    run = scene.play(run, lambda row: row.progress is not None, "it is in progress")
    scene.clock.skip(run.deadline_at - scene.clock.now())
    trying = scene.play(run, lambda row: row.aborts > 0, "a removal was refused")
    assert trying.ending is State.TIMED_OUT
    assert "write index" in (trying.last_error or "")
    scene.clock.skip(CLEANING)
    run = scene.ended(run)
    newest = _backing(scene, f"restored-{stream}")
    assert (run.state, run.leftover, len(newest)) == (State.TIMED_OUT, True, 1)
    assert [found.subject for found in run.findings if found.code == "restore.leftover"] == newest
    assert scene.admin.send("GET", f"/{stream}/_count")["count"] == 600
