"""Telling: events for each transition, one report for each end. Only what the store holds is told, after it is stored;
a crash in between repeats it under the same key and loses nothing."""

import logging

from chalicelib.core import reports
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.messages import Wakeup
from chalicelib.core.model import Run
from chalicelib.core.pace import LONGEST
from chalicelib.core.ports import Update
from chalicelib.core.rows import PolicyState
from chalicelib.core.spec import Policy, Select
from chalicelib.core.workflows import driver
from chalicelib.service import settle
from chalicelib.service.world import World

log = logging.getLogger(__name__)


def transitions(world: World, run: Run) -> int:
    """Sends the events of all transitions that are not known to be out, oldest first, and returns the revision up to
    which they are. A bus without an answer delays nothing: the run's next step sends them again."""
    due = [step for step in run.steps if step.rev > run.emitted_rev]
    if not due:
        return run.rev
    try:
        world.bus.emit([*(reports.transition_event(run, step) for step in due), *reports.finding_events(run, due)])
    except (Retryable, Refused) as error:
        log.warning("events wait for the next step", extra={"run_id": run.run_id, "error": str(error)})
        return run.emitted_rev
    return run.rev


def end(world: World, run: Run, policy: PolicyState | None = None) -> None:
    """Tells the end of a settled run, then marks it `told`; `policy` as it was stored with that end, when it is at
    hand. Until then, and until a broken glass is told, the row stays due, later each time; only the winner of the write
    sends the next message, so that a topic that is down does not multiply them. A bus that is down keeps nobody's mail
    back, nor the other way round."""
    if run.told:
        return
    emitted = transitions(world, run)
    reported = run.reported or _report(world, run, policy)
    if emitted == run.rev and reported and (run.glass_told or not run.glass):
        if world.store.commit(Update(driver.told(run, token=world.token()))) and run.stored_ended:
            settle.measure(world, run)  # no sooner: some are stored by commands, which have nothing to count with
        return
    now = world.clock.now()
    again = driver.untold(run, now, token=world.token(), emitted_rev=emitted, reported=reported)
    if world.store.commit(Update(again)) and again.wake_at and again.wake_at - now <= LONGEST:
        delay = int((again.wake_at - now).total_seconds())
        world.queue.send(Wakeup(run_id=run.run_id, rev=again.rev, emitted_rev=emitted), delay=delay)


def broken_glass(world: World, run: Run) -> bool:
    """Everybody of the target hears at once that one person started it without a second. False: not all do yet; the
    run's next step says it again, under the same key."""
    from chalicelib.core import incident_reports  # it is seldom needed, and every cold start would pay
    from chalicelib.service import audience

    try:
        world.bus.emit([incident_reports.glass_event(run)])
        topics = [topic for target in (run.target, run.source) if target for topic in audience.topics(world, target)]
        for topic in dict.fromkeys(topics):
            world.notifier.report(incident_reports.glass(run, topic, stage=world.stage))
        return True
    except (Retryable, Refused) as error:
        log.error("a broken glass could not be told of yet", extra={"run_id": run.run_id, "error": str(error)})
        return False


def _written(world: World, run: Run, state: PolicyState) -> Policy:
    """Whom to tell by the file that is in force now: whoever corrects `notify` hears of what could not be told before.
    When it can't be read, by the run's own, else by the defaults: an end is told somewhere, whatever was stored."""
    for gen in (state.spec_gen, run.spec_gen):
        try:
            if spec := world.store.spec(run.policy, gen):
                return spec.policy
        except Refused as error:
            log.warning("who is to be told can't be read", extra={"run_id": run.run_id, "error": str(error)})
    return Policy(name=run.policy, target=run.target, repository=run.repository, select=Select(indices=("*",)))


def _report(world: World, run: Run, policy: PolicyState | None) -> bool:
    state = policy or world.store.state(run.policy)
    if state is None:
        log.error("a settled run without its policy can't be reported", extra={"run_id": run.run_id})
        return False
    written = _written(world, run, state)
    report = reports.settled_report(run, written, state, stage=world.stage, now=world.clock.now())
    if report is None:
        return True
    try:
        world.notifier.report(report)
        return True
    except (Retryable, Refused) as error:
        log.error("a report could not be delivered yet", extra={"run_id": run.run_id, "error": str(error)})
        return False
