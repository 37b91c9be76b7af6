"""The promise as a clock: when it breaks, when it is kept again, and what is usual."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import promise
from chalicelib.core.model import Usual
from chalicelib.core.rows import Good, LastGood, Mute, PolicyState
from chalicelib.core.spec import Level, Policy, Select

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


def policy(prove: str = "L1", /, **hours: float) -> Policy:
    rpo = {level: timedelta(hours=value) for level, value in hours.items()}
    select = Select(indices=("*",))
    return Policy.model_validate(
        {"name": "nightly", "target": "shop", "repository": "main", "select": select, "prove": prove, "rpo": rpo}
    )


def good(**hours: float) -> dict[str, LastGood]:
    return {level: LastGood(backup_id=f"b{level}", taken_at=at(value)) for level, value in hours.items()}


def state(**changes: Any) -> PolicyState:
    return replace(PolicyState(policy="nightly", spec_gen=1, cursor=at(5), since=at(0)), **changes)


@pytest.mark.parametrize(("prove", "judged"), [("L1", "L1"), ("L2", "L2"), ("L3", "L2"), ("L4", "L2")])
def test_what_cannot_be_proved_yet_is_judged_at_the_highest_level_that_can(prove: Level, judged: str) -> None:
    assert promise.required(policy(prove)) == judged


@pytest.mark.parametrize(
    ("written", "counts"),
    [
        ({}, {}),
        ({"L1": 26}, {"L1": 26}),
        ({"L1": 2, "L2": 26}, {"L1": 2, "L2": 26}),
        ({"L2": 26, "L3": 8, "L4": 200}, {"L2": 8, "L4": 200}),
        ({"L3": 9, "L2": 8}, {"L2": 8}),
    ],
)
def test_of_promises_that_come_down_to_one_level_the_shortest_counts(
    written: dict[str, float], counts: dict[str, float]
) -> None:
    found = promise.promised(policy(**written))
    assert found == {level: timedelta(hours=hours) for level, hours in counts.items()}


@pytest.mark.parametrize(
    ("rpo", "last", "breaks"),
    [
        ({}, {"L1": 1}, None),
        ({"L1": 26}, {}, 26),
        ({"L1": 26}, {"L1": 10}, 36),
        ({"L2": 26}, {"L1": 10}, 26),
        ({"L2": 26}, {"L1": 10, "L2": 4}, 30),
        ({"L1": 2, "L2": 26}, {"L1": 10, "L2": 10}, 12),
        ({"L1": 20, "L2": 26}, {"L1": 10, "L2": 3}, 29),
        ({"L3": 26}, {"L2": 4}, 30),
        ({"L4": 26}, {"L2": 4}, 26),
        ({"L2": 8, "L4": 200}, {"L2": 20, "L4": -190}, 28),
        ({"L2": 8, "L4": 200}, {"L2": 20, "L4": 2}, 28),
        ({"L2": 26, "L4": 20}, {"L2": 4, "L4": 3}, 23),
    ],
)
def test_a_promise_breaks_rpo_after_the_newest_backup_of_its_level_was_taken(
    rpo: dict[str, float], last: dict[str, float], breaks: float | None
) -> None:
    """Without one, rpo after the policy was first applied; of several promises the first to break counts."""
    assert promise.breaks_at(state(last_good=good(**last)), policy(**rpo)) == (None if breaks is None else at(breaks))


def test_a_good_backup_rewinds_the_clock() -> None:
    before = state(breach_at=at(26), last_good=good(L1=10))
    after = promise.rewound(before, policy(L1=26), at(11))
    assert after == replace(before, breach_at=at(36))


def test_the_clock_of_a_row_of_an_older_release_starts_at_its_cursor() -> None:
    assert promise.rewound(state(since=None), policy(L1=26), at(6)).breach_at == at(31)


def test_a_promise_that_the_clock_has_passed_is_broken_by_the_tick_and_not_here() -> None:
    """So that one place breaks promises, and tells."""
    after = promise.rewound(state(), policy(L1=1), at(9))
    assert (after.breach_at, after.broken_since, after.remind_at) == (at(1), None, None)
    broken = promise.broken(after, at(9))
    assert (broken.breach_at, broken.broken_since, broken.remind_at, broken.reminders) == (None, at(1), at(9), 0)


def test_a_promise_that_breaks_again_forgets_that_it_was_kept() -> None:
    broken = promise.broken(state(breach_at=at(1), was_broken_since=at(-20), reminders=3), at(2))
    assert (broken.was_broken_since, broken.reminders) == (None, 0)


BROKEN = state(
    broken_since=at(-9),
    remind_at=at(20),
    reminders=4,
    muted=Mute(by="anna", why="known", at=at(0), until=at(50)),
)


def test_a_broken_promise_stays_broken_with_its_date_and_its_mute() -> None:
    still = replace(BROKEN, last_good=good(L1=1, L2=-40))
    assert promise.rewound(still, policy("L2", L2=26), at(2)) == still, "a good one, of a level that is not enough"
    assert promise.rewound(still, policy(L1=1), at(2)) == still, "breaks_at has come to the second"


def test_other_terms_alone_keep_no_promise_that_is_broken() -> None:
    """The level that is asked for from now on has its full time, and no backup: `kept` would claim one."""
    stricter = replace(BROKEN, last_good=good(L1=-40), promised_at={"L2": at(2)})
    assert promise.rewound(stricter, policy("L2", L2=26), at(2)) == stricter


def test_a_level_that_is_promised_later_has_its_full_time_from_then_on() -> None:
    later = state(last_good=good(L1=30), promised_at={"L2": at(31)})
    assert promise.breaks_at(later, policy("L2", L2=26)) == at(57)
    old_one = replace(later, last_good=good(L1=30, L2=3))
    assert promise.breaks_at(old_one, policy("L2", L2=26)) == at(57)
    newer = replace(later, last_good=good(L1=40, L2=40))
    assert promise.breaks_at(newer, policy("L2", L2=26)) == at(66)


def test_a_promise_that_holds_again_is_to_be_told_at_once() -> None:
    before = replace(BROKEN, last_good=good(L1=1))
    after = promise.rewound(before, policy(L1=26), at(2))
    assert (after.broken_since, after.was_broken_since, after.breach_at) == (None, at(-9), at(27))
    assert (after.remind_at, after.reminders, after.muted) == (at(2), 0, None)


def test_a_promise_that_left_the_file_is_broken_no_more() -> None:
    after = promise.rewound(BROKEN, policy(), at(2))
    assert (after.breach_at, after.broken_since, after.was_broken_since) == (None, None, None)
    assert (after.remind_at, after.muted) == (None, None), "nobody is told that it is kept: no backup did that"


def one(n: int, *, docs: int | None = None, size: int | None = None) -> Good:
    return Good(backup_id=f"b{n}", indices=1, docs=docs, bytes=size, seconds=float(n))


def test_what_is_usual_is_a_median_so_one_odd_backup_changes_little() -> None:
    recent = (one(1, docs=100, size=10), one(2, docs=5, size=1000), one(30, docs=102, size=12))
    assert promise.usual(recent) == Usual(backups=3, docs=100, bytes=12, seconds=2.0)


def test_what_was_not_counted_is_left_out_of_what_is_usual() -> None:
    assert promise.usual((one(1, docs=100), one(3))) == Usual(backups=2, docs=100, bytes=None, seconds=2.0)
    assert promise.usual(()) is None


def test_only_the_last_good_ones_are_remembered() -> None:
    recent: tuple[Good, ...] = ()
    for n in range(10):
        recent = promise.remembered(recent, one(n))
    assert [item.backup_id for item in recent] == [f"b{n}" for n in range(3, 10)]
