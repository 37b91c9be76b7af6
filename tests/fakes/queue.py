from datetime import datetime, timedelta

from chalicelib.core.messages import Wakeup
from chalicelib.core.ports import Clock
from tests.fakes.faults import Faults


class FakeQueue(Faults):
    """Messages become visible when the clock has passed their delay, and are gone once received."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._waiting: list[tuple[datetime, int, Wakeup]] = []
        self.sent: list[Wakeup] = []
        """Everything ever sent, received or not."""

    def send(self, wakeup: Wakeup, *, delay: int = 0) -> None:
        if not 0 <= delay <= 900:
            raise ValueError(f"a delay is 0 to 900 seconds, not {delay}")
        self.before()
        self._waiting.append((self._clock.now() + timedelta(seconds=delay), len(self.sent), wakeup))
        self.sent.append(wakeup)
        self.after()

    def receive(self, limit: int = 10) -> list[Wakeup]:
        """What is visible now, earliest first; received once only."""
        due = sorted((at, n, wakeup) for at, n, wakeup in self._waiting if at <= self._clock.now())[:limit]
        self._waiting = [entry for entry in self._waiting if entry not in due]
        return [wakeup for _, _, wakeup in due]

    @property
    def next_at(self) -> datetime | None:
        """When the next message becomes visible; None when there is none."""
        return min((at for at, _, _ in self._waiting), default=None)

    def drop_all(self) -> int:
        """Loses every waiting message."""
        lost, self._waiting = len(self._waiting), []
        return lost
