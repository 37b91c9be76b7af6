"""The two sides of a backup run that touch the world: the questions of a look, and the act of a claim."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.errors import RepositoryMissing, Retryable
from chalicelib.core.model import Absent, Complete, Run, State
from chalicelib.core.ports import Engine, Store
from chalicelib.core.rows import Evidence, Spec
from chalicelib.core.workflows import Decision
from chalicelib.core.workflows import backup as workflow

ACT_TIMEOUT = timedelta(seconds=25)
"""Registering and starting are each answered within 10 s or given up, and the outcome is written."""


class BackupWork:
    """What the driver needs to know of backup runs."""

    def look(
        self, run: Run, spec: Spec, engine: Engine, store: Store, *, installation: str, accepted: bool
    ) -> workflow.Seen:
        """One look; what is asked depends on the state, see `workflow.Seen`."""
        starting = run.state is State.STARTING and not accepted
        try:
            observation = engine.look(run.repository, run.snapshot, running=run.state is State.RUNNING)
        except RepositoryMissing:
            if not starting:
                raise
            seen = workflow.Seen(observation=Absent(), installation=installation)
            return replace(seen, live=engine.resolve(spec.policy.select).indices)
        seen = workflow.Seen(observation=observation, installation=installation, accepted=accepted)
        if starting and isinstance(observation, Absent):
            selection = engine.resolve(spec.policy.select)
            return replace(seen, live=selection.indices, registered=engine.repository(run.repository))
        if run.state is State.VERIFYING and isinstance(observation, Complete):
            selection = engine.resolve(spec.policy.select)
            return replace(
                seen,
                live=selection.indices,
                unmatched=selection.unmatched,
                sizes=engine.sizes(run.repository, run.snapshot),
                expected=_expected(run, store).indices,
            )
        return seen

    def decide(self, run: Run, spec: Spec, seen: workflow.Seen, now: datetime) -> Decision:
        return workflow.decide(run, spec, seen, now)

    def act(self, act: workflow.Start, engine: Engine) -> None:
        if act.register:
            engine.register(act.order.repository, act.register)
        engine.start(act.order)


def _expected(run: Run, store: Store) -> Evidence:
    """What the start asked for. A run without it can't be judged, and what can't be judged is not good."""
    found = store.evidence(run.run_id, "expected", run.attempts)
    if found is None:
        raise Retryable(f"the list of expected indices of {run.run_id} could not be read")
    return found
