"""What the fakes can do beyond their ports: lose, delay and fail as planned."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Event, Report, Wakeup
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.queue import FakeQueue

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
REPORT = Report(key="r#end", topic="default", subject="s", body="b", attributes={})


def wakeup(rev: int) -> Wakeup:
    return Wakeup(run_id="r", rev=rev)


def test_delays_pass_with_the_clock() -> None:
    clock = FakeClock(AT)
    queue = FakeQueue(clock)
    assert queue.next_at is None
    queue.send(wakeup(1), delay=60)
    queue.send(wakeup(2), delay=2)
    assert queue.next_at == AT + timedelta(seconds=2)
    clock.advance(59)
    assert queue.receive() == [wakeup(2)]
    clock.advance(timedelta(seconds=1))
    assert queue.receive() == [wakeup(1)]
    assert queue.receive() == []
    assert len(queue.sent) == 2


def test_messages_get_lost() -> None:
    queue = FakeQueue(FakeClock())
    queue.send(wakeup(1))
    queue.send(wakeup(2))
    assert queue.drop_all() == 2
    assert queue.receive() == []


def test_a_failure_has_no_effect_and_a_lost_answer_has_one() -> None:
    notifier = FakeNotifier()
    notifier.fail(Retryable("down"), None, Refused("no"))
    notifier.lose_answer(Retryable("lost"))
    outcomes = []
    for _ in range(4):
        try:
            notifier.report(REPORT)
            outcomes.append("told")
        except (Retryable, Refused) as error:
            outcomes.append(str(error))
    assert outcomes == ["down", "lost", "no", "told"]
    assert notifier.reports == [REPORT, REPORT]


def test_a_bus_takes_some() -> None:
    bus = FakeBus()
    events = [Event(key=f"r#{n}", detail_type="t", at=AT, detail={}) for n in range(3)]
    bus.take_only(1)
    with pytest.raises(Retryable, match="2 of 3"):
        bus.emit(events)
    bus.emit(events)
    assert [event.key for event in bus.events] == ["r#0", "r#0", "r#1", "r#2"]
