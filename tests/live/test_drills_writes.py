"""Drills while somebody writes: what changes during a backup is no false alarm, and enough is still compared."""

import statistics
from collections.abc import Callable

import pytest

from chalicelib.core import samples
from chalicelib.core.model import Run
from chalicelib.service import drills
from infra.local.servers import Server
from tests.live import writing
from tests.live.accidents import Scene
from tests.live.conftest import Opener

SAMPLE = 500
FEW = 3
MANY = 20


def test_drills_under_writes_raise_no_false_alarm(elasticsearch: Server, new_scene: Opener) -> None:
    """A few, with whoever writes beside: the sound protocol of docs/drills.md on a real server."""
    _drilled(new_scene(elasticsearch), FEW)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("version", ["elasticsearch", "elasticsearch_9"])
def test_twenty_drills_under_writes_raise_no_false_alarm(
    version: str, request: pytest.FixtureRequest, new_scene: Opener, record_property: Callable[[str, object], None]
) -> None:
    """Its figures are those of docs/performance.md."""
    stable, written = _drilled(new_scene(request.getfixturevalue(version)), MANY)
    spread = f"{min(stable)} to {max(stable)}, median {statistics.median(stable):.0f}"
    said = (
        f"{version}: {MANY} drills, {spread} of {2 * SAMPLE} documents stable; {written}, {written.rate:.0f} a second"
    )
    record_property("figures", said)


def _drilled(scene: Scene, many: int) -> tuple[list[int], writing.Written]:
    """So many backups, each with a drill, all while somebody writes: every one proves, and so none is a false alarm."""
    index = scene.name("busy")
    writing.create(scene.admin, index)
    checks = ["doc_count", "mapping", {"sample_hash": SAMPLE}]
    scene.apply(index, prove="L2", drill={"schedule": "rate(7 days)", "checks": checks})
    stable = []
    with writing.writer(scene.admin, index) as found:
        for number in range(many):
            backup = scene.ended(scene.start(f"backup-{number}"))
            assert backup.good, backup
            stable.append(_stable(scene, backup))
            run = drills.request(scene.world, "nightly", request_id=f"drill-{number}", by="tester")
            run = scene.ended(run)
            assert (run.good, run.findings) == (True, ()), f"{number}: {run.state}, {stable[-1]} stable; {run.findings}"
    (written,) = found
    assert written.failed == 0
    assert min(stable) < 2 * SAMPLE, "somebody wrote to what was read: without that nothing is shown"
    return stable, written


def _stable(scene: Scene, backup: Run) -> int:
    """How many of them; with a routing of their own or without."""
    before, after = (
        found.facts.indices[0]
        for kind in ("facts", "stable")
        if (found := scene.store.evidence(backup.run_id, kind, backup.attempts)) and found.facts
    )
    chosen = samples.chosen(before, after)
    assert {each.routing is None for each in chosen} == {True, False}
    return len(chosen)
