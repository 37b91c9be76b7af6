"""The search: Hypothesis makes up what happens to one or two stages, the witness says when it sees what must never be.

    state.start(Play(...))
    state.happens(Tick(...), ...)        # as many as it likes
    state.teardown()                     # calm: everything that was open ends, and is told

Each rule takes actions as values, so that a find is a list that can be copied into `test_found.py`.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from chalicelib.core.plans import Mode
from tests.faults import actions as do
from tests.faults import copying, incidents, mishaps, proving, restoring, swapping
from tests.faults.chaos import PARTS, Fault
from tests.faults.machine_restores import AROUND, RestoreMishaps
from tests.faults.play import Play

WHICH = st.integers(0, 1)
POLICY = st.sampled_from(["nightly", "weekly"])
SKEW = st.sampled_from([0, 0, 0, -2, -5])
SOON = st.sampled_from([1, 2, 5, 20, 45, 89, 91, 180, 400])
DAILY = "0 2 * * *"
RARELY = "30 4 * * *"
LONG = st.sampled_from([900, 1800, 3600, 2 * 3600, 5 * 3600, 26 * 3600])


def waits() -> st.SearchStrategy[Any]:
    return st.builds(do.Wait, seconds=SOON)


def _actors(faults: st.SearchStrategy[tuple[Fault, ...]]) -> list[st.SearchStrategy[Any]]:
    common: dict[str, Any] = {"which": WHICH, "skew": SKEW, "faults": faults}
    return [
        st.builds(do.Deliver, pick=st.integers(0, 3), lost=st.booleans(), **common),
        st.builds(do.Tick, late=st.sampled_from([0, 0, 0, 30, 120]), **common),
        st.builds(do.Poke, pick=st.integers(0, 3), **common),
        st.builds(do.Repeat, back=st.integers(0, 6), **common),
        st.builds(do.Request, number=st.sampled_from([None, None, 0, 1]), policy=POLICY, **common),
        st.builds(do.Cancel, pick=st.integers(0, 3), **common),
        st.builds(do.Policy, what=st.sampled_from(["paused", "resumed", "muted"]), policy=POLICY, **common),
        st.builds(do.Apply, to=st.sampled_from(["same", "changed", "moved", "retimed", "retired"]), **common),
        st.builds(do.Page, shard=st.integers(0, 1), late=st.sampled_from([0, 0, 120]), **common),
        st.builds(do.Accept, pick=st.integers(0, 3), **common),
        st.builds(do.Doctor, **common),
        st.builds(proving.Drill, number=st.sampled_from([None, None, 0, 1]), policy=POLICY, **common),
        st.builds(swapping.Settle, what=st.sampled_from(["finish", "rollback"]), pick=st.integers(0, 1), **common),
        st.builds(
            copying.Salvage,
            what=st.sampled_from(["both", "both", "plan", "start"]),
            pick=st.integers(0, 1),
            missing_only=st.booleans(),
            **common,
        ),
        st.builds(
            restoring.Restore,
            mode=st.sampled_from([Mode.RENAME, Mode.RENAME, Mode.SWAP, Mode.SWAP, Mode.IN_PLACE]),
            policy=POLICY,
            prefix=st.sampled_from(restoring.PREFIXES),
            partial=st.booleans(),
            what=st.sampled_from(["both", "plan", "start"]),
            back=st.integers(0, 2),
            who=st.sampled_from([0, 0, 1]),
            **common,
        ),
        st.builds(incidents.Hold, what=st.sampled_from(["held", "released"]), **common),
        st.builds(incidents.Approve, who=st.sampled_from([1, 1, 0]), back=st.integers(0, 1), **common),
    ]


def _fault(meanwhile: st.SearchStrategy[tuple[Any, ...]], whats: list[str]) -> st.SearchStrategy[Fault]:
    common: dict[str, Any] = {"what": st.sampled_from(whats), "after": st.booleans(), "meanwhile": meanwhile}
    return st.one_of(
        st.builds(Fault, nth=st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4]), **common),
        st.builds(Fault, nth=st.integers(0, 7), reads=st.just(True), **common),
    )


NO_FAULT: st.SearchStrategy[tuple[Fault, ...]] = st.just(())
QUICK = _fault(st.just(()), ["kill", "silence", "twice"])
ENGINE = st.builds(
    mishaps.Engine,
    what=st.sampled_from(["complete", "partial", "missing", "break", "vanish", "fleeting", "swapped"]),
    pick=st.integers(0, 3),
)
STRANGER = st.builds(
    mishaps.Stranger,
    which=WHICH,
    pick=st.integers(0, 3),
    puts=st.sampled_from([None, "nobody", "other", "copy"]),
)
WANTED = st.builds(
    restoring.Wanted, which=WHICH, what=st.sampled_from(["made", "deleted", "deleted"]), pick=st.integers(0, 1)
)
LOST = st.builds(
    restoring.Backup, which=WHICH, what=st.sampled_from(["blob", "gone", "replaced"]), pick=st.sampled_from([0, 0, 1])
)
# What others do while an actor is frozen; they have troubles of their own, but do not freeze
OTHERS = st.lists(
    st.one_of(
        st.builds(
            do.Twin, fresh=st.booleans(), skew=SKEW, faults=st.one_of(NO_FAULT, QUICK.map(lambda fault: (fault,)))
        ),
        st.one_of(waits(), st.builds(do.Live, minutes=st.just(1))),
        st.one_of(ENGINE, STRANGER),
        st.one_of(WANTED, AROUND),
        *_actors(st.one_of(NO_FAULT, QUICK.map(lambda fault: (fault,))))[:-3],
    ),
    min_size=1,
    max_size=3,
).map(tuple)
FAULTS = st.one_of(
    NO_FAULT,
    QUICK.map(lambda fault: (fault,)),
    _fault(OTHERS, ["freeze", "freeze", "freeze", "kill", "silence", "twice"]).map(lambda fault: (fault,)),
    st.tuples(_fault(OTHERS, ["freeze"]), _fault(st.just(()), ["kill", "silence", "twice", "crash"])),
)
DELIVER, TICK, POKE, REPEAT, REQUEST, CANCEL, PAUSE, APPLY, PAGE, ACCEPT, DOCTOR, *RESTORES = _actors(FAULTS)
DRILL, SETTLE, SALVAGE, RESTORE, HOLD, APPROVE = RESTORES
TERMS = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from([DAILY, "0 * * * *", "*/10 * * * *"]),
        "catch_up": st.sampled_from(["6h", "10m"]),
        "timeout": st.sampled_from(["4h", "30m"]),
        "jitter": st.sampled_from(["1s", "9m"]),
        "rpo": st.sampled_from(["26h", "1h"]),
        "prove": st.sampled_from(["L1", "L2"]),
        "at_once": st.sampled_from([1, 2]),
        "apart": st.booleans(),
        "drill": st.sampled_from([None, None, RARELY, "5,35 * * * *"]),
        "drawn": st.sampled_from(["latest", "{random_within: 2d}"]),
        "sample": st.sampled_from(["all", "1"]),
    }
)
# So that there is something to restore
BACKED_UP = (
    restoring.Written(documents=10),
    *(
        action
        for which in (0, 1)
        for action in (do.Request(which=which, number=None), mishaps.Engine(what="complete"), do.Live(minutes=1))
    ),
)
# On each stage, perhaps of the same name
RESTORING = (*BACKED_UP, restoring.Slow(looks=3), restoring.Restore(), restoring.Restore(which=1))
DRILLING = (*BACKED_UP, restoring.Slow(looks=3), proving.Drill(), proving.Drill(which=1))
# One index by its alias, the other one by its name
SWAPPING = (swapping.Aliased(what="given"), *BACKED_UP, restoring.Restore(mode=Mode.SWAP))
SWAPPED = (*SWAPPING, do.Live(minutes=2))


class Machine(RestoreMishaps, RuleBasedStateMachine):
    """`examples` and `steps` count what all machines of this process did; a step is one invocation of a function."""

    examples = 0
    steps = 0
    play: Play | None = None

    @initialize(
        stages=st.sampled_from([1, 1, 2]),
        same_prefix=st.booleans(),
        looks=st.sampled_from([None, None, 1, 3]),
        calm=st.sampled_from(
            ["healthy", "healthy", "healthy", "healthy", "healthy", "stuck", "dark", "deadly", "buggy"]
        ),
        terms=TERMS,
        first=st.sampled_from([(), (), (), BACKED_UP, RESTORING, DRILLING, SWAPPING, SWAPPED]),
    )
    def start(
        self,
        stages: int,
        same_prefix: bool,
        looks: int | None,
        calm: str,
        terms: dict[str, Any],
        first: tuple[Any, ...],
    ) -> None:
        Machine.examples += 1
        if calm != "healthy" and terms["drill"]:  # a day of calm, with a drill each half hour, would be dear
            terms = {**terms, "drill": RARELY}
        self.play = Play(stages=stages, same_prefix=same_prefix, looks=looks, calm=calm, **terms)
        # A restore that does not end takes twelve hours of calm: dear where more backups come each ten minutes
        if calm == "healthy" or terms["schedule"] == DAILY:
            self.play.do(*first)

    def _do(self, action: Any) -> None:
        assert self.play is not None
        self.play.do(action)

    @rule(action=st.one_of(TICK, PAGE))
    def tick(self, action: Any) -> None:
        self._do(action)

    @rule(action=DELIVER)
    def deliver(self, action: do.Deliver) -> None:
        self._do(action)

    @rule(action=DELIVER)
    def deliver_more(self, action: do.Deliver) -> None:
        self._do(action)

    @rule(action=st.one_of(POKE, REPEAT, st.builds(do.Lose, which=WHICH, pick=st.one_of(st.none(), st.integers(0, 3)))))
    def message(self, action: Any) -> None:
        self._do(action)

    @rule(action=REQUEST)
    def request(self, action: do.Request) -> None:
        self._do(action)

    @rule(action=CANCEL)
    def cancel(self, action: do.Cancel) -> None:
        self._do(action)

    @rule(action=st.one_of(PAUSE, APPLY, ACCEPT, DOCTOR))
    def policies(self, action: Any) -> None:
        self._do(action)

    @rule(action=st.one_of(waits(), st.builds(do.Wait, seconds=LONG)))
    def wait(self, action: do.Wait) -> None:
        self._do(action)

    @rule(action=st.builds(do.Live, minutes=st.sampled_from([1, 2, 5, 20])))
    def live(self, action: do.Live) -> None:
        self._do(action)

    @rule(action=ENGINE)
    def engine(self, action: mishaps.Engine) -> None:
        self._do(action)

    @rule(action=ENGINE)
    def engine_too(self, action: mishaps.Engine) -> None:
        self._do(action)

    @rule(action=st.one_of(HOLD, APPROVE))
    def people(self, action: Any) -> None:
        self._do(action)

    @rule(action=st.one_of(RESTORE, SETTLE, SALVAGE))
    def restore(self, action: Any) -> None:
        self._do(action)

    @rule(action=DRILL)
    def drill(self, action: proving.Drill) -> None:
        self._do(action)

    @rule(
        action=st.one_of(
            WANTED,
            WANTED,
            LOST,
            st.builds(restoring.Slow, looks=st.sampled_from([0, 1, 3, 1000])),
            st.builds(restoring.Written, index=st.sampled_from(["orders", "orders-old"])),
        )
    )
    def restored(self, action: Any) -> None:
        self._do(action)

    @rule(action=STRANGER)
    def stranger(self, action: mishaps.Stranger) -> None:
        self._do(action)

    @rule(
        action=st.one_of(
            st.builds(
                mishaps.Index,
                name=st.sampled_from(["orders", "orders-old", "orders-new"]),
                what=st.sampled_from(["made", "deleted", "red"]),
            ),
            st.builds(mishaps.Registration, what=st.sampled_from(["forgotten", "unreadable", "mended", "altered"])),
            st.builds(mishaps.Server, what=st.sampled_from(["restarted", "slow", "blocked", "free"])),
            st.builds(mishaps.Late, seconds=st.sampled_from([5, 40])),
            st.builds(mishaps.Stale, which=WHICH),
        )
    )
    def surroundings(self, action: Any) -> None:
        self._do(action)

    @rule(
        action=st.builds(
            mishaps.Outage,
            part=st.sampled_from(PARTS),
            calls=st.sampled_from([1, 2, 5, 40]),
            how=st.sampled_from(["silent", "refusing", "deadly", "buggy"]),
        )
    )
    def outage(self, action: mishaps.Outage) -> None:
        self._do(action)

    def teardown(self) -> None:
        if self.play is None:
            return
        if not self.play.broken:
            self.play.calm()
        Machine.steps += self.play.steps
