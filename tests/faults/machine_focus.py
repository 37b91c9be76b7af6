"""The search again, where drills and swaps are under way from the start and most of what happens concerns them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from chalicelib.core.plans import Mode
from tests.faults import actions as do
from tests.faults import copying, proving, restoring, swapping
from tests.faults.machine import BACKED_UP, DAILY, DELIVER, DRILL, RESTORE, SALVAGE, SETTLE, Machine

GIVEN = swapping.Aliased(what="given")
SLOW = restoring.Slow(looks=3)
SWAP = restoring.Restore(mode=Mode.SWAP)
IN_PLACE = restoring.Restore(mode=Mode.IN_PLACE)
BESIDE = (restoring.Restore(), do.Live(minutes=2))
LATER = restoring.Written(index="orders-old", documents=3)
FIRST = (
    (*BACKED_UP, LATER, SLOW, proving.Drill(), proving.Drill(which=1)),
    (*BACKED_UP, proving.Drill(), do.Live(minutes=2), proving.Drill(policy="weekly")),
    (*BACKED_UP, SLOW, SWAP),
    (GIVEN, *BACKED_UP, LATER, SWAP, restoring.Restore(which=1, mode=Mode.SWAP)),
    (GIVEN, *BACKED_UP, LATER, SWAP, do.Live(minutes=2)),
    (GIVEN, *BACKED_UP, SLOW, SWAP, proving.Drill()),
    (*BACKED_UP, LATER, SLOW, IN_PLACE),
    (GIVEN, *BACKED_UP, LATER, IN_PLACE, do.Live(minutes=1), IN_PLACE),
    (*BACKED_UP, *BESIDE, copying.Spoiled(), copying.Spoiled(what="changed"), copying.Salvage()),
    (*BACKED_UP, *BESIDE, copying.Spoiled(), copying.Salvage(missing_only=True), IN_PLACE),
)
TERMS = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from([DAILY, DAILY, "0 * * * *"]),
        "rpo": st.sampled_from(["26h", "1h"]),
        "prove": st.sampled_from(["L2", "L2", "L2", "L1"]),
        "at_once": st.sampled_from([1, 2]),
        "apart": st.booleans(),
        "drill": st.sampled_from(["30 4 * * *", "5,35 * * * *"]),
        "drawn": st.sampled_from(["latest", "{random_within: 2d}"]),
        "sample": st.sampled_from(["all", "1"]),
    }
)


class Restores(Machine):
    @initialize(
        stages=st.sampled_from([1, 1, 2]),
        looks=st.sampled_from([0, 1]),
        calm=st.sampled_from(["healthy", "healthy", "healthy", "healthy", "dark", "buggy"]),
        terms=TERMS,
        first=st.sampled_from(FIRST),
        steps=st.integers(0, 12),
    )
    def start(self, first: tuple[Any, ...], steps: int, **given: Any) -> None:
        """`steps`: of what is under way, so that the rest begins somewhere in it."""
        super().start(same_prefix=False, first=(*first, *[do.Deliver()] * steps), **given)

    @rule(action=DELIVER)
    def deliver_again(self, action: do.Deliver) -> None:
        self._do(action)

    @rule(action=st.one_of(SETTLE, RESTORE, SALVAGE))
    def restore_again(self, action: Any) -> None:
        self._do(action)

    @rule(action=DRILL)
    def drill_again(self, action: proving.Drill) -> None:
        self._do(action)

    @rule(minutes=st.sampled_from([1, 2]))
    def live_on(self, minutes: int) -> None:
        self._do(do.Live(minutes=minutes))
