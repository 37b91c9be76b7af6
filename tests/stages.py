"""Local stages for tests, driven by the commands that a user types: a plain pytest plugin, like tests/servers.py.

`stage` is shared by the whole session: use policies, indices and slots of your own. A test that kills a stage opens one
of its own with `new_stage`. Whatever becomes of a test, its stages are stopped and their data removed, by this session
or by the next.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chalicelib import settings
from chalicelib.core.model import Run
from chalicelib.core.ports import Store
from infra.local import inbox, processes, stagefile
from infra.local import stage as local_stage
from infra.local.aws import Aws
from infra.local.paths import CHECKOUT, Places
from tests.elastic_admin import Admin, wait

Message = Mapping[str, Any]
Opener = Callable[..., "Stage"]

SLOW = {"type": "fs", "settings": {"location": "slow", "max_snapshot_bytes_per_sec": "500kb"}}
REPOSITORIES = {"quick": {"type": "fs", "settings": {"location": "quick"}}, "slow": SLOW}
SETTLES = 60.0
OWN_VARIABLES = ("SNAPWARDEN_LOCAL", "SNAPWARDEN_STAGE", "SNAPWARDEN_ES_URL")


@pytest.fixture(scope="session")
def stage(stage_notes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stage"]:
    """8.19.2, up."""
    with opened(stage_notes, tmp_path_factory.mktemp("stage") / "local") as one:
        one.run("up", "--fresh")
        yield one


@pytest.fixture(scope="session")
def stage_9(stage_notes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stage"]:
    """9.2.0, up, beside the other one."""
    with opened(stage_notes, tmp_path_factory.mktemp("stage-9") / "local") as one:
        one.run("up", "--fresh", "--elasticsearch", "9.2.0")
        yield one


@pytest.fixture
def new_stage(stage_notes: Path, tmp_path: Path) -> Iterator[Opener]:
    """Makes a stage of its own, not yet up: `new_stage()`, `new_stage(checkout=…, folder=…, VARIABLE="…")`."""
    with ExitStack() as stack:
        yield lambda folder=None, **more: stack.enter_context(opened(stage_notes, folder or tmp_path / "own", **more))


@pytest.fixture(scope="session")
def stage_notes(server_places: Places) -> Path:
    """A note of each stage that may run, with the session that it belongs to."""
    notes = server_places.servers / "test-stages"
    notes.mkdir(exist_ok=True)
    for note in notes.iterdir():
        _sweep(note)
    return notes


@contextmanager
def opened(notes: Path, folder: Path, checkout: Path = CHECKOUT, **environ: str) -> Iterator["Stage"]:
    note = notes / f"{uuid4().hex[:8]}.json"
    owner = processes.identity_of(os.getpid()).to_json()
    note.write_text(json.dumps({"owner": owner, "folder": str(folder)}))
    try:
        yield Stage(folder, checkout, environ)
    finally:
        _end(note, folder)


def _sweep(note: Path) -> None:
    try:
        written = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        return  # being written or removed just now
    if not processes.is_alive(processes.Identity.from_json(written["owner"])):
        _end(note, Path(written["folder"]))


def _end(note: Path, folder: Path) -> None:
    if folder.exists():
        local_stage.down(folder)
        servers = (folder / "servers").resolve()
        shutil.rmtree(data_of(servers, folder), ignore_errors=True)
    note.unlink(missing_ok=True)


def data_of(servers: Path, folder: Path) -> Path:
    """Where the servers of the stage in `folder` keep their data."""
    places = Places(local=folder, logs=folder / "logs", cache=folder, servers=servers)
    return local_stage.servers_root(places, folder)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Stage:
    """One stage and its mailbox. `checkout`: whose code the commands run."""

    folder: Path
    checkout: Path = CHECKOUT
    environ: Mapping[str, str] = field(default_factory=dict)
    reports: list[Message] = field(default_factory=list)
    events: list[Message] = field(default_factory=list)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """The command line as a shell starts it, from some other folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
        own = {"SNAPWARDEN_LOCAL": str(self.folder), "PYTHONPATH": str(self.checkout), **self.environ}
        return subprocess.Popen(
            [sys.executable, "-m", "chalicelib.cli.main", *words],
            cwd=self.folder,
            env={**inherited, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, expect: int = 0) -> Done:
        return finished(self.start(*words), expect)

    def ask(self, *words: str, expect: int = 0) -> Any:
        """The one JSON document that the command answers with."""
        return self.run(*words, "--json", expect=expect).document

    def apply(self, policies: Mapping[str, Mapping[str, Any]], *, expect: int = 0, **target: Any) -> Done:
        file = self.folder / f"{uuid4().hex[:8]}.yaml"
        file.write_text(self.file(policies, **target))
        return self.run("apply", str(file), expect=expect)

    def file(self, policies: Mapping[str, Mapping[str, Any]], **target: Any) -> str:
        """A configuration whose only target is this stage's Elasticsearch, with a throttled repository too."""
        elastic = {
            "engine": "elasticsearch",
            "hosts": [self.state["elasticsearch"]["url"]],
            "auth": {"none": True},
            "repositories": REPOSITORIES,
        }
        defaults = {"target": "cluster", "repository": "quick"}
        written = {name: {**defaults, **policy} for name, policy in policies.items()}
        return yaml.safe_dump({"version": 1, "targets": {"cluster": {**elastic, **target}}, "policies": written})

    @property
    def state(self) -> dict[str, Any]:
        state = stagefile.load(self.folder)
        assert state is not None, "the stage is not up"
        return state

    @property
    def elastic(self) -> Admin:
        return Admin(self.state["elasticsearch"]["url"])

    @property
    def store(self) -> Store:
        """The table itself, for what no command shows yet."""
        from chalicelib import bootstrap
        from chalicelib.store.dynamo import DynamoStore

        of = settings.of_stage_file(self.state)
        return DynamoStore(of.table, region=of.region, token=bootstrap.new_token, host=of.dynamodb_endpoint_url)

    def client(self, service: str) -> Any:
        return Aws(self.state["endpoint_url"], self.state["dynamodb_endpoint_url"]).client(service)

    def snapshot(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """As Elasticsearch itself tells it."""
        answer = self.elastic.send("GET", f"/_snapshot/{run['repository']}/{run['snapshot']}")
        (found,) = answer["snapshots"]
        return dict(found)

    def row(self, run_id: str) -> Run:
        found = self.store.run(run_id)
        assert found is not None, f"there is no run {run_id}"
        return found

    def wait_for(self, run_id: str, holds: Callable[[Run], bool], what: str, *, timeout: float = SETTLES) -> Run:
        """The row of the run as soon as it `holds`."""
        wait(lambda: holds(self.row(run_id)), f"{run_id}: {what}", timeout=timeout)
        return self.row(run_id)

    def report(self, **attributes: str) -> Message:
        """The one message of these attributes in the mailbox of the person on call, once it is there."""
        return self.report_where(lambda found: attributes.items() <= found["attributes"].items(), str(attributes))

    def report_of(self, run_id: str) -> Message:
        """What was told of the end of this run."""
        return self.report(key=f"{run_id}#end")

    def report_where(self, wanted: Callable[[Message], bool], what: str) -> Message:
        def came() -> bool:
            self.reports += inbox.reports(self.state)
            return any(wanted(found) for found in self.reports)

        wait(came, f"a report {what}", timeout=30)
        (found,) = [found for found in self.reports if wanted(found)]
        return found

    def events_of(self, run_id: str, *, until: str) -> list[Message]:
        """The events of this run on the bus, in the order of their arrival, once the one of state `until` is there."""

        def came() -> bool:
            self.events += inbox.events(self.state)
            return any(event["detail"]["state"] == until for event in self._about(run_id))

        wait(came, f"the event of {until} of {run_id}", timeout=30)
        return self._about(run_id)

    def _about(self, run_id: str) -> list[Message]:
        return [event for event in self.events if event["detail"].get("run_id") == run_id]


def finished(process: "subprocess.Popen[str]", expect: int | None = None) -> Done:
    """Its end; any exit code but `expect` is an error, with what was printed. None: any."""
    stdout, stderr = process.communicate(timeout=240)
    done = Done(code=process.returncode, stdout=stdout, stderr=stderr)
    words = " ".join(str(word) for word in process.args[3:]) if isinstance(process.args, list) else ""
    assert expect in (None, done.code), f"`snapwarden {words}` ended with {done.code}, expected {expect}:\n{done}"
    return done
