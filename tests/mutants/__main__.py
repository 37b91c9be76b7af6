"""Plants each bug of `bugs.py` in a copy of the project and runs the written examples on it, then the search.

    make mutants                    all of them; the table goes to stdout, progress to stderr
    python -m tests.mutants fence   those whose name holds the word

Exit code 1 when a bug is caught by no written example. The search is given SECONDS for each; whether it finds one is
told beside it and judged by nobody: a search that finds few looks in the wrong place.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.local.paths import CHECKOUT
from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS

COPIED = ("chalicelib", "infra", "tests", "app.py", "conftest.py", "pyproject.toml", ".chalice")
WRITTEN = (
    "tests/faults",
    *(f"tests/unit/test_{name}.py" for name in ("backup_workflow", "cancel", "contract", "ends")),
)
WRITTEN += tuple(f"tests/unit/test_{name}.py" for name in ("results", "promise", "traffic"))
SEARCH = "tests/faults/test_search.py"
SECONDS = 20
LONGEST = 240
AT_ONCE = 2
FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<test>\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    bug: Bug
    example: str | None
    """The written test that caught it."""
    search: str


def main(words: list[str]) -> int:
    chosen = [bug for bug in BUGS if all(word in bug.name for word in words)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        _whole(chosen)
        outcomes = list(pool.map(lambda bug: _tried(bug, Path(folder)), chosen))
    print("\n".join(_table(outcomes)))
    found = sum(outcome.search.startswith("found") for outcome in outcomes)
    caught = sum(outcome.example is not None for outcome in outcomes)
    took = time.monotonic() - started
    print(f"\n{caught} of {len(outcomes)} caught by a written example, {found} by the search; {took:.0f} s")
    return 0 if caught == len(outcomes) else 1


def _whole(chosen: list[Bug]) -> None:
    """Without a bug every example passes; otherwise any bug would seem to be caught."""
    tests = {test for bug in chosen for test in bug.tests or WRITTEN}
    code, said = _pytest(CHECKOUT, *sorted(tests), f"--ignore={SEARCH}")
    if code:
        sys.exit(f"{said[-3000:]}\nthe examples fail without any bug planted")


def _tried(bug: Bug, folder: Path) -> Outcome:
    project = folder / re.sub(r"\W+", "-", bug.name)
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__", "deployed"))
        else:
            shutil.copy(source, project / name)
    bug.plant(project)
    code, said = _pytest(project, *(bug.tests or WRITTEN), f"--ignore={SEARCH}")
    example = FAILED.search(said)
    if code not in (0, 1):
        print(said[-2000:], file=sys.stderr)
    search = _searched(project) if bug.searchable else "-"
    outcome = Outcome(bug, example["test"] if example else None, search)
    shutil.rmtree(project)
    print(f"{bug.name}: {outcome.example or 'NOT CAUGHT'} · search: {search}", file=sys.stderr, flush=True)
    return outcome


def _searched(project: Path) -> str:
    started = time.monotonic()
    code, _ = _pytest(project, SEARCH, profile="mutants", MINUTES=str(SECONDS / 60))
    return f"found in {time.monotonic() - started:.0f} s" if code == 1 else f"not in {SECONDS} s"


def _pytest(project: Path, *tests: str, profile: str = "default", **more: str) -> tuple[int, str]:
    quick = ["-k", "not ten_thousand", "-p", "no:cacheprovider", "-x", "-q", "--no-header"]
    command = [sys.executable, "-m", "pytest", *quick, *tests]
    environ = {**os.environ, "HYPOTHESIS_PROFILE": profile, "PYTHONDONTWRITEBYTECODE": "1", **more}
    try:
        done = subprocess.run(
            command, cwd=project, env=environ, capture_output=True, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired as late:
        return 0, str(late)
    return done.returncode, done.stdout + done.stderr


def _table(outcomes: list[Outcome]) -> Iterator[str]:
    yield "| bug | caught by | search |"
    yield "| --- | --- | --- |"
    for outcome in outcomes:
        test = (outcome.example or "**nothing**").removeprefix("tests/")
        yield f"| {outcome.bug.name} | `{test}` | {outcome.search} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
