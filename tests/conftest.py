"""What every test gets: profiles of random examples, golden files, and no skip without a reason."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TIERS = ("unit", "contract", "faults", "app", "live")
SERVER_TIMEOUT = 600
TESTS = Path(__file__).parent
SHARED = {"stages": {"stage", "stage_9", "new_stage"}, "9": {"elasticsearch_9", "9.2.0"}}
"""Fixtures and parameters by which tests are told apart that share servers."""

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
    config.pluginmanager.register(Gates(), "gates")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tiers first: a broken core shall not be reported by a live test minutes later. Only unit tests have to be
    quick: the first of the others may have to download and boot its server."""
    items.sort(key=lambda item: _tier(item.path))
    long = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"  # thousands of examples
    for item in items:
        if (long or _tier(item.path)) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SERVER_TIMEOUT))
        if _tier(item.path) == TIERS.index("live"):
            item.add_marker("live")
        if group := _shared(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _shared(item: pytest.Item) -> str:
    """Tests run in two processes (`make test`): those that share a server, or what a file prepares, in one of them."""
    tier = _tier(item.path)
    if tier == TIERS.index("app"):
        return item.path.stem
    if tier not in (TIERS.index("contract"), TIERS.index("live")):
        return ""
    asked: set[str] = {*getattr(item, "fixturenames", ()), *re.split(r"[\[\]-]", item.name)}
    kind = next((kind for kind, names in SHARED.items() if asked & names), "others")
    return f"{TIERS[tier]}-{kind}"


def _tier(path: Path) -> int:
    folder = path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) else ""
    return TIERS.index(folder) if folder in TIERS else len(TIERS)


class Gates:
    """Sees every report, whichever process ran the test."""

    def __init__(self) -> None:
        self.unexplained: list[str] = []
        self.figures: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not skip_reason(report):
            self.unexplained.append(report.nodeid)
        if report.when == "call":
            self.figures += [str(value) for name, value in report.user_properties if name == "figures"]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexplained and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self.figures:
            terminalreporter.write_line(line)
        for nodeid in self.unexplained:
            terminalreporter.write_line(f"FAILED {nodeid} - skipped without a reason", red=True)


def skip_reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail).removeprefix("reason: ").strip()
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = text.removeprefix("Skipped").removeprefix(":").strip()
    return "" if reason in ("unconditional skip", "<Skipped instance>") else reason
