"""Two people apply at the same time: never a mixture of two files, and who loses is told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chalicelib.core.ports import Store, Update
from tests.stages import Stage, finished

POLICIES = [f"together-{number:02}" for number in range(60)]
"""More than fit into one transaction: there is a time in which half of a file is in force."""


def test_of_files_applied_at_once_one_is_in_force_wholly(stage: Stage) -> None:
    """Whoever ends with 0 was in force; whoever ends with 1 was overtaken and is told so."""
    hours = [5, 6, 7]
    started = [stage.start("apply", _file(stage, f"{hour}h"), "--json") for hour in hours]
    done = [finished(process) for process in started]
    assert {one.code for one in done} <= {0, 1}, done
    assert any(one.code == 0 for one in done), done
    for loser in (one for one in done if one.code == 1):
        assert loser.document["error"]["code"] == "conflict"
        assert "another apply" in loser.document["error"]["message"]
    timeouts = set(_timeouts(stage.store))
    assert len(timeouts) == 1, "a mixture of files is in force"
    winners = {f"{hour}:00:00" for hour, one in zip(hours, done, strict=True) if one.code == 0}
    assert timeouts <= winners


def test_the_same_file_applied_at_once_is_in_force(stage: Stage) -> None:
    """As two runs of one CI job would: nobody needs to fail, and if one does, it says why."""
    file = _file(stage, "8h")
    done = [finished(process) for process in [stage.start("apply", file, "--json") for _ in range(2)]]
    assert any(one.code == 0 for one in done), done
    assert all(one.code == 0 or one.document["error"]["code"] == "conflict" for one in done), done
    assert set(_timeouts(stage.store)) == {"8:00:00"}
    assert stage.ask("apply", file)["stored"] is False, "there is nothing left to do"


@pytest.fixture
def claimed(stage: Stage) -> Iterator[str]:
    """Somebody's apply is under way, and stays so."""
    _mark(stage.store, complete=False, by="ada")
    yield "ada"
    _mark(stage.store, complete=True, by="ada")


def test_who_comes_while_another_apply_is_under_way_is_told_and_changes_nothing(stage: Stage, claimed: str) -> None:
    before = stage.ask("policies")
    file = _file(stage, "9h")
    told = stage.run("apply", file, expect=1)
    assert told.stderr.startswith("error: another apply (generation ")
    assert f"by {claimed} at" in told.stderr
    assert "is under way" in told.stderr
    assert stage.ask("apply", file, expect=1)["error"]["code"] == "conflict"
    assert stage.ask("policies") == before


def _file(stage: Stage, timeout: str) -> str:
    path = stage.folder / f"{uuid4().hex[:8]}.yaml"
    path.write_text(stage.file({name: {"select": {"indices": ["none"]}, "timeout": timeout} for name in POLICIES}))
    return str(path)


def _timeouts(store: Store) -> list[str]:
    states = [store.state(name) for name in POLICIES]
    specs = [store.spec(state.policy, state.spec_gen) for state in states if state]
    assert len([spec for spec in specs if spec]) == len(POLICIES)
    return [str(spec.policy.timeout) for spec in specs if spec]


def _mark(store: Store, *, complete: bool, by: str) -> None:
    claim = store.config()
    assert claim is not None
    after = replace(claim, complete=complete, applied_by=by, applied_at=datetime.now(UTC), rev=claim.rev + 1)
    assert store.commit(Update(replace(after, token=uuid4().hex)))
