"""`restore approve`, `--break-glass`, `hold`, `release`: texts, JSON, exit codes. The world is in memory."""

from dataclasses import replace

import pytest

from chalicelib.core.model import State
from tests.app.terminal import Type
from tests.faults.second_person import ANNA, BEN, backed_up
from tests.faults.world import Stage


@pytest.fixture
def stage() -> Stage:
    return backed_up()


def plan_of(snapwarden: Type, *more: str) -> str:
    return str(snapwarden("--json", "restore", "plan", "--policy", "nightly", *more).document["plan_id"])


def test_the_plan_says_that_it_needs_a_second_person_and_can_be_started_then(stage: Stage, snapwarden: Type) -> None:
    done = snapwarden("restore", "plan", "--policy", "nightly", "--prefix", "copy-")
    assert done.code == 0
    assert f"made by {ANNA}" in done.words
    assert "a second person first, with credentials of their own: snapwarden restore approve plan-" in done.words
    plan = plan_of(snapwarden, "--prefix", "copy-")
    refused = snapwarden("restore", "start", plan)
    assert (refused.code, "a second person must approve the plan" in refused.err) == (2, True)
    assert snapwarden("restore", "approve", plan).code == 2, "her own"
    done = snapwarden("restore", "approve", plan, who=BEN)
    assert done.code == 0
    assert f"approved by {BEN} until 2026-11-21 02:31:00 UTC" in done.words
    assert "copy-orders-2" in done.words, "what is approved is shown"
    assert snapwarden("--json", "restore", "approve", plan, who=BEN).document == {
        "plan_id": plan,
        "approved_by": BEN,
        "at": "2026-11-21T01:31:00Z",
        "expires_at": "2026-11-21T02:31:00Z",
        "used_by": None,
    }
    document = snapwarden("--json", "restore", "start", plan).document
    assert (document["requested_by"], document["approved_by"]) == (ANNA, BEN)
    assert f"approved by {BEN}" in snapwarden("show", document["run_id"]).words
    assert stage.run(document["run_id"]).state is State.PLANNED


def test_breaking_the_glass_needs_why_and_why_needs_the_glass(snapwarden: Type) -> None:
    plan = plan_of(snapwarden, "--prefix", "copy-")
    for words in (("--break-glass",), ("--why", "asleep"), ("--break-glass", "--why", " ")):
        done = snapwarden("restore", "start", plan, *words)
        assert (done.code, "--why" in done.err) == (2, True)
    done = snapwarden("--json", "restore", "start", plan, "--break-glass", "--why", "ben is  asleep")
    assert done.document["break_glass"] == {"by": ANNA, "why": "ben is asleep", "at": "2026-11-21T01:31:00Z"}
    assert f"{ANNA} broke the glass: ben is asleep" in snapwarden("show", done.document["run_id"]).words


def test_without_a_word_from_aws_it_can_t_be_told(stage: Stage, snapwarden: Type) -> None:
    plan = plan_of(snapwarden, "--prefix", "copy-")
    for words in (("plan", "--policy", "nightly"), ("approve", plan), ("start", plan)):
        assert snapwarden("restore", *words, who=None).code == 3
    stage.world = replace(stage.world, local=False)
    done = snapwarden("restore", "approve", plan, who=BEN)
    assert (done.code, "come with its API" in done.err) == (3, True)


def test_made_up_credentials_are_called_that(snapwarden: Type) -> None:
    done = snapwarden("restore", "plan", "--policy", "nightly", who="arn:aws:sts::123456789012:user/moto")
    assert "made by arn:aws:sts::123456789012:user/moto, made-up credentials, the same for everybody" in done.words


def test_a_hold_says_what_is_open_and_shows_until_the_release(stage: Stage, snapwarden: Type) -> None:
    open_run = stage.backup("now-2").run_id
    assert snapwarden("hold", "shop").code == 2
    done = snapwarden("hold", "shop", "--why", "index deleted")
    assert done.code == 0
    assert f"open there now: {open_run} STARTING" in done.words
    assert f"snapwarden cancel {open_run} --why" in done.words
    again = snapwarden("--json", "hold", "shop", "--why", "index deleted").document
    assert again["hold"] == {"by": ANNA, "why": "index deleted", "at": "2026-11-21T01:31:00Z"}
    assert again["open_runs"] == [{"run_id": open_run, "kind": "backup", "state": "STARTING"}]
    for command in ("policies", "status"):
        assert f"target held by {ANNA}: index deleted" in snapwarden(command).words
        assert snapwarden("--json", command).document[0]["hold"] == again["hold"]
    refused = snapwarden("backup", "nightly")
    assert (refused.code, f"held by {ANNA} (index deleted)" in refused.err) == (1, True)
    done = snapwarden("release", "shop")
    assert f"shop goes on; it was held by {ANNA} since 2026-11-21 01:31:00 UTC: index deleted" in done.words
    assert snapwarden("release", "shop").code == 2
    assert snapwarden("--json", "policies").document[0]["hold"] is None
    assert "no run is open there" in _after(stage, snapwarden)


def _after(stage: Stage, snapwarden: Type) -> str:
    stage.live(2)
    return snapwarden("hold", "shop", "--why", "again").words


def test_nobody_holds_a_target_whom_aws_does_not_name(stage: Stage, snapwarden: Type) -> None:
    """A hold by a name that anybody may give would be worth less than the start that it answers for."""
    done = snapwarden("hold", "shop", "--why", "index deleted", who=None)
    assert (done.code, "AWS does not say who calls" in done.err) == (3, True)
    assert snapwarden("--json", "policies").document[0]["hold"] is None
