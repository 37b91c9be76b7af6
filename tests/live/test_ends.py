"""Every way in which a backup does not end well is visible: in the state, the exit code, and a message to people."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from chalicelib.core import naming
from chalicelib.core.model import State
from chalicelib.core.ports import Update
from infra.local import processes
from tests.stages import Stage


@pytest.fixture(scope="module", autouse=True)
def unanswered(stage: Stage) -> str:
    """A run against a port where nobody is. Started first and judged last: meanwhile its time runs out."""
    nowhere = f"http://127.0.0.1:{processes.free_port()}"
    stage.apply({"ends-unreachable": {"select": {"indices": ["*"]}, "timeout": "15s"}}, hosts=[nowhere])
    asked = stage.ask("backup", "ends-unreachable", "--request-id", "nobody-there")
    assert asked["state"] == "STARTING"
    open_run = stage.wait_for(asked["run_id"], lambda row: row.looks >= 2, "it is looked for again")
    assert not open_run.settled
    assert "no answer" in (open_run.last_error or "")
    return str(asked["run_id"])


def test_a_red_index_makes_it_partial_and_people_are_told(stage: Stage) -> None:
    """Its shard has no node to be on; the healthy index is backed up all the same."""
    stage.elastic.create_index("ends-whole")
    stage.elastic.create_red_index("ends-red")
    try:
        stage.apply({"ends-partial": {"select": {"indices": ["ends-*"]}}})
        run = stage.ask("backup", "ends-partial", "--wait", "--request-id", "red", expect=1)
    finally:
        stage.elastic.send("DELETE", "/ends-red")
    assert (run["state"], run["shards"]) == ("PARTIAL", {"total": 2, "failed": 1})
    assert "ends-red" in str(run["findings"])
    assert stage.snapshot(run)["state"] == "PARTIAL"
    report = stage.report_of(run["run_id"])
    assert report["subject"].startswith("[snapwarden local] PARTIAL ends-partial on cluster")
    assert (report["attributes"]["state"], report["attributes"]["severity"]) == ("PARTIAL", "warning")
    assert "There is no good backup of this policy" in report["body"]
    (row,) = [row for row in stage.ask("policies") if row["name"] == "ends-partial"]
    assert row["last_good"] is None


def test_a_name_that_a_stranger_took_is_never_adopted(stage: Stage) -> None:
    """The stranger's snapshot is complete and would look like a success."""
    stage.elastic.create_index("ends-mine")
    stage.apply({"ends-taken": {"select": {"indices": ["ends-mine"]}}})
    first = stage.ask("backup", "ends-taken", "--wait", "--request-id", "first")
    installation = first["snapshot"].split("-")[1]
    name = naming.snapshot_name(installation, "ends-taken", "second", requested=True)
    stage.elastic.send("PUT", f"/_snapshot/quick/{name}?wait_for_completion=true", {"indices": "ends-mine"})

    run = stage.ask("backup", "ends-taken", "--wait", "--request-id", "second", expect=1)
    assert run["snapshot"] == name
    assert (run["state"], run["findings"][0]["code"]) == ("FAILED", "snapshot.name_taken")
    assert "is taken by a snapshot of nobody" in stage.report_of(run["run_id"])["body"]
    assert stage.snapshot(run)["state"] == "SUCCESS", "the stranger's snapshot is left alone"
    (row,) = [row for row in stage.ask("policies") if row["name"] == "ends-taken"]
    assert row["last_good"]["backup_id"] == first["snapshot"]


def test_a_snapshot_that_somebody_deletes_while_it_runs_is_no_success(stage: Stage) -> None:
    stage.elastic.create_index("ends-big", documents=2000)
    stage.apply({"ends-deleted": {"repository": "slow", "select": {"indices": ["ends-big"]}}})
    asked = stage.ask("backup", "ends-deleted", "--request-id", "deleted")
    stage.wait_for(asked["run_id"], lambda row: row.state is State.RUNNING, "it runs")
    stage.elastic.send("DELETE", f"/_snapshot/slow/{asked['snapshot']}")

    stage.run("show", asked["run_id"], "--follow", expect=1)
    run = stage.ask("show", asked["run_id"])
    assert (run["state"], run["findings"][0]["code"]) == ("FAILED", "snapshot.vanished")
    assert "FAILED ends-deleted on cluster" in stage.report_of(run["run_id"])["subject"]


def test_a_broken_promise_is_an_exit_code(stage: Stage) -> None:
    """`snapwarden status || page-somebody`."""
    stage.elastic.create_index("ends-promise")
    stage.apply({"ends-promise": {"select": {"indices": ["ends-promise"]}, "rpo": "1h"}})
    (promise,) = stage.ask("status", "ends-promise")
    assert promise["kept"] is None
    stage.run("backup", "ends-promise", "--wait")
    assert stage.ask("status", "ends-promise")[0]["kept"] is True

    _grow_old(stage, "ends-promise", timedelta(hours=2))
    (promise,) = stage.ask("status", "ends-promise", expect=1)
    assert promise["kept"] is False
    assert 3600 <= promise["by_seconds"] < 4500
    assert "BROKEN" in stage.run("status", expect=1).stdout


def _grow_old(stage: Stage, policy: str, by: timedelta) -> None:
    """Nobody waits for a backup to be an hour old."""
    state = stage.store.state(policy)
    assert state is not None
    assert state.since is not None
    older = {level: replace(good, taken_at=good.taken_at - by) for level, good in state.last_good.items()}
    after = replace(state, since=state.since - by, last_good=older, rev=state.rev + 1, token=uuid4().hex)
    assert stage.store.commit(Update(after))


def test_asking_for_what_is_not_there_is_bad_input(stage: Stage) -> None:
    stage.apply({"ends-known": {"select": {"indices": ["ends-known"]}}})
    assert "perhaps ends-known" in stage.run("backup", "ends-knwn", expect=2).stderr
    assert "there is no policy" in stage.run("status", "nobody", expect=2).stderr
    document = stage.ask("show", "backup:ends-known:never", expect=2)
    assert document["error"]["code"] == "bad_input"


def test_a_server_that_does_not_answer_is_asked_until_the_deadline(stage: Stage, unanswered: str) -> None:
    """No answer is no state: the run stayed open and said why, and it ended."""
    assert "no answer" in stage.run("show", unanswered, "--follow", expect=1).stdout
    run = stage.ask("show", unanswered)
    assert (run["state"], run["attempts"]) == ("TIMED_OUT", 0)
    assert [finding["code"] for finding in run["findings"]] == ["run.timed_out"]
    assert run["finished_at"] >= run["deadline_at"]
    assert "no end seen before the deadline" in stage.report_of(run["run_id"])["body"]
