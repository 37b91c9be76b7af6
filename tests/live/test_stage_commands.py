"""`up` and `down` as people type them: twice, side by side, killed in between, with a server of one's own, from a clone
below a closed folder."""

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from chalicelib.core.model import State
from infra.local import processes
from infra.local.paths import CHECKOUT, Places
from infra.local.processes import Identity
from infra.local.servers import Server, get
from tests.elastic_admin import Admin
from tests.stages import Opener, Stage, data_of

STATE = {
    *("stage", "region", "account", "endpoint_url", "dynamodb_endpoint_url", "invoke_endpoint_url"),
    *("elasticsearch", "children", "logs"),
}
SERVERS = {"dynamodb", "elasticsearch", "moto", "supervisor"}


def test_up_beside_a_running_stage_is_refused_and_leaves_it_alone(stage: Stage) -> None:
    before = stage.state
    told = stage.run("up", expect=1).stderr.splitlines()[-1]
    assert told.startswith("error: The local stage runs already")
    assert told.endswith("`snapwarden down` stops it.")
    assert stage.ask("up", expect=1)["error"] == {"code": "failed", "message": told.removeprefix("error: ")}
    assert stage.state == before
    stage.run("policies")


def test_the_state_file_says_where_everything_is(stage: Stage) -> None:
    """Its keys are what other programs hold on to."""
    state = stage.state
    assert set(state) == STATE
    assert (state["stage"], state["region"], state["account"]) == ("local", "eu-central-1", "123456789012")
    assert set(state["elasticsearch"]) == {"url", "version", "repo_dir"}
    assert state["elasticsearch"]["version"] == "8.19.2"
    assert Path(state["elasticsearch"]["repo_dir"]).is_dir()
    for url in (state["endpoint_url"], state["dynamodb_endpoint_url"], state["invoke_endpoint_url"]):
        assert get(url) is not None, url
    assert set(state["children"]) == SERVERS
    assert not [name for name in SERVERS if not _is_alive(state, name)]
    logs = {path.name for path in Path(state["logs"]).iterdir()}
    assert logs >= {"supervisor.log", "moto.log", "dynamodb.log", "elasticsearch-8.19.2.log"}


def test_an_unknown_version_is_bad_input_with_the_known_ones(new_stage: Opener) -> None:
    own = new_stage()
    told = own.run("up", "--elasticsearch", "1.2.3", expect=2)
    assert "Elasticsearch 1.2.3 is not known here. Known: " in told.stderr
    assert {"8.19.2", "9.2.0"} <= set(told.stderr.replace(",", "").rstrip(".\n").split())
    assert list(own.folder.iterdir()) == [], "nothing was begun"


def test_a_killed_stage_goes_on_where_it_was(stage: Stage, stage_9: Stage) -> None:
    """Killed in the middle of a snapshot, it is brought up again: what it left is ended, the table is kept, and the run
    ends with the truth: its snapshot died with the server. The stage beside it notices nothing."""
    beside, before = stage.state, stage_9.state
    run_id = _open_run(stage_9, "killed")
    os.kill(before["children"]["supervisor"]["pid"], signal.SIGKILL)
    assert _is_alive(before, "elasticsearch"), "orphans there are"

    done = stage_9.run("up", "--elasticsearch", "9.2.0")
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("ended what an earlier stage had left")]
    assert all(name in told for name in ("dynamodb", "elasticsearch", "moto"))
    assert not [name for name in before["children"] if _is_alive(before, name)]
    assert stage_9.state["elasticsearch"]["url"] == before["elasticsearch"]["url"], "applied files name it"

    _send_tick(stage_9)
    run = _ended(stage_9, run_id, expect=1)
    assert (run["state"], run["findings"][0]["code"]) == ("FAILED", "snapshot.vanished")
    assert "FAILED killed on cluster" in stage_9.report_of(run_id)["subject"]
    assert stage.state == beside
    assert not [name for name in SERVERS if not _is_alive(beside, name)]
    assert "killed" not in {row["name"] for row in stage.ask("policies")}, "each has a table of its own"


