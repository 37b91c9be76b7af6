"""How long a plan says that it takes, whose backups wait meanwhile, and how much of a thousand indices is told."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import approving, plan_time, plans
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Run
from chalicelib.core.plan_time import NextSlot
from chalicelib.core.plans import Mode
from chalicelib.core.restores import HeldIndex
from chalicelib.core.swaps import Alias, Standing
from chalicelib.core.wire import dump, public_plan
from chalicelib.store import keys
from tests.contract.records import a_run
from tests.unit.planned import CONTENTS, FACTS, MB, NOW, WISH, allowing, plan
from tests.unit.replaced import planned as in_place

FAST = replace(a_run(), bytes=100 * MB, restore_seconds=10.0)
"""The plan restores 100 MB in three indices."""


def after(*runs: Run) -> plans.Plan:
    return plan(facts=replace(FACTS, history=runs))


def test_it_takes_what_earlier_restores_of_the_policy_took() -> None:
    made = after(FAST, replace(FAST, restore_seconds=30.0), replace(FAST, restore_seconds=20.0))
    assert made.expected_seconds == 20 + 10 + 3
    assert public_plan(made)["expected_seconds"] == 33
    assert plan_time.words(made) == "about 33 s, by restores and drills of this policy"


@pytest.mark.parametrize(
    "said_nothing",
    [
        replace(FAST, restore_seconds=None),
        replace(FAST, bytes=10 * MB - 1),
        replace(FAST, in_place=True),
    ],
    ids=["failed before", "too small: the time of requests, not of data", "files that were the same were not written"],
)
def test_what_says_nothing_is_not_gone_by_and_the_assumption_is_told(said_nothing: Run) -> None:
    made = after(said_nothing)
    assert made.expected_seconds is None
    assert "about 15 s, at 38.1 MiB a second, which is assumed" in plan_time.words(made)
    assert after(said_nothing, FAST).expected_seconds == 23


def test_a_restore_in_place_begins_after_its_safety_backup() -> None:
    assert ", once its safety backup is made" in plan_time.words(in_place())
    assert "safety" not in plan_time.words(after())


def test_backups_that_are_due_within_that_time_are_named_and_those_that_are_missed() -> None:
    def slot(policy: str, seconds: int, late: int = 3600) -> NextSlot:
        at = NOW + timedelta(seconds=seconds)
        return NextSlot(policy=policy, at=at, until=at + timedelta(seconds=late))

    slots = (slot("later", 24), slot("hourly", 20), slot("often", 5, late=10))
    made = plan(facts=replace(FACTS, history=(FAST,), slots=slots))
    (found,) = made.findings
    assert (found.code, found.subject, made.conflicts) == ("restore.holds_up", "often", ())
    assert "often (2026-11-21 06:00:05 UTC), hourly (2026-11-21 06:00:20 UTC); MISSED" in found.message
    assert found.message.endswith(": often")
    assert plan(facts=replace(FACTS, history=(FAST,), slots=slots[:1])).findings == ()


def test_time_is_in_what_the_plan_s_id_stands_for_and_moves_no_world() -> None:
    with_time, without = after(FAST), plan()
    assert with_time.plan_id != without.plan_id
    assert approving.unchanged(with_time)
    assert plans.moved(with_time, without) == ()


@pytest.mark.parametrize("mode", [Mode.RENAME, Mode.SWAP, Mode.IN_PLACE])
def test_five_thousand_indices_are_planned_in_seconds_and_stored(mode: Mode) -> None:
    """By the clock, generously: what is quadratic takes minutes. A part of its row is below what DynamoDB takes."""
    names = [f"logs-of-some-service-{n:05d}" for n in range(5000)]
    contents = replace(CONTENTS, indices=tuple(HeldIndex(name=name, shards=1, bytes=MB) for name in names))
    standing = tuple(
        Standing(name=name, uuid=name, shards=1, aliases=(Alias(name=f"live-{name}"),) if n % 2 else ())
        for n, name in enumerate(names)
    )
    facts = replace(FACTS, contents=contents, standing=() if mode is Mode.RENAME else standing)
    wish = replace(WISH, mode=mode, prefix="" if mode is Mode.IN_PLACE else "restored-")
    begun = time.monotonic()
    made = plan(wish, facts, allowing("nothing-*"))
    assert time.monotonic() - begun < 20
    assert len(made.moves) == 5000
    parts = keys.packed(
        keys.evidence_key(made.plan_id, "plan", 1), dump(Evidence(run_id="p", kind="plan", n=1, plan=made))
    )
    assert len(parts) <= 2


def test_of_a_thousand_conflicts_a_few_are_told() -> None:
    """The start of a plan, and a run whose world has moved, tell them in a terminal and in a row."""
    contents = replace(CONTENTS, indices=tuple(HeldIndex(name=f"i-{n}", shards=1, bytes=1) for n in range(1000)))
    facts = replace(FACTS, contents=contents)
    free = plan(facts=facts, shard_limit=10**6)
    there = tuple(replace(FACTS.surroundings.indices[0], name=f"restored-i-{n}", aliases=()) for n in range(1000))
    taken = plan(facts=facts, shard_limit=10**6, indices=there)
    told = plans.moved(free, taken)
    assert (len(told), told[-1]) == (21, "and so on, 1000 conflicts in all")
    problems = approving.unstartable(taken, NOW)
    assert len(problems) == 20
    assert "and so for 980 more" in problems[-1].message
