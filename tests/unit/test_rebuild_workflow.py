"""The state table of a restore of everything, line by line."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Asked, Run, State
from chalicelib.core.plans import Plan
from chalicelib.core.rebuild_progress import Rebuild
from chalicelib.core.rebuilds import Does, Phase, Piece
from chalicelib.core.wire import load
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import rebuild as workflow
from chalicelib.core.workflows.rebuild import Begin, Configure, Seen, Stop
from tests.unit.planned import NOW, plan
from tests.unit.stored_rows import ROWS

PHASES = (
    Phase(number=1, does=Does.TEMPLATES, names=2),
    Phase(number=2, does=Does.INDICES, names=3, plan="plan-1", policy="nightly", priority=5, bytes=10, shards=4),
    Phase(number=3, does=Does.PIPELINES, names=1, skipped=True),
    Phase(number=4, does=Does.ALIASES, names=1),
)
PLAN: Plan = replace(plan(), phases=PHASES, moves=())
PIECES = tuple((number, Piece(part="pipelines", name=f"p{number}")) for number in range(30))
ASKED = Asked(by="anna", why="wrong", at=NOW)


def run(at: int = 1, **changes: object) -> Run:
    stored = load(Run, (ROWS / "run_rebuild.json").read_text())
    fresh = replace(
        stored,
        attempts=1,
        state=State.RESTORING,
        start_by=NOW + timedelta(hours=1),
        deadline_at=NOW + timedelta(hours=9),
        findings=(),
        rebuild=Rebuild(at=at),
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]


def part(state: State, **changes: object) -> Run:
    return replace(run(rebuild=None, run_id="restore:nightly:plan-1", state=state), **changes)  # type: ignore[arg-type]


def decide(row: Run, **seen: object) -> Decision:
    return workflow.decide(row, replace(Seen(plan=PLAN), **seen), NOW)  # type: ignore[arg-type]


def test_it_begins_by_giving_back_what_it_holds() -> None:
    decision = decide(run(attempts=0, state=State.PLANNED))
    assert (decision.state, decision.gives_back, decision.act) == (State.RESTORING, True, None)


def test_it_does_not_begin_too_late_nor_without_the_approval_that_it_needs() -> None:
    assert decide(run(attempts=0, start_by=NOW)).state is State.MISSED
    needs = Seen(plan=replace(PLAN, approval=("orders",)))
    refused = workflow.decide(run(attempts=0), needs, NOW)
    assert (refused.state, refused.changes["findings"][0].code) == (State.FAILED, "restore.approval")
    assert workflow.decide(run(attempts=0, approved_by="ben"), needs, NOW).state is State.RESTORING
    assert workflow.decide(run(attempts=0, glass=ASKED), needs, NOW).state is State.RESTORING


def test_pieces_are_put_back_a_few_at_a_time_and_then_comes_the_next_phase() -> None:
    act = decide(run(), pieces=PIECES).act
    assert isinstance(act, Configure)
    assert (act.pieces, act.calls) == (PIECES[:20], 20)
    decision = decide(run())
    assert (decision.state, decision.changes["rebuild"]) == (State.RESTORING, Rebuild(at=2))


def test_what_was_refused_makes_its_phase_a_failure() -> None:
    decision = decide(run(rebuild=Rebuild(at=1, after=9, refused=2)))
    assert decision.changes["rebuild"] == Rebuild(at=2, failed=(1,))
    brought = workflow.brought(run(), 7, {"/pipelines/p1": "no"}, None, NOW)
    assert brought.changes["rebuild"] == Rebuild(at=1, after=7, refused=1)
    assert [found.code for found in brought.changes["findings"]] == ["rebuild.refused"]
    assert workflow.brought(run(), 0, {}, Retryable("busy"), NOW).changes["last_error"] == "busy"


def test_thousands_of_refusals_are_a_number_and_a_few_findings() -> None:
    """A row that does not fit into the table could never be settled."""
    row = run()
    for place in range(500):
        changes = workflow.brought(row, place, {f"/aliases/a{place}": "no"}, None, NOW).changes
        row = replace(row, **changes)
    assert row.rebuild == Rebuild(at=1, after=499, refused=500)
    assert len(row.findings) <= 20


def test_a_phase_of_which_nothing_can_be_said_fails_after_a_while_and_the_next_one_comes() -> None:
    why = Refused("the rows are not those of the plan")
    assert decide(run(), cannot=why).changes["refusals"] == 1
    decision = decide(run(refusals=4), cannot=why)
    assert decision.changes["rebuild"] == Rebuild(at=2, failed=(1,))
    assert "the rows are not" in decision.changes["findings"][0].message


def test_what_a_phase_left_out_or_could_not_compare_is_said_of_the_whole() -> None:
    incomplete = part(State.SUCCEEDED, good=True, unproved=(0, 1), reason="1 index left out (PARTIAL), 2 not compared")
    decision = decide(run(2), part=incomplete, left_out=1)
    assert decision.changes["rebuild"] == Rebuild(at=4, left_out=1, unproved=2)
    assert [found.code for found in decision.changes["findings"]] == ["rebuild.phase_incomplete"]
    ended = decide(run(rebuild=Rebuild(at=4, left_out=1, unproved=2)))
    assert (ended.changes["good"], ended.changes["reason"]) == (True, "1 index left out (PARTIAL), 2 not compared")


def test_a_phase_of_indices_is_a_run_of_its_own() -> None:
    assert isinstance(decide(run(2)).act, Begin)
    waits = decide(run(2), part=part(State.RESTORING))
    assert (waits.state, waits.act) == (State.RESTORING, None)
    done = decide(run(2), part=part(State.SUCCEEDED, good=True))
    assert done.changes["rebuild"] == Rebuild(at=4), "3 is skipped"
    failed = decide(run(2), part=part(State.FAILED, reason="a blob is missing"))
    assert failed.changes["rebuild"] == Rebuild(at=4, failed=(2,))
    assert "a blob is missing" in failed.changes["findings"][0].message


def test_one_that_can_t_be_placed_fails_its_phase() -> None:
    decision = workflow.not_begun(run(2), PLAN, Refused("the backup is gone"))
    assert decision.changes["rebuild"] == Rebuild(at=4, failed=(2,))


def test_it_ends_with_what_came_back() -> None:
    good = decide(run(4))
    assert (good.state, good.changes["good"], good.changes["indices"]) == (State.SUCCEEDED, True, 3)
    bad = decide(run(rebuild=Rebuild(at=4, failed=(2,))))
    assert (bad.state, bad.changes["indices"]) == (State.FAILED, 0)
    assert bad.changes["reason"] == "phase 2 of 3 phases failed; what came back stays"


def test_cancelled_it_stops_the_run_of_its_phase_once_and_waits_for_its_end() -> None:
    row = run(2, cancel=ASKED)
    act = decide(row, part=part(State.RESTORING)).act
    assert act == Stop(run_id="restore:nightly:plan-1", asked=ASKED)
    assert decide(row, part=part(State.RESTORING, cancel=ASKED)).act is None
    assert decide(row, part=part(State.CANCELLED)).state is State.CANCELLED
    assert decide(run(1, cancel=ASKED), pieces=PIECES).state is State.CANCELLED


def test_at_its_deadline_it_says_what_goes_on_by_itself() -> None:
    decision = decide(run(2, deadline_at=NOW), part=part(State.RESTORING))
    assert decision.state is State.TIMED_OUT
    assert [found.code for found in decision.changes["findings"]] == ["rebuild.goes_on"]


def test_without_an_answer_it_waits_and_ends_only_when_it_must() -> None:
    def after(row: Run, *, refused: bool = False, last: bool = False) -> State:
        return workflow.no_answer(row, Retryable("busy"), NOW, refused=refused, last=last).state

    assert after(run()) is State.RESTORING
    assert after(run(), refused=True) is State.RESTORING
    assert after(run(refusals=4), refused=True) is State.FAILED
    assert after(run(attempts=0, state=State.PLANNED), refused=True) is State.FAILED
    assert after(run(attempts=0, start_by=NOW)) is State.MISSED
    assert after(run(deadline_at=NOW)) is State.TIMED_OUT
    assert after(run(), last=True) is State.TIMED_OUT
