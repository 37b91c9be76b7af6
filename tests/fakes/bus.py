from collections.abc import Sequence

from chalicelib.core.errors import Retryable
from chalicelib.core.messages import Event
from tests.fakes.faults import Faults


class FakeBus(Faults):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self._cut: int | None = None

    def emit(self, events: Sequence[Event]) -> None:
        self.before()
        cut, self._cut = self._cut, None
        self.events.extend(events[:cut])
        if cut is not None and cut < len(events):
            raise Retryable(f"{len(events) - cut} of {len(events)} events were not taken")
        self.after()

    def take_only(self, count: int) -> None:
        """The next call takes only its first events, then fails."""
        self._cut = count
