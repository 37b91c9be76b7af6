"""Holds and second persons in the play of the fault search: what they allow, and that the witness sees what they
forbid."""

from dataclasses import replace

import pytest

from chalicelib.core import approving, traffic
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.rows import Approval
from tests.faults import permits
from tests.faults.actions import Live, Request
from tests.faults.incidents import Approve, Hold
from tests.faults.ledger import Violated
from tests.faults.machine import BACKED_UP
from tests.faults.play import Play
from tests.faults.restoring import PREFIXES, Restore

COPY = PREFIXES[-1]


def the_run(play: Play, kind: Kind) -> Run:
    return max((run for run in play.stages[0].ledger.runs.values() if run.kind is kind), key=lambda run: run.created_at)


def test_a_held_target_begins_restores_and_nothing_else() -> None:
    play = Play(schedule="*/10 * * * *")
    play.do(*BACKED_UP, Hold(), Restore(), Live(minutes=12))
    assert the_run(play, Kind.BACKUP).state is State.QUEUED
    assert the_run(play, Kind.RESTORE).state is State.SUCCEEDED
    play.do(Hold(what="released"), Live(minutes=2))
    assert the_run(play, Kind.BACKUP).state is State.SUCCEEDED
    play.calm()


def test_a_backup_that_begins_on_a_held_target_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    play.do(*BACKED_UP, Hold())
    monkeypatch.setattr(traffic, "held", lambda slots, kind: None)
    with pytest.raises(AssertionError, match="on a target that is held"):
        play.do(Request(number=None), Live(minutes=3))


def test_a_restore_beyond_what_is_allowed_takes_a_second_person() -> None:
    play = Play()
    play.do(*BACKED_UP, Restore(prefix=COPY, what="plan"), Approve(who=0), Restore(what="start"), Live(minutes=1))
    assert not [run for run in play.stages[0].ledger.runs.values() if run.kind is Kind.RESTORE]
    play.do(Approve(who=1), Restore(what="start", who=1), Restore(what="start"), Live(minutes=3))
    run = the_run(play, Kind.RESTORE)
    assert (run.state, (run.approved_by or "")[-3:]) == (State.SUCCEEDED, "ben")
    play.calm()


def test_a_restore_that_nobody_approved_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    play.do(*BACKED_UP, Restore(prefix=COPY, what="plan"), Approve(who=1))
    monkeypatch.setattr(approving, "unpermitted", lambda *given: None)
    with pytest.raises(AssertionError, match="by whoever approved it"):
        play.do(Restore(what="start", who=1), Live(minutes=2))


def test_an_approval_that_is_used_twice_is_seen() -> None:
    play = Play()
    play.do(*BACKED_UP, Restore(prefix=COPY, what="plan"), Approve(who=1), Restore(what="start"), Live(minutes=3))
    ledger = play.stages[0].ledger
    ((plan_id, used),) = ledger.approvals.items()
    assert used.used_by == the_run(play, Kind.RESTORE).run_id
    again: Approval = replace(used, used_by="restore:nightly:another")
    with pytest.raises(Violated, match=f"the approval of {plan_id} is used twice"):
        permits.approved(ledger, again, [])
