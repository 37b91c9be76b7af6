"""Runs that want the same repository, the same target: one at a time, in order, and none is forgotten."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Run, State
from chalicelib.core.ports import StartOrder, Update
from chalicelib.service import control, request
from chalicelib.service.work import handle
from tests.faults.world import FILE, START, Stage

HEAD, POLICY = FILE.split("policies:\n")


def crowd(count: int, *, looks: int | None = 2, catch_up: str = "6h") -> Stage:
    """Policies p0, p1, … of one repository, all due at the same slot, which has come."""
    policy = POLICY.replace("catch_up: 6h", f"catch_up: {catch_up}")
    policies = (policy.replace("nightly", f"p{n}") for n in range(count))
    stage = Stage(f"{HEAD}policies:\n{''.join(policies)}", looks=looks)
    stage.until_slot()
    return stage


def watched(stage: Stage) -> list[int]:
    """How many snapshots were running at each start, this one included."""
    seen: list[int] = []
    original = stage.engine.start

    def start(order: StartOrder) -> None:
        original(order)
        repositories = stage.engine.repositories.values()
        seen.append(sum(found.done is None for repo in repositories for found in repo.snapshots.values()))

    stage.engine.start = start  # type: ignore[method-assign]
    return seen


def ended(stage: Stage) -> list[Run]:
    """By the instant of their end."""
    runs = stage.store.runs(limit=100)
    assert all(run.settled for run in runs), [(run.run_id, run.state, run.last_error) for run in runs]
    return sorted(runs, key=lambda run: run.finished_at or run.created_at)


def lease_of(run: Run, stage: Stage) -> tuple[str | None, tuple[str, ...]]:
    lease, slots = stage.store.traffic(run.lease, run.target)
    return lease.holder if lease else None, tuple(slots.holders) if slots else ()


def test_twenty_policies_at_one_slot_run_one_after_the_other_and_all_succeed() -> None:
    stage = crowd(20)
    running = watched(stage)
    stage.live(15)
    runs = ended(stage)
    assert [run.state for run in runs] == [State.SUCCEEDED] * 20
    assert set(running) == {1}
    assert lease_of(runs[0], stage) == (None, ())
    assert stage.store.waiters("shop", 5) == ()
    assert max(run.finished_at - run.created_at for run in runs if run.finished_at) < timedelta(minutes=5)


def test_two_at_a_time_on_one_target_work_on_two_repositories() -> None:
    head = HEAD.replace("    auth:", "    max_concurrent: 2\n    auth:").replace(
        "{main: {",
        "{other: {type: fs, settings: {location: other}}, third: {type: fs, settings: {location: third}}, main: {",
    )
    names = ("main", "other", "third")
    policies = "".join(POLICY.replace("nightly", n).replace("repository: main", f"repository: {n}") for n in names)
    stage = Stage(f"{head}policies:\n{policies}", looks=3)
    stage.until_slot()
    running = watched(stage)
    stage.live(5)
    assert [run.state for run in ended(stage)] == [State.SUCCEEDED] * 3
    assert max(running) == 2


def test_who_breaks_a_promise_first_goes_first() -> None:
    """p0 is at work; the others asked in the order of their names, and p3 promised nothing."""
    hours = {"p0": 90, "p1": 40, "p2": 30}
    policies = (
        POLICY.replace("nightly", name) + (f"    rpo: {hours[name]}h\n" if name in hours else "")
        for name in ("p0", "p1", "p2", "p3")
    )
    stage = Stage(f"{HEAD}policies:\n{''.join(policies)}", looks=3)
    for name in ("p0", "p1", "p2", "p3"):
        request.backup_now(stage.world, name, request_id="now", requested_by="me")
        stage.clock.advance(timedelta(milliseconds=5))
    stage.live(2)
    assert [run.policy for run in ended(stage)] == ["p0", "p2", "p1", "p3"]


def test_among_equals_who_asked_first_goes_first() -> None:
    stage = crowd(3, looks=2)
    stage.clock.set(START)
    for name in ("p2", "p0", "p1"):
        request.backup_now(stage.world, name, request_id="now", requested_by="me")
        stage.clock.advance(timedelta(milliseconds=5))
    stage.live(0.9)
    assert [run.policy for run in ended(stage)] == ["p2", "p0", "p1"]


def test_every_message_lost_and_the_line_still_moves() -> None:
    stage = crowd(3)
    for _ in range(60):
        stage.queue.drop_all()
        stage.clock.advance(timedelta(minutes=2))
        stage.tick()
        stage.deliver()
    assert [run.state for run in ended(stage)] == [State.SUCCEEDED] * 3


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(45))
def test_the_process_dies_at_any_side_effect_and_nobody_waits_for_ever(at: int, after: bool) -> None:
    stage = crowd(2, looks=1)
    stage.fuse.kill_at, stage.fuse.after = at, after
    stage.live(12)
    runs = ended(stage)
    assert [run.state for run in runs] == [State.SUCCEEDED] * 2
    assert lease_of(runs[0], stage) == (None, ())
    assert stage.store.waiters("shop", 5) == ()
    assert all(run.told for run in runs)


def test_a_lost_holder_holds_up_nobody_for_ever() -> None:
    """Its row can't be read any more, say; past its expiry the lease is anybody's."""
    stage = crowd(1)
    stage.tick()
    run = stage.run("backup:p0:2026-11-21T02:00Z")
    lease, slots = stage.store.traffic(run.lease, "shop")
    assert lease is not None
    assert slots is not None
    stranger = "backup:gone:2026-11-20T02:00Z"
    until = stage.clock.now() + timedelta(minutes=30)
    stage.store.commit(
        Update(replace(lease, holder=stranger, expires_at=until, rev=2, token="s1")),
        Update(replace(slots, holders={stranger: until}, rev=2, token="s2")),
    )
    control.cancel(stage.world, run.run_id, by="me", why="it holds nothing any more")
    stage.live(1)
    waiting = request.backup_now(stage.world, "p0", request_id="now", requested_by="me")
    stage.live(20, step=5)
    assert stage.run(waiting.run_id).state is State.QUEUED
    stage.live(20, step=5)
    assert stage.run(waiting.run_id).state is State.SUCCEEDED


def test_who_lost_the_lease_while_frozen_starts_nothing() -> None:
    """Frozen between its look and its claim until the lease had expired and was another's: the fence has moved on."""
    stage = crowd(1)
    stage.tick()
    run = stage.run("backup:p0:2026-11-21T02:00Z")
    lease, _ = stage.store.traffic(run.lease, "shop")
    assert lease is not None
    taken = replace(lease, holder="backup:other:now", expires_at=stage.clock.now(), rev=lease.rev + 1, token="other")

    def overtaken(*args: object, **kwargs: object) -> object:
        if lease.rev == 1:
            stage.store.commit(Update(taken))
        return original(*args, **kwargs)  # type: ignore[arg-type]

    original = stage.engine.resolve
    stage.engine.resolve = overtaken  # type: ignore[method-assign,assignment]
    handle(stage.world, Wakeup(run_id=run.run_id, rev=run.rev))
    assert stage.engine.sent("start") == 0
    assert stage.run(run.run_id).attempts == 0


