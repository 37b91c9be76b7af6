"""What the commands say of drills: text, JSON, exit codes. The world behind them is in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.model import Finding, Severity, State
from tests.app.terminal import Type
from tests.faults.drilling import DRILLS, at_work, backed_up, settled, wrong
from tests.faults.world import Stage

FILE = DRILLS.replace('"0 2 * * *"', '"0 2 1 1 *"')


@pytest.fixture
def stage() -> Stage:
    """One backup of two indices, one of which was proved two hours ago."""
    made = Stage(FILE, indices=("orders", "orders-2"))
    made.engine.write("orders", 10)
    backup = backed_up(made, "now-1")
    settled(made, at_work(made, backup, "s1", "orders", "orders-2", proved=("orders",)), State.FAILED)
    made.clock.advance(7200)
    return made


@pytest.fixture
def wide(snapwarden: Type, monkeypatch: pytest.MonkeyPatch) -> Type:
    monkeypatch.setenv("COLUMNS", "200")
    return snapwarden


def test_status_says_how_long_the_last_proved_restore_took(wide: Type) -> None:
    done = wide("status")
    code, said = done.code, done.words
    assert code == 0
    assert "nightly restored in 1 min 2 h ago KEPT, took 12 s; 1 of 2 indices proved" in said
    document = wide("status", "--json").document
    assert {one["level"] for one in document} == {"L2", "L4"}
    restore = document[0]["proved_restore"]
    assert (restore["kept"], restore["restore_seconds"], restore["rto_seconds"]) == (True, 12.0, 60.0)
    assert (restore["proved"], restore["standing"], restore["selected"]) == (1, 1, 2)


def test_a_restore_that_took_too_long_is_a_broken_promise(stage: Stage, wide: Type) -> None:
    slow = at_work(stage, stage.store.backups("nightly")[0], "s2", "orders")
    settled(stage, slow, State.FAILED, wrong("drill.rto"), restore_seconds=61.0)
    done = wide("status", "nightly")
    code, said = done.code, done.words
    assert (code, "BROKEN, took 1 min 1 s" in said) == (1, True)


def test_backups_say_how_much_of_each_was_proved(stage: Stage, wide: Type) -> None:
    assert "L2 (L4 1/2, 2 h ago)" in wide("backups").words
    backup = stage.store.backups("nightly")[0]
    settled(stage, at_work(stage, backup, "s2", "orders-2"))
    assert "L4, 0 s ago" in wide("backups").words
    (document,) = wide("backups", "--json").document
    assert (document["level"], document["proved"]) == ("L4", 2)
    assert document["drills"] == ["drill:nightly:s1", "drill:nightly:s2"]


def test_an_accepted_backup_that_a_drill_found_bad_is_not_called_good(stage: Stage, wide: Type) -> None:
    backup = stage.store.backups("nightly")[0]
    wide("accept", backup.backup_id, "--why", "a migration")
    settled(stage, at_work(stage, backup, "s2", "orders", proved=()), State.FAILED, wrong("restore.sample"))
    said = wide("backups").words
    assert "restore.sample" in said
    assert "accepted by" not in said


def test_policies_say_how_the_last_drill_ended(wide: Type) -> None:
    said = wide("policies").words
    assert "LAST DRILL" in said
    assert "FAILED 2 h ago" in said
    (document,) = wide("policies", "--json").document
    assert (document["last_drill"]["run_id"], document["next_drill"]) == ("drill:nightly:s1", "2026-11-22T04:00:00Z")


def test_next_marks_the_slots_of_drills(wide: Type) -> None:
    said = wide("next", "-n", "1").words
    assert "nightly (drill) Sun 2026-11-22 04:00:00 UTC" in said
    assert "nightly Fri 2027-01-01 02:00:00 UTC" in said
    document = wide("next", "-n", "1", "--json").document
    assert [one["kind"] for one in document] == ["drill", "backup"]


def test_show_lists_what_a_drill_proved_index_by_index(wide: Type) -> None:
    said = wide("show", "drill:nightly:s1").words
    assert "restored in 12 s" in said
    assert "orders drill-orders proved" in said
    assert "orders-2 drill-orders-2 not proved" in said
    document = wide("show", "drill:nightly:s1", "--json").document
    assert [(one["name"], one["proved"]) for one in document["drilled"]] == [("orders", True), ("orders-2", False)]
    assert document["restore_seconds"] == 12.0


def test_somebody_names_the_backup_that_is_to_be_drilled(stage: Stage, wide: Type) -> None:
    """Only so a backup that a drill condemned gets another chance."""
    backup = stage.store.backups("nightly")[0]
    done = wide("drill", "nightly", "--backup", backup.backup_id, "--request-id", "now-7")
    code, said = done.code, done.words
    assert (code, said) == (0, "drill:nightly:now-7")
    assert stage.run("drill:nightly:now-7").payload == backup.backup_id
    code = wide("drill", "nightly", "--backup", "none", "--request-id", "now-8").code
    assert code == 2


STREAM = Finding(
    code="drill.data_stream",
    severity=Severity.WARNING,
    subject="audit-logs",
    message="audit-logs is a data stream: it is not drilled",
    next_step="a policy of its own",
)


def test_a_promise_that_a_data_stream_keeps_from_being_kept_says_so(stage: Stage, wide: Type) -> None:
    """It would wait for ever, and then be broken for ever, without a word of why. After another `select` in the file
    nobody knows until the next drill has looked."""
    backup = stage.store.backups("nightly")[0]
    assert "never drilled" not in wide("status").words
    settled(stage, at_work(stage, backup, "s2", "orders"), State.SUCCEEDED, STREAM)
    assert "left (audit-logs (data stream) is never drilled)" in wide("status").words
    levels = {one["level"]: one["never_drilled"] for one in wide("status", "--json").document}
    assert levels == {"L2": [], "L4": ["audit-logs (data stream)"]}
    explained = wide("explain", "drill:nightly:s2").words
    assert "audit-logs (data stream) is never drilled" in explained
    assert explained.endswith("next a policy of its own")
    stage.clock.advance(timedelta(days=9))
    stage.live(1)
    (told,) = [report.body for report in stage.notifier.reports if "PROMISE BROKEN" in report.subject]
    assert "audit-logs (data stream) is never drilled: L4 can't be kept" in told

    stage.apply(FILE.replace("indices: [", "exclude: [audit-logs], indices: ["))
    assert "never drilled" not in wide("status").words


def test_explain_tells_the_warnings_of_a_drill_that_is_good(stage: Stage, wide: Type) -> None:
    """What was left out is easily taken for proved."""
    warning = replace(wrong("drill.data_stream"), severity=Severity.WARNING)
    drill = at_work(stage, stage.store.backups("nightly")[0], "s2", "orders")
    settled(stage, drill, State.SUCCEEDED, warning, good=True)
    said = wide("explain", drill.run_id).words
    assert f"found [warning] drill.data_stream: {warning.message}" in said
    document = wide("explain", drill.run_id, "--json").document
    assert [found["code"] for found in document["findings"]] == ["drill.data_stream"]
