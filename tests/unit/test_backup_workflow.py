"""Every state of a backup run against every observation: what the row becomes; nothing unknown counts as good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core import pace
from chalicelib.core.errors import NameTaken, Refused, Retryable
from chalicelib.core.model import (
    Absent,
    Broken,
    Complete,
    IndexRef,
    InProgress,
    Kind,
    Observation,
    Owner,
    Run,
    Sizes,
    State,
)
from chalicelib.core.rows import Spec
from chalicelib.core.spec import Auth, Policy, Repository, Select, Target
from chalicelib.core.workflows import backup
from chalicelib.core.workflows.backup import Seen, Start

NOW = datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC)
INDEX = IndexRef(name="orders-1", uuid="u1")
SPEC = Spec(
    gen=1,
    target=Target(
        name="shop",
        engine="elasticsearch",
        hosts=("http://localhost:9200",),
        auth=Auth(none=True),
        repositories={"main": Repository(type="fs", settings={"location": "main"})},
    ),
    policy=Policy(name="nightly", target="shop", repository="main", select=Select(indices=("orders-*",))),
)


def run(state: State, **fields: object) -> Run:
    row = Run(
        run_id="backup:nightly:2026-11-21T02:00Z",
        kind=Kind.BACKUP,
        policy="nightly",
        target="shop",
        repository="main",
        slot="2026-11-21T02:00Z",
        requested_by="schedule",
        spec_gen=1,
        state=state,
        snapshot="snapwarden-k3f9-nightly-20261121t0200z",
        created_at=NOW - timedelta(seconds=5),
        deadline_at=NOW + timedelta(hours=4),
        start_by=NOW + timedelta(hours=6),
    )
    return replace(row, **fields)  # type: ignore[arg-type]


OWNER = Owner(
    installation="k3f9abcd", policy="nightly", slot="2026-11-21T02:00Z", run_id="backup:nightly:2026-11-21T02:00Z"
)
MOVING = InProgress(uuid="s1", owner=OWNER, shards_done=1, shards_total=2)
DONE = Complete(
    uuid="s1",
    owner=OWNER,
    partial=False,
    started_at=NOW,
    ended_at=NOW,
    indices=("orders-1",),
    shards_total=2,
    shards_failed=0,
)
BROKEN = Broken(uuid="s1", owner=OWNER, reason="aborted")


def seen(observation: Observation, **fields: object) -> Seen:
    full = Seen(
        observation=observation,
        installation="k3f9abcd",
        live=(INDEX,),
        expected=(INDEX,),
        registered=None,
        sizes=Sizes(total=10, added=1),
    )
    return replace(full, **fields)  # type: ignore[arg-type]


TABLE = [
    (State.STARTING, Absent(), State.STARTING),
    (State.STARTING, MOVING, State.RUNNING),
    (State.STARTING, DONE, State.VERIFYING),
    (State.STARTING, BROKEN, State.FAILED),
    (State.RUNNING, Absent(), State.FAILED),
    (State.RUNNING, MOVING, State.RUNNING),
    (State.RUNNING, DONE, State.VERIFYING),
    (State.RUNNING, BROKEN, State.FAILED),
    (State.VERIFYING, Absent(), State.FAILED),
    (State.VERIFYING, MOVING, State.VERIFYING),
    (State.VERIFYING, DONE, State.SUCCEEDED),
    (State.VERIFYING, BROKEN, State.FAILED),
]


@pytest.mark.parametrize(("state", "observation", "becomes"), TABLE)
def test_every_state_against_every_observation(state: State, observation: Observation, becomes: State) -> None:
    uuid = None if state is State.STARTING else "s1"
    decision = backup.decide(run(state, snapshot_uuid=uuid), SPEC, seen(observation), NOW)
    assert decision.state is becomes
    assert (decision.again is None) == becomes.settled, "an open run always has a next look, a settled one never"
    if becomes is State.FAILED:
        assert decision.changes["reason"]
        assert decision.changes["findings"][0].next_step


def test_the_claim_names_what_is_expected_and_registers_a_missing_repository() -> None:
    decision = backup.decide(run(State.STARTING), SPEC, seen(Absent()), NOW)
    assert isinstance(decision.act, Start)
    assert decision.act.register == SPEC.target.repositories["main"]
    assert decision.act.order.indices == ("orders-1",)
    assert decision.act.order.owner == OWNER
    assert decision.evidence is not None
    assert decision.evidence.indices == (INDEX,)
    assert decision.changes["attempts"] == 1


def test_zero_matching_indices_fail_before_anything_is_started() -> None:
    """The engine would call it SUCCESS (engine_facts: `zz*` gives `indices:[]`, 0 shards)."""
    decision = backup.decide(run(State.STARTING), SPEC, seen(Absent(), live=()), NOW)
    assert decision.state is State.FAILED
    assert decision.act is None
    assert "no index on shop matches orders-*" in decision.changes["reason"]


def test_an_accepted_start_that_is_gone_has_vanished_and_is_not_started_again() -> None:
    decision = backup.decide(run(State.STARTING, attempts=1), SPEC, seen(Absent(), accepted=True), NOW)
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "snapshot.vanished"


def test_a_start_with_a_lost_answer_is_sent_again_but_not_for_ever() -> None:
    again = backup.decide(run(State.STARTING, attempts=2), SPEC, seen(Absent()), NOW)
    assert isinstance(again.act, Start)
    row = run(State.STARTING, attempts=30, last_error="timeout")
    enough = backup.decide(row, SPEC, seen(Absent()), row.start_by)
    assert (enough.state, enough.act) == (State.FAILED, None)
    assert "asked 30 times" in enough.changes["reason"]


@pytest.mark.parametrize(
    "owner",
    [
        None,
        replace(OWNER, installation="another0"),
        replace(OWNER, run_id="backup:nightly:now-1"),
    ],
)
@pytest.mark.parametrize("observation", [MOVING, DONE, BROKEN])
def test_a_strangers_snapshot_is_never_ours(observation: InProgress | Complete | Broken, owner: Owner | None) -> None:
    theirs = replace(observation, owner=owner)
    decision = backup.decide(run(State.STARTING, attempts=1), SPEC, seen(theirs), NOW)
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "snapshot.name_taken"
    assert decision.backup is None


def test_a_replaced_snapshot_is_not_ours_any_more() -> None:
    decision = backup.decide(run(State.RUNNING, snapshot_uuid="s0"), SPEC, seen(DONE), NOW)
    assert decision.state is State.FAILED
    assert decision.changes["findings"][0].code == "snapshot.replaced"


def test_the_cheap_question_carries_no_owner_and_is_compared_by_uuid() -> None:
    moving = replace(MOVING, owner=None)
    assert backup.decide(run(State.RUNNING, snapshot_uuid="s1"), SPEC, seen(moving), NOW).state is State.RUNNING
    assert backup.decide(run(State.RUNNING, snapshot_uuid="s2"), SPEC, seen(moving), NOW).state is State.FAILED


def test_past_the_deadline_only_an_end_that_is_there_still_counts() -> None:
    late = NOW + timedelta(hours=5)
    assert backup.decide(run(State.RUNNING, snapshot_uuid="s1"), SPEC, seen(MOVING), late).state is State.TIMED_OUT
    assert backup.decide(run(State.STARTING), SPEC, seen(Absent()), late).state is State.TIMED_OUT
    assert backup.decide(run(State.STARTING, attempts=1), SPEC, seen(Absent()), late).state is State.FAILED
    assert backup.decide(run(State.RUNNING, snapshot_uuid="s1"), SPEC, seen(DONE), late).state is State.VERIFYING


def test_a_slot_that_could_not_start_within_catch_up_was_missed() -> None:
    row = run(State.STARTING, start_by=NOW - timedelta(minutes=1))
    assert backup.decide(row, SPEC, seen(Absent()), NOW).state is State.MISSED
    asked = replace(row, attempts=1)
    assert backup.decide(asked, SPEC, seen(Absent()), NOW).state is State.FAILED, "it was asked for, in vain"


def test_a_repository_that_differs_or_is_not_ours_to_register_refuses_the_run() -> None:
    other = Repository(type="fs", settings={"location": "elsewhere"})
    differs = backup.decide(run(State.STARTING), SPEC, seen(Absent(), registered=other), NOW)
    assert differs.changes["findings"][0].code == "repository.differs"
    unmanaged = SPEC.target.model_copy(update={"repositories": {"main": Repository(type="fs", manage=False)}})
    missing = backup.decide(run(State.STARTING), replace(SPEC, target=unmanaged), seen(Absent()), NOW)
    assert missing.changes["findings"][0].code == "repository.missing"


def test_no_answer_is_no_state() -> None:
    row = run(State.RUNNING, snapshot_uuid="s1", attempts=1)
    decision = backup.no_answer(row, Retryable("timed out"), NOW, refused=False)
    assert decision.state is State.RUNNING
    assert decision.changes["last_error"] == "timed out"
    assert decision.again is not None
    late = backup.no_answer(row, Retryable("timed out"), NOW + timedelta(hours=5), refused=False)
    assert late.state is State.TIMED_OUT
    assert "timed out" in late.changes["reason"]


def test_a_refused_look_ends_the_run_at_once_only_before_anything_was_started() -> None:
    denied = Refused("403")
    assert backup.no_answer(run(State.STARTING), denied, NOW, refused=True).state is State.FAILED
    running = run(State.RUNNING, attempts=1)
    assert backup.no_answer(running, denied, NOW, refused=True).state is State.RUNNING
    often = replace(running, refusals=pace.MAX_REFUSALS - 1)
    assert backup.no_answer(often, denied, NOW, refused=True).state is State.FAILED


def test_a_refused_start_fails_unless_the_name_may_be_our_own_lost_answer() -> None:
    row = run(State.STARTING, attempts=1)
    assert backup.not_accepted(row, Refused("400"), NOW, refused=True).state is State.FAILED
    assert backup.not_accepted(row, NameTaken("exists"), NOW, refused=True).state is State.STARTING
    assert backup.not_accepted(row, Retryable("timeout"), NOW, refused=False).state is State.STARTING
    second = replace(row, attempts=2)
    assert backup.not_accepted(second, Refused("400"), NOW, refused=True).state is State.STARTING


@pytest.mark.parametrize(("elapsed", "delay"), [(0, 2), (60, 6), (600, 60), (7200, 720), (14000, 395)])
def test_looks_come_soon_at_first_and_never_wait_longer_than_a_queue_can(elapsed: int, delay: int) -> None:
    row = run(State.RUNNING, started_at=NOW, deadline_at=NOW + timedelta(seconds=14395))
    wait = pace.next_look(row, NOW + timedelta(seconds=elapsed))
    assert wait == timedelta(seconds=delay)
    assert wait <= timedelta(seconds=900)