@pytest.mark.parametrize("act", ["start", "delete"])
def test_who_froze_until_the_lease_was_anothers_neither_starts_nor_removes(act: str) -> None:
    """Nobody moved his row meanwhile, so that nothing but the fence knows. The other one works in peace."""
    stage = crowd(2, looks=None)
    stage.tick()
    (first,), (second,) = stage.store.runs(state="STARTING"), stage.store.runs(state="QUEUED")
    if act == "delete":
        stage.live(0.1)
        control.cancel(stage.world, first.run_id, by="me", why="wrong day")
    stage.queue.drop_all()

    def frozen() -> timedelta:
        """Between its decision and its claim, for hours."""
        stage.clock.set(first.deadline_at + timedelta(minutes=11))
        handle(healthy, Wakeup(run_id=second.run_id, rev=stage.run(second.run_id).rev))
        holders.append(lease_of(second, stage)[0])
        return timedelta.max

    healthy, before, holders = stage.world, stage.engine.sent(act), list[str | None]()
    handle(replace(healthy, remaining=frozen), Wakeup(run_id=first.run_id, rev=stage.run(first.run_id).rev))
    assert holders == [second.run_id]
    assert stage.engine.sent(act) == before
    assert stage.run(first.run_id).claim is None, "the claim was not even written"


def test_a_run_in_line_that_waits_too_long_was_missed_and_leaves_the_line() -> None:
    stage = crowd(2, looks=None, catch_up="2h")
    stage.live(1)
    assert len(stage.store.waiters("shop", 5)) == 1
    stage.live(60 * 3, step=30)
    assert sorted(run.state for run in stage.store.runs(limit=5)) == [State.MISSED, State.RUNNING]
    assert stage.store.waiters("shop", 5) == ()
    (missed,) = stage.store.runs(policy="p0", state="MISSED") + stage.store.runs(policy="p1", state="MISSED")
    assert "works on the same repository" in str(missed.reason)
