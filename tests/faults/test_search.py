"""The fault search: the same examples in each run, more of them each night, and other ones for as long as you like with
`make faults [SEED=…] [MINUTES=…]`."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import Machine
from tests.faults.machine_focus import Restores

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
EXAMPLES = {"default": 150, "nightly": 1500, "search": 100, "mutants": 10}[PROFILE]
"""Of each machine in one round; a search goes on with the next seed until its minutes are over."""
ROUNDS = PROFILE in ("search", "mutants")
STEPS = 30


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Thousands of outages would be written down, traceback by traceback."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(0 if ROUNDS else 7200 if PROFILE == "nightly" else 600)
def test_whatever_happens_the_invariants_hold_and_every_run_ends_and_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        phases=(Phase.generate,) if PROFILE == "mutants" else (Phase.generate, Phase.shrink),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    started, used = time.monotonic(), time.process_time()
    for number in _seeds():
        try:
            for machine in (Machine, Restores):
                run_state_machine_as_test(machine if number is None else seed(number)(machine), settings=chosen)
        finally:
            took, cpu = time.monotonic() - started, time.process_time() - used
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{f'make faults SEED={number}: ' if number is not None else ''}{Machine.examples} examples,"
                    f" {Machine.steps} invocations in {took:.0f} s ({cpu:.0f} s of CPU): {Machine.examples / cpu:.1f}"
                    f" examples and {Machine.steps / cpu:.0f} invocations a second of CPU\n"
                )


def _seeds() -> Iterator[int | None]:
    """None: whatever the profile says."""
    if not ROUNDS:
        yield None
        return
    until = time.monotonic() + 60 * float(os.environ.get("MINUTES", "10"))
    for number in count(int(os.environ.get("SEED", "0"))):
        yield number
        if time.monotonic() >= until:
            return
