"""Everything outside the use cases, in one place: what a use case gets beside its arguments."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chalicelib.core.errors import Contended, Refused, Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Run
from chalicelib.core.ports import Bus, Change, Clock, Create, Engine, Metrics, Notifier, Queue, Store, Vault
from chalicelib.core.rows import Spec
from chalicelib.core.stage_rows import Installation

FUNCTION_TIMEOUT = timedelta(seconds=60)
"""The timeout of `work` in `.chalice/config.json` (a test compares them)."""
CLAIM = FUNCTION_TIMEOUT + timedelta(seconds=30)
"""How long a claim keeps others away: the actor is dead by then, whatever froze it."""


def _no_limit() -> timedelta:
    return timedelta.max


def _nobody() -> str:
    raise Refused("nobody calls: a function acts for the stage")


@dataclass(frozen=True, kw_only=True)
class World:
    """The ports of one stage. `engine` connects to the target of a spec. `token` makes a fresh random write token.
    `remaining`: time until this invocation is killed. `identity`: the ARN by which AWS knows whoever calls; Retryable
    when AWS does not say. `local`: a local stage, whose rows a command line may write."""

    stage: str
    store: Store
    queue: Queue
    bus: Bus
    notifier: Notifier
    metrics: Metrics
    vault: Vault
    clock: Clock
    engine: Callable[[Spec], Engine]
    token: Callable[[], str]
    remaining: Callable[[], timedelta] = field(default=_no_limit)
    identity: Callable[[], str] = field(default=_nobody)
    local: bool = False

    def spec(self, policy: str, gen: int) -> Spec:
        """What the file said in that generation. Retryable when it can't be read: it was there before it was named, and
        another release may know how to read it."""
        try:
            spec = self.store.spec(policy, gen)
        except Refused as error:
            raise Retryable(f"generation {gen} of policy {policy} could not be read: {error}") from error
        if spec is None:
            raise Retryable(f"generation {gen} of policy {policy} could not be read")
        return spec

    def spec_of(self, run: Run) -> Spec:
        """By what a run works: its generation of its policy, with the target that it works on, which may be another one
        than the policy's. Retryable as `spec`."""
        spec = self.spec(run.policy, run.spec_gen)
        if run.target_gen is None:
            return spec
        try:
            found = self.store.target(run.target, run.target_gen)
        except Refused as error:
            raise Retryable(f"generation {run.target_gen} of target {run.target} could not be read: {error}") from error
        if found is None:
            raise Retryable(f"generation {run.target_gen} of target {run.target} could not be read")
        return replace(spec, target=found.target, target_gen=found.gen)

    def stored(self, *changes: Change) -> bool:
        """As `store.commit`; others at the same rows in that very moment are others who were first."""
        try:
            return self.store.commit(*changes)
        except Contended:
            return False

    def wake(self, run_id: str) -> None:
        """Has an open run look now. One that has ended needs no more than its own messages."""
        if (run := self.store.run(run_id)) and not run.settled:
            self.queue.send(Wakeup(run_id=run.run_id, rev=run.rev))

    def installation(self) -> str:
        """The id of this stage, made at first use; the same for everybody, however many ask at once."""
        for _ in range(2):
            if found := self.store.installation():
                return found.id
            self.store.commit(Create(Installation(id=self.token())))
        raise AssertionError("an installation id that could not be created must be there")
