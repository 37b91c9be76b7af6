"""The state table of drills: every state against what may be seen. What is not proved is never called so, and whatever
ends a drill, what it made is removed first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.model import Asked, Finding, IndexRef, Kind, Run, Severity, State
from chalicelib.core.restores import FailedShard
from chalicelib.core.spec import Drill, Repository
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import drill as workflow
from chalicelib.core.workflows.drill_seen import Watched
from chalicelib.core.workflows.restore_seen import Register, Remove, Restore, Seen
from tests.unit.planned import CONTENTS, FACTS, NOW, plan
from tests.unit.test_drilling import QUIET, VITALS
from tests.unit.test_restore_workflow import HALF, MADE, PLAN, RUN, WHOLE

DRILL = Drill(schedule=("rate(7 days)",), rto=timedelta(minutes=30))
PLANNED = replace(RUN, run_id="drill:nightly:x", kind=Kind.DRILL, expected_seconds=60.0)
RESTORING = replace(PLANNED, state=State.RESTORING, attempts=1, claimed_at=NOW, through="second")
CHECKING = replace(RESTORING, state=State.CHECKING, restore_seconds=60.0)
LATER = NOW + timedelta(minutes=2)
BEGUN = replace(QUIET, begun=True)
HOT = replace(QUIET, vitals=replace(VITALS, heap=(("one", 90),)))
WAITED = replace(BEGUN, waiting="backup:nightly:y")
SOURCES = tuple(IndexRef(name=move.source, uuid=f"u-{move.source}") for move in PLAN.moves)
NAMES = [move.name for move in PLAN.moves]


def found(code: str, name: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, severity=severity, subject=name, message=f"{code} of {name}", next_step="")


def decide(run: Run, restored: tuple[Any, ...] = (), *, at: Any = LATER, **more: Any) -> Decision:
    anew = more.pop("anew", PLAN if run.state is State.PLANNED else None)
    seen = Seen(plan=PLAN, restored=restored, made=more.pop("made", ()), anew=anew)
    watched = Watched(seen=seen, around=more.pop("around", BEGUN if run.attempts else QUIET), **more)
    return workflow.decide(run, DRILL, watched, at)


def checked(*findings: Finding, **more: Any) -> Decision:
    return decide(CHECKING, WHOLE, made=MADE, findings=findings, compared=3, sources=SOURCES, **more)


def test_it_starts_through_the_second_registration_within_a_budget() -> None:
    decision = decide(PLANNED, through="second")
    assert decision.state is State.RESTORING
    assert isinstance(decision.act, Restore)
    assert (decision.act.order.repository, decision.act.order.hidden) == ("second", True)
    assert (decision.changes["through"], decision.changes["attempts"]) == ("second", 1)
    assert decision.changes["deadline_at"] == LATER + timedelta(minutes=3 + 5)


def test_it_registers_first() -> None:
    register = Register(name="second", repository=Repository(type="fs"))
    decision = decide(PLANNED, through="second", register=register)
    assert (decision.state, decision.act, decision.changes) == (State.PLANNED, register, {})


def test_nothing_is_restored_without_a_look_at_what_is_in_the_way() -> None:
    with pytest.raises(ValueError, match="without a look"):
        workflow.decide(PLANNED, DRILL, Watched(seen=Seen(plan=PLAN)), LATER)


def test_before_the_start_a_flicker_is_waited_for_and_nothing_else() -> None:
    first = decide(PLANNED, around=HOT)
    assert (first.state, first.act, first.changes["held_since"]) == (State.PLANNED, None, LATER)
    held = replace(PLANNED, held_since=NOW)
    assert decide(held, around=HOT).state is State.DEFERRED
    due = decide(PLANNED, around=replace(QUIET, due=("nightly", LATER)))
    assert (due.state, due.changes["findings"][0].subject) == (State.DEFERRED, "due")
    assert decide(held, through="second").changes["held_since"] is None


@pytest.mark.parametrize("run", [RESTORING, CHECKING])
def test_under_way_a_guard_ends_it_at_the_second_no_and_who_waits_at_once(run: Run) -> None:
    hot = replace(HOT, begun=True)
    once = decide(run, HALF if run is RESTORING else WHOLE, made=MADE, around=hot)
    assert (once.changes.get("ending"), once.changes["held_since"]) == (None, LATER)
    twice = decide(replace(run, held_since=NOW), WHOLE, made=MADE, around=hot)
    assert (twice.state, twice.changes["ending"]) == (run.state, State.DEFERRED)
    assert decide(run, WHOLE, made=MADE, around=WAITED).changes["ending"] is State.DEFERRED


def test_a_lost_shard_is_told_and_not_the_guard_that_it_alarms() -> None:
    broken = replace(HALF[0], failed=(FailedShard(index=HALF[0].name, shard=0, reason="gone"),))
    decision = decide(RESTORING, (broken, *HALF[1:]), around=replace(BEGUN, vitals=replace(VITALS, status="red")))
    assert decision.changes["ending"] is State.FAILED
    assert decision.changes["findings"][0].code == "restore.shard_failed"


def test_all_that_was_compared_is_written_down_as_proved() -> None:
    decision = checked()
    assert (decision.changes["ending"], decision.changes["good"]) == (State.SUCCEEDED, True)
    (evidence,) = decision.evidence
    assert (evidence.kind, evidence.n, [(each.name, each.uuid) for each in evidence.indices]) == (
        "proved",
        1,
        [(source.name, source.uuid) for source in SOURCES],
    )


def test_what_is_wrong_fails_it_and_the_others_are_proved() -> None:
    decision = checked(found("restore.counts", NAMES[1]))
    assert (decision.changes["ending"], decision.changes.get("good")) == (State.FAILED, None)
    assert [each.name for each in decision.evidence[0].indices] == [PLAN.moves[0].source, PLAN.moves[2].source]
    assert decision.changes["unproved"] == (1,)


def test_what_could_not_be_compared_is_no_pass() -> None:
    some = checked(found("restore.not_compared", NAMES[0], Severity.WARNING))
    assert (some.changes["ending"], some.changes["good"]) == (State.SUCCEEDED, False)
    assert some.changes["reason"] == "2 of 3 indices proved"
    none = checked(*(found("restore.not_compared", name, Severity.WARNING) for name in NAMES))
    assert (none.changes["ending"], none.evidence) == (State.FAILED, ())
    assert none.changes["reason"].startswith("nothing could be compared")
    lost = decide(CHECKING, WHOLE, made=MADE, compared=3, sources=())
    assert (lost.changes["ending"], lost.evidence) == (State.FAILED, ())


def test_many_indices_are_compared_a_few_at_a_look() -> None:
    first = decide(CHECKING, WHOLE, made=MADE, compared=2, sources=SOURCES, findings=(found("x", NAMES[1]),))
    assert (first.state, first.changes["compared"], first.changes["unproved"]) == (State.CHECKING, 2, (1,))
    assert "ending" not in first.changes
    assert first.evidence == ()
    run = replace(CHECKING, compared=2, unproved=(1,))
    last = decide(run, WHOLE, made=MADE, compared=1, sources=SOURCES)
    assert [each.name for each in last.evidence[0].indices] == [PLAN.moves[0].source, PLAN.moves[2].source]


def test_a_broken_rto_is_no_good_drill_and_proves_all_the_same() -> None:
    late = decide(replace(CHECKING, restore_seconds=1801.0), WHOLE, made=MADE, compared=3, sources=SOURCES)
    assert (late.changes["ending"], late.changes["good"]) == (State.SUCCEEDED, False)
    assert [each.code for each in late.changes["findings"]] == ["drill.rto"]
    assert len(late.evidence[0].indices) == 3


@pytest.mark.parametrize("run", [RESTORING, CHECKING])
@pytest.mark.parametrize(
    ("change", "at", "ending"),
    [
        ({"cancel": Asked(by="anna", why="", at=NOW)}, LATER, State.CANCELLED),
        ({}, NOW + timedelta(hours=12), State.TIMED_OUT),
    ],
)
def test_whatever_ends_it_all_is_removed_first(run: Run, change: dict[str, Any], at: Any, ending: State) -> None:
    decision = decide(replace(run, **change), WHOLE, made=MADE, at=at)
    assert (decision.state, decision.changes["ending"]) == (run.state, ending)
    removal = decide(replace(run, ending=ending), WHOLE, made=MADE, at=at)
    assert isinstance(removal.act, Remove)
    assert [(each.name, each.uuid) for each in removal.act.indices] == [(each.name, each.uuid) for each in MADE]
    assert decide(replace(run, ending=ending, progress=None), made=MADE, at=at).state is ending


def test_what_can_t_be_removed_is_marked_for_the_sweeper() -> None:
    run = replace(CHECKING, ending=State.SUCCEEDED, good=True, aborts=20)
    decision = decide(run, WHOLE, made=MADE)
    assert (decision.state, decision.changes["leftover"]) == (State.SUCCEEDED, True)
    assert {each.code for each in decision.changes["findings"]} == {"restore.leftover"}


def test_a_world_in_the_way_defers_it_and_a_replaced_backup_fails_it() -> None:
    fresh = replace(PLANNED, plan=None)
    taken = plan(indices=(replace(QUIET.surroundings.indices[0], name=NAMES[0]),))
    assert decide(PLANNED, anew=taken).state is State.DEFERRED
    replaced = plan(facts=replace(FACTS, contents=replace(CONTENTS, uuid="another")))
    for made, state in ((taken, State.DEFERRED), (replaced, State.FAILED), (PLAN, State.PLANNED)):
        first = workflow.decide(fresh, DRILL, Watched(seen=Seen(plan=made), expected=timedelta(minutes=1)), LATER)
        assert (first.state, first.changes["plan"]) == (state, made.plan_id)
        assert first.evidence[0].plan == made


def test_without_a_second_registration_it_goes_on_and_says_so() -> None:
    decision = workflow.unregistered(PLANNED, Exception("403"))
    assert decision.state is State.PLANNED
    assert [each.code for each in decision.changes["findings"]] == [workflow.UNREGISTERED]
