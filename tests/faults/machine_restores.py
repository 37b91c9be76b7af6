"""What goes wrong around drills and swaps, as rules of the search."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.faults import copying, proving, swapping

BUSY = st.builds(proving.Busy, what=st.sampled_from(["heap", "relocating", "full", "idle", "idle"]))
MADE = st.builds(
    proving.Made,
    what=st.sampled_from(["deleted", "deleted", "anew", "bound", "free", "altered", "mapping"]),
    pick=st.integers(0, 1),
)
ALIASED = st.builds(swapping.Aliased, what=st.sampled_from(["given", "given", "shared", "moved", "taken"]))
USED = st.builds(
    swapping.Used,
    which=st.integers(0, 1),
    what=st.sampled_from(["deleted", "clone", "opened", "opened", "bound", "free"]),
    pick=st.integers(0, 1),
)
FORBIDDEN = st.builds(
    swapping.Forbidden,
    what=st.sampled_from(
        [
            *("block", "clone", "repoint", "reopen", "remove", "release", "restore", "register", "vitals"),
            *("close", "open", "write", "page"),
        ]
    ),
)
SPOILED = st.builds(
    copying.Spoiled, index=st.sampled_from(["orders", "orders-old"]), what=st.sampled_from(["erased", "changed"])
)
AROUND = st.one_of(MADE, ALIASED, USED, SPOILED)
"""What others may do while an actor is frozen."""


class RestoreMishaps:
    def _do(self, action: Any) -> None:
        raise NotImplementedError

    @rule(action=st.one_of(BUSY, MADE))
    def around_drills(self, action: Any) -> None:
        self._do(action)

    @rule(action=SPOILED)
    def around_salvages(self, action: Any) -> None:
        self._do(action)

    @rule(action=st.one_of(ALIASED, USED, FORBIDDEN))
    def around_swaps(self, action: Any) -> None:
        self._do(action)
