"""The product, deployed once for all tests that look at it; and a terminal for those that need no product."""

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.cli.main import run
from tests.app.deployed import Deployed, deployed
from tests.app.terminal import Done, Type
from tests.faults.second_person import ANNA
from tests.faults.world import Stage


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, dynamodb_url: str) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("product"), dynamodb_url) as found:
        yield found


@pytest.fixture
def snapwarden(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """`snapwarden(*words, who=…)`, typed by anna; while a command waits, the clock moves."""
    monkeypatch.setattr(bootstrap, "of_terminal", lambda name: stage.world)
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.setattr("time.sleep", stage.clock.advance)

    def typed(*words: str, who: str | None = ANNA) -> Done:
        stage.who = who
        with pytest.raises(SystemExit) as ended:
            run(list(words))
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return typed
