"""The planted bugs of `make mutants` can be planted: a bug whose text has gone would silently test nothing."""

from pathlib import Path

import pytest

from infra.local.paths import CHECKOUT
from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS

LEAST = 20


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(BUGS) >= LEAST
    assert len({bug.name for bug in BUGS}) == len({(bug.file, bug.after) for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted_and_is_still_python(bug: Bug, tmp_path: Path) -> None:
    planted = tmp_path / bug.file
    planted.parent.mkdir(parents=True)
    planted.write_text((CHECKOUT / bug.file).read_text())

    bug.plant(tmp_path)

    compile(planted.read_text(), bug.file, "exec")
