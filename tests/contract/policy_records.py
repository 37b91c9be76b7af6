"""Rows of policies, as they stand at different times: `changes` replace some fields."""

from typing import Any

from chalicelib.core.model import State
from chalicelib.core.rows import Cause, Drilled, Good, LastGood, LastResult, Mute, Pause, PolicyState, Told
from tests.contract.records import MISSING, at, fresh_token


def a_state(policy: str = "nightly", **changes: Any) -> PolicyState:
    values: dict[str, Any] = {
        "policy": policy,
        "spec_gen": 3,
        "cursor": at(0),
        "since": at(-86_400),
        "token": fresh_token(),
        "due_at": at(60),
        "open_run": f"backup:{policy}:now-00001",
        "queued_run": f"backup:{policy}:now-00002",
        "last_good": {
            "L1": LastGood(backup_id="b-1", taken_at=at(-60)),
            "L2": LastGood(backup_id="b", taken_at=at(-9)),
        },
        "last_result": LastResult(run_id=f"backup:{policy}:now-00000", state=State.SUCCEEDED, at=at(-50)),
        "catalog_rev": 12,
    }
    return PolicyState(**(values | changes))


def a_paused_state(policy: str = "nightly", **changes: Any) -> PolicyState:
    pause = Pause(by="anna", why="a migration", at=at(-5))
    return a_state(policy, **{"due_at": None, "active": False, "paused": pause, **changes})


def a_kept_state(policy: str = "nightly", **changes: Any) -> PolicyState:
    """With a promise that holds again, and a history."""
    values: dict[str, Any] = {
        "recent": (Good(backup_id="b-1", indices=4, docs=120_345, bytes=73_400_320, seconds=58.25),),
        "breach_at": at(93_600),
        "was_broken_since": at(-7_200),
        "remind_at": at(30),
    }
    return a_state(policy, **(values | changes))


def a_broken_state(policy: str = "nightly", **changes: Any) -> PolicyState:
    """With a promise that is broken, known, and told of."""
    values: dict[str, Any] = {
        "cause": Cause(code=MISSING.code, subject="customers", since=at(-99), told_at=at(-44), count=3),
        "told": (Told(code=MISSING.code, subject="customers", words="c0ffee", extent=30, at=at(-44)),),
        "promised_at": {"L2": at(-10_800)},
        "broken_since": at(-3_600),
        "remind_at": at(86_400),
        "reminders": 2,
        "muted": Mute(by="anna", why="known", at=at(-60), until=at(86_400)),
    }
    return a_state(policy, **(values | changes))


def a_drilled_state(policy: str = "nightly", **changes: Any) -> PolicyState:
    """With drills, the last of which proved something and may have left something."""
    run_id = f"drill:{policy}:2026-11-21T04:00Z"
    values: dict[str, Any] = {
        "drill_cursor": at(-28_800),
        "drill_due_at": at(90),
        "last_drill": LastResult(run_id=run_id, state=State.SUCCEEDED, at=at(-28_000)),
        "drilled": Drilled(
            run_id=run_id,
            backup_id="b",
            at=at(-28_000),
            seconds=41.5,
            proved=3,
            indices=12,
            standing=9,
            selected=11,
            dropped=1,
        ),
        "leftovers": {run_id: at(-28_000)},
        "sweep_at": at(120),
    }
    return a_state(policy, **(values | changes))
