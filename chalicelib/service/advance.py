"""The one driver: moves a run by one step.

    look (ask the engine) → decide (pure) → write (conditional) → act → tell → wake again later

Why this order: only the winner of the conditional write acts. "Call the engine, then save" starts snapshots for runs
that a faster copy has finished already. A claim (a write before an act) sets `busy_until`; until then nobody moves the
run but the actor itself, which proves by the claim's token in its next message that the act has returned. A crash at
any point leaves a row with a `wake_at`; the sweeper (`service/tick.py`) finds it, so a lost message loses nothing. Only
the winner of a write sends the next message, so chains never multiply.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.core import traffic
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Calls, Kind, Run, State
from chalicelib.core.pace import LONGEST
from chalicelib.core.ports import Create, Engine, Update
from chalicelib.core.rows import Spec
from chalicelib.core.workflows import Decision, cancel, driver
from chalicelib.service import queueing, settle, tell
from chalicelib.service.backups import ACT_TIMEOUT, BackupWork
from chalicelib.service.world import CLAIM, World

log = logging.getLogger(__name__)


class Work(Protocol):
    """One kind of run: its questions, its pure decision, its acts."""

    def look(self, run: Run, spec: Spec, engine: Engine, world: World, *, accepted: bool) -> Any: ...

    def decide(self, run: Run, spec: Spec, seen: Any, now: datetime) -> Decision: ...

    def act(self, act: Any, engine: Engine) -> Decision | None:
        """What the act brought, where that is to be written down at once; None: it was accepted, the next look tells.
        The decision settles nothing and has no act of its own."""

    def not_accepted(self, run: Run, act: Any, error: Exception, now: datetime) -> Decision:
        """What follows when the act brought a Retryable or a Refused."""

    def no_answer(self, run: Run, error: Exception, world: World, *, last: bool = False) -> Decision:
        """The same of a look. `last`: there is no other one, so the run must end."""

    def given_up(self, run: Run, decision: Decision) -> Decision:
        """In place of `decision`, by which too many crashes end a run that may have made something."""


def _work(world: World, run: Run) -> Work:
    """Nearly all runs are backups: what restores need is imported with the first one."""
    if run.kind is Kind.DRILL:
        from chalicelib.service.drills import DrillWork

        return DrillWork()
    if run.kind is not Kind.RESTORE:
        return BackupWork()
    if run.salvage is not None:
        from chalicelib.service.salvages import SalvageWork

        return SalvageWork(world)
    from chalicelib.service.restores import RestoreWork

    return RestoreWork()


def advance(world: World, wakeup: Wakeup) -> None:
    """One step of the run that the message names. Safe to repeat, to reorder and to lose.

    Raises Retryable when the store or the queue gave no answer: the message is delivered again, the sweeper comes.
    """
    reads, writes = world.store.reads, world.store.writes
    run = world.store.run(wakeup.run_id)
    if run is None:
        log.error("a message names a run that does not exist", extra={"run_id": wakeup.run_id})
        return
    acted = wakeup.claim is not None and wakeup.claim == run.claim
    if wakeup.rev < run.rev and not acted:
        return  # stale: somebody moved the run since, and sent the next message
    run = replace(run, emitted_rev=max(run.emitted_rev, wakeup.emitted_rev))
    if run.glass and not (run.glass_told or run.told):
        run = replace(run, glass_told=wakeup.glass_told or tell.broken_glass(world, run))
    if run.settled:
        tell.end(world, run)
        return
    if run.busy_until is not None and world.clock.now() < run.busy_until and not acted:
        return  # an actor may still be acting; the sweeper comes back when the claim has ended
    try:
        _step(world, run, Calls(store_reads=reads, store_writes=writes), acted=acted)
    except Retryable:
        raise
    except Exception as crash:  # of what stands around look and decide: a row that can't be written or read, say
        log.exception("a step crashed", extra={"run_id": run.run_id})
        follows = _crashed(world, run, crash)
        after = driver.moved(run, follows, world.clock.now(), token=world.token(), busy=CLAIM, cost=Calls())
        _write_and_go_on(world, follows, after, _Lazy(world, run))


def _step(world: World, run: Run, before: Calls, *, acted: bool) -> None:
    """`before`: what the store had counted when the step began."""
    if run.state is not State.QUEUED and world.clock.now() >= run.deadline_at:
        if run.last_look:
            _end(world, *_given_up(world, run))
            return
        run = driver.last_look(run, world.clock.now() + CLAIM, token=world.token())
        if not world.store.commit(Update(run)):
            return
    if run.state is State.QUEUED:
        _wait(world, run)
        return
    engine = _Lazy(world, run)
    decision = _decide(world, run, engine, accepted=acted)
    if decision.act is not None and world.remaining() <= ACT_TIMEOUT:
        raise Retryable("too little time left to act: the next delivery starts with a fresh invocation")
    reads, writes = world.store.reads - before.store_reads, world.store.writes - before.store_writes
    spent = Calls(engine=engine.calls, store_reads=reads, store_writes=writes)
    after = driver.moved(run, decision, world.clock.now(), token=world.token(), busy=CLAIM, cost=spent)
    _write_and_go_on(world, decision, after, engine)


def _given_up(world: World, run: Run) -> tuple[Decision, Run]:
    """A look past the deadline began and never came back: it killed the function, and would kill it again."""
    gone = Retryable(run.last_error or "a look that did not come back")
    decision = _work(world, run).no_answer(run, gone, world, last=True)
    return decision, driver.moved(run, decision, world.clock.now(), token=world.token(), busy=CLAIM, cost=Calls())


class _Lazy:
    """Connects when first asked: a policy or a secret that can't be read is an error of the look, not of the step."""

    def __init__(self, world: World, run: Run) -> None:
        self._world, self._run = world, run
        self._engine: Engine | None = None
        self._before = 0

    @property
    def calls(self) -> int:
        """Requests of this step."""
        return self._engine.calls - self._before if self._engine else 0

    def connect(self) -> Engine:
        if self._engine is None:
            self._engine = self._world.engine(self._world.spec(self._run.policy, self._run.spec_gen))
            self._before = self._engine.calls
        return self._engine


