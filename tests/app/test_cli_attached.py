"""`restore plan --attach-aliases` and `--attach-lifecycle`: what they print, and what they refuse. In memory."""

import pytest

from tests.app.terminal import Type
from tests.faults.test_attached import backed_up
from tests.faults.world import Stage

PLAN = ("restore", "plan", "--policy", "nightly", "--indices", "orders")


@pytest.fixture
def stage() -> Stage:
    return backed_up()


def test_the_plan_shows_the_aliases_and_who_would_see_both(snapwarden: Type) -> None:
    document = snapwarden("--json", *PLAN, "--attach-aliases", "--attach-lifecycle").document
    assert [alias["name"] for alias in document["indices"][0]["attach"]] == ["gone", "sales"]
    codes = {found["code"] for found in document["findings"]}
    assert codes >= {"restore.alias_shared", "restore.alias_left_out", "restore.lifecycle"}
    done = snapwarden(*PLAN, "--attach-aliases")
    assert done.code == 0
    assert "whoever searches sales finds the documents of later, orders, restored-orders" in done.words
    assert snapwarden("--json", *PLAN).document["indices"][0]["attach"] == [], "only when asked"


@pytest.mark.parametrize("mode", ["swap", "in_place"])
@pytest.mark.parametrize("option", ["--attach-aliases", "--attach-lifecycle"])
def test_other_modes_see_to_them_themselves(snapwarden: Type, mode: str, option: str) -> None:
    done = snapwarden(*PLAN, "--mode", mode, option)
    assert (done.code, option in done.err, "--mode rename" in done.err) == (2, True, True)


@pytest.mark.parametrize("option", ["--attach-aliases", "--attach-lifecycle"])
def test_everything_has_no_use_for_them(snapwarden: Type, option: str) -> None:
    done = snapwarden("restore", "plan", "--everything", option)
    assert (done.code, option in done.err) == (2, True)


def test_all_that_is_not_of_everything_is_told_at_once(snapwarden: Type) -> None:
    words = ("--mode", "swap", "--attach-aliases", "--attach-lifecycle", "--backup", "b", "--policy", "nightly")
    done = snapwarden("restore", "plan", "--everything", *words, "--indices", "orders")
    assert done.code == 2
    asked = ("--mode", "--attach-aliases", "--attach-lifecycle", "--backup", "--policy", "--indices")
    assert [key for key in asked if f"error: {key}: " not in done.err] == []


def test_nobody_asks_for_a_hundred_replicas_of_everything(snapwarden: Type) -> None:
    done = snapwarden("restore", "plan", "--everything", "--replicas", "100")
    assert (done.code, "error: --replicas: 100 replicas (expected 0 to 20)" in done.err) == (2, True)
