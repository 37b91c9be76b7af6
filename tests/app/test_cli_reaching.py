"""A wrong address in the file: told by `apply`, and while somebody watches a run that can't start."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import following, reaching, runs
from chalicelib.cli.main import app
from chalicelib.core.model import State
from chalicelib.core.spec import Target
from tests.contract.records import a_run
from tests.fakes.rules import FakeRules
from tests.faults.world import FILE, START, Stage

Type = Callable[..., Result]


def target(*hosts: str) -> Target:
    known = {"name": "shop", "engine": "elasticsearch", "auth": {"none": True}, "repositories": {}}
    return Target.model_validate({**known, "hosts": hosts})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def snapwarden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    stage, rules = Stage(), FakeRules()
    monkeypatch.setattr(bootstrap, "of_terminal", lambda name: stage.world)
    monkeypatch.setattr(bootstrap, "rules_of_terminal", lambda name: rules)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


def test_who_listens_is_not_warned_of_and_who_does_not_is_named() -> None:
    gone = free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert reaching.warnings([target(there)]) == ()
        (told,) = reaching.warnings([target(there, f"https://127.0.0.1:{gone}/path")])
    assert (told.key, told.message) == (
        "targets.shop.hosts",
        f"127.0.0.1:{gone} gives no answer from here (Connection refused); snapwarden doctor shop tries it",
    )


def test_a_host_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a name that is looked up for ever, to which no time limit of a socket applies."""

    def hang(*_: Any, **__: Any) -> Any:
        time.sleep(2)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", hang)
    began = time.monotonic()
    (told,) = reaching.warnings([target("http://es.internal:9200")], patience=0.1)
    assert time.monotonic() - began < 1.5
    assert "es.internal:9200 gives no answer from here (within 0.1 s)" in told.message


def test_apply_warns_and_stores_all_the_same(snapwarden: Type) -> None:
    """The functions may reach what the terminal does not."""
    gone = f"127.0.0.1:{free_port()}"
    Path("wrong.yaml").write_text(FILE.replace("localhost:9200", gone))
    done = snapwarden("apply", "wrong.yaml")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert f"warning: targets.shop.hosts: {gone} gives no answer from here (Connection refused)" in said
    assert "stored as generation" in said
    (warned,) = json.loads(snapwarden("--json", "apply", "wrong.yaml").stdout)["warnings"]
    assert gone in warned
    assert json.loads(snapwarden("--json", "apply", "wrong.yaml", "--dry-run").stdout)["warnings"] == []


def test_a_run_that_gets_no_answer_says_until_when_it_tries_and_what_tells_more() -> None:
    run = replace(a_run(), state=State.STARTING, target="shop", last_error="resolve on shop: no answer from es:9200: x")
    run = replace(run, finished_at=None, progress=None, deadline_at=START)
    moved = runs._moved(run)
    assert moved.startswith("STARTING  resolve on shop: no answer from es:9200: x; still trying, gives up at ")
    assert moved.endswith(": snapwarden doctor shop")
    assert following.trying(replace(run, state=State.QUEUED)) == "", "who waits in line lacks no answer"
    assert following.trying(replace(run, last_error=None)) == ""


def test_what_does_not_change_is_said_again_every_half_minute() -> None:
    """Ten minutes without a word look like a program that hangs."""
    lines = following.Lines()
    said = [lines.next("STARTING", START + timedelta(seconds=second)) for second in range(61)]
    assert [second for second, line in enumerate(said) if line] == [0, 30, 60]
    changed = lines.next("RUNNING", START + timedelta(seconds=61))
    assert changed is not None
    assert changed.endswith(" RUNNING")
