"""A repository that can't be read or written, or is gone: before a backup, while it runs, and when it is over."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.core.diagnosis import Status
from chalicelib.core.model import Run, State
from chalicelib.service.doctor import doctor
from tests.live.accidents import Breakable, Scene, codes
from tests.live.conftest import Opener

UNWRITABLE = 0o555
CLOSED = 0o000
OPEN = 0o755


def _closed(folder: Path) -> None:
    folder.chmod(CLOSED)


def _unwritable(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(UNWRITABLE)


@pytest.mark.parametrize("accident", [_closed, _unwritable, shutil.rmtree])
def test_a_repository_that_is_lost_while_a_snapshot_runs_ends_it_as_a_failure(
    scene: Scene, accident: Callable[[Path], None]
) -> None:
    """The server drops the snapshot when it can't write its end, and then knows nothing of it."""
    scene.slow()
    run = scene.running()
    accident(scene.folder)
    scene.unthrottle()
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.vanished"])
    assert not scene.store.backups("nightly")


def test_a_repository_that_could_not_be_written_is_among_the_causes_that_people_are_told(scene: Scene) -> None:
    """The server says no more than that it knows nothing of the snapshot, so every cause must be named."""
    scene.apply(scene.index("some"))
    assert scene.ended(scene.start()).state is State.SUCCEEDED
    scene.folder.chmod(CLOSED)
    run = scene.ended(scene.start())
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.vanished"])
    assert "repository" in (run.reason or "")
    assert "repository" in run.findings[0].next_step


def test_a_shard_that_can_t_be_written_while_a_snapshot_runs_is_named(scene: Scene) -> None:
    """It is the only one, so nothing is left to restore, and the server itself calls such a snapshot PARTIAL."""
    scene.slow()
    run = scene.running()
    (shard,) = (scene.folder / "indices").glob("*/0")
    shard.chmod(UNWRITABLE)
    scene.unthrottle()
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["snapshot.empty", "snapshot.shard_failed"])
    assert run.findings[1].subject == f"{scene.name('big')}[0]"
    assert "AccessDenied" in run.findings[1].message


def test_what_ran_in_a_closed_repository_until_the_deadline_has_timed_out(scene: Scene) -> None:
    scene.slow()
    run = scene.running()
    scene.folder.chmod(CLOSED)
    run = scene.to_deadline(run)
    assert (run.state, codes(run)) == (State.TIMED_OUT, ["run.timed_out"])
    assert "in progress" in (run.reason or "")
    assert "may still be running" in (run.reason or "")


def test_the_server_lets_nobody_make_a_repository_read_only_while_a_snapshot_runs(scene: Scene) -> None:
    """So nothing of ours has to expect it; if this fails, a newer server does, and there is a case to add."""
    scene.slow()
    run = scene.running()
    settings = {"location": scene.own, "readonly": True}
    scene.admin.send("PUT", f"/_snapshot/{scene.own}?verify=false", {"type": "fs", "settings": settings}, ok=(409,))
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}", ok=(409,))
    scene.unthrottle()
    assert scene.ended(run).state is State.SUCCEEDED


def test_a_finished_snapshot_that_can_t_be_read_for_a_while_is_asked_for_again(scene: Scene) -> None:
    """No answer is no state: neither lost nor good."""
    scene.slow()
    run = scene.finished_unseen()
    scene.folder.chmod(CLOSED)
    run = scene.play(run, lambda row: row.last_error is not None, "it can't be read")
    assert "the server may not read or write the repository" in (run.last_error or "")
    assert run.state is State.RUNNING
    scene.folder.chmod(OPEN)
    assert scene.ended(run).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("accident", "cause"),
    [
        (_closed, "the server may not read or write the repository"),
        (shutil.rmtree, "the repository cannot be read"),
    ],
)
def test_a_finished_snapshot_that_can_t_be_read_until_the_deadline_is_never_called_gone_or_good(
    scene: Scene, accident: Callable[[Path], None], cause: str
) -> None:
    scene.slow()
    run = scene.finished_unseen()
    accident(scene.folder)
    run = scene.play(run, lambda row: cause in (row.last_error or ""), "it can't be read")
    run = scene.to_deadline(run)
    assert (run.state, codes(run)) == (State.TIMED_OUT, ["run.timed_out"])
    assert cause in (run.reason or "")
    assert cause in scene.reports(run)[0].body