def _decide(world: World, run: Run, engine: _Lazy, *, accepted: bool) -> Decision:
    if run.cancel and run.attempts == 0:
        return cancel.cancelled(run)
    work = _work(world, run)
    try:
        spec = world.spec(run.policy, run.spec_gen)
        seen = work.look(run, spec, engine.connect(), world, accepted=accepted)
        return work.decide(run, spec, seen, world.clock.now())
    except (Retryable, Refused) as error:
        return work.no_answer(run, error, world)
    except Exception as crash:  # a defect of ours is counted in the row
        log.exception("a step crashed", extra={"run_id": run.run_id})
        return _crashed(world, run, crash)


def _crashed(world: World, run: Run, crash: Exception) -> Decision:
    """A run that made something in the open doesn't end by a defect of ours before it tried to clean up."""
    decision = driver.crashed(run, crash)
    return _work(world, run).given_up(run, decision) if decision.state.settled and run.attempts else decision


def _wait(world: World, run: Run) -> None:
    """One step of a run that waits. Of several who want the same place at once one wins; the others look again soon."""
    reads = world.store.reads
    token = world.token()
    decision, waiting = queueing.decide(world, run, token)
    spent = Calls(store_reads=world.store.reads - reads)
    after = driver.moved(waiting, decision, world.clock.now(), token=token, busy=CLAIM, cost=spent)
    if after.settled:
        _end(world, decision, after)
    elif not world.stored(Update(after), *decision.beside):
        world.queue.send(Wakeup(run_id=run.run_id, rev=run.rev), delay=queueing.LOST_RACE)
    else:
        _go_on(world, decision, after)


def _end(world: World, decision: Decision, after: Run) -> None:
    if stored := settle.store(world, after, decision):
        tell.end(world, *stored)


def _write_and_go_on(world: World, decision: Decision, after: Run, engine: _Lazy) -> None:
    if after.settled:
        _end(world, decision, after)
        return
    evidence = [Create(each) for each in decision.evidence]
    if decision.gives_back and after.fence is not None:
        if yielded := settle.give_back(world, after, *evidence):
            _go_on(world, decision, yielded)
        return
    fence = [traffic.fenced(after)] if decision.act is not None and after.fence is not None else []
    if not world.store.commit(Update(after), *evidence, *fence):
        return  # somebody else moved the run first: they go on
    if decision.act is not None and not _act(world, after, decision, engine):
        return
    _go_on(world, decision, after)


def _go_on(world: World, decision: Decision, after: Run) -> None:
    """Tells of the transition and sends the next message; a higher-placed run that waits is woken with it."""
    emitted = tell.transitions(world, after)
    again = decision.again or timedelta(0)
    if again <= LONGEST:  # the sweeper comes for what is further away than a queue can delay
        message = Wakeup(run_id=after.run_id, rev=after.rev, claim=after.claim, emitted_rev=emitted)
        world.queue.send(message, delay=int(again.total_seconds()))
    else:
        world.store.commit(Update(driver.emitted(after, emitted, token=world.token())))
    if decision.wake:
        world.wake(decision.wake)


def _act(world: World, run: Run, decision: Decision, engine: _Lazy) -> bool:
    """True: the act was accepted, and the next look tells what came of it. An error is written into the row, and the
    run goes on from there."""
    before = engine.calls
    try:
        brought = _work(world, run).act(decision.act, engine.connect())
    except (Retryable, Refused) as error:
        follows = _work(world, run).not_accepted(run, decision.act, error, world.clock.now())
    except Exception as crash:  # as in _decide
        log.exception("an act crashed", extra={"run_id": run.run_id})
        follows = _crashed(world, run, crash)
    else:
        return brought is None or not _noted(world, run, brought, Calls(engine=engine.calls - before))
    after = driver.moved(run, follows, world.clock.now(), token=world.token(), busy=CLAIM, cost=Calls())
    _write_and_go_on(world, follows, after, engine)
    return False


def _noted(world: World, run: Run, brought: Decision, spent: Calls) -> bool:
    """False: the row was moved meanwhile (somebody wants the run to end), so what was brought is lost; the run goes on
    from there all the same, with the proof that its act has returned."""
    after = driver.moved(run, brought, world.clock.now(), token=world.token(), busy=CLAIM, cost=spent)
    if not world.store.commit(Update(after)):
        return False
    _go_on(world, brought, after)
    return True
