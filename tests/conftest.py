"""What every test gets: profiles of random examples, golden files, and no skip without a reason."""

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TIERS = ("unit", "contract", "faults", "app", "live")
SERVER_TIMEOUT = 600
TESTS = Path(__file__).parent
UNEXPLAINED = pytest.StashKey[list[str]]()

# The same examples in every run: a red build is red for what was changed. The nightly run looks further.
settings.register_profile("default", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile(
    "nightly", max_examples=3000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
for name in ("search", "mutants"):
    settings.register_profile(name, deadline=None, database=None, print_blob=True)
# Commands print as wide as it says: what tests read must not depend on somebody's terminal.
os.environ.pop("COLUMNS", None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write tests/golden anew instead of comparing with it")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("report.md", text)`: text is that of tests/golden/report.md; `--update` writes it: read the diff."""

    def compare(name: str, text: str) -> None:
        path = TESTS / "golden" / name
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"tests/golden/{name} is missing: run pytest --update and read what it wrote"
        assert text == path.read_text(), f"differs from tests/golden/{name}: if meant so, run pytest --update"

    return compare


def pytest_configure(config: pytest.Config) -> None:
    config.stash[UNEXPLAINED] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tiers first: a broken core shall not be reported by a live test minutes later. Only unit tests have to be
    quick: the first of the others may have to download and boot its server."""
    items.sort(key=lambda item: _tier(item.path))
    for item in items:
        if _tier(item.path) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SERVER_TIMEOUT))
        if _tier(item.path) == TIERS.index("live"):
            item.add_marker("live")


def _tier(path: Path) -> int:
    folder = path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) else ""
    return TIERS.index(folder) if folder in TIERS else len(TIERS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not skip_reason(report):
        item.config.stash[UNEXPLAINED].append(report.nodeid)
    return report


def skip_reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail).removeprefix("reason: ").strip()
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = text.removeprefix("Skipped").removeprefix(":").strip()
    return "" if reason in ("unconditional skip", "<Skipped instance>") else reason


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash[UNEXPLAINED] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for nodeid in config.stash[UNEXPLAINED]:
        terminalreporter.write_line(f"FAILED {nodeid} - skipped without a reason", red=True)
