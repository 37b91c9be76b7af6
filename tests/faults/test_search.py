"""The fault search: the same examples in each run, more of them each night, and other ones with `make faults`."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import Machine

EXAMPLES = {"default": 100, "nightly": 2000, "search": 200}
STEPS = 30
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Thousands of outages would be written down, traceback by traceback."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_whatever_happens_the_invariants_hold_and_every_run_ends_and_is_told() -> None:
    profile = os.environ.get("HYPOTHESIS_PROFILE", "default")
    chosen = settings(
        max_examples=EXAMPLES[profile],
        stateful_step_count=STEPS,
        phases=PHASES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=chosen)
