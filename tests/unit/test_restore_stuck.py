"""When the deciders are asked about a shard that is on no node, and what follows from what they say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.model import Progress, Run, State
from chalicelib.core.restores import FailedShard, Restored, Unallocated
from chalicelib.core.workflows import restore_stuck as stuck
from tests.unit.planned import NOW
from tests.unit.test_restore_workflow import CLAIMED, HALF, LATER, MADE, WHOLE, decide, outcome

NAME = WHOLE[0].name
IDLE = (replace(WHOLE[0], shards_done=0, waiting=(0,)), *WHOLE[1:])
SEEN = Progress(done=4, total=5, bytes_done=0, bytes_total=1)
STILL = replace(CLAIMED, progress=SEEN, moved_at=NOW)
LOST = FailedShard(
    index=NAME, shard=0, reason="no node may take it (NEW_INDEX_RESTORED, deciders_no)", unallocated=True
)
GIVEN_UP = (replace(HALF[0], failed=(LOST,)), *WHOLE[1:])
NEVER = Unallocated(index=NAME, shard=0, never=True, why="disk_threshold: the node is above the low watermark")
LATER_ON = Unallocated(index=NAME, shard=0, never=False, why="throttling: reached the limit of recoveries")


def at(seconds: int, run: Run, mine: tuple[Restored, ...]) -> tuple[str, int] | None:
    return stuck.to_explain(run, mine, NOW + timedelta(seconds=seconds))


def test_nobody_is_asked_before_nothing_has_moved_for_a_minute() -> None:
    assert at(59, STILL, IDLE) is None
    assert at(60, STILL, IDLE) == (NAME, 0)
    assert at(3600, replace(STILL, moved_at=None), IDLE) is None, "this is the first look"


@pytest.mark.parametrize("more", [replace(IDLE[1], shards_done=3), replace(IDLE[1], bytes_done=1)])
def test_what_moves_is_not_asked_about(more: Restored) -> None:
    assert at(3600, STILL, (IDLE[0], more, *IDLE[2:])) is None


def test_what_is_on_a_node_and_does_not_move_is_no_matter_of_allocation() -> None:
    assert at(3600, STILL, HALF) is None


def test_what_no_node_may_take_is_asked_about_at_once() -> None:
    assert at(0, replace(CLAIMED, progress=None), GIVEN_UP) == (NAME, 0)
    file_lost = (replace(HALF[0], failed=(replace(LOST, unallocated=False),)), *WHOLE[1:])
    assert at(0, STILL, file_lost) is None, "a lost file needs no explanation"


@pytest.mark.parametrize("run", [replace(STILL, ending=State.FAILED), replace(STILL, state=State.CHECKING)])
def test_a_run_that_waits_for_nothing_asks_nobody(run: Run) -> None:
    assert at(3600, run, IDLE) is None
    assert at(3600, run, GIVEN_UP) is None


def test_what_no_node_may_take_ends_it_in_the_deciders_words() -> None:
    decision = decide(STILL, GIVEN_UP, made=MADE, unallocated=NEVER)
    assert outcome(decision) == (State.RESTORING, State.FAILED, ["restore.not_allocated"])
    (found,) = decision.changes["findings"]
    assert (found.subject, NEVER.why in found.message) == (f"{NAME}[0]", True)
    assert NEVER.why in decision.changes["reason"]
    assert "new plan" in found.next_step


def test_without_the_deciders_words_it_ends_as_well_and_says_what_is_known() -> None:
    unknown = replace(NEVER, never=False, why="why is not known: 403")
    decision = decide(STILL, GIVEN_UP, made=MADE, unallocated=unknown)
    assert "deciders_no): why is not known: 403" in decision.changes["reason"]
    assert outcome(decide(STILL, GIVEN_UP, made=MADE))[2] == ["restore.not_allocated"]


def test_each_shard_has_its_own_finding_and_only_the_one_that_was_asked_about_the_words() -> None:
    both = replace(GIVEN_UP[0], failed=(LOST, replace(LOST, shard=1, reason="NoSuchFileException", unallocated=False)))
    decision = decide(STILL, (both, *WHOLE[1:]), made=MADE, unallocated=NEVER)
    assert outcome(decision)[2] == ["restore.not_allocated", "restore.shard_failed"]
    assert [NEVER.why in found.message for found in decision.changes["findings"]] == [True, False]


def test_one_that_waits_for_ever_is_given_up_though_the_server_lists_it_still() -> None:
    decision = decide(STILL, IDLE, made=MADE, unallocated=NEVER)
    assert outcome(decision) == (State.RESTORING, State.FAILED, ["restore.not_allocated"])


def test_one_that_waits_its_turn_is_waited_for_and_the_row_says_why() -> None:
    decision = decide(STILL, IDLE, made=MADE, unallocated=LATER_ON)
    assert (decision.state, decision.act, decision.changes.get("ending")) == (State.RESTORING, None, None)
    assert decision.changes["last_error"] == f"shard 0 of {NAME} is on no node yet: {LATER_ON.why}"
    late = replace(STILL, last_error=decision.changes["last_error"])
    assert LATER_ON.why in decide(late, IDLE, made=MADE, at=late.deadline_at).changes["reason"]


def test_when_it_moved_last_is_written_down() -> None:
    run = replace(STILL, progress=decide(CLAIMED, IDLE, made=MADE).changes["progress"])
    assert decide(replace(run, moved_at=None), IDLE, made=MADE).changes["moved_at"] == LATER
    assert decide(run, IDLE, made=MADE).changes["moved_at"] == NOW
    assert decide(run, (*IDLE[:1], replace(IDLE[1], bytes_done=5), *IDLE[2:]), made=MADE).changes["moved_at"] == LATER