def test_a_server_of_ones_own_is_used_and_left_alone(new_stage: Opener, elasticsearch: Server) -> None:
    own = new_stage(SNAPWARDEN_ES_URL=elasticsearch.url)
    state = own.ask("up")
    assert state["elasticsearch"] == {"url": elasticsearch.url, "version": None, "repo_dir": None}
    assert set(state["children"]) == SERVERS - {"elasticsearch"}
    name = f"own-{uuid4().hex[:6]}"
    own.elastic.create_index(name)
    repositories = {name: {"type": "fs", "settings": {"location": name}}}
    own.apply({name: {"repository": name, "select": {"indices": [name]}}}, repositories=repositories)
    run = own.ask("backup", name, "--wait")
    assert run["state"] == "SUCCEEDED"
    assert own.snapshot(run)["state"] == "SUCCESS"

    assert own.run("down").stdout == "stopped\n"
    assert _left(own, state) == []
    assert elasticsearch.is_alive()
    assert own.run("down").stdout == "nothing was running\n"
    assert own.ask("down") == {"stopped": False}
    assert "`snapwarden up` starts it" in own.run("policies", expect=3).stderr
    Admin(elasticsearch.url).send("DELETE", f"/_snapshot/{run['repository']}")


@pytest.mark.nightly
def test_a_run_whose_server_outlives_the_stage_ends_well(new_stage: Opener, elasticsearch: Server) -> None:
    """The stage is killed in the middle of a snapshot that goes on without it."""
    own = new_stage(SNAPWARDEN_ES_URL=elasticsearch.url)
    before = own.ask("up")
    run_id = _open_run(own, f"own-{uuid4().hex[:6]}")
    os.kill(before["children"]["supervisor"]["pid"], signal.SIGKILL)
    after = own.ask("up")
    _send_tick(own)
    run = _ended(own, run_id)
    assert (run["state"], run["attempts"]) == ("SUCCEEDED", 1)
    assert own.snapshot(run)["state"] == "SUCCESS"
    own.run("down")
    assert _left(own, before, after) == []
    Admin(elasticsearch.url).send("DELETE", f"/_snapshot/{run['repository']}")


def test_a_clone_below_a_closed_folder_works(new_stage: Opener, server_places: Places, tmp_path: Path) -> None:
    """The first minutes of a new user: clone, up, apply, backup, down. Servers that run as another user can't look into
    the folder."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("no git checkout that could be cloned")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(closed / "clone")], check=True)
    own = new_stage(folder=closed / "clone" / ".local", checkout=closed / "clone", SNAPWARDEN_LOCAL="")
    try:
        state = own.ask("up")
        supervisor = psutil.Process(state["children"]["supervisor"]["pid"])
        assert supervisor.cwd() == str(closed / "clone"), "it runs the code of the clone"
        assert list((closed / "clone" / ".chalice" / "deployments").glob("*.zip"))
        own.elastic.create_index("clone-orders")
        own.apply({"clone": {"select": {"indices": ["clone-*"]}}})
        run = own.ask("backup", "clone", "--wait")
        assert (run["state"], run["level"], run["indices"]) == ("SUCCEEDED", "L1", 1)
        own.run("down")
        assert _left(own, state) == []
    finally:
        servers = (own.folder / "servers").resolve()
        own.run("down")
        if servers != server_places.servers:
            shutil.rmtree(servers, ignore_errors=True)


def _open_run(stage: Stage, policy: str) -> str:
    """A run in the middle of a throttled snapshot."""
    stage.elastic.create_index(policy, documents=2000)
    throttled = {"location": policy, "max_snapshot_bytes_per_sec": "500kb"}
    repositories = {policy: {"type": "fs", "settings": throttled}}
    stage.apply({policy: {"repository": policy, "select": {"indices": [policy]}}}, repositories=repositories)
    run_id = str(stage.ask("backup", policy)["run_id"])
    stage.wait_for(run_id, lambda row: row.state is State.RUNNING, "it runs")
    return run_id


def _send_tick(stage: Stage) -> None:
    """After a restart the queue is new, so the tick has to find what is overdue: sent three minutes early."""
    stage.run("tick", "--at", (datetime.now(UTC) + timedelta(minutes=3)).isoformat())


def _ended(stage: Stage, run_id: str, *, expect: int = 0) -> dict[str, Any]:
    stage.run("show", run_id, "--follow", expect=expect)
    return dict(stage.ask("show", run_id))


def _is_alive(state: dict[str, Any], name: str) -> bool:
    return processes.is_alive(Identity.from_json(state["children"][name]))


def _left(stage: Stage, *states: dict[str, Any]) -> list[str]:
    """Processes that these states name, or that anything of this stage is on the command line of."""
    named = {one["pid"] for state in states for name, one in state["children"].items() if _is_alive(state, name)}
    folders = (str(stage.folder), str(data_of((stage.folder / "servers").resolve(), stage.folder)))
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.pid in named or any(folder in line for folder in folders):
            found.append(line)
    return found
