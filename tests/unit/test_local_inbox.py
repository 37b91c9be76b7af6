"""The mailbox of the local stage as a person reads it."""

from typing import Any

import pytest

from infra.local import inbox, stagefile

REFUSED = {"detail-type": "Request Refused", "time": "2026-11-21T02:00:00Z", "detail": {"reason": "no such policy"}}
MOVED = {"detail-type": "Backup Run State Change", "time": "2026-11-21T02:00:01Z", "detail": {"state": "RUNNING"}}


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What lies in the queue of events; each look takes all."""
    lying: list[dict[str, Any]] = [MOVED, REFUSED, MOVED]

    def taken(stage: object, name: str, wait: int) -> list[dict[str, Any]]:
        assert name == "inbox-events"
        found = list(lying)
        lying.clear()
        return found

    monkeypatch.setattr(stagefile, "load", lambda folder: {"stage": "local"})
    monkeypatch.setattr(inbox, "_taken", taken)
    return lying


def test_the_refusals_of_the_bus_can_be_read(queue: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A refused request makes no run: without this nobody on the local stage would ever see one."""
    inbox.main(["events", "Request Refused"])
    said = capsys.readouterr().out
    assert "2026-11-21T02:00:00Z Request Refused" in said
    assert "no such policy" in said
    assert "RUNNING" not in said
    assert said.endswith("events: 1 of 3\n")
    assert queue == []


def test_without_a_type_all_of_them_are_shown(queue: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    inbox.main(["events"])
    assert capsys.readouterr().out.endswith("events: 3 of 3\n")


@pytest.mark.parametrize("words", [["evnts"], ["events", "a", "b"]])
def test_a_word_that_is_not_known_takes_nothing_out(queue: list[Any], words: list[str]) -> None:
    with pytest.raises(SystemExit, match="usage"):
        inbox.main(words)
    assert len(queue) == 3
