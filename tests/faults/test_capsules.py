"""The capsule and the script beside a backup: stored before the catalogue names them, and never at a backup's cost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import capsules, emergency
from chalicelib.core.errors import Refused, Retryable, Unauthenticated
from chalicelib.core.model import Run, State
from chalicelib.core.rows import Backup
from chalicelib.service import capsules as service
from tests.faults.world import FILE, Stage

L2 = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    prove: L2\n")
KEY = "capsules/nightly/"


def backed_up(stage: Stage, request_id: str = "now-1", minutes: float = 1) -> tuple[Run, Backup]:
    run = stage.backup(request_id)
    stage.live(minutes)
    run = stage.run(run.run_id)
    return run, next(backup for backup in stage.store.backups("nightly") if backup.run_id == run.run_id)


def codes(run: Run) -> list[str]:
    return [finding.code for finding in run.findings]


def break_vault(stage: Stage, error: Exception) -> None:
    def put(key: str, content: bytes) -> None:
        raise error

    stage.vault.put = put  # type: ignore[method-assign]


@pytest.mark.parametrize("file", [FILE, L2], ids=["L1", "L2"])
def test_both_are_stored_under_names_that_derive_from_the_run(file: str) -> None:
    stage = Stage(file)
    stage.engine.create_index("orders", aliases=("live",))
    run, backup = backed_up(stage)
    assert (run.state, run.good, run.findings) == (State.SUCCEEDED, True, ())
    assert backup.capsule == capsules.key("nightly", run.snapshot)
    assert stage.vault.objects.keys() == {backup.capsule, emergency.key("nightly", run.snapshot)}
    held = capsules.opened(stage.vault.objects[backup.capsule])
    assert held.parts["aliases"] == {"orders": {"live": {}}}
    script = service.emergency_script(stage.world, backup)
    assert "restore orders '[\"orders\"]'" in script
    assert 'aliases orders \'{"actions"' in script


@pytest.mark.parametrize("file", [FILE, L2], ids=["L1", "L2"])
@pytest.mark.parametrize("error", [Retryable("no answer from S3"), Refused("AccessDenied"), ValueError("a defect")])
def test_a_bucket_that_takes_nothing_delays_and_costs_nothing(file: str, error: Exception) -> None:
    """The same verdict, level and bytes as with it; the promise is kept."""
    usual, _ = backed_up(Stage(file))
    stage = Stage(file)
    break_vault(stage, error)
    run, backup = backed_up(stage, minutes=4)
    assert (run.state, run.good, run.level, run.bytes) == (usual.state, True, usual.level, usual.bytes)
    assert [(finding.code, finding.severity) for finding in run.findings] == [("capsule.missing", "warning")]
    assert str(error) in run.findings[0].message
    assert (backup.capsule, backup.good, backup.errors) == (None, True, ())
    assert run.finished_at is not None
    waited = run.finished_at - run.steps[-2].at
    assert waited < timedelta(seconds=150) if isinstance(error, Retryable) else waited < timedelta(seconds=30)


def test_a_bucket_that_answers_again_in_time_gets_them() -> None:
    stage = Stage()
    stage.vault.fail(Retryable("no answer"), Retryable("no answer"))
    run, backup = backed_up(stage, minutes=2)
    assert (run.findings, backup.capsule) == ((), capsules.key("nightly", run.snapshot))


def test_an_answer_that_was_lost_changes_nothing() -> None:
    stage = Stage()
    stage.vault.lose_answer(Retryable("lost"))
    run, backup = backed_up(stage)
    assert (run.findings, len(stage.vault.objects)) == ((), 2)
    assert backup.capsule in stage.vault.objects


def test_a_bucket_that_is_silent_at_the_deadline_does_not_make_it_time_out() -> None:
    """The snapshot is complete; past the deadline there is no other look that could store it."""
    stage = Stage(looks=None)
    run = stage.backup()
    stage.live(0.5)
    stage.engine.complete(stage.run(run.run_id).snapshot)
    break_vault(stage, Retryable("no answer from S3"))
    stage.clock.set(run.deadline_at + timedelta(seconds=1))
    stage.live(3)
    run = stage.run(run.run_id)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, ["capsule.missing"])


@pytest.mark.parametrize("part", ["cluster_settings", "aliases"])
def test_a_missing_privilege_is_said_and_the_rest_is_stored(part: str) -> None:
    stage = Stage()
    stage.engine.refuse(part, "403 the action is missing")
    run, backup = backed_up(stage)
    assert (run.good, codes(run), run.findings[0].subject) == (True, ["capsule.incomplete"], part)
    assert backup.capsule is not None
    held = capsules.opened(stage.vault.objects[backup.capsule])
    assert part not in held.parts
    assert held.incomplete == {part: "403 the action is missing"}
    assert f"Not whole: {part}: 403" in service.emergency_script(stage.world, backup)


def test_a_server_that_says_no_to_all_of_it_costs_the_capsule_only() -> None:
    stage = Stage()
    stage.engine.refuse("configuration", Unauthenticated("401"))
    run, backup = backed_up(stage)
    assert (run.state, run.good, codes(run), backup.capsule) == (State.SUCCEEDED, True, ["capsule.missing"], None)


def test_too_little_time_is_no_reason_to_be_killed() -> None:
    """A function that dies in the look would lose what it found out, and again at the next."""
    stage = Stage()
    object.__setattr__(stage.world, "remaining", lambda: timedelta(seconds=30))
    run, _ = backed_up(stage, minutes=4)
    assert (run.good, codes(run)) == (True, ["capsule.missing"])
    assert stage.engine.sent("configuration") == 0


def test_a_failed_backup_has_them_too_and_the_cause_stays_first() -> None:
    """What is told is why it failed."""
    stage = Stage(FILE.replace("timeout: 4h", "contract: {must_include: [customers]}"))
    stage.engine.refuse("aliases", "403")
    run, backup = backed_up(stage)
    assert (run.state, codes(run)) == (State.FAILED, ["contract.must_include", "capsule.incomplete"])
    assert (backup.errors, backup.capsule is None) == (("contract.must_include",), False)


# What people see ----------------------------------------------------------------------------------------------------


def two(between: Callable[[Stage], None]) -> tuple[Stage, Run]:
    stage = Stage()
    stage.engine.configured["pipelines"] = {"clean": {"processors": []}}
    backed_up(stage, "now-1")
    between(stage)
    stage.live(1)
    run, _ = backed_up(stage, "now-2")
    return stage, run


def compared(stage: Stage, run: Run) -> Any:
    found = service.compared(stage.world, run)
    assert found is not None
    return found


def test_nothing_changed_is_no_difference() -> None:
    stage, run = two(lambda stage: None)
    found = compared(stage, run)
    assert (found.difference.count, found.why) == (0, None)
    assert found.against == stage.store.backups("nightly")[1].backup_id


def test_what_changed_since_the_good_one_before_is_found() -> None:
    def change(stage: Stage) -> None:
        stage.engine.configured["pipelines"] = {"clean": {"processors": [{"drop": {}}]}, "more": {}}

    found = compared(*two(change))
    assert (found.difference.added, found.difference.changed) == (
        ("/pipelines/more",),
        ("/pipelines/clean/processors",),
    )
    assert service.public(found)["difference"] == {
        "added": ["/pipelines/more"],
        "removed": [],
        "changed": ["/pipelines/clean/processors"],
    }


def test_the_first_has_nothing_to_compare_with_and_is_not_called_unchanged() -> None:
    stage = Stage()
    run, backup = backed_up(stage)
    found = compared(stage, run)
    assert (found.key, found.against, found.difference) == (backup.capsule, None, None)


@pytest.mark.parametrize("error", [Retryable("no answer"), Refused("AccessDenied")])
def test_a_bucket_that_gives_nothing_is_said_and_never_no_difference(error: Exception) -> None:
    stage, run = two(lambda stage: None)
    stage.vault.fail(error)
    found = compared(stage, run)
    assert (found.difference, found.why) == (None, str(error))


def test_a_capsule_that_is_gone_or_damaged_is_said() -> None:
    stage, run = two(lambda stage: None)
    own = capsules.key("nightly", run.snapshot)
    stage.vault.objects[own] = b"{}"
    assert "can't be read" in compared(stage, run).why
    del stage.vault.objects[own]
    assert "not in the bucket any more" in compared(stage, run).why


def test_a_run_that_made_no_backup_has_none() -> None:
    stage = Stage(FILE.replace("orders*", "nothing*"))
    run = stage.backup()
    stage.live(1)
    assert service.compared(stage.world, stage.run(run.run_id)) is None


def test_a_backup_of_before_gets_its_script_from_the_catalogue() -> None:
    """Without aliases and data streams, of which nothing was written down then."""
    stage = Stage()
    break_vault(stage, Refused("no bucket yet"))
    _, backup = backed_up(stage)
    script = service.emergency_script(stage.world, backup)
    assert "restore orders '[\"orders\"]'" in script
    assert "the configuration was not stored with this backup" in script


def test_a_backup_of_which_nothing_is_written_down_has_no_script() -> None:
    stage = Stage()
    break_vault(stage, Refused("no bucket yet"))
    _, backup = backed_up(stage)
    stage.store.evidence = lambda run_id, kind, n: None  # type: ignore[method-assign]
    with pytest.raises(Refused, match="not written down"):
        service.emergency_script(stage.world, backup)
