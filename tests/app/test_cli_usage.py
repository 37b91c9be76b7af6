"""Words on the command line that make no sense: told as every other mistake is, with exit code 2."""

import pytest

from tests.app.terminal import Type
from tests.faults.second_person import backed_up
from tests.faults.world import Stage


@pytest.fixture
def stage() -> Stage:
    return backed_up()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("hold", "shop"), "error: --why: is missing (expected `snapwarden hold TARGET --why WHY`)"),
        (("restore", "start"), "error: PLAN: is missing (expected `snapwarden restore start PLAN`)"),
        (("runs", "--kind", "restor"), "error: --kind: 'restor'; did you mean 'restore'? (expected one of backup,"),
        (("runs", "--state", "FAILD"), "error: --state: 'FAILD'; did you mean 'failed'? (expected one of queued,"),
        (("restore", "plan", "--mode", "swop"), "did you mean 'swap'? (expected one of rename, swap, in_place)"),
        (("backups", "--polcy", "x"), "error: --polcy: no such option; did you mean '--policy'? (expected what"),
        (("runs", "--limit", "0"), "error: -n / --limit: makes no sense (expected greater than or equal to 1)"),
        (("runs", "--policy"), "error: Option '--policy' requires an argument (expected what"),
        (("frobnicate",), "error: No such command 'frobnicate' (expected what `snapwarden --help` lists)"),
        (("restore", "approve", "a", "b"), "(expected what `snapwarden restore approve --help` lists)"),
    ],
)
def test_it_says_what_is_wrong_and_what_was_expected(snapwarden: Type, words: tuple[str, ...], says: str) -> None:
    done = snapwarden(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert (done.err.startswith("error: "), "Usage:" in done.err) == (True, False)
    assert "expected" in snapwarden("--json", *words).document["error"]["message"]


def test_a_group_without_a_command_is_answered_by_its_help(snapwarden: Type) -> None:
    done = snapwarden("restore")
    assert (done.code, "Commands:" in done.err) == (2, True)
    assert snapwarden("--json", "restore").document["error"]["code"] == "bad_input"
