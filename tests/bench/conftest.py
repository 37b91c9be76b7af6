"""One table for all measurements of a session, printed at its end."""

from collections.abc import Iterator

import pytest

from tests.bench.figures import Table


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    made = Table()
    yield made
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    reporter.write_line(f"\n\n{made.markdown()}\n")
