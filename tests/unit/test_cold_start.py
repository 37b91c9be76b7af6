"""What a function imports before it does anything: each module on that path is paid for by every cold start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.stored_rows import ROWS

ROOT = Path(__file__).parents[2]
SELDOM = re.compile(
    r"plan|restor|drill|salvag|rebuild|swap|prov(ing|e$)|proofs|in_place|evidence|leftover|sweep|copying"
)
"""Names of modules that only restores, drills and what belongs to them need. (`promise` is none.)"""
PARTS_OF_A_RUN = {"chalicelib.core.rebuild_progress", "chalicelib.core.salvage_progress"}
"""Fields of every run's row."""

BEGIN = "import app, sys\n"
END = "\nprint(*sorted(name for name in sys.modules if name.startswith('chalicelib.')), sep='\\n')"
LOOK = f"""
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from chalicelib.core import wire
from chalicelib.core.model import Run, State
from chalicelib.core.observations import InProgress
from chalicelib.core.ports import Update
from chalicelib.core.rows import Spec
from chalicelib.core.workflows import backup, driver
from chalicelib.store import keys

rows = Path({str(ROWS)!r})
stored = wire.load(Run, (rows / "run.json").read_text())
run = replace(stored, state=State.RUNNING, cancel=None, busy_until=None, finished_at=None)
spec = wire.load(Spec, (rows / "spec.json").read_text())
seen = backup.Seen(observation=InProgress(uuid=run.snapshot_uuid), installation="i")
now = run.created_at + timedelta(minutes=5)
decision = backup.decide(run, spec, seen, now)
assert decision.state is State.RUNNING, decision
after = driver.moved(run, decision, now, token="t", busy=timedelta(0), cost=run.calls)
assert keys.key_of(Update(after).item, 16) == keys.run_key(run.run_id)
wire.dump(after)
"""


def imported(script: str) -> set[str]:
    """Our modules that a process has when it has run this."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script + END],
        cwd=ROOT,
        env={**os.environ, "SNAPWARDEN_STAGE": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def seldom(modules: set[str]) -> list[str]:
    return sorted(name for name in modules - PARTS_OF_A_RUN if SELDOM.search(name.rpartition(".")[2]))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("", id="any function"),
        pytest.param(LOOK, id="a look of a backup"),
        pytest.param("from chalicelib.service import tick", id="tick"),
    ],
)
def test_what_moves_backups_imports_nothing_of_restores(script: str) -> None:
    """Plans and their parts alone are a tenth of what `work` imports of ours."""
    found = imported(script)

    assert seldom(found) == []
    assert found >= {"chalicelib.service.advance", *PARTS_OF_A_RUN}


def test_a_module_of_restores_would_be_seen() -> None:
    """The same question of a process that restores: the names above can't go stale unseen."""
    found = seldom(imported("from chalicelib.service import drills, rebuilds, restores, salvages"))

    assert {f"chalicelib.core.{part}" for part in ("evidence", "plans", "proving", "rebuilds", "swaps")} <= set(found)