def test_a_registration_that_is_removed_before_the_end_was_seen_is_named(scene: Scene) -> None:
    scene.slow()
    run = scene.finished_unseen()
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}")
    run = scene.ended(run)
    assert (run.state, codes(run)) == (State.FAILED, ["engine.refused"])
    assert f"[{scene.own}] missing" in (run.reason or "")


def test_a_location_that_the_server_may_not_write_is_refused_at_once(scene: Scene) -> None:
    scene.folder.mkdir()
    scene.folder.chmod(UNWRITABLE)
    scene.apply(scene.index("some"))
    run = scene.ended(scene.start())
    assert (run.state, codes(run), run.attempts) == (State.FAILED, ["engine.refused"], 1)
    assert "the server may not write to the location" in (run.reason or "")


def test_a_repository_that_became_read_only_is_refused_at_once(scene: Scene) -> None:
    scene.apply(scene.index("some"))
    assert scene.ended(scene.start()).state is State.SUCCEEDED
    scene.admin.create_repository(scene.own, scene.own, readonly=True)
    run = scene.ended(scene.start())
    assert (run.state, codes(run), run.attempts) == (State.FAILED, ["engine.refused"], 1)
    assert "registered as read-only" in (run.reason or "")


def test_what_can_t_start_in_a_repository_that_was_removed_says_so_in_the_end(scene: Scene) -> None:
    scene.apply(scene.index("some"))
    assert scene.ended(scene.start()).state is State.SUCCEEDED
    shutil.rmtree(scene.folder)
    run = scene.play(scene.start(), lambda row: "disabled" in (row.last_error or ""), "it can't start")
    run = scene.to_deadline(run)
    assert run.state is State.TIMED_OUT
    assert "disabled the repository" in (run.reason or "")


@pytest.mark.nightly
def test_what_can_t_start_in_a_repository_that_was_removed_starts_when_it_is_registered_anew(scene: Scene) -> None:
    """By us, as soon as somebody has taken the old registration away; unless the snapshot was seen in progress before
    the server noticed, because what was seen is never started twice."""
    scene.apply(scene.index("some"))
    assert scene.ended(scene.start()).state is State.SUCCEEDED
    shutil.rmtree(scene.folder)
    run = scene.play(scene.start(), lambda row: "disabled" in (row.last_error or ""), "it can't start")
    scene.admin.send("DELETE", f"/_snapshot/{scene.own}")
    run = scene.ended(run)
    seen = State.RUNNING in [step.state for step in run.steps]
    assert run.state is (State.FAILED if seen else State.SUCCEEDED)
    assert codes(run) == (["engine.refused"] if seen else [])


@pytest.mark.nightly
def test_a_repository_is_registered_even_while_another_snapshot_keeps_the_server_busy(
    breakable: Breakable, new_scene: Opener
) -> None:
    """The server verifies a new repository on the thread that the snapshot holds, so the first request gets no answer
    in time; the repository is there all the same, and the second attempt starts."""
    busy, scene = new_scene(breakable.server), new_scene(breakable.server)
    busy.slow()
    busy.running()
    scene.apply(scene.index("some"))
    run = scene.play(scene.start(), lambda row: "register" in (row.last_error or ""), "it is not answered")
    assert "no answer within 10 s" in (run.last_error or "")
    busy.unthrottle()
    run = scene.ended(run)
    assert (run.state, run.attempts) == (State.SUCCEEDED, 2)


def _wiped(scene: Scene, run: Run) -> None:
    shutil.rmtree(scene.folder)


def _deleted(scene: Scene, run: Run) -> None:
    scene.admin.send("DELETE", f"/_snapshot/{run.repository}/{run.snapshot}")


@pytest.mark.parametrize("accident", [_wiped, _deleted])
def test_doctor_says_that_the_newest_good_backup_is_lost(scene: Scene, accident: Callable[[Scene, Run], None]) -> None:
    """The ledger knows nothing of it."""
    scene.apply(scene.index("orders"))
    run = scene.ended(scene.start())
    assert run.good
    assert _newest(scene) is Status.OK
    accident(scene, run)
    assert _newest(scene) in (Status.MISSING, Status.UNKNOWN)


def _newest(scene: Scene) -> Status:
    found = doctor(scene.world, wait=time.sleep)
    (told,) = [line for line in found if line.check == "doctor.newest"]
    return told.status
