from datetime import datetime, timedelta

from chalicelib.core.messages import Message
from chalicelib.core.ports import Clock
from tests.fakes.faults import Faults


class FakeQueue(Faults):
    """Messages become visible when the clock has passed their delay, and are gone once received."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._waiting: list[tuple[datetime, int, Message]] = []
        self.sent: list[Message] = []
        """Everything ever sent, received or not."""

    def send(self, message: Message, *, delay: int = 0) -> None:
        if not 0 <= delay <= 900:
            raise ValueError(f"a delay is 0 to 900 seconds, not {delay}")
        self.before()
        self._waiting.append((self._clock.now() + timedelta(seconds=delay), len(self.sent), message))
        self.sent.append(message)
        self.after()

    def receive(self, limit: int = 10) -> list[Message]:
        """What is visible now, earliest first; received once only."""
        due = sorted((e for e in self._waiting if e[0] <= self._clock.now()), key=lambda entry: entry[:2])[:limit]
        self._waiting = [entry for entry in self._waiting if entry not in due]
        return [message for _, _, message in due]

    @property
    def next_at(self) -> datetime | None:
        """When the next message becomes visible; None when there is none."""
        return min((at for at, _, _ in self._waiting), default=None)

    def drop_all(self) -> int:
        """Loses every waiting message."""
        lost, self._waiting = len(self._waiting), []
        return lost
